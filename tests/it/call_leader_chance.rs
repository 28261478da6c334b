//! Random orders of events around leaders' sessions: nobody is dropped by somebody else's failure, nothing
//! is recorded twice or not at all, and a leader is in one call at a time.

use std::collections::{BTreeMap, BTreeSet};

use hotline::call::directory::{AnswerPolicy, Directory, Entry, LeaderSession, Line, LineTo, Mode};
use hotline::call::*;
use hotline::privacy::Private;

use crate::call::*;
use crate::call_leader::with_leader;

/// 951 on a mobile for 12345; 952, whose telephone is seat 1003, for 12315.
fn leaders(mode: Mode, answer: AnswerPolicy) -> Directory {
    let first = with_leader(mode, answer);
    let lines = vec![Line { to: LineTo::Seat(no("1003")), duty: true }];
    let second = Entry { code: "952".into(), lines, ..first.entry("951").unwrap().clone() };
    let session = first.sessions()[0].clone();
    let own = LeaderSession { leader: "952".into(), codes: vec!["12315".into()], ..session.clone() };
    Directory::new(first.entries().cloned().chain([second]), vec![session, own])
}

struct World {
    hall: Hall,
    state: u64,
    citizens: u64,
    recorded: u64,
    /// Legs by which seats dialled on their second lines, and how many of them were let in.
    lines: BTreeSet<LegId>,
    let_in: usize,
    /// Legs that stand, and the call of the dialled ones.
    standing: BTreeMap<LegId, Option<CallId>>,
    tokens: BTreeMap<LegId, u64>,
    journal: Vec<CallId>,
    open: BTreeSet<CallId>,
    taken: usize,
    /// What the recorder was told of leaders, of calls that were answered.
    led: Vec<(CallId, LeaderCall)>,
}

