//! A switchboard in virtual time, and the story of one ordinary call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hotline::call::settings::{Overflow, SeatSettings, SkillSettings, TrunkCodes};
use hotline::call::*;
use hotline::privacy::Private;
use hotline::rules::numbers::{AreaCode, Dialled, Mode, NumberPlan, NumberRow};
use hotline::time::{Mono, Now, Wall};

/// 2026-11-24 09:00 in Jingdezhen.
pub const MORNING: Wall = Wall(1_795_482_000_000);

pub const SECOND: Duration = Duration::from_secs(1);

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub struct Hall {
    pub board: Switchboard,
    pub now: Now,
}

impl Hall {
    pub fn new(settings: Settings) -> Self {
        let now = Now { mono: Mono::from_millis(5_000), wall: MORNING };
        Self { board: Switchboard::new(now, settings, plan(), CallId(0)), now }
    }

    /// Seats 1001 and 1002 for everything general, 1003 for the market; all signed in by their phones.
    pub fn open() -> Self {
        Self::open_with(settings())
    }

    pub fn open_with(settings: Settings) -> Self {
        let seats: Vec<SeatNo> = settings.seats.keys().cloned().collect();
        let mut hall = Self::new(settings);
        for seat in seats {
            hall.pass(SECOND);
            hall.send(Input::Reachable { seat, reachable: true });
        }
        hall
    }

    pub fn send(&mut self, input: Input) -> Vec<Output> {
        self.board.handle(self.now, input)
    }

    /// What the shell sees of an input: see `brief`.
    pub fn tell(&mut self, input: Input) -> Vec<String> {
        let out = self.send(input);
        brief(&out)
    }

    /// Lets time go by, with a tick at each timeout.
    pub fn pass(&mut self, time: Duration) -> Vec<Output> {
        let until = self.now.mono + time;
        let mut out = Vec::new();
        while let Some(at) = self.board.next_timeout().filter(|at| *at <= until) {
            self.move_to(at);
            out.extend(self.send(Input::Tick));
        }
        self.move_to(until);
        out
    }

    pub fn wait(&mut self, time: Duration) -> Vec<String> {
        let out = self.pass(time);
        brief(&out)
    }

    fn move_to(&mut self, at: Mono) {
        self.now.wall = self.now.wall_at(at.max(self.now.mono));
        self.now.mono = at.max(self.now.mono);
    }

    pub fn invite(&mut self, leg: u64, code: &str) -> Vec<Output> {
        self.send(Input::Invited(Box::new(invited(leg, code))))
    }

    /// The only live call.
    pub fn call(&self) -> CallView {
        let calls = self.board.calls();
        assert_eq!(calls.len(), 1, "live calls: {calls:?}");
        calls.into_iter().next().unwrap()
    }

    /// The leg of the seat that is rung or talks in the only call.
    pub fn seat_leg(&self) -> LegId {
        self.call().seat_leg.expect("a seat's leg")
    }

    pub fn seat(&self, no: &str) -> SeatView {
        self.board.seats().into_iter().find(|seat| seat.seat.0 == no).expect("the seat")
    }

    pub fn state(&self, no: &str) -> SeatState {
        self.seat(no).state
    }

    pub fn seat_answers(&mut self) -> Vec<Output> {
        let leg = self.seat_leg();
        self.send(Input::Answered { leg })
    }

    pub fn journalled(&mut self) -> Vec<Output> {
        let call = self.call().call;
        self.send(Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) })
    }

    /// A call from leg 1 in the middle of its talk with a seat.
    pub fn talking() -> Self {
        let mut hall = Self::open();
        hall.invite(1, "12345");
        hall.pass(3 * SECOND);
        hall.seat_answers();
        hall.journalled();
        hall
    }
}

