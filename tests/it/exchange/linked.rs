//! Calls that another platform hands over: 110, 119, 120, 122 or a utility (R29, R30).

use hotline::call::{CallKind, OpenTicket, Output as Wish};
use hotline::sip::message::Name;

use super::city::{City, settings};
use super::peers::{Caller, Phone};

const CITIZEN: &str = "13800000055";

/// The ticket of a call from a platform's trunk, with this user in From and these headers, and what the
/// seat's display showed.
fn handed_over(platform: &str, incident: &[&str], from: &str, more: &[&str]) -> (OpenTicket, String) {
    let mut settings = settings();
    settings.trunks[0].platform = Some(platform.to_owned());
    settings.trunks[0].incident_headers = incident.iter().map(|name| (*name).to_owned()).collect();
    let mut city = City::new(settings);
    let mut phone = Phone::registered(&mut city, "1001");
    let mut caller = Caller::new(&mut city, "12345");
    caller.from = caller.from.replace("<sip:13800000001@", from);
    caller.more = more.iter().map(|line| (*line).to_owned()).collect();
    caller.invite(&mut city);
    let rung = phone.rung(&mut city);
    rung.answer(&mut city);
    let ticket = city.wishes.iter().find_map(|wish| match wish {
        Wish::OpenTicket(ticket) => Some((**ticket).clone()),
        _ => None,
    });
    let from = rung.invite.headers.from().unwrap();
    (ticket.expect("a ticket"), from.display_text().unwrap_or_default().into_owned())
}

#[test]
fn the_citizen_is_the_caller_and_not_the_platform() {
    let diversion = format!("Diversion: <sip:07980000110@x>;reason=deflection, <tel:{CITIZEN}>;reason=no-answer");
    let history = format!("History-Info: <sip:{CITIZEN}@x>;index=1, <sip:12345@x>;index=1.1");
    let asserted = format!("P-Asserted-Identity: <sip:{CITIZEN}@x>");
    let pilot = "<sip:07980000110@";
    let table: [(&str, &str, &[&str]); 9] = [
        ("110", pilot, &[&diversion]),
        ("119", pilot, &[&history]),
        ("120", pilot, &[&asserted]),
        ("122", "<sip:13800000055@", &[]),
        // Before the rest what stands first in R30.
        ("110", pilot, &[&diversion, "P-Asserted-Identity: <sip:07980000119@x>"]),
        ("110", pilot, &[&history, "P-Asserted-Identity: <sip:07980000119@x>"]),
        ("110", pilot, &[&diversion, "History-Info: <sip:07980000119@x>;index=1"]),
        // A platform that names itself, or us, has named no citizen.
        ("110", "<sip:13800000055@", &["Diversion: <sip:110@x>;reason=deflection"]),
        ("95598", "<sip:95598@", &["Diversion: <sip:12345@x>", "History-Info: <sip:95598@x>;index=1", &asserted]),
    ];
    for (platform, from, more) in table {
        let case = format!("{platform} {from} {more:?}");
        let (ticket, shown) = handed_over(platform, &[], from, more);
        assert_eq!(ticket.caller.number.as_ref().map(|number| number.reveal().as_str()), Some(CITIZEN), "{case}");
        assert_eq!(
            ticket.caller.e164.as_ref().map(|number| number.reveal().as_str()),
            Some("+8613800000055"),
            "{case}"
        );
        assert_eq!((ticket.source.as_deref(), ticket.kind), (Some(platform), CallKind::LinkedIn), "{case}");
        assert!(shown.starts_with(&format!("{platform}转 ")) && shown.ends_with(CITIZEN), "{case}: {shown}");
        // Whatever came is kept as it came.
        let kept = |name: &Name| ticket.caller.raw.iter().filter(|(own, _)| own == name.as_str()).count();
        let sent = |name: &str| more.iter().filter(|line| line.starts_with(name)).count();
        for name in [Name::Diversion, Name::HistoryInfo, Name::PAssertedIdentity] {
            assert_eq!(kept(&name), sent(name.as_str()), "{case} {name:?}");
        }
        assert_eq!(kept(&Name::From), 1, "{case}");
    }
}

#[test]
fn the_platforms_number_of_the_incident_is_on_the_ticket() {
    let table: [(&[&str], &[&str], Option<&str>); 10] = [
        (&["X-Incident-No"], &["X-Incident-No: J20261124001"], Some("J20261124001")),
        (&["x-incident-no"], &["X-Incident-No: 42;source=110"], Some("42")),
        (&["X-Incident-No"], &["X-Incident-No: no. J20261124001 (police)"], Some("J20261124001")),
        (&["X-Incident-No", "User-to-User"], &["User-to-User: \"J2026-1124\";encoding=ascii"], Some("J2026-1124")),
        (&["X-Incident-No", "User-to-User"], &["User-to-User: 4a31", "X-Incident-No: 7"], Some("7")),
        (&["Subject"], &["Subject: 警情 J20261124001 转办"], Some("J20261124001")),
        (&["Subject"], &["Subject: 转 12345"], None),
        (&["Subject"], &["X-Incident-No: J20261124001"], None),
        (&["User-to-User"], &["X-Incident-No: J20261124001"], None),
        (&[], &["User-to-User: 4a31"], None),
    ];
    for (headers, sent, told) in table {
        let (ticket, _) = handed_over("110", headers, "<sip:13800000055@", sent);
        assert_eq!(ticket.caller.platform_no.as_deref(), told, "{headers:?} {sent:?}");
    }
    let (ticket, _) = handed_over("110", &["From"], "\"110 J20261124001\" <sip:13800000055@", &[]);
    assert_eq!(ticket.caller.platform_no.as_deref(), Some("J20261124001"), "in the display name");
    assert_eq!(ticket.caller.number.as_ref().map(|number| number.reveal().as_str()), Some(CITIZEN));
}
