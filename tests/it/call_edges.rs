//! Every row of `docs/edges.md`, walked in virtual time: the document is the test's table.

use std::collections::BTreeSet;

use hotline::call::directory::{AnswerPolicy, Directory, Mode};
use hotline::call::*;
use hotline::privacy::Private;
use hotline::time::Wall;

use crate::call::*;
use crate::call_guest::{CITIZEN, SEAT, T_THIRD, directory};
use crate::call_leader::with_leader;

/// The seat's second leg.
const LINE: LegId = LegId(7);
/// The leg by which a shift leader dialled the call.
const SHIFT_LEADER: LegId = LegId(8);

/// 1002 is a shift leader's.
fn with_a_shift_leader(directory: Directory) -> Settings {
    let mut settings = Settings { directory, ..settings() };
    if let Some(seat) = settings.seats.get_mut(&no("1002")) {
        seat.supervisor = true;
    }
    settings
}

/// A call, and what each output made of the citizen's ear.
struct Scene {
    hall: Hall,
    seat: LegId,
    third: LegId,
    fourth: LegId,
    /// Whom the citizen hears.
    hears: BTreeSet<LegId>,
    music: bool,
    returned: bool,
    recordings: usize,
    sealed: usize,
    record: Option<CallRecord>,
    missed: bool,
    /// What side-car and ticket say, from the same marks.
    course: Course,
    marks: i64,
}

impl Scene {
    /// The citizen has called; the other seats are not to be rung.
    fn called(directory: Directory) -> Self {
        let mut scene = Self {
            hall: Hall::open_with(with_a_shift_leader(directory)),
            seat: SEAT,
            third: LegId(0),
            fourth: LegId(0),
            hears: BTreeSet::new(),
            music: false,
            returned: false,
            recordings: 0,
            sealed: 0,
            record: None,
            missed: false,
            course: Course::default(),
            marks: 0,
        };
        for other in ["1002", "1003"] {
            scene.send(Input::Ask { seat: no(other), ask: SeatAsk::SignOut });
        }
        scene.send(Input::Invited(Box::new(invited(1, "12345"))));
        scene
    }

    fn talking(directory: Directory) -> Self {
        let mut scene = Self::called(directory);
        scene.send(Input::Answered { leg: SEAT });
        scene.journalled();
        scene
    }

    fn journalled(&mut self) {
        let call = self.hall.call().call;
        self.send(Input::TicketOpened { call, number: Some("JDZ-20261124-000001".into()) });
    }

    /// The leader's line is rung first; he answers, hears his briefing, a seat joins.
    fn led(state: &str) -> Self {
        let mut scene = Self::called(with_leader(Mode::LeaderFirst, AnswerPolicy::Announced));
        if state != "leader rings" {
            scene.send(Input::Answered { leg: scene.third });
            scene.journalled();
        }
        if matches!(state, "led" | "assisted") {
            scene.send(Input::Digit { leg: scene.third, digit: '#' });
        }
        if state == "assisted" {
            scene.send(Input::Answered { leg: scene.seat });
        }
        scene
    }

    /// A seat brings the leader in.
    fn screened(state: &str) -> Self {
        let mut scene = Self::talking(with_leader(Mode::SeatFirst, AnswerPolicy::Announced));
        scene.verb(Verb::Leader);
        scene.send(Input::Answered { leg: scene.third });
        if state == "leader joined" {
            scene.send(Input::Digit { leg: scene.third, digit: '#' });
        }
        scene
    }

    fn in_state(state: &str) -> Self {
        match state {
            "leader rings" | "leader briefed" | "led" | "assisted" => return Self::led(state),
            "leader screened" | "leader joined" => return Self::screened(state),
            _ => {}
        }
        let mut scene = Self::talking(directory());
        match state {
            "dialling" => scene.verb(Verb::Consult("601".into())),
            "direct" => scene.verb(Verb::Direct("601".into())),
            "consulting" => scene.consult(),
            "swapped" => {
                scene.consult();
                scene.verb(Verb::Swap);
            }
            "three-way" => scene.join(),
            "three-way 110" => {
                scene.verb(Verb::Direct("110".into()));
                scene.send(Input::Answered { leg: scene.third });
            }
            "one-key 110" => scene.verb(Verb::Transfer("110".into())),
            "fourth" => {
                scene.join();
                let third = scene.third;
                scene.verb(Verb::Consult("110".into()));
                (scene.fourth, scene.third) = (scene.third, third);
                scene.send(Input::Answered { leg: scene.fourth });
            }
            "handed over" => {
                scene.join();
                scene.verb(Verb::Leave);
            }
            "transferring" | "seat gone" => {
                let to = ReferTarget::Number(Private::new("601".to_owned()));
                scene.send(Input::Transfer { leg: SEAT, to });
                if state == "seat gone" {
                    scene.send(Input::HungUp { leg: SEAT });
                }
            }
            "whispering" => scene.supervise(Supervision::Whisper),
            "barging" => scene.supervise(Supervision::Barge),
            "line dialling" => scene.dial_second_line(),
            "line talking" => {
                scene.dial_second_line();
                scene.send(Input::Answered { leg: scene.third });
            }
            "line transferring" => {
                scene.dial_second_line();
                scene.send(Input::Transfer { leg: SEAT, to: ReferTarget::Leg(LINE) });
            }
            _ => panic!("no such state: {state}"),
        }
        scene
    }

