//! The commonest rows of `docs/edges.md` once more, with real phones: what each of them hears afterwards.

use std::time::Duration;

use crate::baresip::{Phone, Setup};
use crate::server::{self, Server};
use crate::sound::{self, CITIZEN, SEAT};

/// The third party's telephone behind the trunk; invented. A unit for the hotline, or 110.
const UNIT: &str = "13800000601";
const THIRD: u32 = 1600;
const FOURTH: u32 = 2200;
/// Amplitude of a tone that is heard, at least; of one that is not, at most.
const HEARD: f64 = 0.15;
const UNHEARD: f64 = 0.01;
/// The rooms are judged by their last seconds, some time after the event.
const AFTERWARDS: Duration = Duration::from_secs(2);
const JUDGED: usize = sound::RATE * 6 / 5;

macro_rules! rows {
    ($($test:ident: $state:literal, $who:literal, $event:literal;)*) => {
        $(#[test]
        fn $test() {
            walk($state, $who, $event);
        })*
    };
}

rows! {
    the_citizen_gives_up_while_a_third_rings: "dialling", "citizen", "hangs up";
    the_seat_hangs_up_while_a_third_rings: "dialling", "seat", "hangs up";
    a_third_is_busy: "dialling", "third", "busy on every number";
    a_third_answers_a_consultation: "dialling", "third", "answers";
    a_third_answers_in_a_direct_three_way_call: "direct", "third", "answers";
    the_citizen_gives_up_in_a_consultation: "consulting", "citizen", "hangs up";
    the_seat_hangs_up_in_a_consultation: "consulting", "seat", "hangs up";
    the_seat_joins_whom_it_consulted: "consulting", "seat", "joins";
    the_seat_goes_back_to_the_citizen: "consulting", "seat", "swaps";
    the_third_hangs_up_in_a_consultation: "consulting", "third", "hangs up";
    the_third_disappears_in_a_consultation: "consulting", "third", "media lost";
    the_citizen_hangs_up_in_a_three_way_call: "three-way", "citizen", "hangs up";
    the_seat_hangs_up_on_a_unit: "three-way", "seat", "hangs up";
    the_seat_disappears_from_a_three_way_call: "three-way", "seat", "media lost";
    the_third_hangs_up_in_a_three_way_call: "three-way", "third", "hangs up";
    the_third_disappears_from_a_three_way_call: "three-way", "third", "media lost";
    the_server_drains_in_a_three_way_call: "three-way", "server", "drains";
    the_seat_hangs_up_on_110: "three-way 110", "seat", "hangs up";
    a_fourth_joins: "fourth", "seat", "joins";
    the_third_goes_while_a_fourth_is_consulted: "fourth", "third", "hangs up";
    the_third_hangs_up_after_the_seat_has_left: "handed over", "third", "hangs up";
    the_phone_of_the_seat_transfers: "transferring", "third", "answers";
    the_third_answers_on_a_second_line: "line dialling", "third", "answers";
    the_phone_hangs_its_second_line_up: "line talking", "seat", "hangs up its second line";
}

/// One row of the document.
struct Row {
    hears: String,
    seat: String,
    call: String,
}

fn row(state: &str, who: &str, event: &str) -> Row {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/edges.md");
    let text = std::fs::read_to_string(path).expect(path);
    let start = format!("| {state} | {who} | {event} | ");
    let rest = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no row {start}"));
    let mut columns = rest.split('|').map(|column| column.trim().to_string());
    let mut next = || columns.next().expect("six columns");
    Row { hears: next(), seat: next(), call: next() }
}

fn walk(state: &str, who: &str, event: &str) {
    let row = row(state, who, event);
    let mut scene = Scene::in_state(state);
    scene.happens(who, event);
    match row.call.as_str() {
        "on" => scene.goes_on(&row),
        by => scene.ends(by),
    }
}