impl World {
    fn new(seed: u64, mode: Mode, answer: AnswerPolicy) -> Self {
        let mut settings = settings();
        if let Some(seat) = settings.seats.get_mut(&no("1003")) {
            seat.kind = SeatKind::Leader;
        }
        Self {
            hall: Hall::open_with(Settings { directory: leaders(mode, answer), ..settings }),
            state: seed,
            citizens: 0,
            recorded: 0,
            lines: BTreeSet::new(),
            let_in: 0,
            standing: BTreeMap::new(),
            tokens: BTreeMap::new(),
            journal: Vec::new(),
            open: BTreeSet::new(),
            taken: 0,
            led: Vec::new(),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }

    fn step(&mut self) {
        let legs: Vec<LegId> = self.standing.keys().copied().collect();
        let dialled: Vec<LegId> = legs.iter().copied().filter(|leg| leg.0 >> 63 == 1).collect();
        let seat = self.pick(&[no("1001"), no("1002"), no("1003")]).unwrap();
        match self.below(19) {
            0 | 1 if self.citizens < 400 => {
                self.citizens += 1;
                let code = self.pick(&["12345", "12345", "12315", "12328"]).unwrap();
                self.standing.insert(LegId(self.citizens), None);
                self.send(Input::Invited(Box::new(invited(self.citizens, code))));
            }
            2..=4 => self.at(&dialled, |leg| Input::Answered { leg }),
            5 => self.goes(&legs),
            6 => self.at(&dialled, |leg| Input::Digit { leg, digit: '1' }),
            7 => self.at(&dialled, |leg| Input::Digit { leg, digit: '#' }),
            8 => {
                if let Some((leg, token)) = self.tokens.clone().into_iter().nth(self.state as usize % 3) {
                    self.send(Input::Played { leg, token });
                }
            }
            9 | 10 => {
                let verbs = [Verb::Leader, Verb::Speak, Verb::Silent, Verb::Drop, Verb::Leave, Verb::Join, Verb::Swap];
                let called = ["951", "952", "601"].map(|code| [Verb::Consult(code.into()), Verb::Direct(code.into())]);
                let verb = self.pick(&[&verbs[..], called.as_flattened()].concat()).unwrap();
                self.send(Input::Ask { seat, ask: SeatAsk::Talk(verb) });
            }
            11 => self.send(Input::Ask { seat, ask: SeatAsk::Free }),
            12 => {
                let reachable = self.below(6) > 0;
                self.send(Input::Reachable { seat, reachable });
            }
            13 => {
                if let Some(call) = self.journal.pop() {
                    self.send(Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) });
                }
            }
            14 | 15 => self.dials_on_its_second_line(),
            16 => self.transfers(&legs),
            _ => {
                let time = seconds(u64::try_from(self.below(12)).unwrap());
                self.pass(time);
            }
        }
    }

    /// A seat in a call, silent beside a leader or not.
    fn dials_on_its_second_line(&mut self) {
        let talking: Vec<SeatNo> = self.hall.board.calls().into_iter().filter_map(|call| call.seat).collect();
        let Some(seat) = self.pick(&talking) else { return };
        let leg = LegId(10_000 + u64::try_from(self.lines.len()).unwrap());
        let number = Private::new(self.pick(&["601", "951", "1002", "9999"]).unwrap().to_owned());
        self.lines.insert(leg);
        self.standing.insert(leg, None);
        self.send(Input::Dialled { leg, seat, number, sip_call_id: format!("{}@phone", leg.0) });
        self.let_in += usize::from(self.standing.contains_key(&leg));
    }

    fn transfers(&mut self, legs: &[LegId]) {
        let lines: Vec<LegId> = legs.iter().copied().filter(|leg| self.lines.contains(leg)).collect();
        let seats: Vec<LegId> = self.hall.board.calls().into_iter().filter_map(|call| call.seat_leg).collect();
        let (Some(line), Some(seat)) = (self.pick(&lines), self.pick(&seats)) else { return };
        let (leg, other) = if self.below(2) == 0 { (line, seat) } else { (seat, line) };
        self.send(Input::Transfer { leg, to: ReferTarget::Leg(other) });
    }

    fn at(&mut self, legs: &[LegId], input: fn(LegId) -> Input) {
        if let Some(leg) = self.pick(legs) {
            self.send(input(leg));
        }
    }

    fn goes(&mut self, legs: &[LegId]) {
        let Some(leg) = self.pick(legs) else { return };
        let input = match self.below(3) {
            0 => Input::HungUp { leg },
            1 if leg.0 >> 63 == 1 => Input::Failed { leg, why: Failure::Busy },
            _ => Input::Lost { leg, why: Loss::Media },
        };
        if !matches!(input, Input::Lost { .. }) {
            self.standing.remove(&leg);
            self.tokens.remove(&leg);
        }
        self.send(input);
    }

    fn pass(&mut self, time: std::time::Duration) {
        let until = self.hall.now.mono + time;
        while let Some(at) = self.hall.board.next_timeout().filter(|at| *at <= until) {
            let step = at.since(self.hall.now.mono);
            self.move_on(step);
            self.send(Input::Tick);
        }
        self.move_on(until.since(self.hall.now.mono));
    }

    fn move_on(&mut self, step: std::time::Duration) {
        self.hall.now.mono = self.hall.now.mono + step;
        self.hall.now.wall = self.hall.now.wall + step;
    }

    fn send(&mut self, input: Input) {
        for output in self.hall.send(input.clone()) {
            self.check(&input, &output);
        }
        self.check_leaders();
    }

    fn check(&mut self, input: &Input, output: &Output) {
        match output {
            Output::Dial { call, leg, .. } => drop(self.standing.insert(*leg, Some(*call))),
            Output::HangUp { leg } => {
                assert!(self.standing.remove(leg).is_some(), "{leg:?} hung up twice by {input:?}");
                self.tokens.remove(leg);
                let by_another = matches!(input, Input::HungUp { leg: other } if other.0 >> 63 == 1);
                let its_own = matches!(input, Input::Lost { leg: own, .. } if own == leg);
                let is_citizens = leg.0 >> 63 == 0 && !self.lines.contains(leg);
                assert!(!is_citizens || by_another || its_own, "the citizen is released by {input:?} (I3)");
            }
            Output::Refuse { leg, .. } => assert!(self.standing.remove(leg).is_some(), "{leg:?} refused by {input:?}"),
            Output::Play { leg, token, .. } => {
                assert!(self.standing.contains_key(leg), "played to a leg that is gone");
                self.tokens.insert(*leg, *token);
            }
            Output::OpenRecording { call, .. } => assert!(self.open.insert(*call), "recorded twice"),
            Output::OpenTicket(ticket) => self.journal.push(ticket.call),
            Output::Mix { call, hearings, .. } => {
                assert!(self.open.contains(call), "talk without a record (I4)");
                let named = hearings.iter().flat_map(|hearing| hearing.hears.iter().chain([&hearing.leg]));
                assert!(named.into_iter().all(|leg| self.standing.contains_key(leg)), "{input:?}: {hearings:?}");
            }
            Output::Mark { call, mark: Mark::Led(leader), .. } => self.led.push((*call, leader.clone())),
            Output::SealRecording { call, .. } => assert!(self.open.remove(call), "sealed twice"),
            Output::CloseCall(record) => {
                self.recorded += 1;
                for leader in &record.ended.leaders {
                    let was_told = self.led.contains(&(record.opened.call, leader.clone()));
                    assert!(was_told || leader.result == "dropped", "a crash would lose {leader:?}");
                }
                self.taken += record.ended.leaders.iter().filter(|leader| leader.is_taken()).count();
                let times = record.ended.participants.iter().all(|who| who.left.is_some_and(|left| who.joined <= left));
                assert!(times, "{:?}", record.ended.participants);
            }
            Output::Missed(_) => self.recorded += 1,
            _ => {}
        }
    }

    /// A leader is in one call at a time; a seat that is free serves whoever waits or wants it.
    fn check_leaders(&mut self) {
        let calls = self.hall.board.calls();
        let ready = |no: &str| {
            let seat = self.hall.seat(no);
            seat.state == SeatState::Idle && seat.reachable && seat.feature_legs == 0
        };
        let free = ready("1001") || ready("1002");
        let wants = |stage: &str, call: &CallView| call.stage == stage && call.skill == "general";
        let alone: Vec<_> = calls.iter().filter(|call| wants("waiting", call)).collect();
        assert!(alone.is_empty() || !free, "somebody waits while a seat is free: {alone:?}");
        for leader in ["951", "952"] {
            let rings = |call: &&CallView| {
                call.stage == "ringing_leader" && call.leader.as_ref().is_some_and(|own| own.leader == leader)
            };
            assert!(calls.iter().filter(rings).count() <= 1, "{leader} is rung for two");
        }
    }

    /// Everybody hangs up in the end.
    fn close(&mut self) {
        for leg in (1..=self.citizens).map(LegId) {
            if self.standing.remove(&leg).is_some() {
                self.tokens.remove(&leg);
                self.send(Input::HungUp { leg });
            }
        }
        self.pass(seconds(2 * 3600));
    }
}

#[test]
fn no_order_of_events_around_leaders_breaks_the_invariants() {
    let (mut taken, mut let_in) = (0, 0);
    for seed in 1..=100_u64 {
        let mode = if seed % 3 == 0 { Mode::SeatFirst } else { Mode::LeaderFirst };
        let answer = if seed % 4 == 0 { AnswerPolicy::Press1 } else { AnswerPolicy::Announced };
        let mut world = World::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), mode, answer);
        for _ in 0..300 {
            world.step();
        }
        world.close();
        let board = &world.hall.board;
        assert_eq!((board.live(), board.legs(), board.queued()), (0, 0, 0), "seed {seed}: something is left");
        assert_eq!(board.next_timeout(), None, "seed {seed}: a timer is left");
        assert!(world.standing.is_empty() && world.open.is_empty(), "seed {seed}: {:?}", world.standing);
        assert_eq!(world.citizens, world.recorded, "seed {seed}: each call is answered or missed (I8)");
        taken += world.taken;
        let_in += world.let_in;
    }
    assert!(taken > 150, "chance must reach the interesting states: {taken} calls that leaders took");
    assert!(let_in > 150, "{let_in} second lines");
}