pub fn settings() -> Settings {
    let seat = |name: &str, skills: &[&str]| SeatSettings {
        name: name.into(),
        kind: SeatKind::Local,
        centre: "city".into(),
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        wrap_up: None,
        supervisor: false,
    };
    let overflow = || vec![Overflow { to: "general".into(), after: Overflow::DEFAULT_AFTER }];
    Settings {
        seats: BTreeMap::from([
            (no("1001"), seat("一号", &["general"])),
            (no("1002"), seat("二号", &["general"])),
            (no("1003"), seat("三号", &["market"])),
        ]),
        skills: BTreeMap::from([
            ("general".into(), SkillSettings::default()),
            ("market".into(), SkillSettings { overflow: overflow(), ..SkillSettings::default() }),
            ("transport".into(), SkillSettings { overflow: overflow(), ..SkillSettings::default() }),
        ]),
        trunks: BTreeMap::from([("carrier".into(), TrunkCodes::default())]),
        ..Settings::default()
    }
}

/// Only seat 1001, for everything.
pub fn one_seat() -> Settings {
    let mut settings = settings();
    settings.seats.retain(|seat, _| seat.0 == "1001");
    for seat in settings.seats.values_mut() {
        seat.skills = BTreeSet::from(["general".into(), "market".into(), "transport".into()]);
    }
    settings
}

pub fn no(text: &str) -> SeatNo {
    SeatNo(text.into())
}

pub fn plan() -> NumberPlan {
    let row = |code: &str, primary: Option<&str>, skill: Option<&str>| NumberRow {
        code: code.into(),
        mode: if code == "12345" { Mode::Own } else { Mode::Dual },
        primary: primary.map(str::to_owned),
        label: format!("热线 {code}"),
        skill: skill.map(str::to_owned),
        greeting: None,
        target: None,
        valid_from: None,
        valid_to: None,
        allow_revive: false,
    };
    let rows = vec![
        row("12345", None, Some("general")),
        row("12315", None, Some("market")),
        row("12331", Some("12315"), None),
        row("12328", None, Some("transport")),
    ];
    NumberPlan::new(rows, AreaCode::parse("0798").unwrap()).unwrap()
}

/// As a trunk delivers it: early media, and connected after 45 s in the queue.
pub fn invited(leg: u64, code: &str) -> Invited {
    Invited {
        leg: LegId(leg),
        trunk: "carrier".into(),
        sip_call_id: format!("call-{leg}@carrier"),
        dialled: Dialled { request_uri: format!("sip:{code}@198.51.100.1"), ..Dialled::default() },
        caller: Caller { number: Some(Private::new(format!("1380000{leg:04}"))), ..Caller::default() },
        queue_answer: QueueAnswer::EarlyThenConnect(seconds(45)),
        early_media: true,
    }
}

/// Outputs in one line each, without the notes: `Dial d1 1001`, `Play 1 Greeting(12345)`. Arriving legs
/// print as their number, dialled legs as `d` and a number from 1.
pub fn brief(outputs: &[Output]) -> Vec<String> {
    outputs.iter().filter_map(line).collect()
}

pub fn leg(leg: LegId) -> String {
    let dialled = leg.0 & (1 << 63) != 0;
    if dialled { format!("d{}", leg.0 & !(1 << 63)) } else { leg.0.to_string() }
}

