//! What stands in the files, in the exchange's settings and on the wire.

mod knobs;

use std::time::Duration;

use hotline::app::secrets::Secrets;
use hotline::app::setup::{exchange_settings, names_to_resolve};
use hotline::audio::codec::Codec;
use hotline::call::directory::Directory;
use hotline::call::settings::{
    AfterWrapUp, Night, Overflow, SeatKind, SeatSettings, Settings as BoardSettings, SkillSettings, TrunkCodes,
};
use hotline::call::{CallBack, CallId, QueueAnswer, SeatNo};
use hotline::config::{Config, Texts};
use hotline::exchange::Input;
use hotline::exchange::settings::{AssertedIdentity, Device, FixedPhone, Listener, SeatLine, Settings, Source, Trunk};
use hotline::net::resolve::Wanted;
use hotline::privacy::Private;
use hotline::rules::dialling::NumberForm;
use hotline::sip::digest::Algorithm;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Method, Name, Request};
use hotline::sip::session::Reliable;
use jiff::civil::time;

use crate::exchange::city::{City, flow};
use crate::exchange::peers::{Caller, Phone, reply, sdp};

const HOST: &str = "127.0.0.9:5060";

/// The shipped server, seats and dial plan with these rows more, and these trunks alone. The password of
/// seat 1001 is the one that its phone has.
fn set_up(name: &str, server: &str, trunks: &str, seats: &str) -> Settings {
    let mut texts = Texts::embedded();
    texts.server.text.push_str(server);
    texts.trunks.text = trunks.into();
    texts.seats.text = texts.seats.text.replace("no = \"1001\"", "no = \"1001\"\npassword = \"secret-1001\"") + seats;
    read_settings(name, &texts)
}

