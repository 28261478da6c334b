//! Retention over the API and by its commands: who may, who must not, what is written down (R70, R99, R101).

use clap::Parser;
use hotline::archive::Sealed;
use hotline::call::CallId;
use hotline::commands::archive;
use hotline::rules::access::Role;
use hotline::store::entry::{Entry, Listed};
use hotline::time::Wall;
use serde_json::{Value, json};

use super::house::House;
use crate::facts;
use crate::manifest::town::put;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    args: archive::Args,
}

impl House {
    /// A recording of 2020 that some manifest lists, without a ticket.
    async fn old_recording(&self, n: u64) {
        let ended = Wall(facts::MORNING.0 - 6 * 365 * 24 * 3_600_000);
        let sealed = put(&self.data().join("recordings"), n, "2020/11/25", ended.0);
        let sealed = Sealed { started: ended, ended, keep_until: "2023-11-26".into(), ..sealed };
        self.record(Entry::Sealed(Box::new(sealed))).await;
        let (manifest, calls) = ("2020-11-25".into(), vec![CallId(n)]);
        self.record(Entry::Listed(Listed { manifest, calls, failures: vec![] })).await;
    }

    fn post_as(&self, token: &str, path: &str, body: Value) -> super::house::Answer {
        self.ask_as(token, "POST", path, &[], Some(body))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_goes_through_three_hands_and_each_is_in_the_audit() {
    let house = House::start("keeping").await;
    for n in [1, 2] {
        house.old_recording(n).await;
    }
    let archivist = house.sign_in("wang", Role::Archivist, None);
    let (approver, leader) =
        (house.sign_in("li", Role::Approver, None), house.sign_in("zhao", Role::CentreLeader, None));
    let due = house.get_as(&archivist, "/api/archive/due").json();
    assert_eq!((&due["recordings"], &due["rows"][0]["keep_until"]), (&json!(2), &json!("2023-11-26")));
    assert_eq!(house.get_as(&archivist, "/api/archive/due?month=2022-01").json()["recordings"], 0);
    for month in ["2022", "2022-13", "2022-1", "noon"] {
        assert_eq!(house.get_as(&archivist, &format!("/api/archive/due?month={month}")).status, 400, "{month}");
    }
    let hold = json!({ "case": "2026-9", "reason": "petition", "call": CallId(2).to_string() });
    assert_eq!(house.post_as(&archivist, "/api/archive/holds", hold).status, 200);
    let batch = house.post_as(&archivist, "/api/archive/batches", json!({})).json();
    let id = batch["batch"].as_str().unwrap().to_owned();
    assert_eq!((&batch["state"], &batch["recordings"]), (&json!("proposed"), &json!(1)));
    let page = |deed: &str| format!("/api/archive/batches/{id}/{deed}");
    let refused = |token: &str, deed: &str, status: u16, code: &str| {
        let answer = house.post_as(token, &page(deed), json!({}));
        assert_eq!((answer.status, answer.code()), (status, code), "{deed}: {}", answer.text);
    };
    refused(&archivist, "approve", 409, "same_person");
    refused(&approver, "destroy", 403, "forbidden");
    refused(&archivist, "destroy", 409, "not_approved");
    // The machine's token has the administrator's rights now.
    refused(&house.server.office.token, "approve", 403, "forbidden");
    let seen = house.get_as(&approver, &format!("/api/archive/batches/{id}")).json();
    assert_eq!((&seen["rows"][0]["line"]["call"], &seen["rows"][0]["destroyed"]), (&json!(CallId(1)), &json!(false)));
    assert_eq!(house.post_as(&approver, &page("approve"), json!({})).status, 200);
    refused(&approver, "approve", 409, "same_person");
    refused(&archivist, "destroy", 409, "not_approved");
    assert_eq!(house.post_as(&leader, &page("approve"), json!({})).json()["approvals"][1]["by"], "zhao");
    let done = house.post_as(&archivist, &page("destroy"), json!({})).json();
    assert_eq!((&done["state"], &done["destroyed"], &done["kept"]), (&json!("done"), &json!(1), &json!(0)));
    for path in ["", "/audio?purpose=x"] {
        let gone = house.get_as(&archivist, &format!("/api/recordings/{}{path}", CallId(1)));
        assert_eq!((gone.status, gone.code()), (410, "destroyed"), "{path}: {}", gone.text);
        assert!(gone.text.contains("lawfully") && gone.text.contains(&id));
    }
    assert_eq!(house.get_as(&archivist, &format!("/api/recordings/{}", CallId(2))).status, 200);
    let told = house.told("wang");
    for row in [
        "retention 2026-9 allowed -".to_owned(),
        "destruction batches allowed -".to_owned(),
        format!("destruction {id} failed same_person"),
        format!("destruction {id} failed not_approved"),
        format!("destruction {id} allowed -"),
    ] {
        assert!(told.contains(&row), "{row}: {told:#?}");
    }
    assert!(house.told("zhao").contains(&format!("destruction {id} allowed -")));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_show_no_number_and_a_claimed_name_approves_nothing() {
    let house = House::start("keeping-token").await;
    house.old_recording(1).await;
    house.record(facts::closed(3)).await;
    // No account was ever made: the token may everything, but it is nobody.
    let hold = |body: Value| house.post("/api/archive/holds", body);
    assert_eq!(hold(json!({ "case": "c", "reason": "r", "number": "13800000003" })).status, 200);
    assert_eq!(hold(json!({ "case": "c", "reason": "r" })).status, 400);
    assert_eq!(hold(json!({ "case": "c", "reason": "r", "number": "1", "ticket": "2" })).status, 400);
    assert_eq!(hold(json!({ "case": "c", "reason": "", "number": "1" })).status, 400);
    assert_eq!(hold(json!({ "case": "c", "reason": "r", "ticket": "JDZ-1" })).status, 404);
    let holds = house.get("/api/archive/holds");
    assert!(holds.text.contains("138****0003") && !holds.text.contains("13800000003"), "{}", holds.text);
    house.record(facts::sealed(3)).await;
    let three = format!("/api/archive/recordings/{}", CallId(3));
    let one = house.get(&three).json();
    assert_eq!((&one["holds"], &one["keep_until"], &one["ticket_open"]), (&json!(["c"]), &json!(null), &json!(true)));
    let id = house.post("/api/archive/batches", json!({})).json()["batch"].as_str().unwrap().to_owned();
    let answer = house.ask("POST", &format!("/api/archive/batches/{id}/approve"), &[("x-user", "li")], Some(json!({})));
    assert_eq!((answer.status, answer.code()), (403, "account_needed"));
    let today = json!({ "today": "2026-11-24", "reason": "x" });
    assert_eq!(house.post("/api/archive/clock", today).code(), "account_needed");

    let data = house.data().display().to_string();
    let ask = |words: &[&str]| -> (Value, String) {
        let args = Typed::parse_from([&["archive"], words, &["--data", &data]].concat()).args;
        let answer = archive::answer(&args).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let text = archive::text_of(&args.deed, &answer);
        (answer, text)
    };
    assert_eq!(ask(&["ticket", "JDZ-20261124-000001"]).0["archived"], true);
    assert!(house.get(&three).json()["keep_until"].as_str().is_some_and(|day| day > "2029-11-24"));
    assert!(ask(&["hold", "list"]).1.contains("138****0003"));
    assert_eq!(ask(&["hold", "add", "d", "--reason", "r", "--call", &CallId(1).to_string()]).0["held"], true);
    assert_eq!(ask(&["hold", "lift", "d", "--reason", "over"]).0["lifted"], 1);
    assert_eq!(ask(&["class", &CallId(3).to_string()]).0["class"], "ordinary");
    assert_eq!(ask(&["class", &CallId(3).to_string(), "none", "--reason", "r"]).0["holds"], json!(["c"]));
    assert!(ask(&["due"]).1.contains("in_batches"), "{}", ask(&["due"]).1);
    assert!(ask(&["batches"]).1.contains(&id));
    assert!(ask(&["batches", &id]).1.contains("2023-11-26"));
    assert!(ask(&["withdraw", &id, "--reason", "r"]).1.contains("withdrawn"));
    assert!(ask(&["due", "propose"]).1.contains("proposed"));
    assert_eq!(ask(&["clock"]).0["ahead"], false);
    let (forecast, text) = ask(&["forecast"]);
    assert!(forecast["free_bytes"].is_u64() && text.contains("bytes a day over the last 30 days"), "{text}");
    house.stop().await;
}
