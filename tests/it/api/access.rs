//! Every page of the API against every role, sessions that end in mid-use, centres, and the log of it all.

use std::fs;

use clap::Parser as _;
use hotline::accounts::totp;
use hotline::audit::verify::verify;
use hotline::call::{CallId, SeatNo};
use hotline::commands::{audit, login, users};
use hotline::rules::access::{Right, Role};
use hotline::store::entry::Entry;
use hotline::web::routes::{Need, routes};
use serde_json::{Value, json};

use super::commands::typed;
use super::house::{Answer, House};
use crate::accounts::secret;
use crate::facts;

const CALL: CallId = CallId(1);
const PASSWORD: &str = "correct horse";

impl House {
    /// Makes an account and signs it in. Its session's token.
    pub fn sign_in(&self, name: &str, role: Role, centre: Option<&str>) -> String {
        let seat = role.has_own_seat().then_some("1001");
        let wish = json!({ "name": name, "role": role, "centre": centre, "seat": seat, "password": PASSWORD });
        let made = self.post("/api/accounts", wish);
        assert_eq!(made.status, 200, "{}", made.text);
        let code = match made.json()["totp"].as_str() {
            Some(link) => totp::code_at(&secret(link), self.server.office.clock.wall()).unwrap(),
            None => String::new(),
        };
        let answer = self.login(name, PASSWORD, &code);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    fn login(&self, name: &str, password: &str, code: &str) -> Answer {
        let login = json!({ "name": name, "password": password, "code": code });
        self.ask_as("", "POST", "/api/login", &[], Some(login))
    }

    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        self.ask_as(token, "GET", path, &[], None)
    }

    /// Rows of the log, oldest first, as files have them.
    fn rows(&self) -> Vec<Value> {
        let mut files: Vec<_> =
            fs::read_dir(self.data().join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let lines = files.iter().flat_map(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        });
        lines.collect()
    }

    /// `what on outcome reason` of the rows of one account.
    pub fn told(&self, who: &str) -> Vec<String> {
        let rows = self.rows();
        let of = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let own = rows.iter().filter(|row| row["who"] == who);
        own.map(|row| ["what", "on", "outcome", "reason"].map(|name| of(row, name)).join(" ")).collect()
    }
}