fn read_settings(name: &str, texts: &Texts) -> Settings {
    let config = Config::read(texts).unwrap_or_else(|faults| panic!("{faults:#?}"));
    // Several tests may ask for the same at once.
    let thread = std::thread::current().id();
    let folder = std::env::temp_dir().join(format!("hotline-setup-{name}-{}-{thread:?}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let secrets = Secrets::open(&folder, &config).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    exchange_settings(&config, &secrets)
}

fn trunk(more: &str) -> String {
    format!(
        "[[trunk]]\nname = \"carrier\"\nlisten = \"local\"\nsources = []\nchannels = 30\nhosts = [\"{HOST}\"]\n{more}"
    )
}

/// Seat 1001 calls a missed caller of 12315 back, and its phone answers: the INVITE to the citizen.
fn callback(settings: Settings) -> (City, Flow, Request) {
    let mut city = City::new(settings);
    let mut phone = Phone::at("1001", flow(0, Transport::Udp, "127.0.0.5:5060"));
    phone.register(&mut city);
    let number = Private::new("13800000077".into());
    let wish = CallBack { seat: SeatNo("1001".into()), task: CallId(7), number, code: "12315".into() };
    city.input(Input::CallBack(vec![wish]));
    phone.rung(&mut city).answer(&mut city);
    let (flow, invite) = city.request_to(HOST.parse().unwrap(), &Method::Invite).expect("the carrier is asked");
    (city, flow, invite)
}

#[test]
fn a_seat_is_asked_and_rung_at_the_user_of_its_contact() {
    let seats = "[[seat]]\nno = \"2002\"\nname = \"x\"\nkind = \"local\"\nskills = [\"general\"]\n\
                 contact = \"sip:8002@127.0.0.7\"\n";
    let mut city = City::new(set_up("contact", "", &trunk("default_code = \"12345\""), seats));
    let mut phone = Phone::at("8002", flow(0, Transport::Udp, "127.0.0.7:5060"));
    city.pass(Duration::from_secs(1));
    let (at, options) = city.request_to(phone.flow.remote, &Method::Options).expect("asked");
    assert_eq!(options.uri, "sip:8002@127.0.0.7:5060");
    city.send(at, reply(&options, 200, "pong", &[], ""));
    let carrier = flow(0, Transport::Udp, HOST);
    Caller::on(&mut city, carrier, "sip:12345@127.0.0.1", "13800000001").invite(&mut city);
    assert_eq!(phone.rung(&mut city).invite.uri, "sip:8002@127.0.0.7:5060");
}

#[test]
fn a_call_of_ours_shows_numbers_and_never_text() {
    let plain = "number_form = \"national\"\n";
    let phone = "user_phone = true\nnumber_form = \"e164\"\n";
    let table = [
        ("default_code = \"12345\"", plain, "12345", "12315"),
        ("default_code = \"12345\"", phone, "12345", "12315"),
        ("default_code = \"12345\"\npilots = [\"0798-8220000\"]", plain, "07988220000", "12315"),
        ("pilots = [\"0798-8220000\", \"0798-8220001\"]", phone, "+867988220000", "12315"),
        ("pilots = [\"0798-8220000\"]", "number_form = \"local\"\n", "8220000", "12315"),
        ("pilots = [\"0798-8220000\"]\nfrom = \"pilot\"", plain, "07988220000", "12315"),
    ];
    for (number, form, shown, dialled) in table {
        let row = trunk(&format!("{number}\n{form}asserted_identity = true\ndiversion = true\n"));
        let (_, _, invite) = callback(set_up("shown", "", &row, ""));
        let ends = if form == phone { "@127.0.0.1:5060;user=phone>" } else { "@127.0.0.1:5060>" };
        let text = |name: &Name| invite.headers.text(name).unwrap_or_default().into_owned();
        let from = text(&Name::From);
        assert_eq!(from.split(";tag=").next(), Some(format!("<sip:{shown}{ends}").as_str()), "{row}");
        assert_eq!(text(&Name::PAssertedIdentity), format!("<sip:{shown}{ends}"), "{row}");
        assert_eq!(text(&Name::Diversion), format!("<sip:{dialled}{ends};reason=unconditional"), "{row}");
        assert!(!String::from_utf8_lossy(&invite.to_bytes()).contains('%'), "{row}");
    }
}

#[test]
fn a_registrar_that_sends_calls_to_our_contact_reaches_the_number_in_to() {
    for user in ["07988220000", "hotline-jdz"] {
        let account =
            format!("register = true\nusername = \"{user}\"\npassword = \"x\"\ndomain = \"ims.example.net\"\n");
        let mut city = City::new(set_up("account", "", &trunk(&format!("default_code = \"12345\"\n{account}")), ""));
        let host = HOST.parse().unwrap();
        let (at, register) = city.request_to(host, &Method::Register).expect("at once");
        let contact = register.headers.contact().unwrap().unwrap().uri.raw;
        assert_eq!(register.uri, "sip:ims.example.net");
        assert_eq!(register.headers.to().unwrap().uri.raw, format!("sip:{user}@ims.example.net"));
        assert_eq!(contact, format!("sip:{user}@127.0.0.1:5060"));
        city.send(at, reply(&register, 200, "x", &[format!("Contact: <{contact}>")], ""));

        let mut caller = Caller::on(&mut city, at, &contact, "13800000001");
        let body = sdp("127.0.0.9", 4000, "sendrecv");
        let invite = caller
            .next("INVITE", &mut city, &body)
            .replace(&format!("To: <{contact}>"), "To: <sip:12331@ims.example.net>");
        city.send(at, invite);
        assert_eq!(caller.hears(&mut city), [183], "{user}");
        assert_eq!(city.exchange.board().calls()[0].original_code, "12331");
        let other = contact.replace(user, "nobody");
        let mut caller = Caller::on(&mut city, at, &other, "13800000001");
        caller.invite(&mut city);
        assert_eq!(caller.hears(&mut city), [404]);
    }
}

const SERVER: &str = r#"
[server]
name = "试验热线"
centre = "fuliang"
ticket_prefix = "FL"
area_code = "0799"
user_agent = "pbx/9"
realm = "pbx"
digest = ["SHA-256"]
rtp_ports = "12000-12999"
ring_no_answer_s = 13
wrap_up_s = 61
after_wrap_up = "busy"
announce_every_s = 21
greeting = false
notice = false
say_seat_number = false
seat_codecs = ["g722", "pcmu"]

[[centre]]
id = "leping"
name = "乐平"
ticket_prefix = "LP"

[[listen]]
name = "hall"
bind = "192.0.2.11:5061"
transport = "udp"
serves = "seats"

[[listen]]
name = "carrier"
bind = "192.0.2.10:5062"
transport = "tcp"
serves = "trunks"
sip_address = "198.51.100.7:5063"
media_address = "198.51.100.8"
media_bind = "192.0.2.12"
rtp_ports = "14000-14999"
"#;

const TRUNK: &str = r#"
[[trunk]]
name = "one"
listen = "carrier"
sources = ["203.0.113.0/28:5064"]
hosts = ["203.0.113.1:5065", "sbc.example.net"]
transport = "tcp"
failover_after_s = 6
options_interval_s = 31
register = true
username = "07998220000"
password = "invented"
domain = "ims.example.net"
channels = 29
reserved_channels = 3
pilots = ["0799-8220001"]
default_code = "12315"
pilot_languages = { "0799-8220001" = "EN" }
language = "zh-Hant"
strip_prefix = "9"
add_prefix = "8"
number_form = "e164"
from = "pilot"
asserted_identity = "caller"
diversion = true
user_phone = true
codecs = ["pcmu", "g722"]
ptime = 30
reliable_provisionals = "required"
session_expires_s = 900
ringing = 180
queue_answer = "early_then_connect(44)"
overload_status = 486
overload_retry_after_s = 7
platform = "110"
incident_headers = ["X-Incident-No", "Subject"]
"#;

const SEAT: &str = r#"
[[seat]]
no = "2002"
name = "某坐席"
kind = "remote"
centre = "leping"
skills = ["quiet"]
password = "secret-2002"
contact = "sip:8002@192.0.2.31:5066"
listen = "hall"
wrap_up_s = 11
"#;

const GROUP: &str = r#"
[[group]]
skill = "quiet"
centre = "leping"
label = "某组"
overflow = ["general"]
night_overflow = ["12315"]
overflow_after_s = 9
languages = ["en", "zh"]
priority = 7
"#;

/// No value here is a default: what is left out on the way shows.
#[test]
fn every_key_of_the_files_reaches_the_settings() {
    let mut texts = Texts::embedded();
    texts.server.text = SERVER.into();
    texts.trunks.text = TRUNK.into();
    texts.seats.text.push_str(SEAT);
    texts.seats.text = texts.seats.text.replace("centre = \"jdz\"", "centre = \"fuliang\"");
    texts.queues.text.push_str(GROUP);
    texts.queues.text =
        texts.queues.text.replacen("from = \"20:00\"\nto = \"08:00\"", "from = \"21:00\"\nto = \"07:00\"", 1);
    let settings = read_settings("every-key", &texts);
    let at = |text: &str| text.parse().unwrap();
    let carrier = Listener {
        id: ListenerId(1),
        transport: Transport::Tcp,
        sip_address: "198.51.100.7:5063".parse().unwrap(),
        media_address: at("198.51.100.8"),
        media_bind: at("192.0.2.12"),
        serves_trunks: true,
        serves_seats: false,
        pool: 1,
    };
    let hall = Listener {
        id: ListenerId(0),
        transport: Transport::Udp,
        sip_address: "192.0.2.11:5061".parse().unwrap(),
        media_address: at("192.0.2.11"),
        media_bind: at("192.0.2.11"),
        serves_trunks: false,
        serves_seats: true,
        pool: 0,
    };
    assert_eq!(settings.listeners, [hall, carrier]);
    assert_eq!(settings.pools, [(12_000, 12_999), (14_000, 14_999)]);
    let trunk = Trunk {
        name: "one".into(),
        listener: ListenerId(1),
        sources: vec![Source::parse("203.0.113.0/28:5064").unwrap()],
        addresses: vec!["203.0.113.1:5065".parse().unwrap()],
        hosts: vec!["203.0.113.1:5065".into(), "sbc.example.net".into()],
        domain: "ims.example.net".into(),
        credentials: Some(("07998220000".into(), "invented".into())),
        register: true,
        options_interval: Some(Duration::from_secs(31)),
        failover_after: Duration::from_secs(6),
        channels: 29,
        reserved_channels: 3,
        shows_caller: false,
        shown: Some("0799-8220001".into()),
        asserted_identity: AssertedIdentity::Caller,
        diversion: true,
        number_form: NumberForm::E164,
        add_prefix: Some("8".into()),
        user_phone: true,
        platform: Some("110".into()),
        incident_headers: vec!["X-Incident-No".into(), "Subject".into()],
        queue_answer: QueueAnswer::EarlyThenConnect(Duration::from_secs(44)),
        ring_with_180: true,
        codecs: vec![Codec::PCMU, Codec::G722],
        codecs_ordered: true,
        ptime: 30,
        reliable: Reliable::Required,
        session_expires: Some(Duration::from_secs(900)),
        overload_status: 486,
        overload_retry_after: Some(7),
    };
    assert_eq!(settings.trunks, [trunk]);
    let seat = SeatLine {
        seat: SeatNo("2002".into()),
        password: "secret-2002".into(),
        fixed: Some(FixedPhone { flow: flow(0, Transport::Udp, "192.0.2.31:5066"), user: "8002".into() }),
    };
    assert_eq!(settings.seats.last(), Some(&seat));
    let device = Device {
        uri: "sip:671@192.0.2.71:5060".into(),
        listener: ListenerId(0),
        user: Some("671".into()),
        addresses: vec!["192.0.2.71:5060".parse().unwrap()],
    };
    assert_eq!(settings.devices, [device]);
    assert_eq!(settings.seat_codecs, [Codec::G722, Codec::PCMU]);
    assert!(settings.seat_codecs_ordered);
    assert_eq!((settings.area.as_str(), settings.realm.as_str()), ("0799", "pbx"));
    assert_eq!((settings.user_agent.as_str(), &settings.registrar.algorithms[..]), ("pbx/9", &[Algorithm::Sha256][..]));
    assert_eq!(settings.features.len(), 15);
    assert!(settings.plan.rows().any(|row| row.code == "12315"));

    let mut board = settings.board;
    let group = board.skills.remove("quiet").unwrap();
    let after = Duration::from_secs(9);
    let overflow = |to: &str| vec![Overflow { to: to.into(), after }];
    let expected = SkillSettings {
        centre: Some("leping".into()),
        priority: 7,
        overflow: overflow("general"),
        night_overflow: Some(overflow("12315")),
    };
    assert_eq!(group, expected);
    let seat = board.seats.remove(&SeatNo("2002".into())).unwrap();
    let expected = SeatSettings {
        name: "某坐席".into(),
        kind: SeatKind::Remote,
        centre: "leping".into(),
        skills: ["quiet".to_owned()].into(),
        wrap_up: Some(Duration::from_secs(11)),
        supervisor: false,
    };
    assert_eq!(seat, expected);
    let told = board.directory.entry("651").map(|expert| expert.name.as_str());
    assert_eq!((told, board.directory.sessions().len()), (Some("公积金政策专家"), 1));
    let codes = TrunkCodes {
        pilots: vec!["0799-8220001".into(), "07998220000".into()],
        default_code: Some("12315".into()),
        strip_prefix: Some("9".into()),
        pilot_languages: vec![("0799-8220001".into(), "en".into())],
        language: Some("zh-hant".into()),
    };
    let expected = BoardSettings {
        centres: [("fuliang".to_owned(), "FL".to_owned()), ("leping".to_owned(), "LP".to_owned())].into(),
        languages: [("en".to_owned(), "quiet".to_owned()), ("zh".to_owned(), "quiet".to_owned())].into(),
        city_centre: "fuliang".into(),
        trunks: [("one".to_owned(), codes)].into(),
        night: Some(Night { from: time(21, 0, 0, 0), to: time(7, 0, 0, 0) }),
        ring_time: Duration::from_secs(13),
        wrap_up: Duration::from_secs(61),
        after_wrap_up: AfterWrapUp::Busy,
        announce_every: Duration::from_secs(21),
        play_greeting: false,
        play_notice: false,
        play_seat_number: false,
        ..BoardSettings::default()
    };
    board.directory = Directory::default();
    board.seats.clear();
    board.skills.clear();
    assert_eq!(board, expected);
}

/// RFC 3263; out of the listener for seats with its transport.
#[test]
fn a_device_with_a_name_is_looked_up_for_the_listener_that_calls_it() {
    let mut texts = Texts::embedded();
    let named = "sip:671@phone.example;transport=tcp";
    texts.units.text = texts.units.text.replace("sip:671@192.0.2.71:5060", named);
    let config = Config::read(&texts).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let wanted =
        Wanted { trunk: named.into(), hosts: vec!["phone.example".into()], transport: Transport::Tcp, ipv4: true };
    assert_eq!(names_to_resolve(&config), [wanted]);
    let listener = config.listens.iter().position(|listen| listen.transport == Transport::Tcp).unwrap();
    let device = Device {
        uri: named.into(),
        listener: ListenerId(u16::try_from(listener).unwrap()),
        user: Some("671".into()),
        addresses: Vec::new(),
    };
    assert_eq!(read_settings("device", &texts).devices, [device]);
}