    /// The shift leader's seat was signed out with the others.
    fn supervise(&mut self, how: Supervision) {
        self.send(Input::Ask { seat: no("1002"), ask: SeatAsk::SignIn });
        let sip_call_id = "leader@phone".to_owned();
        self.send(Input::SuperviseDialled { leg: SHIFT_LEADER, by: no("1002"), of: no("1001"), how, sip_call_id });
    }

    fn keys(&mut self, leg: LegId, keys: &str) {
        keys.chars().for_each(|digit| self.send(Input::Digit { leg, digit }));
    }

    /// As a phone does it: hold first, then dial.
    fn dial_second_line(&mut self) {
        self.send(Input::Held { leg: SEAT });
        let number = Private::new("601".to_owned());
        let sip_call_id = "second@phone".to_owned();
        self.send(Input::Dialled { leg: LINE, seat: no("1001"), number, sip_call_id });
    }

    fn consult(&mut self) {
        self.verb(Verb::Consult("601".into()));
        self.send(Input::Answered { leg: self.third });
    }

    fn join(&mut self) {
        self.consult();
        self.verb(Verb::Join);
    }

    fn verb(&mut self, verb: Verb) {
        self.send(Input::Ask { seat: no("1001"), ask: SeatAsk::Talk(verb) });
    }

    fn send(&mut self, input: Input) {
        let out = self.hall.send(input);
        self.watch(out);
    }

