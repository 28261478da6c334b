//! Thousands of random inputs, sensible and not, against the invariants I1–I8.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hotline::call::*;
use hotline::privacy::Private;
use hotline::time::Wall;

use crate::call::*;
use crate::call_guest::with_seats;

/// With a shift leader, and somebody to be brought in.
fn world() -> Settings {
    let mut settings = Settings { directory: with_seats(), ..settings() };
    if let Some(seat) = settings.seats.get_mut(&no("1003")) {
        seat.supervisor = true;
    }
    settings
}

struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What one call has been told to the shell so far.
#[derive(Debug, Default)]
struct Audit {
    citizen: Option<LegId>,
    recordings: u32,
    sealed: u32,
    tickets: u32,
    journalled: bool,
    records: u32,
    answers: u32,
    /// The seat's leg that stands.
    seat_leg: Option<LegId>,
}

/// Plays exchange, media, journal and people, and believes nothing.
struct World {
    hall: Hall,
    chance: Chance,
    audits: BTreeMap<CallId, Audit>,
    /// Legs that stand, with the seat of the dialled ones.
    standing: BTreeMap<LegId, (Option<CallId>, Option<SeatNo>)>,
    ended: Vec<LegId>,
    tokens: BTreeMap<LegId, u64>,
    features: BTreeSet<LegId>,
    journal: Vec<CallId>,
    offered: usize,
    recorded: usize,
    /// Legs that seats' phones dialled into a call: second lines, shift leaders.
    lines: BTreeSet<LegId>,
    /// Third parties that were called, those among them that are seats, and the most parties of one call.
    guests: usize,
    colleagues: usize,
    parties: usize,
    second_lines: usize,
    supervised: usize,
    next_leg: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            hall: Hall::new(world()),
            chance: Chance(seed),
            audits: BTreeMap::new(),
            standing: BTreeMap::new(),
            ended: Vec::new(),
            tokens: BTreeMap::new(),
            features: BTreeSet::new(),
            journal: Vec::new(),
            offered: 0,
            recorded: 0,
            lines: BTreeSet::new(),
            guests: 0,
            colleagues: 0,
            parties: 0,
            second_lines: 0,
            supervised: 0,
            next_leg: 0,
        }
    }

    fn step(&mut self) {
        match self.chance.below(20) {
            0..=1 => self.somebody_calls(),
            2 => {
                let seat = self.some_seat();
                self.send(Input::Ask { seat, ask: SeatAsk::Free });
            }
            3..=8 => self.a_leg_does_something(),
            9..=11 => self.a_seat_answers(),
            12 => self.a_seat_asks(),
            13 => {
                let seat = self.some_seat();
                let reachable = !self.chance.one_in(8);
                self.send(Input::Reachable { seat, reachable });
            }
            14 => self.the_journal_speaks(),
            15 => match self.chance.below(4) {
                0 => self.a_seat_uses_its_second_line(),
                1 => self.a_shift_leader_comes(),
                2 => self.many_are_brought_in(),
                _ => self.a_seat_brings_somebody_in(),
            },
            16 => self.something_was_played(),
            17 if self.chance.one_in(10) => {
                let mut changed = world();
                if self.chance.one_in(2) {
                    changed.seats.remove(&no("1002"));
                }
                let out = self.hall.board.reload(self.hall.now, changed, plan());
                self.check(&Input::Tick, &out);
            }
            17 => {
                let jump = i64::try_from(self.chance.below(200_000)).unwrap() - 100_000;
                self.hall.now.wall = Wall(self.hall.now.wall.0 + jump);
            }
            _ => {
                let millis = u64::try_from(self.chance.below(15_000)).unwrap();
                self.time_passes(Duration::from_millis(millis));
            }
        }
    }

    fn time_passes(&mut self, time: Duration) {
        let until = self.hall.now.mono + time;
        while let Some(at) = self.hall.board.next_timeout().filter(|at| *at <= until) {
            let step = at.since(self.hall.now.mono);
            self.hall.now.mono = self.hall.now.mono + step;
            self.hall.now.wall = self.hall.now.wall + step;
            self.send(Input::Tick);
            assert!(self.hall.board.next_timeout().is_none_or(|next| next > self.hall.now.mono));
        }
        let rest = until.since(self.hall.now.mono);
        self.hall.now.mono = until;
        self.hall.now.wall = self.hall.now.wall + rest;
    }

    fn new_leg(&mut self) -> LegId {
        self.next_leg += 1;
        LegId(self.next_leg)
    }

    fn some_seat(&mut self) -> SeatNo {
        self.chance.pick(&[no("1001"), no("1002"), no("1003"), no("4711")]).unwrap()
    }

    fn somebody_calls(&mut self) {
        let leg = self.new_leg();
        let code = self.chance.pick(&["12345", "12345", "12331", "12328", "12399"]).unwrap();
        let mut call = invited(leg.0, code);
        call.early_media = !self.chance.one_in(4);
        call.queue_answer = match self.chance.below(3) {
            0 => QueueAnswer::Early,
            1 => QueueAnswer::Connect,
            _ => QueueAnswer::EarlyThenConnect(seconds(45)),
        };
        self.offered += 1;
        self.standing.insert(leg, (None, None));
        self.send(Input::Invited(Box::new(call)));
    }

    fn a_leg_does_something(&mut self) {
        let standing: Vec<LegId> = self.standing.keys().copied().collect();
        let late = self.chance.one_in(4);
        let Some(leg) = self.chance.pick(if late { &self.ended } else { &standing }) else {
            return;
        };
        let input = match self.chance.below(8) {
            0 => Input::Ringing { leg },
            1 => Input::Answered { leg },
            2 => Input::Failed {
                leg,
                why: self.chance.pick(&[Failure::Busy, Failure::NoAnswer, Failure::Refused]).unwrap(),
            },
            3 => Input::HungUp { leg },
            4 => Input::Lost { leg, why: self.chance.pick(&[Loss::Media, Loss::NoAck, Loss::Transport]).unwrap() },
            5 | 6 => Input::Held { leg },
            _ => Input::Resumed { leg },
        };
        let gone = matches!(input, Input::Failed { .. } | Input::HungUp { .. });
        if gone && !late {
            self.end_leg(leg);
        }
        let out = self.send(input);
        // The phone of a feature code is free only when it says so.
        let acts = !late || self.features.contains(&leg);
        assert!(acts || out.is_empty(), "a leg that is gone said something, and we acted: {out:?}");
    }

    fn a_seat_answers(&mut self) {
        let dialled: Vec<LegId> = self.standing.keys().copied().filter(|leg| leg.0 >> 63 == 1).collect();
        if let Some(leg) = self.chance.pick(&dialled) {
            self.send(Input::Answered { leg });
        }
    }

    fn a_seat_asks(&mut self) {
        let seat = self.some_seat();
        let ask = match self.chance.below(8) {
            1 if self.chance.one_in(3) => SeatAsk::SignOut,
            0..=1 => SeatAsk::SignIn,
            2 => SeatAsk::Busy,
            3 => SeatAsk::Break("lunch".into()),
            4 => SeatAsk::BadCall(BadCall::Silent),
            _ => SeatAsk::Free,
        };
        if self.chance.one_in(2) {
            self.send(Input::Ask { seat, ask });
        } else {
            let leg = self.new_leg();
            self.standing.insert(leg, (None, None));
            self.features.insert(leg);
            self.send(Input::FeatureCode { leg, seat, ask });
        }
    }

    /// By API, by keys, or by its phone's transfer button; also where it cannot be.
    fn a_seat_brings_somebody_in(&mut self) {
        let whom = self.some_third();
        let legs: Vec<LegId> = self.hall.board.calls().iter().filter_map(|call| call.seat_leg).collect();
        match (self.chance.below(10), self.chance.pick(&legs)) {
            (0..=1, Some(leg)) => {
                let to = ReferTarget::Number(Private::new(whom));
                self.send(Input::Transfer { leg, to });
            }
            (2..=3, Some(leg)) => {
                let keys = self
                    .chance
                    .pick(&[
                        "*113800000009#",
                        "*213800000009#",
                        "*0813800000009#",
                        "*01",
                        "*001",
                        "*3",
                        "*4",
                        "*5",
                        "*6",
                        "*9",
                    ])
                    .unwrap();
                for digit in keys.chars().filter(|_| self.standing.contains_key(&leg)).collect::<Vec<_>>() {
                    self.send(Input::Digit { leg, digit });
                }
            }
            (choice, _) => {
                let verb = match choice {
                    4 => Verb::Direct(whom),
                    5 => Verb::Join,
                    6 => Verb::Swap,
                    7 => Verb::Drop,
                    8 => Verb::Leave,
                    9 if self.chance.one_in(2) => Verb::Transfer(whom),
                    _ => Verb::Consult(whom),
                };
                let busy: Vec<SeatNo> = self.hall.board.calls().into_iter().filter_map(|call| call.seat).collect();
                let seat = self.chance.pick(&busy).unwrap_or_else(|| self.some_seat());
                self.send(Input::Ask { seat, ask: SeatAsk::Talk(verb) });
            }
        }
    }

    fn some_third(&mut self) -> String {
        let third = ["13800000009", "110", "602", "651", "1001", "1002", "1003", "9999"];
        self.chance.pick(&third).unwrap().to_owned()
    }

    fn some_busy_seat(&mut self) -> SeatNo {
        let busy: Vec<SeatNo> = self.hall.board.calls().into_iter().filter_map(|call| call.seat).collect();
        self.chance.pick(&busy).unwrap_or_else(|| self.some_seat())
    }

    /// Its phone holds, dials, and perhaps transfers between its two lines, or types on the second one.
    fn a_seat_uses_its_second_line(&mut self) {
        let seat = self.some_busy_seat();
        let lines: Vec<LegId> = self.lines.iter().copied().filter(|leg| self.standing.contains_key(leg)).collect();
        let firsts: Vec<LegId> = self.hall.board.calls().iter().filter_map(|call| call.seat_leg).collect();
        match (self.chance.below(3), self.chance.pick(&lines), self.chance.pick(&firsts)) {
            (0, Some(second), Some(first)) => {
                let (on, other) = if self.chance.one_in(2) { (first, second) } else { (second, first) };
                self.send(Input::Transfer { leg: on, to: ReferTarget::Leg(other) });
            }
            (1, Some(leg), _) => {
                let keys = self.chance.pick(&["*3", "*5", "*6", "*71", "*82", "*84"]).unwrap();
                for digit in keys.chars() {
                    if self.standing.contains_key(&leg) {
                        self.send(Input::Digit { leg, digit });
                    }
                }
            }
            _ => {
                let leg = self.dialled_leg(&seat);
                let number = Private::new(self.some_third());
                self.send(Input::Dialled { leg, seat, number, sip_call_id: "second@phone".into() });
                self.second_lines += usize::from(self.standing.contains_key(&leg));
            }
        }
    }

    /// A leg by which a seat's phone dials the call of this seat.
    fn dialled_leg(&mut self, of: &SeatNo) -> LegId {
        let leg = self.new_leg();
        let call = self.hall.board.call_of_seat(of);
        self.standing.insert(leg, (call, None));
        self.lines.insert(leg);
        leg
    }

    fn a_shift_leader_comes(&mut self) {
        let (by, of) = (self.chance.pick(&[no("1003"), no("1002")]).unwrap(), self.some_busy_seat());
        let ways = [Supervision::Listen, Supervision::Whisper, Supervision::Barge, Supervision::TakeOver];
        let how = self.chance.pick(&ways).unwrap();
        if self.chance.one_in(2) {
            let leg = self.dialled_leg(&of);
            self.send(Input::SuperviseDialled { leg, by, of, how, sip_call_id: "leader@phone".into() });
            self.supervised += usize::from(self.standing.contains_key(&leg));
        } else if let Some(call) = self.hall.board.call_of_seat(&of) {
            self.supervised += usize::from(self.hall.board.may_supervise(call, &by).is_ok());
            self.send(Input::Supervise { call, by, how });
        }
    }

    /// One after the other answers and joins, up to eight (R25).
    fn many_are_brought_in(&mut self) {
        let seat = self.some_busy_seat();
        for _ in 0..self.chance.below(9) {
            let before: BTreeSet<LegId> = self.standing.keys().copied().collect();
            self.send(Input::Ask { seat: seat.clone(), ask: SeatAsk::Talk(Verb::Direct("110".into())) });
            let dialled = self.standing.keys().copied().find(|leg| !before.contains(leg));
            if let Some(leg) = dialled {
                self.send(Input::Answered { leg });
            }
        }
    }

    fn the_journal_speaks(&mut self) {
        if let Some(call) = self.chance.pick(&self.journal) {
            if self.chance.one_in(2) {
                self.journal.retain(|other| *other != call);
            }
            let number = (!self.chance.one_in(5)).then(|| format!("JDZ-20261124-{:06}", call.0 & 0xffff));
            if let Some(audit) = self.audits.get_mut(&call) {
                audit.journalled = true;
            }
            self.send(Input::TicketOpened { call, number });
        }
    }

    fn something_was_played(&mut self) {
        let legs: Vec<LegId> = self.tokens.keys().copied().collect();
        if let Some(leg) = self.chance.pick(&legs) {
            let token = self.tokens[&leg];
            self.send(Input::Played { leg, token });
        }
    }

    fn send(&mut self, input: Input) -> Vec<Output> {
        let out = self.hall.send(input.clone());
        self.check(&input, &out);
        out
    }

    fn end_leg(&mut self, leg: LegId) {
        if self.standing.remove(&leg).is_some() {
            self.ended.push(leg);
        }
        self.tokens.remove(&leg);
        for audit in self.audits.values_mut().filter(|audit| audit.seat_leg == Some(leg)) {
            audit.seat_leg = None;
        }
    }

    fn check(&mut self, input: &Input, out: &[Output]) {
        if let Input::Invited(invited) = input {
            for call in self.hall.board.calls().into_iter().filter(|call| call.citizen == invited.leg) {
                self.audits.insert(call.call, Audit { citizen: Some(invited.leg), ..Audit::default() });
                self.standing.insert(invited.leg, (Some(call.call), None));
            }
        }
        for output in out {
            self.check_output(input, output);
        }
        self.check_seats();
        let live = self.hall.board.live();
        assert_eq!(self.offered, live + self.recorded, "each call is live, answered or missed (I8)");
    }

    fn check_output(&mut self, input: &Input, output: &Output) {
        match output {
            Output::Dial { call, leg, target: Target::Seat(seat), .. } => {
                assert_eq!(leg.0 >> 63, 1);
                let rung = self.standing.values().filter(|(_, other)| other.as_ref() == Some(seat)).count();
                assert_eq!(rung, 0, "seat {seat:?} has another call's leg (I5)");
                let audit = self.audits.get_mut(call).unwrap();
                if self.hall.board.call(*call).is_some_and(|view| view.seat_leg == Some(*leg)) {
                    assert_eq!(audit.seat_leg.replace(*leg), None, "{call} has two seats");
                } else {
                    assert_eq!(audit.tickets, 1, "only an answered call has seats beside its own");
                    self.colleagues += 1;
                }
                self.standing.insert(*leg, (Some(*call), Some(seat.clone())));
            }
            Output::Dial { call, leg, target: Target::Number { .. } | Target::Device { .. }, .. } => {
                assert_eq!(self.audits[call].tickets, 1, "only an answered call has third parties");
                self.standing.insert(*leg, (Some(*call), None));
                self.guests += 1;
            }
            Output::Progress { leg, .. } | Output::StopPlay { leg } => assert!(self.standing.contains_key(leg)),
            Output::Play { leg, token, .. } => {
                assert!(self.standing.contains_key(leg), "played to a leg that is gone");
                self.tokens.insert(*leg, *token);
            }
            Output::Answer { leg } => {
                let call = self.standing.get(leg).expect("answers a standing leg").0;
                let audit = call.and_then(|call| self.audits.get_mut(&call));
                if let Some(audit) = audit.filter(|audit| audit.citizen == Some(*leg)) {
                    audit.answers += 1;
                    assert_eq!(audit.answers, 1, "one 200 a leg");
                    let waited_long_enough = matches!(input, Input::Tick);
                    assert!(audit.tickets == 0 || audit.journalled || waited_long_enough, "a 200 before the journal");
                }
            }
            Output::Refuse { leg, .. } => self.end_leg(*leg),
            Output::HangUp { leg } => {
                let (call, _) = self.standing.get(leg).expect("hangs up a standing leg").clone();
                let citizens = call.and_then(|call| self.audits.get(&call)).filter(|audit| audit.citizen == Some(*leg));
                if let Some(audit) = citizens {
                    let allowed = match input {
                        Input::EndAll => true,
                        Input::HungUp { leg: seat } => {
                            (seat.0 >> 63 == 1 || self.lines.contains(seat)) && audit.answers == 1
                        }
                        Input::Lost { leg: own, .. } => own == leg,
                        _ => false,
                    };
                    assert!(allowed, "the citizen is released by {input:?} (I3)");
                }
                self.end_leg(*leg);
            }
            Output::OpenRecording { call, .. } => {
                let audit = self.audits.get_mut(call).unwrap();
                audit.recordings += 1;
                assert_eq!((audit.recordings, audit.tickets), (1, 0));
            }
            Output::OpenTicket(ticket) => {
                let audit = self.audits.get_mut(&ticket.call).unwrap();
                audit.tickets += 1;
                assert_eq!(audit.tickets, 1, "one ticket a call (I1)");
                assert_eq!(audit.recordings, 1, "recorded from the first word");
                let times = [ticket.t_arrive, ticket.t_queue, ticket.t_ring, ticket.t_answer];
                assert!(times.is_sorted(), "{times:?} (I6)");
                self.journal.push(ticket.call);
            }
            Output::Mix { call, citizen, hearings } => {
                let audit = &self.audits[call];
                assert_eq!((audit.recordings, audit.tickets, audit.sealed), (1, 1, 0), "talk without a record (I4)");
                assert_eq!(audit.citizen, Some(*citizen));
                let named = hearings.iter().flat_map(|hearing| hearing.hears.iter().chain([&hearing.leg]));
                assert!(hearings.iter().all(|hearing| !hearing.hears.contains(&hearing.leg)), "hears himself (R19)");
                self.parties = self.parties.max(hearings.iter().filter(|hearing| !hearing.hears.is_empty()).count());
                assert!(named.chain([citizen]).all(|leg| self.standing.contains_key(leg)));
            }
            Output::Mark { call, .. } => assert_eq!((self.audits[call].recordings, self.audits[call].sealed), (1, 0)),
            Output::SealRecording { call, .. } => {
                let audit = self.audits.get_mut(call).unwrap();
                audit.sealed += 1;
                assert_eq!((audit.recordings, audit.sealed), (1, 1));
            }
            Output::CloseCall(record) => self.check_record(record),
            Output::Arrived(arrived) => assert_eq!(self.audits.entry(arrived.call).or_default().records, 0),
            Output::Missed(missed) => {
                self.recorded += 1;
                let audit = self.audits.entry(missed.call).or_default();
                audit.records += 1;
                assert_eq!((audit.tickets, audit.recordings, audit.records), (0, 0, 1), "a missed call (I2)");
                assert!(missed.t_arrive <= missed.t_end);
            }
            Output::WantCallback { .. } | Output::CalledBack { .. } | Output::DutyCall(_) => {
                panic!("nobody asked for such a call")
            }
            Output::Referred { leg, .. } => assert!(self.standing.contains_key(leg), "told to a leg that is gone"),
            Output::MarkInvalid { call, .. } | Output::MarkResult { call, .. } => {
                assert_eq!(self.audits[call].tickets, 1)
            }
            Output::Supervised { call, .. } => assert_eq!(self.audits[call].tickets, 1),
            Output::SeatChanged { .. } | Output::Alarm { .. } | Output::Note { .. } => {}
        }
    }

    fn check_record(&mut self, record: &CallRecord) {
        self.recorded += 1;
        let audit = self.audits.get_mut(&record.opened.call).unwrap();
        audit.records += 1;
        assert_eq!((audit.tickets, audit.recordings, audit.sealed, audit.records), (1, 1, 1, 1), "I1");
        assert!(record.opened.t_answer <= record.ended.t_end, "I6");
        for who in &record.ended.participants {
            let left = who.left.expect("everybody has left");
            assert!(record.opened.t_arrive <= who.joined && who.joined <= left && left <= record.ended.t_end, "I7");
        }
        let call = record.opened.call;
        let left: Vec<_> = self.standing.iter().filter(|(_, (of, _))| *of == Some(call)).collect();
        assert!(left.is_empty(), "{left:?} outlive their call");
        let answered = u64::try_from(record.ended.t_end.0 - record.opened.t_answer.0).unwrap();
        assert!(record.ended.talk_ms + record.ended.hold_ms <= answered + 1);
    }

    fn check_seats(&mut self) {
        let seats = self.hall.board.seats();
        for call in self.hall.board.calls() {
            let own = call.seat.as_ref().and_then(|no| seats.iter().find(|seat| seat.seat == *no));
            assert!(own.is_none_or(|seat| seat.call == Some(call.call)), "the seat of a call is in it (I5)");
        }
        let waiting = self.hall.board.waiting();
        for seat in seats {
            let serving = match seat.state {
                SeatState::Reserved
                | SeatState::Ringing
                | SeatState::Talking
                | SeatState::Held
                | SeatState::Consulting
                | SeatState::ThreeWay => true,
                SeatState::SignedOut | SeatState::Idle | SeatState::WrapUp | SeatState::Busy | SeatState::Break => {
                    false
                }
            };
            assert_eq!(serving, seat.call.is_some(), "{seat:?}");
            let ready = seat.state == SeatState::Idle && seat.reachable && seat.feature_legs == 0;
            let waits = waiting.iter().any(|call| seat.skills.contains(&call.skill));
            assert!(!(ready && waits), "somebody waits while {} is free", seat.seat.0);
        }
    }
}