fn page(path: &str, number: &str) -> String {
    let path = path.replace("{call}", &CALL.to_string()).replace("{number}", number);
    format!("/api{}", path.replace("{no}", "1001").replace("{name}", "nobody"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_open_to_just_the_roles_that_have_its_right() {
    let house = House::with_recording("access-walk", CALL).await;
    house.record(facts::answered(CALL.0)).await;
    let number = "JDZ-20261124-000001";
    let table = routes();
    for route in &table {
        let page = page(route.path, number);
        let answer = house.ask_as("", route.method, &page, &[], Some(json!({})));
        let (status, code) = if route.need == Need::Nothing { (422, "bad_request") } else { (401, "token") };
        assert_eq!((answer.status, answer.code()), (status, code), "nobody: {} {page}", route.method);
    }
    let of_their_own = ["/login", "/logout", "/me"];
    let mut refused = 0;
    for role in Role::ALL {
        let name = role.as_str().replace('_', "-");
        let token = house.sign_in(&name, *role, None);
        let me = house.get_as(&token, "/api/me").json();
        assert_eq!((&me["name"], &me["rights"]), (&json!(name), &json!(role.rights())));
        for route in table.iter().filter(|route| !of_their_own.contains(&route.path)) {
            let (Need::Right(right) | Need::City(right)) = route.need else { panic!("{} has no right", route.path) };
            let page = page(route.path, number);
            let body = (route.method != "GET").then(|| json!({}));
            let answer = house.ask_as(&token, route.method, &page, &[], body);
            let deed = format!("{role}: {} {page}: {}", route.method, answer.text);
            if role.may(right) {
                assert!(![401, 403, 500, 503].contains(&answer.status), "{deed}");
            } else {
                assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{deed}");
                assert!(answer.json()["error"].as_str().unwrap().contains(right.as_str()), "{deed}");
                refused += 1;
            }
        }
        assert_eq!(house.ask_as(&token, "POST", "/api/logout", &[], Some(json!({}))).status, 200);
        assert_eq!(house.get_as(&token, "/api/me").status, 401);
    }
    let rows = house.rows();
    let requests = rows.iter().filter(|row| row["what"] == "request" && row["role"].is_string());
    assert_eq!(requests.filter(|row| row["outcome"] == "refused").count(), refused, "each refusal is a row");
    let data = house.data();
    house.stop_but_keep_files().await;
    assert!(verify(&data.join("audit"), None).unwrap().ok);
    fs::remove_dir_all(data.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_opens_everything_until_there_is_an_account() {
    let house = House::with_recording("access-token", CALL).await;
    let audio = format!("/api/recordings/{CALL}/audio?purpose=x");
    assert_eq!(house.get("/api/me").json()["rights"], json!(Right::ALL));
    assert_eq!(house.get(&audio).status, 200);
    house.sign_in("dang", Role::Archivist, None);
    assert_eq!(house.get("/api/me").json()["rights"], json!(Role::Admin.rights()), "it hears nothing (R100)");
    let refused = house.get(&audio);
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    for (method, path, status) in [
        ("GET", "/api/seats", 200),
        ("GET", "/api/alarms", 200),
        ("POST", "/api/reload", 200),
        ("GET", "/api/tickets", 403),
        ("GET", "/api/audit", 403),
    ] {
        assert_eq!(house.ask(method, path, &[], Some(json!({}))).status, status, "{path}");
    }
    // Nor does it come back when they are all disabled.
    house.post("/api/accounts/dang", json!({ "do": "disable" }));
    assert_eq!(house.get(&audio).status, 403);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_heard_and_read_is_written_down_before_with_purpose_and_outcome() {
    let house = House::with_recording("access-rows", CALL).await;
    house.record(facts::answered(CALL.0)).await;
    let mut sealed = house.sealed(CALL).await;
    let qa = house.sign_in("zhi", Role::Qa, None);
    let led = house.sign_in("zhuren", Role::CentreLeader, None);
    let (audio, export) = (format!("/api/recordings/{CALL}/audio"), format!("/api/recordings/{CALL}/export"));
    for (token, path, status, code) in [
        (&qa, audio.clone(), 400, "purpose"),
        (&qa, format!("{audio}?purpose=check"), 200, ""),
        (&qa, format!("{export}?form=mix&private=true&purpose=check"), 200, ""),
        (&led, format!("{export}?form=mix&private=true&purpose=look"), 403, "forbidden"),
        (&qa, "/api/recordings/ffffffffffffffff/audio?purpose=x".to_owned(), 404, "not_found"),
        (&qa, "/api/tickets/JDZ-20261124-000001".to_owned(), 200, ""),
    ] {
        let answer = house.get_as(token, &path);
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
    }
    sealed.leader = true;
    house.record(Entry::Sealed(Box::new(sealed))).await;
    for (token, path, status, code) in [
        (&qa, format!("{audio}?purpose=x&leader=true"), 403, "forbidden"),
        (&led, format!("{audio}?purpose=x"), 403, "leader"),
        (&led, format!("{audio}?purpose=x&leader=true"), 200, ""),
    ] {
        let answer = house.get_as(token, &path);
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
    }
    let of_zhi = [
        "sign_in zhi allowed -".to_owned(),
        format!("play {CALL} refused purpose"),
        format!("play {CALL} allowed -"),
        format!("export {CALL} allowed -"),
        "play ffffffffffffffff failed not_found".to_owned(),
        "read_ticket JDZ-20261124-000001 allowed -".to_owned(),
        format!("play {CALL} refused hear_leader"),
    ];
    assert_eq!(house.told("zhi"), of_zhi);
    let of_zhuren = [
        "sign_in zhuren allowed -".to_owned(),
        format!("export {CALL} refused hear_private"),
        format!("play {CALL} refused leader"),
        format!("play {CALL} allowed -"),
    ];
    assert_eq!(house.told("zhuren"), of_zhuren);
    let rows = house.rows();
    let export = rows.iter().find(|row| row["what"] == "export").unwrap();
    assert_eq!(export["purpose"], "check (mix, with what the citizen did not hear)");
    assert_eq!((&export["role"], &export["from"]), (&json!("qa"), &json!("127.0.0.1")));

    // The auditor reads it, which is a row too.
    let auditor = house.sign_in("shenji", Role::Auditor, None);
    let first = house.get_as(&auditor, "/api/audit?what=play&limit=2").json();
    assert_eq!((&first["rows"][0]["who"], &first["rows"][1]["reason"]), (&json!("zhuren"), &json!("leader")));
    let cursor = first["next"].as_str().unwrap();
    let second = house.get_as(&auditor, &format!("/api/audit?what=play&limit=2&cursor={cursor}")).json();
    assert_eq!(second["rows"][0]["reason"], "hear_leader");
    assert_eq!(
        house.told("shenji"),
        ["sign_in shenji allowed -", "read_audit audit allowed -", "read_audit audit allowed -"]
    );
    let accesses = house.get_as(&auditor, &format!("/api/recordings/{CALL}/accesses")).json();
    assert!(accesses["rows"].as_array().unwrap().iter().any(|row| row["who"] == "zhi"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_given_out_that_cannot_be_written_down_and_calls_go_on() {
    let house = House::with_recording("access-disk", CALL).await;
    house.record(facts::answered(CALL.0)).await;
    let folder = house.data().join("audit");
    assert_eq!(house.get("/api/tickets/JDZ-20261124-000001").status, 200);
    let away = house.data().join("away");
    // As if its file system had gone.
    fs::rename(&folder, &away).unwrap();
    fs::read_dir(&away).unwrap().for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
    for (method, path) in [
        ("GET", format!("/api/recordings/{CALL}/audio?purpose=x")),
        ("GET", format!("/api/recordings/{CALL}/export?form=mix&purpose=x")),
        ("GET", "/api/tickets/JDZ-20261124-000001".to_owned()),
        ("PATCH", "/api/tickets/JDZ-20261124-000001".to_owned()),
        ("POST", "/api/reload".to_owned()),
    ] {
        let answer = house.ask(method, &path, &[], (method != "GET").then(|| json!({ "version": 1, "text": "x" })));
        assert_eq!((answer.status, answer.code()), (503, "audit"), "{method} {path}");
    }
    let made = house.post("/api/accounts", json!({ "name": "li", "role": "qa", "password": PASSWORD }));
    assert_eq!((made.status, made.code()), (503, "audit"));
    assert!(house.server.office.accounts.is_empty());
    assert_eq!(house.get("/api/tickets").json()["rows"][0]["version"], 1, "lists are no content");
    assert_eq!(house.get("/readyz").status, 200);
    assert!(house.get("/api/alarms").text.contains("\"audit\""));
    fs::rename(&away, &folder).unwrap();
    assert_eq!(house.get(&format!("/api/recordings/{CALL}/audio?purpose=x")).status, 200);
    assert!(!house.get("/api/alarms").text.contains("\"audit\""));
    assert!(house.rows().iter().any(|row| row["what"] == "lost"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_taken_away_ends_in_mid_use() {
    let house = House::start("access-session").await;
    house.sign_in("li", Role::Dispatcher, None);
    for (password, body) in [
        (PASSWORD, json!({ "do": "sign_out" })),
        (PASSWORD, json!({ "do": "password", "password": "another horse" })),
        ("another horse", json!({ "do": "disable" })),
    ] {
        let token = house.login("li", password, "").json()["token"].as_str().unwrap().to_owned();
        assert_eq!(house.get_as(&token, "/api/tickets").status, 200, "{body}");
        assert_eq!(house.post("/api/accounts/li", body.clone()).status, 200);
        let answer = house.get_as(&token, "/api/tickets");
        assert_eq!((answer.status, answer.code()), (401, "token"), "{body}");
    }
    let answer = house.login("li", "another horse", "");
    assert_eq!((answer.status, answer.code()), (401, "sign_in"), "disabled");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guesser_waits_and_leaves_rows_without_what_was_typed() {
    let house = House::start("access-guess").await;
    house.sign_in("li", Role::Dispatcher, None);
    let answer = house.login("li", "wrong password", "");
    assert_eq!((answer.status, answer.code()), (401, "sign_in"));
    let answer = house.login("li", PASSWORD, "");
    assert_eq!((answer.status, answer.code()), (429, "barred"), "it is not even looked at");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert_eq!(house.login("my-password-in-the-wrong-field", "x", "").status, 401);
    for wrong in [json!({}), json!({ "name": "li" }), json!({ "name": "li", "password": "x", "role": "admin" })] {
        assert_eq!(house.ask_as("", "POST", "/api/login", &[], Some(wrong)).status, 422);
    }
    let told = house.told("li");
    assert_eq!(told, ["sign_in li allowed -", "sign_in li refused wrong", "sign_in li refused barred"]);
    let text =
        fs::read_dir(house.data().join("audit")).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let text: String = text.collect();
    assert!(text.contains("\"refused\"") && !text.contains("wrong-field") && !text.contains("horse"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_county_sees_its_own_calls_tickets_recordings_and_seats() {
    let files = House::prepare("access-centre");
    let centre =
        "\n[[centre]]\nid = \"leping\"\nname = \"乐平\"\nticket_prefix = \"LP\"\n\n[[listen]]\nname = \"local\"";
    files.edit("sip-configs/server.toml", "\n[[listen]]\nname = \"local\"", centre);
    let house = House::run(files, None).await;
    for (call, centre, prefix) in [(1, "leping", "LP"), (2, "jdz", "JDZ")] {
        let mut opened = facts::opened(call);
        (opened.centre, opened.prefix) = (centre.to_owned(), prefix.to_owned());
        house.record(Entry::Answered(Box::new(opened))).await;
        house.record(facts::sealed(call)).await;
        let mut missed = facts::missed_call(call + 10, 7, facts::MORNING);
        missed.centre = Some(centre.to_owned());
        house.record(Entry::Missed(Box::new(missed))).await;
    }
    let wrong = json!({ "name": "wu", "role": "qa", "centre": "nowhere", "password": PASSWORD });
    assert_eq!(house.post("/api/accounts", wrong).status, 400);
    let county = house.sign_in("wu", Role::ShiftLeader, Some("leping"));
    let city = house.sign_in("li", Role::ShiftLeader, Some("jdz"));
    let count = |token: &str, path: &str| house.get_as(token, path).json()["rows"].as_array().map_or(9, Vec::len);
    let other = CallId(2);
    for (path, of_county, of_city) in [
        ("/api/tickets", 1, 2),
        ("/api/tickets?centre=jdz", 0, 1),
        ("/api/tickets?call=0000000000000002", 0, 1),
        ("/api/recordings", 1, 2),
        ("/api/recordings?call=0000000000000002", 0, 1),
        ("/api/recordings?centre=jdz", 0, 1),
        ("/api/recordings?number=0002", 0, 1),
        ("/api/recordings?ticket=JDZ-20261124&from=2026-11", 0, 1),
        ("/api/missed", 1, 2),
        ("/api/seats", 0, 3),
    ] {
        assert_eq!((count(&county, path), count(&city, path)), (of_county, of_city), "{path}");
    }
    for (path, status) in [
        ("/api/tickets/LP-20261124-000001", 200),
        ("/api/tickets/JDZ-20261124-000001", 404),
        (&format!("/api/recordings/{other}"), 404),
        (&format!("/api/recordings/{other}/audio?purpose=x"), 404),
        (&format!("/api/recordings/{other}/export?form=mix&purpose=x"), 404),
        ("/api/seats/1001/history", 404),
        ("/api/sessions", 403),
        ("/api/callbacks", 403),
    ] {
        assert_eq!(house.get_as(&county, path).status, status, "{path}");
    }
    for path in ["/api/tickets/JDZ-20261124-000001/duty", "/api/tickets/JDZ-20261124-000001/handover"] {
        let body = if path.ends_with("duty") {
            json!({ "seat": "1001", "to": "681" })
        } else {
            json!({ "call": other.to_string(), "accepted_by": "x" })
        };
        assert_eq!(house.ask_as(&county, "POST", path, &[], Some(body)).status, 404, "{path}");
    }
    let edit = Some(json!({ "version": 1, "text": "x" }));
    assert_eq!(house.ask_as(&county, "PATCH", "/api/tickets/JDZ-20261124-000001", &[], edit).status, 404);
    let told = house.told("wu");
    assert!(told.contains(&"change_ticket JDZ-20261124-000001 refused centre".to_owned()), "{told:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_commands_its_own_phone_only() {
    let house = House::with_phone("access-seat", "1001").await;
    let token = house.sign_in("li", Role::Seat, None);
    let ask = |seat: &str| {
        house.ask_as(&token, "POST", &format!("/api/seats/{seat}/ask"), &[], Some(json!({ "ask": "sign_in" })))
    };
    assert_eq!(ask("1001").status, 200);
    let refused = ask("1002");
    assert_eq!((refused.status, refused.code()), (403, "own_seat"));
    assert_eq!(house.get_as(&token, "/api/me").json()["seat"], json!(SeatNo("1001".into())));
    house.stop().await;
}

/// Words as typed, and what is typed unseen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_managed_and_the_log_is_read_by_commands() {
    let house = House::start("access-commands").await;
    let typed_unseen = |_: &str| Ok(PASSWORD.to_owned());
    let users = |words: &[&str]| users::answer(&typed(&house, words), typed_unseen).map(|told| users::as_text(&told));
    assert_eq!(users(&["list"]).unwrap(), "no accounts: the API token opens everything");
    let made = users(&["add", "dang", "--role", "archivist"]).unwrap();
    assert!(
        made.starts_with("dang: made, as archivist\n") && made.contains("otpauth://totp/hotline:dang?secret="),
        "{made}"
    );
    assert!(users(&["add", "li", "--role", "seat"]).unwrap_err().to_string().contains("seat"));
    users(&["add", "li", "--role", "seat", "--seat", "1001"]).unwrap();
    assert!(users(&["disable", "nobody"]).unwrap_err().to_string().contains("no such account"));
    for deed in ["disable", "enable", "unlock", "password", "sign-out"] {
        assert_eq!(users(&[deed, "li"]).unwrap(), format!("li: {}", deed.replace('-', "_")));
    }
    assert!(users(&["totp", "li"]).unwrap().contains("otpauth"));
    let table = users(&["list"]).unwrap();
    assert!(table.lines().count() == 3 && table.contains("archivist"), "{table}");

    let refused = login::answer(&typed(&house, &["dang"]), typed_unseen).unwrap_err();
    assert!(refused.to_string().contains("wrong"), "{refused}");
    // li was given its authenticator above.
    users(&["add", "wu", "--role", "qa"]).unwrap();
    let own = |words: &[&str], typed_in: &[&str]| {
        let lines = std::cell::RefCell::new(typed_in.iter());
        let next = |_: &str| Ok(lines.borrow_mut().next().map(ToString::to_string).unwrap_or_default());
        login::answer(&typed(&house, words), next)
    };
    let changed = own(&["wu", "--change", "password"], &[PASSWORD, "", "mine alone now"]).unwrap();
    assert_eq!(users::as_text(&changed), "wu: own password");
    assert!(own(&["wu"], &["mine alone now", ""]).unwrap()["token"].is_string());
    let link = own(&["wu", "--change", "totp"], &["mine alone now", ""]).unwrap();
    let code = totp::code_at(&secret(link["totp"].as_str().unwrap()), house.server.office.clock.wall()).unwrap();
    let token = own(&["wu"], &["mine alone now", &code]).unwrap()["token"].as_str().unwrap().to_owned();
    let stolen =
        house.ask_as(&token, "POST", "/api/me", &[], Some(json!({ "password": "a guess", "new": "thiefs word" })));
    assert_eq!((stolen.status, stolen.code()), (403, "sign_in"), "a session alone changes nothing");
    let verified = audit::answer(&typed(&house, &["verify"])).unwrap();
    assert_eq!(verified["ok"], true);
    let rows = verified["rows"].as_u64().unwrap();
    assert!(audit::as_text(&verified).starts_with(&format!("ok: {rows} rows, head ")));
    let head = "0".repeat(64);
    let missing = audit::answer(&typed(&house, &["verify", "--head", &head])).unwrap();
    assert_eq!(audit::as_text(&missing).lines().next().unwrap().split(' ').nth(2), Some("missing"));
    assert!(audit::answer(&typed(&house, &["list"])).unwrap_err().to_string().contains("read_audit"));
    house.stop().await;
}

/// Before the first start.
#[test]
fn the_first_administrator_is_made_without_a_server_and_nobody_else() {
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        args: users::Args,
    }
    let folder = facts::Folder::new("first");
    let data = folder.join("data").display().to_string();
    let add = |name: &str, role: &str| {
        let words = ["users", "add", name, "--role", role, "--data", &data];
        users::answer(&Typed::try_parse_from(words).unwrap().args, |_| Ok(PASSWORD.to_owned()))
    };
    assert!(add("li", "qa").unwrap_err().to_string().contains("no server runs here"));
    assert!(add("guanli", "admin").unwrap()["totp"].is_string());
    assert!(add("guanli-2", "admin").unwrap_err().to_string().contains("no server runs here"));
    let told = verify(&folder.join("data/audit"), None).unwrap();
    assert!(told.ok && told.rows == 1, "{told:?}");
}
