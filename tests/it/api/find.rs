//! Recordings are found by the API and by `hotline recordings` (R72), and no list shows a number.

use hotline::archive::Verdict;
use hotline::call::{Participant, Party, Role, SeatNo};
use hotline::commands::recordings;
use hotline::store::entry::Entry;
use serde_json::json;

use super::commands::typed;
use super::house::House;
use crate::facts;

async fn filled(name: &str) -> House {
    let house = House::start(name).await;
    let mut county = facts::record(facts::opened(2));
    county.opened.seat = SeatNo("2001".to_owned());
    county.opened.centre = "LP".to_owned();
    county.opened.original_code = "12331".to_owned();
    let party =
        Party {
            role: Role::Unit, number: "601".to_owned(), name: "示例市住房和城乡建设局".to_owned(), leg: None
        };
    let (joined, left) = (county.opened.t_answer, Some(county.ended.t_end));
    county.ended.participants.push(Participant { party, joined, left, result: "left".to_owned(), media: None });
    house.record(facts::closed(1)).await;
    house.record(Entry::Closed(Box::new(county))).await;
    house.record(Entry::Closed(Box::new(facts::led(3, "951@2026-11-24T08:00:00", "taken", 20)))).await;
    for n in 1..=3 {
        let mut sealed = facts::sealed_recording(n);
        sealed.duration_ms = n * 60_000;
        sealed.verdict = if n == 3 { Verdict::Degraded } else { Verdict::Ok };
        house.record(Entry::Sealed(Box::new(sealed))).await;
    }
    let said = json!({ "version": 1, "place": "珠山区", "text": "路灯不亮" });
    assert_eq!(house.ask("PATCH", "/api/tickets/JDZ-20261124-000001", &[], Some(said)).status, 200);
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_are_searched_without_showing_a_number() {
    let house = filled("find").await;
    for (query, calls) in [
        ("", &[3, 2, 1][..]),
        ("day=2026-11-24", &[3, 2, 1]),
        ("from=2026-11&to=2026-11", &[3, 2, 1]),
        ("from=2026-11-24&to=2026-11-24", &[3, 2, 1]),
        ("from=2026-11-24T08:00:02", &[3, 2]),
        ("from=2026-11-24T08:00:02&to=2026-11-24T08:00:03", &[2]),
        ("to=2026-10", &[]),
        ("from=2026-12", &[]),
        ("call=0000000000000002", &[2]),
        ("ticket=JDZ-20261124-000001", &[1]),
        ("ticket=JDZ-20261124", &[3, 2, 1]),
        ("number=13800000002", &[2]),
        ("number=%2B86%20138-0000-0002", &[2]),
        ("number=0003", &[3]),
        ("number=9999", &[]),
        ("code=12331", &[2]),
        ("centre=LP", &[2]),
        ("seat=2001", &[2]),
        ("unit=601", &[2]),
        // 示例市住房和城乡建设局
        (
            "unit=%E7%A4%BA%E4%BE%8B%E5%B8%82%E4%BD%8F%E6%88%BF%E5%92%8C%E5%9F%8E%E4%B9%A1%E5%BB%BA%E8%AE%BE%E5%B1%80",
            &[2],
        ),
        ("leader=951", &[3]),
        ("party=601", &[2]),
        ("min_s=120", &[3, 2]),
        ("max_s=60", &[1]),
        ("min_s=120&max_s=120", &[2]),
        ("verdict=degraded", &[3]),
        // 路灯, 灯, 珠山区 不亮
        ("text=%E8%B7%AF%E7%81%AF", &[1]),
        ("text=%E7%81%AF", &[1]),
        ("text=%E7%8F%A0%E5%B1%B1%E5%8C%BA%20%E4%B8%8D%E4%BA%AE", &[1]),
        ("text=%E8%B7%AF%E7%81%AF&number=0001&code=12345", &[1]),
        ("text=%E8%B7%AF%E7%81%AF&unit=601", &[]),
        ("text=%22%20OR%20*%20NEAR(", &[]),
    ] {
        let answer = house.get(&format!("/api/recordings?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let rows = answer.json()["rows"].as_array().unwrap().clone();
        let found: Vec<u64> =
            rows.iter().map(|row| u64::from_str_radix(row["call"].as_str().unwrap(), 16).unwrap()).collect();
        assert_eq!(found, calls, "{query}");
        assert!(!answer.text.contains("1380000"), "{}", answer.text);
    }
    let row = &house.get("/api/recordings?number=0002").json()["rows"][0];
    assert_eq!(
        (&row["ticket"], &row["caller"], &row["code"], &row["seat"], &row["duration_ms"]),
        (&json!("JDZ-20261124-000002"), &json!("138****0002"), &json!("12331"), &json!("2001"), &json!(120_000))
    );
    let first = house.get("/api/recordings?limit=2").json();
    let cursor = first["next"].as_str().expect("a second page");
    let second = house.get(&format!("/api/recordings?limit=2&cursor={cursor}")).json();
    assert_eq!((second["rows"].as_array().unwrap().len(), &second["next"]), (1, &json!(null)));
    let long = "%E8%B7%AF".repeat(1_000);
    for (query, why) in [
        ("number=123", "last digits"),
        ("number=abcd", "last digits"),
        ("ticket=JDZ-2026", "up to the day"),
        ("ticket=", "up to the day"),
        ("from=noon", "from must be"),
        ("to=2026-13", "to must be"),
        ("to=2026-02-30", "to must be"),
        ("day=2026-11-24&from=2026-11", "day stands alone"),
        ("verdict=fine", "verdict"),
        ("min_s=-1", "min_s"),
        ("text=%22%22", "word"),
        ("text=", "word"),
        ("colour=red", "colour"),
    ] {
        let answer = house.get(&format!("/api/recordings?{query}"));
        assert_eq!((answer.status, answer.code()), (400, "bad_request"), "{query}");
        assert!(answer.text.contains(why), "{query}: {}", answer.text);
    }
    assert_eq!(house.get(&format!("/api/recordings?text={long}")).status, 200);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_finds_what_the_api_finds() {
    let house = filled("cli-find").await;
    let ask = |words: &[&str]| recordings::as_text(&recordings::answer(&typed(&house, words)).unwrap());
    let all = ask(&[]);
    assert!(all.lines().count() == 4 && all.contains("JDZ-20261124-000002  138****0002  12331  2001"), "{all}");
    for (words, call) in [
        (&["--number", "0002", "--from", "2026-11", "--to", "2026-11-24"][..], 2),
        (&["--unit", "601"], 2),
        (&["--led-by", "李示例"], 3),
        (&["--text", "路灯"], 1),
        (&["--longer", "3m"], 3),
        (&["--shorter", "60s", "--verdict", "ok", "--code", "12345", "--seat", "1001"], 1),
        (&["--party", "601", "--longer", "90"], 2),
        (&["--ticket", "JDZ-20261124-000003"], 3),
    ] {
        let found = ask(words);
        assert!(
            found.lines().count() == 2 && found.contains(&facts::sealed_recording(call).call.to_string()),
            "{found}"
        );
    }
    assert_eq!(ask(&["--text", "停水"]), "no recordings");
    house.stop().await;
}