#[test]
fn no_order_of_events_breaks_the_invariants() {
    let (mut answered, mut guests, mut colleagues, mut parties) = (0, 0, 0, 0);
    let (mut second_lines, mut supervised) = (0, 0);
    for seed in 1..=300_u64 {
        let mut world = World::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..500 {
            world.step();
        }
        if seed % 3 == 0 {
            world.send(Input::EndAll);
        }
        let legs: Vec<LegId> = world.standing.keys().copied().collect();
        for leg in legs.into_iter().filter(|leg| leg.0 >> 63 == 0) {
            if world.standing.contains_key(&leg) {
                world.end_leg(leg);
                world.send(Input::HungUp { leg });
            }
        }
        world.time_passes(seconds(2 * 3600));
        assert_eq!(
            (world.hall.board.live(), world.hall.board.legs(), world.hall.board.queued()),
            (0, 0, 0),
            "seed {seed}: something is left"
        );
        assert_eq!(world.hall.board.next_timeout(), None, "seed {seed}: a timer is left");
        assert_eq!(world.standing.len(), 0, "seed {seed}: a leg was never released");
        assert_eq!(world.offered, world.recorded, "seed {seed}");
        guests += world.guests;
        colleagues += world.colleagues;
        parties = parties.max(world.parties);
        second_lines += world.second_lines;
        supervised += world.supervised;
        answered += world.audits.values().filter(|audit| audit.tickets == 1).count();
    }
    assert!(answered > 1_500, "chance must reach the interesting states: {answered} answered calls");
    assert!(guests > 300, "chance must bring third parties in: {guests}");
    assert!(colleagues > 25, "and seats among them: {colleagues}");
    assert!(second_lines > 50 && supervised > 50, "{second_lines} second lines, {supervised} shift leaders");
    // And beside them a shift leader, and the second leg of the seat.
    assert!((8..=10).contains(&parties), "up to eight in one call (R25): {parties}");
}
