//! An emergency ticket by API and command: marked, due, handed over (R28).

use hotline::call::{CallId, DutyCall, SeatNo};
use hotline::commands::tickets;
use hotline::store::entry::Entry;
use hotline::time::Wall;
use serde_json::json;

use super::commands::typed;
use super::house::House;
use crate::facts;

const TICKET: &str = "/api/tickets/JDZ-20261124-000001";

fn duty(call: u64, ticket: &str, answered: bool) -> Entry {
    let at = |seconds: i64| Wall(facts::MORNING.0 + seconds * 1000);
    Entry::Duty(Box::new(DutyCall {
        call: CallId(call),
        ticket: ticket.to_owned(),
        seat: SeatNo("1001".into()),
        to: "681".into(),
        name: "示例市防汛值班电话".into(),
        began: at(60),
        answered: answered.then(|| at(70)),
        ended: Some(at(130)),
        failures: Vec::new(),
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_marked_due_in_two_hours_and_handed_over_once() {
    let house = House::start("emergency").await;
    house.record(facts::answered(1)).await;
    let patch = |body| house.ask("PATCH", TICKET, &[], Some(body));
    for kind in [json!(null), json!("consult"), json!("投诉")] {
        let refused = patch(json!({ "version": 1, "type": kind, "emergency": "water" }));
        assert_eq!((refused.status, refused.code()), (409, "no_emergency"), "{kind}");
    }
    assert_eq!(patch(json!({ "version": 1, "type": "help", "emergency": "love" })).status, 422);
    let refused = house.post(&format!("{TICKET}/duty"), json!({ "seat": "1001", "to": "681" }));
    assert_eq!((refused.status, refused.code()), (409, "no_emergency"), "not marked yet");

    let marked = patch(json!({ "version": 1, "type": "help", "emergency": "water" })).json();
    let answered = facts::opened(1).t_answer;
    assert_eq!(marked["emergency"]["category"], "water");
    assert_eq!(marked["emergency"]["due"], answered.0 + 7_200_000);
    assert_eq!((&marked["emergency"]["calls"], &marked["emergency"]["on_time"]), (&json!([]), &json!(null)));
    let refused = patch(json!({ "version": 2, "type": "consult" }));
    assert_eq!((refused.status, refused.code()), (409, "no_emergency"), "it stays one");
    assert_eq!(patch(json!({ "version": 2, "type": "report" })).status, 200);

    // Whom the seat may call is told before anybody is rung.
    for (seat, to, status) in [("1001", "681", 409), ("9999", "681", 404)] {
        let refused = house.post(&format!("{TICKET}/duty"), json!({ "seat": seat, "to": to }));
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    house.record(duty(0x1001, "JDZ-20261124-000001", false)).await;
    house.record(duty(0x1002, "JDZ-20261124-000001", true)).await;
    house.record(duty(0x1003, "JDZ-20261124-000009", true)).await;
    let calls = &house.get(TICKET).json()["emergency"]["calls"];
    assert_eq!(calls.as_array().map(Vec::len), Some(2), "{calls}");
    let took = |call: u64, by: &str| {
        let call = CallId(call).to_string();
        house.post(&format!("{TICKET}/handover"), json!({ "call": call, "accepted_by": by }))
    };
    for other in [0x1001, 0x1003, 0x1004] {
        assert_eq!(took(other, "某值班员").code(), "not_answered", "{other:x}");
    }
    assert_eq!(took(0x1002, " ").status, 400);
    let after = took(0x1002, "某值班员");
    assert_eq!(after.status, 200, "{}", after.text);
    let handover = &after.json()["emergency"]["handover"];
    assert_eq!((&handover["accepted_by"], &handover["call"]), (&json!("某值班员"), &json!("0000000000001002")));
    let late = house.server.office.clock.wall().0 > answered.0 + 7_200_000;
    assert_eq!(after.json()["emergency"]["on_time"], json!(!late), "by our own clock");
    let again = took(0x1002, "另一值班员");
    assert_eq!((again.status, again.code()), (409, "handed_over"));

    let text = tickets::as_text(&tickets::answer(&typed(&house, &["JDZ-20261124-000001"])).unwrap());
    assert!(text.contains("emergency  water, due 2026-11-24 10:00:01, taken over by 某值班员"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_mark_a_ticket_and_hand_it_over() {
    let house = House::start("cli-emergency").await;
    house.record(facts::answered(1)).await;
    let number = "JDZ-20261124-000001";
    let ask = |words: &[&str]| tickets::answer(&typed(&house, &[&[number], words].concat()));
    let marked = tickets::as_text(&ask(&["--type", "举报", "--emergency", "gas"]).unwrap());
    assert!(marked.contains("gas, due 2026-11-24 10:00:01, not handed over"), "{marked}");
    let nobody = ask(&["--accepted-by", "某值班员"]).unwrap_err().to_string();
    assert!(nobody.contains("no duty phone has answered"), "{nobody}");
    house.record(duty(0x1002, number, true)).await;
    let over = tickets::as_text(&ask(&["--accepted-by", "某值班员"]).unwrap());
    assert!(over.contains("taken over by 某值班员"), "{over}");
    let refused = ask(&["--duty", "681", "--by", "1001"]).expect_err("the seat is not signed in");
    assert!(format!("{refused:?}").contains("the seat is not signed in"), "{refused:?}");
    house.stop().await;
}
