//! A third party in a live call, on real phones: who hears whom, and what stays of it.

use std::time::Duration;

use serde_json::Value;

use crate::bad_line::{self, BadLine};
use crate::baresip::{Phone, Setup};
use crate::linphone::Linphone;
use crate::server::{self, DatabaseLock, Server};
use crate::sound::{self, CITIZEN, SEAT};

/// A unit's telephone behind the trunk; invented.
const UNIT: &str = "13800000601";
/// Hz that it speaks.
const THIRD: u32 = 1600;
/// A tone that is heard has this amplitude at least, one that is not this at most.
const HEARD: f64 = 0.15;
const UNHEARD: f64 = 0.01;

fn unit(server: &mut Server) -> Phone {
    behind_the_trunk(server, UNIT, true)
}

/// A telephone to which the trunk leads; whether it picks up by itself.
fn behind_the_trunk(server: &mut Server, number: &str, answers: bool) -> Phone {
    let setup = Setup { user: number.into(), answers, tone: THIRD, ..Phone::citizen_setup(server.sip) };
    let phone = Phone::start(server, setup);
    let hosts = format!("default_code = \"12345\"\nhosts = [\"{}\"]\n[[trunk]]\nname = \"tcp\"", phone.address);
    server.edit("sip-configs/trunks.toml", "default_code = \"12345\"\n[[trunk]]\nname = \"tcp\"", &hosts);
    server.reload();
    phone
}