    fn watch(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Dial { leg, target: Target::Number { .. }, .. } => self.third = leg,
                Output::Dial { leg, target: Target::Seat(_), .. } => self.seat = leg,
                Output::Mix { hearings, .. } => {
                    let own = hearings.into_iter().find(|hearing| hearing.leg == CITIZEN);
                    self.hears = own.map(|own| own.hears.into_iter().collect()).unwrap_or_default();
                }
                Output::Play { leg: CITIZEN, prompts, .. } => {
                    self.music = prompts == [Prompt::Music];
                    self.returned = prompts == [Prompt::Returning];
                }
                Output::StopPlay { leg: CITIZEN } => self.music = false,
                Output::OpenRecording { .. } => self.recordings += 1,
                Output::SealRecording { .. } => self.sealed += 1,
                Output::Mark { mark, .. } => {
                    self.marks += 1;
                    self.course.mark(Wall(self.marks), &mark);
                }
                Output::Missed(_) => self.missed = true,
                Output::CloseCall(record) => self.record = Some(*record),
                _ => {}
            }
        }
    }

    fn happens(&mut self, who: &str, event: &str) {
        let leg = match who {
            "citizen" => CITIZEN,
            "seat" => self.seat,
            "third" => self.third,
            "fourth" => self.fourth,
            "shift leader" => SHIFT_LEADER,
            "server" => LegId(0),
            _ => panic!("no such party: {who}"),
        };
        let lost = |why| Input::Lost { leg, why };
        match event {
            "hangs up" => self.send(Input::HungUp { leg }),
            "media lost" => self.send(lost(Loss::Media)),
            "session lost" => self.send(lost(Loss::Session)),
            "transport lost" => self.send(lost(Loss::Transport)),
            "holds" => self.send(Input::Held { leg }),
            "answers" => self.send(Input::Answered { leg }),
            "early media" => self.send(Input::EarlyMedia { leg }),
            "busy" => self.send(Input::Failed { leg, why: Failure::Busy }),
            "busy on every number" => self.fails_twice(Failure::Busy),
            "rejects on every number" => self.fails_twice(Failure::Declined),
            "no answer on any number" => {
                for _ in 0..2 {
                    let out = self.hall.pass(T_THIRD);
                    self.watch(out);
                }
            }
            "no answer" => {
                let out = self.hall.pass(seconds(20));
                self.watch(out);
            }
            "has heard the briefing" => self.send(Input::Digit { leg, digit: '#' }),
            "speaks up" => self.verb(Verb::Speak),
            "hangs up behind the failure" | "hangs up long after it" => {
                let third = self.third;
                for _ in 0..2 {
                    self.send(Input::Failed { leg: self.third, why: Failure::Busy });
                }
                assert_ne!(third, self.third, "two numbers");
                let out = self.hall.pass(seconds(if event == "hangs up long after it" { 3 } else { 1 }));
                self.watch(out);
                self.send(Input::HungUp { leg });
            }
            "drops the third" => self.verb(Verb::Drop),
            "leaves" => self.verb(Verb::Leave),
            "joins" => self.verb(Verb::Join),
            "swaps" => self.verb(Verb::Swap),
            "asks for a transfer" => {
                let to = ReferTarget::Number(Private::new("110".to_owned()));
                self.send(Input::Transfer { leg, to });
            }
            "barges" => self.keys(leg, "*83"),
            "takes over" => self.keys(leg, "*84"),
            "resumes" => self.send(Input::Resumed { leg }),
            "hangs up its second line" => self.send(Input::HungUp { leg: LINE }),
            "loses its second line" => self.send(Input::Lost { leg: LINE, why: Loss::Media }),
            "holds its second line" => self.send(Input::Held { leg: LINE }),
            "transfers to its second line" => self.send(Input::Transfer { leg, to: ReferTarget::Leg(LINE) }),
            "transfers from its second line" => self.send(Input::Transfer { leg: LINE, to: ReferTarget::Leg(SEAT) }),
            "registration lost" => self.send(Input::Reachable { seat: no("1001"), reachable: false }),
            "drains" => self.send(Input::Drain),
            "ends all" => self.send(Input::EndAll),
            _ => panic!("no such event: {event}"),
        }
    }

    fn fails_twice(&mut self, why: Failure) {
        for _ in 0..2 {
            self.send(Input::Failed { leg: self.third, why });
        }
    }

    fn ear(&self, third: LegId) -> String {
        if self.record.is_some() || self.missed {
            return "–".into();
        }
        if self.recordings == 0 {
            return "waits".into();
        }
        if self.returned {
            return "queue".into();
        }
        // What is played goes before whoever speaks (`media::port`).
        if self.music {
            return "music".into();
        }
        let parties = [
            (self.seat, "seat"),
            (LINE, "seat"),
            (third, "third"),
            (self.fourth, "fourth"),
            (SHIFT_LEADER, "shift leader"),
        ];
        let heard = parties.into_iter().filter(|(leg, _)| self.hears.contains(leg)).map(|(_, name)| name);
        let mut names: Vec<&str> = heard.collect();
        names.dedup();
        names.join(" ")
    }
}

#[test]
fn every_row_of_the_document_is_true() {
    let text = std::fs::read_to_string("docs/edges.md").unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let [state, who, event, hears, seat, call] = row[..] else { panic!("six columns: {row:?}") };
        let mut scene = Scene::in_state(state);
        let third = scene.third;
        scene.happens(who, event);
        let by = scene.record.as_ref().map(|record| format!("{:?}", record.ended.released_by).to_lowercase());
        let stands = || if scene.missed { "missed" } else { "on" }.to_owned();
        let found = [scene.ear(third), scene.hall.state("1001").to_string(), by.unwrap_or_else(stands)];
        if found != [hears, seat, call] {
            wrong.push(format!("{row:?}: found {found:?}"));
        }
        let kind = scene.course.segments().last().map(|segment| segment.kind);
        let speaks = hears.contains("seat") || hears.contains("third") || hears.contains("leader");
        if (speaks && kind != Some(Kind::Talk)) || (kind == Some(Kind::Consult) && !["music", "–"].contains(&hears)) {
            wrong.push(format!("{row:?}: {kind:?} of {:?}", scene.course.segments().last()));
        }
        let (answered, ended) = (state != "leader rings" || event == "answers", scene.record.is_some());
        let expected = (usize::from(answered), usize::from(ended));
        assert_eq!((scene.recordings, scene.sealed), expected, "{row:?}: one recording, as long as the call");
        if let Some(record) = &scene.record {
            assert!(record.ended.participants.iter().all(|who| who.left.is_some()), "{row:?}");
            assert_eq!(scene.hall.board.legs(), 0, "{row:?}: a leg outlives its call");
        }
    }
    assert!(wrong.is_empty(), "{} rows are not true:\n{}", wrong.len(), wrong.join("\n"));
}