/// Who hears whom: `1 + [d1]` where the citizen and the others all hear each other, else who hears
/// whom, one by one: `1 hears nobody, d1 hears d2`.
pub fn arrangement(citizen: LegId, hearings: &[Hearing], name: impl Fn(LegId) -> String) -> String {
    let legs: Vec<LegId> = hearings.iter().map(|hearing| hearing.leg).collect();
    let names = |legs: &[LegId]| legs.iter().map(|leg| name(*leg)).collect::<Vec<_>>().join(" ");
    if hearings.is_empty() {
        return format!("{} + []", name(citizen));
    }
    if hearings == Hearing::all(&legs) && legs[0] == citizen {
        return format!("{} + [{}]", name(citizen), names(&legs[1..]));
    }
    let one = |Hearing { leg, hears }: &Hearing| {
        let whom = if hears.is_empty() { "nobody".to_owned() } else { names(hears) };
        format!("{} hears {whom}", name(*leg))
    };
    hearings.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn line(output: &Output) -> Option<String> {
    Some(match output {
        Output::Dial { leg: id, target: Target::Seat(seat), .. } => format!("Dial {} {}", leg(*id), seat.0),
        Output::Dial { leg: id, target: Target::Number { number, .. }, .. } => {
            format!("Dial {} {}", leg(*id), number.reveal())
        }
        Output::Dial { leg: id, target: Target::Device { uri, .. }, .. } => format!("Dial {} {uri}", leg(*id)),
        Output::Progress { leg: id, media } => {
            format!("Progress {}{}", leg(*id), if *media { " with media" } else { "" })
        }
        Output::Answer { leg: id } => format!("Answer {}", leg(*id)),
        Output::Refuse { leg: id, why } => format!("Refuse {} {why:?}", leg(*id)),
        Output::Referred { leg: id, outcome } => format!("Referred {} {outcome:?}", leg(*id)),
        Output::HangUp { leg: id } => format!("HangUp {}", leg(*id)),
        Output::Play { leg: id, prompts, repeat, .. } => {
            let prompts: Vec<String> = prompts.iter().map(|prompt| format!("{prompt:?}").replace('"', "")).collect();
            format!("Play {} {}{}", leg(*id), prompts.join(" "), if *repeat { " …" } else { "" })
        }
        Output::StopPlay { leg: id } => format!("StopPlay {}", leg(*id)),
        Output::OpenRecording { .. } => "OpenRecording".into(),
        Output::OpenTicket(ticket) => format!("OpenTicket {}", ticket.original_code),
        Output::Mix { citizen, hearings, .. } => format!("Mix {}", arrangement(*citizen, hearings, leg)),
        Output::Mark { mark, .. } => match mark {
            Mark::Joined(who) if who.role == Role::Citizen => return None,
            Mark::Joined(who) if who.role != Role::Seat => format!("Mark joined {}", who.number),
            Mark::Joined(who) => format!("Mark seat_joined {}", who.number),
            Mark::Left { party, why } if party.role != Role::Seat => format!("Mark left {} {why}", party.number),
            Mark::Left { party, why } => format!("Mark seat_lost {} {why}", party.number),
            Mark::Held(who) if who.role == Role::Citizen => "Mark citizen_hold".into(),
            Mark::Held(_) => "Mark hold".into(),
            Mark::Resumed(who) if who.role == Role::Citizen => "Mark citizen_resume".into(),
            Mark::Resumed(_) => "Mark resume".into(),
            Mark::Briefed(who) => format!("Mark briefed {}", who.number),
            Mark::Moved(who) => format!("Mark moved {:?}", who.role),
            Mark::Consulted(_) | Mark::Led(_) => return None,
        },
        Output::SealRecording { .. } => "SealRecording".into(),
        Output::CloseCall(record) => format!("CloseCall {}", record.ended.end_reason),
        Output::Missed(missed) => format!("Missed {} {}", missed.stage, missed.reason),
        Output::Supervised { by, how, .. } => format!("Supervised {} by {}", how.as_str(), by.0),
        Output::MarkResult { call: _, result } => format!("MarkResult {result}"),
        Output::MarkInvalid { reason, .. } => format!("MarkInvalid {reason}"),
        Output::WantCallback { seat } => format!("WantCallback {}", seat.0),
        Output::DutyCall(record) => {
            format!("DutyCall {} {}answered", record.ticket, if record.answered.is_some() { "" } else { "not " })
        }
        Output::CalledBack { reached, .. } => format!("CalledBack {reached}"),
        Output::SeatChanged { seat, state, reason, .. } => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{} {state:?}{reason}", seat.0)
        }
        Output::Alarm { name, subject, active } => {
            format!("Alarm {name} {subject} {}", if *active { "on" } else { "off" })
        }
        Output::Arrived(_) | Output::Note { .. } => return None,
    })
}

