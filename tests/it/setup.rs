//! What stands in the files, in the exchange's settings and on the wire.

use std::time::Duration;

use hotline::app::secrets::Secrets;
use hotline::app::setup::exchange_settings;
use hotline::call::{CallBack, CallId, SeatNo};
use hotline::config::{Config, Texts};
use hotline::exchange::Input;
use hotline::exchange::settings::Settings;
use hotline::privacy::Private;
use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Method, Name, Request};

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
    let config = Config::read(&texts).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let folder = std::env::temp_dir().join(format!("hotline-setup-{name}-{}", std::process::id()));
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