struct Scene {
    server: Server,
    citizen: Phone,
    seat: Phone,
    third: Phone,
    fourth: Option<Phone>,
    /// Who ended its call or was ended by the event.
    gone: Vec<String>,
}

impl Scene {
    fn talking() -> Self {
        let mut server =
            Server::with(server::Setup { server: &[("media_timeout_s", "5")], ..server::Setup::default() });
        let third = Phone::start(&server, Setup { user: UNIT.into(), tone: THIRD, ..Phone::citizen_setup(server.sip) });
        let hosts = format!("default_code = \"12345\"\nhosts = [\"{}\"]\n[[trunk]]\nname = \"tcp\"", third.address);
        server.edit("sip-configs/trunks.toml", "default_code = \"12345\"\n[[trunk]]\nname = \"tcp\"", &hosts);
        server.edit("dialplan/emergency.toml", "{ number = \"110\",", &format!("{{ number = \"{UNIT}\","));
        server.reload();
        let mut seat = Phone::seat(&server, "1001");
        let mut citizen = Phone::citizen(&server);
        citizen.dial("12345");
        citizen.wait("CALL_ESTABLISHED");
        seat.wait("CALL_ESTABLISHED");
        Self { server, citizen, seat, third, fourth: None, gone: Vec::new() }
    }

    fn in_state(state: &str) -> Self {
        let mut scene = Self::talking();
        match state {
            "dialling" => scene.dials("consult", UNIT),
            "direct" => scene.dials("direct", UNIT),
            "consulting" => scene.brings_in("consult", UNIT),
            "three-way" => scene.joined(),
            "three-way 110" => scene.brings_in("direct", "110"),
            "fourth" => {
                scene.joined();
                let setup = Setup { tone: FOURTH, ..Phone::seat_setup(&scene.server, "1002") };
                let mut fourth = Phone::registered(&scene.server, setup);
                scene.verb(&["consult", "--to", "1002"]);
                fourth.wait("CALL_ESTABLISHED");
                scene.fourth = Some(fourth);
            }
            "handed over" => {
                scene.joined();
                scene.verb(&["leave"]);
                scene.seat.wait_closed();
                scene.gone.push("seat".into());
            }
            "transferring" => {
                scene.seat.command("transfer", &format!("sip:{UNIT}@{}", scene.server.sip));
                scene.third.wait("CALL_INCOMING");
            }
            // baresip holds the first call itself.
            "line dialling" | "line talking" => {
                scene.seat.command("dial", &format!("sip:{UNIT}@{}", scene.server.sip));
                scene.third.wait("CALL_INCOMING");
                if state == "line talking" {
                    scene.third.command("accept", "");
                    scene.third.wait("CALL_ESTABLISHED");
                }
                scene.server.seat_is("1001", "consulting");
            }
            _ => panic!("no real phones for {state}"),
        }
        scene.server.record_more(Duration::from_secs(1));
        scene
    }

    fn verb(&self, words: &[&str]) {
        self.server.ask(&[&["seats", "1001"], words].concat());
    }

    fn dials(&mut self, verb: &str, whom: &str) {
        self.verb(&[verb, "--to", whom]);
        self.third.wait("CALL_INCOMING");
    }

    fn brings_in(&mut self, verb: &str, whom: &str) {
        self.dials(verb, whom);
        self.third.command("accept", "");
        self.third.wait("CALL_ESTABLISHED");
    }

    fn joined(&mut self) {
        self.brings_in("consult", UNIT);
        self.verb(&["join"]);
    }

    fn happens(&mut self, who: &str, event: &str) {
        let phone = match who {
            "citizen" => &mut self.citizen,
            "seat" => &mut self.seat,
            _ => &mut self.third,
        };
        match event {
            "hangs up" => {
                phone.hang_up();
                phone.wait_closed();
                self.gone.push(who.into());
            }
            "media lost" => {
                phone.kill();
                self.gone.push(who.into());
            }
            // baresip rejects with 486.
            "busy on every number" => {
                phone.hang_up();
                self.gone.push(who.into());
            }
            "answers" => {
                phone.command("accept", "");
                phone.wait("CALL_ESTABLISHED");
            }
            "joins" => self.verb(&["join"]),
            "swaps" => self.verb(&["swap"]),
            "hangs up its second line" => {
                phone.hang_up();
                phone.wait_closed();
            }
            "drains" => self.server.terminate(),
            _ => panic!("no real phones for {event}"),
        }
    }