/// The token of the last thing played in these outputs.
pub fn token(outputs: &[Output]) -> u64 {
    let mut played = outputs.iter().rev().filter_map(|output| match output {
        Output::Play { token, .. } => Some(*token),
        _ => None,
    });
    played.next().expect("something is played")
}

pub fn closed(outputs: &[Output]) -> CallRecord {
    let mut records = outputs.iter().filter_map(|output| match output {
        Output::CloseCall(record) => Some((**record).clone()),
        _ => None,
    });
    let record = records.next().expect("a call is closed");
    assert!(records.next().is_none());
    record
}

pub fn missed(outputs: &[Output]) -> MissedCall {
    let mut records = outputs.iter().filter_map(|output| match output {
        Output::Missed(missed) => Some((**missed).clone()),
        _ => None,
    });
    let record = records.next().expect("a call is missed");
    assert!(records.next().is_none());
    record
}

#[test]
fn a_call_is_queued_rung_answered_recorded_and_closed() {
    let mut hall = Hall::open();
    let arrives = hall.invite(1, "12345");
    assert_eq!(
        brief(&arrives),
        ["Progress 1 with media", "Play 1 Greeting(12345)", "Dial d1 1001", "1001 Reserved"],
        "the seat is rung while the greeting plays (R9)"
    );
    hall.pass(Duration::from_millis(200));
    assert_eq!(hall.tell(Input::Ringing { leg: hall.seat_leg() }), ["1001 Ringing"]);
    hall.pass(Duration::from_millis(1_800));
    let notice = hall.send(Input::Played { leg: LegId(1), token: token(&arrives) });
    assert_eq!(brief(&notice), ["Play 1 Notice"]);
    hall.pass(SECOND);
    let answer = hall.seat_answers();
    assert_eq!(
        brief(&answer),
        ["StopPlay 1", "OpenRecording", "OpenTicket 12345", "Mix 1 + [d1]", "Mark seat_joined 1001", "1001 Talking"],
        "no 200 to the caller before the ticket is on disk"
    );
    hall.pass(Duration::from_millis(4));
    assert_eq!(brief(&hall.journalled()), ["Answer 1", "Play 1 SeatNumber(1001)"]);
    assert_eq!(hall.call().ticket.as_deref(), Some("JDZ-20261124-000001"));
    hall.pass(90 * SECOND);
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(brief(&end), ["HangUp d1", "SealRecording", "1001 WrapUp", "CloseCall normal"]);

    let record = closed(&end);
    let after = |millis: i64| Wall(record.opened.t_arrive.0 + millis);
    assert_eq!(record.opened.t_ring, after(200));
    assert_eq!(record.opened.t_answer, after(3_000));
    assert_eq!(record.ended.t_end, after(93_004));
    assert_eq!((record.opened.wait_ms, record.opened.within_15s), (3_000, true));
    assert_eq!((record.ended.talk_ms, record.ended.hold_ms), (90_000, 0));
    assert_eq!(record.ended.notice_played, NoticePlayed::Partial);
    assert_eq!((record.ended.released_by, record.invalid), (By::Caller, None));
    let stays: Vec<_> = record.ended.participants.iter().map(|who| (who.party.role, who.joined, who.left)).collect();
    assert_eq!(
        stays,
        [(Role::Citizen, after(0), Some(after(93_004))), (Role::Seat, after(3_000), Some(after(93_004)))],
        "each party's stay lies inside the call (I7)"
    );
    assert_eq!(
        (record.opened.prefix.as_str(), record.opened.centre.as_str(), record.opened.kind.as_str()),
        ("JDZ", "city", "public_in")
    );

    assert_eq!(hall.wait(60 * SECOND), ["1001 Idle"], "wrap-up ends by itself");
    assert_eq!((hall.board.live(), hall.board.legs(), hall.board.next_timeout()), (0, 0, None));
}