/// 110 by one command while the database cannot be reached (R31): its number is behind the trunk.
#[test]
fn an_emergency_is_reached_while_the_database_is_locked() {
    let mut server = Server::start();
    let mut police = behind_the_trunk(&mut server, "110", true);
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    let lock = DatabaseLock::take(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    server.ask(&["seats", "1001", "transfer", "--to", "110"]);
    police.wait("CALL_ESTABLISHED");
    seat.wait_closed();
    server.record_more(Duration::from_secs(2));
    assert!(!citizen.has_seen("CALL_CLOSED"), "the citizen talks to 110");
    citizen.hang_up();
    police.wait_closed();
    drop(lock);
    let call = server.closed(1).remove(0);
    let roles: Vec<&str> =
        call["ended"]["participants"].as_array().expect("list").iter().filter_map(|who| who["role"].as_str()).collect();
    assert_eq!(roles, ["citizen", "seat", "platform"]);
    assert!(heard(&citizen, THIRD) > HEARD && heard(&police, CITIZEN) > HEARD);
}

/// R28: the seat is rung first, then the duty phone; what they say is the ticket's.
#[test]
fn a_duty_phone_is_called_for_an_emergency_ticket() {
    let mut server = Server::start();
    let unit = "[[unit]]\ncode = \"681\"\nname = \"防汛值班\"\nkind = \"duty_phone\"\n\
                lines = [{ number = \"07980000681\" }]\n";
    server.edit("dialplan/units.toml", "", unit);
    let mut duty = behind_the_trunk(&mut server, "07980000681", true);
    let (mut seat, mut citizen) = talking(&server);
    citizen.hang_up();
    seat.wait_closed();
    let number = server.closed(1)[0]["number"].as_str().expect("a number").to_owned();
    server.seat_is("1001", "idle");
    server.ask(&["tickets", &number, "--type", "help", "--emergency", "flood"]);
    server.ask(&["tickets", &number, "--duty", "681", "--by", "1001"]);
    duty.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(3));
    duty.hang_up();
    seat.wait_closed();
    server.rows(2, "SELECT data FROM recording");
    let list = server.ask(&["recordings", "--ticket", &number]);
    let rows = list["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "the citizen's call and this one: {list}");
    let path = server.data().join("recordings").join(rows[0]["path"].as_str().expect("a path"));
    let [left, right] = sound::read_recording(&path);
    sound::assert_only("left, the duty phone", &left, THIRD, SEAT);
    sound::assert_only("right, the seat", &right, SEAT, THIRD);
    let ticket = server.ask(&["tickets", &number, "--accepted-by", "某值班员"]);
    assert_eq!(ticket["emergency"]["on_time"], true, "{ticket}");
    assert_eq!(server.tickets(1).len(), 1, "it has no ticket of its own");
}

/// R6: 12356 leads to a service behind the trunk. The first call is answered there, recorded and has its
/// ticket; the second is turned down there, and a seat answers.
#[test]
fn a_number_that_leads_to_a_service_is_answered_there_or_by_a_seat() {
    let mut server = Server::start();
    let unit = "[[unit]]\ncode = \"652\"\nname = \"心理援助热线\"\nkind = \"branch\"\n\
                lines = [{ number = \"13800000652\" }]\n";
    server.edit("dialplan/units.toml", "", unit);
    server.edit("dialplan/numbers.toml", "# target = \"652\"", "target = \"652\"");
    let mut service = behind_the_trunk(&mut server, "13800000652", false);
    let mut seat = Phone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12356");
    service.wait("CALL_INCOMING");
    service.command("accept", "");
    citizen.wait("CALL_ESTABLISHED");
    service.wait("CALL_ESTABLISHED");
    server.record_for(Duration::from_secs(3));
    assert_eq!(server.seat_is("1001", "idle"), serde_json::Value::Null);
    citizen.hang_up();
    service.wait_closed();
    let call = server.closed(1).remove(0);
    assert_eq!((&call["original_code"], &call["opened"]["mode"]), (&"12356".into(), &"transfer".into()));
    let roles: Vec<&str> =
        call["ended"]["participants"].as_array().expect("list").iter().filter_map(|who| who["role"].as_str()).collect();
    assert_eq!(roles, ["citizen", "branch"]);
    assert!(heard(&citizen, THIRD) > HEARD && heard(&service, CITIZEN) > HEARD);
    let [left, right] = sound::read_recording(&server.recording(&call));
    sound::assert_only("left, the citizen", &left, CITIZEN, THIRD);
    sound::assert_only("right, the service", &right, THIRD, CITIZEN);

    citizen.dial("12356");
    service.wait("CALL_INCOMING");
    service.hang_up();
    seat.wait("CALL_ESTABLISHED");
    citizen.hang_up();
    seat.wait_closed();
    assert_eq!(server.closed(2)[1]["seat"], "1001");
}

/// Seat 1001 and a citizen whom it has answered.
fn talking(server: &Server) -> (Phone, Phone) {
    let mut seat = Phone::seat(server, "1001");
    let mut citizen = Phone::citizen(server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait("CALL_ESTABLISHED");
    (seat, citizen)
}

fn heard(phone: &Phone, hz: u32) -> f64 {
    sound::loudest(&sound::read_heard(&phone.heard()), hz)
}

#[test]
fn three_people_hear_each_other_and_nobody_himself() {
    let mut server = Server::start();
    let mut unit = unit(&mut server);
    let (mut seat, mut citizen) = talking(&server);
    server.record_for(Duration::from_secs(2));

    server.ask(&["seats", "1001", "consult", "--to", UNIT]);
    unit.wait("CALL_ESTABLISHED");
    assert_eq!(server.seat_is("1001", "consulting"), serde_json::Value::Null);
    server.record_more(Duration::from_secs(2));
    server.ask(&["seats", "1001", "join"]);
    server.record_more(Duration::from_secs(4));
    server.ask(&["seats", "1001", "drop"]);
    unit.wait_closed();
    server.record_more(Duration::from_secs(1));
    citizen.hang_up();
    seat.wait_closed();

    for (who, phone, others) in
        [("citizen", &citizen, [SEAT, THIRD]), ("seat", &seat, [CITIZEN, THIRD]), ("unit", &unit, [CITIZEN, SEAT])]
    {
        // The music that the citizen heard has every tone in it.
        for hz in [CITIZEN, SEAT, THIRD].into_iter().filter(|hz| (who, *hz) != ("citizen", CITIZEN)) {
            let level = heard(phone, hz);
            let right = if others.contains(&hz) { level > HEARD } else { level < UNHEARD };
            assert!(right, "the {who} hears {hz} Hz at {level:.3}");
        }
    }
    let call = server.closed(1).remove(0);
    let participants = call["ended"]["participants"].as_array().expect("participants");
    let roles: Vec<&str> = participants.iter().filter_map(|who| who["role"].as_str()).collect();
    assert_eq!(roles, ["citizen", "seat", "unit"]);
    let kinds: Vec<&str> =
        call["ended"]["segments"].as_array().expect("segments").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert!(kinds.contains(&"consult"), "{kinds:?}");
    let [left, _] = sound::read_recording(&server.recording(&call));
    sound::assert_only("recording, left", &left, CITIZEN, SEAT);
    assert!(sound::loudest(&left, THIRD) < UNHEARD);
}

#[test]
fn a_seat_that_leaves_lets_the_others_talk_on() {
    let mut server = Server::start();
    let mut unit = unit(&mut server);
    let (mut seat, mut citizen) = talking(&server);
    server.record_for(Duration::from_secs(1));
    server.ask(&["seats", "1001", "direct", "--to", UNIT]);
    unit.wait("CALL_ESTABLISHED");
    server.record_more(Duration::from_secs(2));
    server.ask(&["seats", "1001", "leave"]);
    seat.wait_closed();
    server.record_more(Duration::from_secs(3));
    assert!(!citizen.has_seen("CALL_CLOSED"), "the citizen talks on");
    unit.hang_up();
    citizen.wait_closed();
    let call = server.closed(1).remove(0);
    assert_eq!(call["ended"]["released_by"], "third");
    assert!(heard(&citizen, THIRD) > HEARD);
    assert!(heard(&citizen, CITIZEN) < UNHEARD, "nobody hears himself");
    assert!(heard(&unit, CITIZEN) > HEARD);
}

#[test]
fn a_bad_line_of_the_third_spoils_neither_the_call_nor_its_record() {
    let mut server =
        Server::with(server::Setup { media: Some((bad_line::HERE, bad_line::THERE)), ..server::Setup::default() });
    let mut unit = unit(&mut server);
    let line = BadLine::between(server.rtp, unit.rtp);
    let (mut seat, mut citizen) = talking(&server);
    server.ask(&["seats", "1001", "direct", "--to", UNIT]);
    unit.wait("CALL_ESTABLISHED");
    server.record_more(Duration::from_secs(8));
    citizen.hang_up();
    seat.wait_closed();
    unit.wait_closed();
    drop(line);

    for (who, phone, others) in
        [("citizen", &citizen, [SEAT, THIRD]), ("seat", &seat, [CITIZEN, THIRD]), ("unit", &unit, [CITIZEN, SEAT])]
    {
        for hz in others {
            let level = heard(phone, hz);
            assert!(level > HEARD, "the {who} hears {hz} Hz at {level:.3}");
        }
    }
    let call = server.closed(1).remove(0);
    let side_car = server.recording(&call).with_file_name("call.json");
    let side_car: Value = serde_json::from_slice(&std::fs::read(side_car).expect("side-car")).expect("JSON");
    let media = |who: usize, what: &str| side_car["participants"][who]["media"][what].as_f64().expect(what);
    let share = media(2, "lost") / (media(2, "lost") + media(2, "received"));
    assert_eq!((media(0, "lost"), media(1, "lost")), (0.0, 0.0));
    assert!((0.01..0.15).contains(&share), "{share}");
    // Each voice is whole on its channel, and where the third's is missing it says so.
    let [left, right] = sound::read_recording(&server.recording(&call));
    assert!(sound::loudest(&left, CITIZEN) > HEARD && sound::loudest(&left, THIRD) < UNHEARD);
    assert!(sound::loudest(&right, SEAT) > HEARD && sound::loudest(&right, THIRD) > HEARD);
    assert_eq!(call["recording"]["verdict"], "degraded");
    let gaps = side_car["gaps"].as_array().expect("gaps");
    assert!(gaps.len() > 3, "{gaps:?}");
}

/// baresip hangs up by itself when the transfer that it wanted has failed.
#[test]
fn a_transfer_that_fails_brings_the_citizen_back_to_the_same_seat() {
    let mut server = Server::start();
    let mut unit = behind_the_trunk(&mut server, UNIT, false);
    let (mut seat, mut citizen) = talking(&server);
    server.record_for(Duration::from_secs(1));
    seat.command("transfer", &format!("sip:{UNIT}@{}", server.sip));
    unit.wait("CALL_INCOMING");
    unit.hang_up();
    seat.wait("CALL_ESTABLISHED");
    server.record_more(Duration::from_secs(2));
    assert!(!citizen.has_seen("CALL_CLOSED"), "the citizen was never dropped");
    citizen.hang_up();
    seat.wait_closed();
    let call = server.closed(1).remove(0);
    assert_eq!(call["ended"]["released_by"], "caller");
    let [left, right] = sound::read_recording(&server.recording(&call));
    let end = |samples: &[f64]| samples[samples.len() - sound::RATE..].to_vec();
    assert!(sound::loudest(&end(&left), CITIZEN) > HEARD && sound::loudest(&end(&right), SEAT) > HEARD);
}

/// The phone's own buttons: hold, a second call, and an attended transfer (REFER with Replaces) from one to the other.
#[test]
fn a_seat_that_asked_the_unit_first_hands_the_citizen_over_by_its_phone() {
    let mut server = Server::start();
    let mut unit = unit(&mut server);
    let mut seat = Linphone::seat(&server, "1001");
    let mut citizen = Phone::citizen(&server);
    citizen.dial("12345");
    citizen.wait("CALL_ESTABLISHED");
    seat.wait_established();
    server.record_for(Duration::from_secs(2));
    seat.hold();
    server.seat_is("1001", "held");
    seat.dial(UNIT);
    unit.wait("CALL_ESTABLISHED");
    server.seat_is("1001", "consulting");
    server.record_more(Duration::from_secs(3));
    seat.transfer_first_to_second();
    server.seat_is("1001", "idle");
    server.record_more(Duration::from_secs(3));
    assert!(!citizen.has_seen("CALL_CLOSED") && !unit.has_seen("CALL_CLOSED"), "they talk on");
    citizen.hang_up();
    unit.wait_closed();
    seat.quit();

    let last = |samples: &[f64]| samples[samples.len() - 2 * sound::RATE..].to_vec();
    let (citizens, units) = (sound::read_heard(&citizen.heard()), sound::read_heard(&unit.heard()));
    sound::assert_only("the citizen's ear in the end", &last(&citizens), THIRD, SEAT);
    sound::assert_only("the unit's ear in the end", &last(&units), CITIZEN, SEAT);
    assert!(sound::loudest(&units, SEAT) > HEARD, "the unit was asked first");
    let call = server.closed(1).remove(0);
    let [left, right] = sound::read_recording(&server.recording(&call));
    sound::assert_only("recording, left, in the end", &last(&left), CITIZEN, THIRD);
    sound::assert_only("recording, right, in the end", &last(&right), THIRD, SEAT);
    let participants = call["ended"]["participants"].as_array().expect("participants");
    let stays: Vec<_> = participants.iter().map(|who| (who["role"].as_str(), who["result"].as_str())).collect();
    let stay = |role, result| (Some(role), Some(result));
    let second_line = stay("seat", "released");
    assert_eq!(stays, [stay("citizen", "normal"), stay("seat", "left"), stay("unit", "normal"), second_line]);
}