    /// All others are released too, and the record says who ended it.
    fn ends(mut self, by: &str) {
        for (who, phone) in [("citizen", &mut self.citizen), ("seat", &mut self.seat), ("third", &mut self.third)] {
            if self.gone.iter().all(|gone| gone != who) {
                phone.wait_closed();
            }
        }
        let call = self.server.closed(1).remove(0);
        assert_eq!(call["ended"]["released_by"], by);
    }

    fn goes_on(mut self, row: &Row) {
        // Wrap-up takes no time here.
        let state = if row.seat == "wrap_up" { "idle" } else { &row.seat };
        self.server.seat_is("1001", state);
        self.server.record_more(AFTERWARDS);
        assert!(!self.citizen.has_seen("CALL_CLOSED"), "the citizen is on the line");
        self.citizen.hang_up();
        self.citizen.wait_closed();

        let (room, apart) = self.rooms(row);
        for phone in [&mut self.seat, &mut self.third].into_iter().chain(self.fourth.as_mut()) {
            let tone = phone.tone;
            if [&room, &apart].iter().any(|room| room.contains(&tone)) {
                phone.wait_closed();
            }
        }
        for room in [&room, &apart] {
            for phone in [&self.citizen, &self.seat, &self.third].into_iter().chain(&self.fourth) {
                if room.contains(&phone.tone) && (phone.tone != CITIZEN || room.len() > 1) {
                    assert_hears(phone, room);
                }
            }
        }
        if room.len() == 1 {
            let heard = sound::rms(tail(&sound::read_heard(&self.citizen.heard())));
            assert!(heard > 0.003, "the citizen hears music: {heard:.4}");
        }
        let call = self.server.closed(1).remove(0);
        let [left, _] = sound::read_recording(&self.server.recording(&call));
        assert!(sound::loudest(tail(&left), CITIZEN) > HEARD, "the citizen is recorded to the end");
    }

    /// Who talks with the citizen now, and who talks beside it, each by its tone.
    fn rooms(&self, row: &Row) -> (Vec<u32>, Vec<u32>) {
        let tone = |name: &str| match name {
            "seat" => Some(SEAT),
            "third" => Some(THIRD),
            "fourth" => Some(FOURTH),
            _ => None,
        };
        let room = [CITIZEN].into_iter().chain(row.hears.split(' ').filter_map(tone)).collect();
        let apart = match (row.hears.as_str(), row.seat.as_str(), &self.fourth) {
            ("music", "consulting", Some(_)) => vec![SEAT, FOURTH],
            ("music", "consulting", None) => vec![SEAT, THIRD],
            _ => Vec::new(),
        };
        (room, apart)
    }
}

fn tail(samples: &[f64]) -> &[f64] {
    &samples[samples.len().saturating_sub(JUDGED)..]
}

/// All others of its room, not itself, and nobody who is in no room with it.
fn assert_hears(phone: &Phone, room: &[u32]) {
    let heard = sound::read_heard(&phone.heard());
    for hz in [CITIZEN, SEAT, THIRD, FOURTH] {
        let (loudest, usual) = (sound::loudest(tail(&heard), hz), sound::loudest_tenth(tail(&heard), hz));
        let (right, level) =
            if room.contains(&hz) && hz != phone.tone { (loudest > HEARD, loudest) } else { (usual < UNHEARD, usual) };
        assert!(right, "who says {} Hz hears {hz} Hz at {level:.3}, with {room:?} in its room", phone.tone);
    }
}