#[test]
fn a_seat_that_hangs_up_ends_the_call() {
    let mut hall = Hall::talking();
    let leg = hall.seat_leg();
    let end = hall.send(Input::HungUp { leg });
    assert_eq!(brief(&end), ["HangUp 1", "SealRecording", "1001 WrapUp", "CloseCall normal"]);
    assert_eq!(closed(&end).ended.released_by, By::Seat);
}

#[test]
fn a_seat_that_is_lost_loses_the_call_but_not_the_caller() {
    let mut hall = Hall::talking();
    let first = hall.seat_leg();
    hall.pass(60 * SECOND);
    let lost = hall.tell(Input::Lost { leg: first, why: Loss::Media });
    assert_eq!(
        lost,
        [
            "HangUp d1",
            "Mix 1 + []",
            "Mark seat_lost 1001 media_lost",
            "Play 1 Returning",
            "1001 Busy (media_lost)",
            "Dial d2 1002",
            "1002 Reserved"
        ]
    );
    hall.pass(4 * SECOND);
    let second = hall.seat_leg();
    assert_eq!(
        hall.tell(Input::Answered { leg: second }),
        ["StopPlay 1", "Mix 1 + [d2]", "Mark seat_joined 1002", "1002 Talking", "Play 1 SeatNumber(1002)"],
        "the same ticket and recording, nothing is opened twice"
    );
    hall.pass(30 * SECOND);
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(brief(&end), ["HangUp d2", "SealRecording", "1002 WrapUp", "CloseCall normal"]);
    let record = closed(&end);
    assert_eq!(record.ended.talk_ms, 90_000, "the four seconds in the queue are no talk");
    let results: Vec<_> =
        record.ended.participants.iter().map(|who| (who.party.name.as_str(), who.result.as_str())).collect();
    assert_eq!(results, [("", "normal"), ("1001 一号", "media_lost"), ("1002 二号", "normal")]);

    assert_eq!(hall.tell(Input::Reachable { seat: no("1001"), reachable: false }), [""; 0]);
    assert_eq!(
        hall.tell(Input::Reachable { seat: no("1001"), reachable: true }),
        ["1001 Idle"],
        "a phone that comes back frees the seat that it had made busy"
    );
}

#[test]
fn a_caller_who_does_not_wait_for_another_seat_has_its_one_ticket() {
    let mut hall = Hall::open_with(one_seat());
    hall.invite(1, "12345");
    hall.seat_answers();
    hall.journalled();
    hall.pass(10 * SECOND);
    let leg = hall.seat_leg();
    hall.send(Input::Lost { leg, why: Loss::Session });
    hall.pass(5 * SECOND);
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert_eq!(brief(&end), ["SealRecording", "CloseCall seat_lost"]);
    assert_eq!(closed(&end).ended.talk_ms, 10_000);
}

#[test]
fn a_citizen_who_is_lost_ends_the_call() {
    let mut hall = Hall::talking();
    hall.pass(SECOND);
    let end = hall.send(Input::Lost { leg: LegId(1), why: Loss::Media });
    assert_eq!(brief(&end), ["HangUp 1", "HangUp d1", "SealRecording", "1001 WrapUp", "CloseCall media_lost"]);
    assert_eq!(closed(&end).ended.released_by, By::Trunk);
}

#[test]
fn hold_is_marked_counted_and_filled_with_music() {
    let mut hall = Hall::talking();
    let seat = hall.seat_leg();
    hall.pass(10 * SECOND);
    assert_eq!(hall.tell(Input::Held { leg: seat }), ["Mark hold", "Play 1 Music …", "1001 Held"]);
    assert_eq!(hall.tell(Input::Held { leg: seat }), [""; 0], "a repeated re-INVITE changes nothing");
    hall.pass(5 * SECOND);
    assert_eq!(hall.tell(Input::Held { leg: LegId(1) }), ["Mark citizen_hold"]);
    hall.pass(5 * SECOND);
    assert_eq!(hall.tell(Input::Resumed { leg: seat }), ["Mark resume", "StopPlay 1", "1001 Talking"]);
    hall.pass(5 * SECOND);
    assert_eq!(hall.tell(Input::Resumed { leg: LegId(1) }), ["Mark citizen_resume"]);
    hall.pass(20 * SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: LegId(1) }));
    assert_eq!((record.ended.talk_ms, record.ended.hold_ms), (30_000, 15_000), "overlapping holds count once");
}

