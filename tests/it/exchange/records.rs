//! What only SIP knows, and the record of a call says: its dialogs, its trunk, another platform's number.

use hotline::call::{CallBack, CallId, CallRecord, OpenTicket, Output as Wish, SeatNo};
use hotline::exchange::Input;
use hotline::privacy::Private;
use hotline::sip::message::{Method, Request};

use super::city::{City, settings};
use super::peers::{Caller, Phone, reply, sdp, talking};

fn closed(city: &City) -> &CallRecord {
    let mut records = city.wishes.iter().filter_map(|wish| match wish {
        Wish::CloseCall(record) => Some(&**record),
        _ => None,
    });
    records.next().expect("a call has ended")
}

fn opened(city: &City) -> &OpenTicket {
    let mut tickets = city.wishes.iter().filter_map(|wish| match wish {
        Wish::OpenTicket(ticket) => Some(&**ticket),
        _ => None,
    });
    tickets.next().expect("a ticket")
}

fn call_id(request: &Request) -> &str {
    request.headers.call_id().unwrap()
}

#[test]
fn a_record_names_the_dialogs_of_citizen_and_seat() {
    let mut city = City::open();
    let (mut caller, _, rung) = talking(&mut city);
    caller.bye(&mut city);
    assert_eq!(closed(&city).ended.sip_call_ids, [caller.call_id.as_str(), call_id(&rung.invite)]);
}

#[test]
fn a_call_back_has_the_trunk_and_the_dialog_that_reached_the_citizen() {
    let mut settings = settings();
    settings.trunks[0].addresses = vec!["198.51.100.9:5060".parse().unwrap()];
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    city.input(Input::CallBack(vec![CallBack {
        seat: SeatNo("1001".into()),
        task: CallId(7),
        number: Private::new("13800000077".into()),
        code: "12315".into(),
    }]));
    let mut rung = phone.rung(&mut city);
    rung.answer(&mut city);
    let (flow, invite) = city.request_to("198.51.100.9:5060".parse().unwrap(), &Method::Invite).unwrap();
    let contact = ["Contact: <sip:gw@198.51.100.9>".to_owned()];
    city.send(flow, reply(&invite, 200, "callee", &contact, &sdp("198.51.100.20", 4000, "sendrecv")));
    let ticket = opened(&city);
    assert_eq!((ticket.trunk.as_str(), ticket.sip_call_id.as_str()), ("carrier", call_id(&invite)));
    rung.bye(&mut city);
    assert_eq!(closed(&city).ended.sip_call_ids, [call_id(&invite), call_id(&rung.invite)]);
}

/// R29, R30: in hex with and without its first octet, quoted, and what is none.
#[test]
fn another_platform_tells_its_number_of_the_incident() {
    for (sent, told) in [
        ("4a3230323631313234303031;encoding=hex", Some("J20261124001")),
        ("044A3230323631313234303031;purpose=isdn-uui", Some("J20261124001")),
        ("\"J2026-1124\";encoding=ascii", Some("J2026-1124")),
        ("J2026-1124", Some("J2026-1124")),
        ("00ff", Some("00ff")),
        ("2026112400", Some("2026112400")),
        ("two words", None),
        ("", None),
    ] {
        for platform in [Some("110".to_owned()), None] {
            let mut settings = settings();
            settings.trunks[0].platform = platform.clone();
            let mut city = City::new(settings);
            let mut phone = Phone::registered(&mut city, "1001");
            let mut caller = Caller::new(&mut city, "12345");
            caller.more = vec![format!("User-to-User: {sent}")];
            caller.invite(&mut city);
            phone.rung(&mut city).answer(&mut city);
            let expected = told.filter(|_| platform.is_some());
            assert_eq!(opened(&city).caller.platform_no.as_deref(), expected, "{sent} {platform:?}");
        }
    }
}