#[test]
fn a_call_is_never_cut_for_its_length() {
    let mut hall = Hall::talking();
    let id = hall.call().call;
    assert_eq!(hall.wait(seconds(4 * 3600)), [format!("Alarm long_call {id} on")]);
    assert_eq!(hall.wait(seconds(20 * 3600)), [""; 0]);
    let end = hall.tell(Input::HungUp { leg: LegId(1) });
    assert!(end.contains(&format!("Alarm long_call {id} off")), "{end:?}");
}

#[test]
fn draining_refuses_new_calls_and_lets_live_ones_go_on() {
    let mut hall = Hall::talking();
    assert_eq!(hall.tell(Input::Drain), [""; 0]);
    let refused = hall.invite(2, "12345");
    assert_eq!(brief(&refused), ["Refuse 2 Overload", "Missed refused draining"]);
    assert_eq!(missed(&refused).original_code.as_deref(), Some("12345"));
    assert_eq!(hall.call().stage, "talking");
}

#[test]
fn the_end_of_all_releases_seals_and_closes_everything() {
    let mut hall = Hall::talking();
    hall.invite(2, "12315");
    hall.pass(SECOND);
    hall.send(Input::FeatureCode { leg: LegId(3), seat: no("1002"), ask: SeatAsk::Busy });
    assert_eq!(
        hall.tell(Input::EndAll),
        [
            "HangUp 1",
            "HangUp d1",
            "SealRecording",
            "1001 WrapUp",
            "CloseCall shutdown",
            "HangUp 2",
            "HangUp d2",
            "1003 Idle",
            "Missed ringing shutdown",
            "HangUp 3"
        ]
    );
    assert_eq!((hall.board.live(), hall.board.legs()), (0, 0));
    assert_eq!(brief(&hall.invite(4, "12345")), ["Refuse 4 Overload", "Missed refused draining"]);
}

#[test]
fn a_call_id_is_its_arrival_and_is_never_given_twice() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    hall.invite(2, "12345");
    hall.now.wall = Wall(MORNING.0 - 3_600_000);
    hall.invite(3, "12345");
    let ids: Vec<u64> = hall.board.calls().iter().map(|call| call.call.0).collect();
    assert_eq!(ids[0] >> 20, u64::try_from(MORNING.0 + 3_000).unwrap());
    assert_eq!(ids[1..], [ids[0] + 1, ids[0] + 2], "also when the clock was set back");
    let mut next = Switchboard::new(hall.now, settings(), plan(), CallId(ids[2]));
    next.handle(hall.now, Input::Invited(Box::new(invited(1, "12345"))));
    assert_eq!(next.calls()[0].call.0, ids[2] + 1, "also after a restart");
    let mut last = Switchboard::new(hall.now, settings(), plan(), CallId(u64::MAX - 1));
    for leg in 1..=4 {
        last.handle(hall.now, Input::Invited(Box::new(invited(leg, "12345"))));
    }
    assert_eq!(last.calls().len(), 4, "and where no id is above the last");
}

#[test]
fn setting_the_clock_back_in_mid_call_leaves_its_times_in_order() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    hall.pass(2 * SECOND);
    hall.now.wall = Wall(hall.now.wall.0 - 600_000);
    hall.seat_answers();
    hall.journalled();
    hall.pass(5 * SECOND);
    let record = closed(&hall.send(Input::HungUp { leg: LegId(1) }));
    assert_eq!(record.opened.t_answer.0 - record.opened.t_arrive.0, 2_000);
    assert_eq!(record.ended.t_end.0 - record.opened.t_answer.0, 5_000);
}
