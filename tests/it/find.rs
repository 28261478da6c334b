//! Recordings are found by whatever is known of them (R72), in every implementation of the store.

use hotline::archive::shelf::Condition;
use hotline::archive::{Sealed, Verdict};
use hotline::call::{CallId, CallRecord, Caller, DutyCall, Participant, Party, Role, SeatNo};
use hotline::privacy::Private;
use hotline::store::Store;
use hotline::store::entry::{Entry, TicketEdit, Verified};
use hotline::store::find::{Digits, FindQuery, Length};
use hotline::store::query::{Cursor, PageAsk, Span};
use hotline::store::sqlite::Sqlite;
use hotline::store::wording::{Wanted, words};
use hotline::time::Wall;

use crate::facts::*;
use crate::store::tell;

contract! {
    each_question_finds_its_calls
    pages_follow_each_other_without_gap
    the_text_of_now_is_found_and_that_of_before_is_not
    whatever_comes_first_the_same_is_found
}

const DAY: i64 = 24 * 3_600_000;

fn all() -> FindQuery {
    FindQuery::default()
}

async fn found(store: &impl Store, query: FindQuery) -> Vec<u64> {
    let page = store.find(&query).await.unwrap();
    page.rows.iter().map(|one| one.recording.sealed.call.0).collect()
}

fn text(typed: &str) -> Option<Wanted> {
    Some(Wanted::parse(typed).unwrap())
}

fn last(digits: &str) -> Option<Digits> {
    Some(Digits::Last(Private::new(digits.to_owned())))
}

fn with(mut record: CallRecord, role: Role, number: &str, name: &str) -> CallRecord {
    let party = Party { role, number: number.to_owned(), name: name.to_owned(), leg: None };
    let (joined, left) = (record.opened.t_answer, Some(record.ended.t_end));
    record.ended.participants.push(Participant { party, joined, left, result: "left".to_owned(), media: None });
    record
}

fn of_length(n: u64, ms: u64) -> Sealed {
    Sealed { duration_ms: ms, ..sealed_recording(n) }
}

fn written(edit: &str, number: u64, version: u32, text: &str, place: Option<&str>) -> Entry {
    Entry::Edit(TicketEdit {
        number: format!("JDZ-20261124-{number:06}"),
        place: place.map(|place| Private::new(place.to_owned())),
        ..crate::store::edit(edit, version, text)
    })
}

/// Seven calls: 1 plain; 2 of a county, with a unit; 3 on the next day, with a leader; 4 withheld, with gaps; 5 with
/// a number that is in no directory; 6 of one who calls again; 7 is to a duty phone for ticket 1. And one without a
/// ticket, 8.
fn archive() -> Vec<Entry> {
    let mut county = opened(2);
    county.centre = "LP".to_owned();
    county.seat = SeatNo("2001".to_owned());
    county.original_code = "12331".to_owned();
    let mut withheld = opened(4);
    withheld.caller = Caller { withheld: true, ..Caller::default() };
    let mut again = opened(6);
    again.caller = caller(1);
    let next_day = led(3, "951@2026-11-25T09:00:00", "taken", 30);
    let next_day = CallRecord { opened: opened_at(3, Wall(MORNING.0 + DAY)), ..next_day };
    let records = [
        record(opened(1)),
        with(record(county), Role::Unit, "601", "示例市住房和城乡建设局"),
        next_day.clone(),
        record(withheld),
        with(record(opened(5)), Role::Unit, "138****0101", ""),
        record(again),
    ];
    let duty = DutyCall {
        call: CallId(7),
        ticket: "JDZ-20261124-000001".to_owned(),
        seat: SeatNo("1002".to_owned()),
        to: "681".to_owned(),
        name: "示例市防汛值班电话".to_owned(),
        began: opened(7).t_answer,
        answered: Some(opened(7).t_answer),
        ended: None,
        failures: Vec::new(),
    };
    let sealed = [
        of_length(1, 60_000),
        of_length(2, 600_000),
        Sealed { started: next_day.opened.t_answer, ..of_length(3, 7_200_000) },
        Sealed { verdict: Verdict::Degraded, ..of_length(4, 59_999) },
        of_length(5, 60_001),
        of_length(6, 1_000),
        of_length(7, 90_000),
        of_length(8, 5_000),
    ];
    let mut entries: Vec<Entry> = records.into_iter().map(|record| Entry::Closed(Box::new(record))).collect();
    entries.push(Entry::Duty(Box::new(duty)));
    entries.extend(sealed.into_iter().map(|sealed| Entry::Sealed(Box::new(sealed))));
    entries.push(written("a", 1, 1, "小区门口路灯不亮，晚上出行不便", Some("珠山区新村路３号")));
    entries.push(written("b", 2, 1, "反映房屋漏水，WiFi也不通", None));
    entries.push(written("c", 3, 1, "路面积水，灯光昏暗，不亮", None));
    entries.push(Entry::Verified(Verified { call: CallId(5), at: Wall(9), condition: Condition::Changed }));
    entries
}

async fn each_question_finds_its_calls(store: impl Store) {
    tell(&store, archive()).await;
    let day = Span::day(hotline::store::numbering::local_day(MORNING));
    let word = |word: &str| Some(word.to_owned());
    let seconds =
        |from: i64, until: i64| Span { from: Wall(MORNING.0 + from * 1000), until: Wall(MORNING.0 + until * 1000) };
    let length = |least, most| Length { least, most };
    let rows: Vec<(&str, FindQuery, &[u64])> = vec![
        ("all, newest first", all(), &[3, 8, 7, 6, 5, 4, 2, 1]),
        ("a day", FindQuery { span: day, ..all() }, &[8, 7, 6, 5, 4, 2, 1]),
        ("from, and before", FindQuery { span: seconds(2, 5), ..all() }, &[4, 2]),
        ("a call", FindQuery { call: Some(CallId(4)), ..all() }, &[4]),
        (
            "a ticket, and a call to a duty phone for it",
            FindQuery { ticket: word("JDZ-20261124-000001"), ..all() },
            &[7, 1],
        ),
        ("how tickets begin", FindQuery { ticket: word("JDZ-20261124-00000"), ..all() }, &[3, 7, 6, 5, 4, 2, 1]),
        ("no such ticket", FindQuery { ticket: word("LP-20261124"), ..all() }, &[]),
        ("a number", FindQuery { number: Some(Digits::Whole(phone(1))), ..all() }, &[7, 6, 1]),
        ("nobody's number", FindQuery { number: Some(Digits::Whole(phone(9))), ..all() }, &[]),
        ("last digits", FindQuery { number: last("0002"), ..all() }, &[2]),
        ("more of them", FindQuery { number: last("00000001"), ..all() }, &[7, 6, 1]),
        ("digits in the middle", FindQuery { number: last("1380"), ..all() }, &[]),
        ("a code", FindQuery { code: word("12331"), ..all() }, &[2]),
        ("a centre", FindQuery { centre: word("LP"), ..all() }, &[2]),
        ("the city's", FindQuery { centre: word("city"), ..all() }, &[3, 7, 6, 5, 4, 1]),
        ("a seat", FindQuery { seat: Some(SeatNo("2001".to_owned())), ..all() }, &[2]),
        ("the seat of a call to a duty phone", FindQuery { seat: Some(SeatNo("1002".to_owned())), ..all() }, &[7]),
        ("a unit by its code", FindQuery { unit: word("601"), ..all() }, &[2]),
        ("a unit by its name", FindQuery { unit: word("示例市住房和城乡建设局"), ..all() }, &[2]),
        ("a duty phone", FindQuery { unit: word("681"), ..all() }, &[7]),
        ("no unit is a seat", FindQuery { unit: word("1001"), ..all() }, &[]),
        ("a leader by his code", FindQuery { leader: word("951"), ..all() }, &[3]),
        ("a leader by his name", FindQuery { leader: word("李示例"), ..all() }, &[3]),
        ("no leader is a unit", FindQuery { leader: word("601"), ..all() }, &[]),
        ("anybody by name", FindQuery { party: word("李示例"), ..all() }, &[3]),
        ("anybody by code", FindQuery { party: word("601"), ..all() }, &[2]),
        ("anybody by a number that was kept masked", FindQuery { party: word("13899990101"), ..all() }, &[5]),
        ("a seat's name", FindQuery { party: word("甲"), span: seconds(0, 3), ..all() }, &[2, 1]),
        ("so long at least", FindQuery { length: length(Some(600_000), None), ..all() }, &[3, 2]),
        ("so long exactly", FindQuery { length: length(Some(60_000), Some(60_000)), ..all() }, &[1]),
        ("so long at most", FindQuery { length: length(None, Some(5_000)), ..all() }, &[8, 6]),
        ("a verdict", FindQuery { verdict: Some(Verdict::Degraded), ..all() }, &[4]),
        ("whole ones", FindQuery { verdict: Some(Verdict::Ok), centre: word("city"), ..all() }, &[3, 7, 6, 5, 1]),
        ("failed ones", FindQuery { verdict: Some(Verdict::Failed), ..all() }, &[]),
        ("not as they were sealed", FindQuery { quarantined: true, ..all() }, &[5]),
        ("a word of two characters", FindQuery { text: text("路灯"), ..all() }, &[7, 1]),
        ("one character", FindQuery { text: text("亮"), ..all() }, &[3, 7, 1]),
        ("no character of it", FindQuery { text: text("暖"), ..all() }, &[]),
        ("a longer one", FindQuery { text: text("路灯不亮"), ..all() }, &[7, 1]),
        ("its pairs elsewhere are not it", FindQuery { text: text("灯不亮了"), ..all() }, &[]),
        ("two words", FindQuery { text: text("不亮 积水"), ..all() }, &[3]),
        ("a foreign word in another dress", FindQuery { text: text("ＷＩＦＩ"), ..all() }, &[2]),
        ("half a foreign word", FindQuery { text: text("wi"), ..all() }, &[]),
        ("the place", FindQuery { text: text("新村路3号"), ..all() }, &[7, 1]),
        ("a word and a unit", FindQuery { text: text("漏水"), unit: word("601"), ..all() }, &[2]),
        ("a word and another's unit", FindQuery { text: text("路灯"), unit: word("601"), ..all() }, &[]),
        ("a word and a code", FindQuery { text: text("漏水"), code: word("12331"), span: day, ..all() }, &[2]),
        ("a word and a number", FindQuery { text: text("路灯"), number: last("0001"), ..all() }, &[7, 1]),
        ("a seat and a unit", FindQuery { seat: Some(SeatNo("2001".to_owned())), unit: word("601"), ..all() }, &[2]),
        (
            "everything at once",
            FindQuery {
                span: day,
                ticket: word("JDZ-20261124"),
                number: last("0002"),
                code: word("12331"),
                centre: word("LP"),
                seat: Some(SeatNo("2001".to_owned())),
                unit: word("601"),
                party: word("601"),
                verdict: Some(Verdict::Ok),
                length: length(Some(1), Some(700_000)),
                text: text("房屋"),
                ..all()
            },
            &[2],
        ),
    ];
    for (name, query, calls) in rows {
        assert_eq!(found(&store, query).await, calls, "{name}");
    }
    let one = store.find(&FindQuery { call: Some(CallId(7)), ..all() }).await.unwrap().rows.remove(0);
    assert_eq!((one.ticket.as_deref(), one.caller), (Some("JDZ-20261124-000001"), Some(phone(1))));
    assert_eq!((one.code.as_deref(), one.centre.as_deref()), (Some("12345"), Some("city")));
    assert_eq!((one.seat, one.recording.sealed.call), (Some(SeatNo("1002".to_owned())), CallId(7)));
    let one = store.find(&FindQuery { call: Some(CallId(8)), ..all() }).await.unwrap().rows.remove(0);
    assert_eq!((one.ticket, one.caller, one.code, one.seat), (None, None, None, None));
}

async fn pages_follow_each_other_without_gap(store: impl Store) {
    // Three at a time in the same millisecond, so that the call breaks the tie; all with the same word.
    let at = |n: u64| Wall(MORNING.0 + i64::try_from(n / 3).unwrap());
    for n in 1..=10 {
        let sealed = Sealed { started: at(n), ..sealed_recording(n) };
        let wording = written(&format!("e{n}"), n, 1, "路灯", None);
        tell(&store, vec![answered_at(n, at(n)), Entry::Sealed(Box::new(sealed)), wording]).await;
    }
    let seat = Some(SeatNo("1001".to_owned()));
    for query in [
        all(),
        FindQuery { text: text("路灯"), ..all() },
        FindQuery { seat, ..all() },
        FindQuery { number: last("0000"), ..all() },
    ] {
        let whole = found(&store, query.clone()).await;
        assert!(whole.is_sorted_by(|one, other| one > other), "{whole:?}");
        for rows in 1..=11 {
            let mut after: Option<Cursor> = None;
            let mut calls = Vec::new();
            loop {
                let page = store.find(&FindQuery { page: PageAsk { rows, after }, ..query.clone() }).await.unwrap();
                assert!(page.rows.len() <= rows as usize);
                calls.extend(page.rows.iter().map(|one| one.recording.sealed.call.0));
                let Some(next) = page.next else { break };
                after = Some(next.to_string().parse().unwrap());
            }
            assert_eq!(calls, whole, "{rows} to a page");
        }
    }
}

async fn the_text_of_now_is_found_and_that_of_before_is_not(store: impl Store) {
    tell(&store, vec![answered(1), closed(1), sealed(1)]).await;
    let about = async |typed: &str| found(&store, FindQuery { text: text(typed), ..all() }).await;
    assert_eq!(about("漏水").await, [0; 0]);
    tell(&store, vec![written("a", 1, 1, "房屋漏水", None)]).await;
    assert_eq!(about("漏水").await, [1]);
    tell(&store, vec![written("b", 1, 2, "路灯不亮", None)]).await;
    assert_eq!((about("漏水").await, about("路灯").await), (vec![], vec![1]));
    tell(&store, vec![written("late", 1, 2, "噪音", None)]).await;
    assert_eq!((about("噪音").await, about("路灯").await), (vec![], vec![1]), "a stale edit changes nothing");
    tell(&store, vec![written("c", 1, 3, "", None)]).await;
    assert_eq!(about("路灯").await, [0; 0]);
    assert_eq!(found(&store, all()).await, [1], "and it is there all the same");
}

async fn whatever_comes_first_the_same_is_found(store: impl Store) {
    tell(&store, archive()).await;
    let asked = || {
        [
            all(),
            FindQuery { unit: Some("601".to_owned()), ..all() },
            FindQuery { number: last("0001"), ..all() },
            FindQuery { text: text("不亮"), ..all() },
        ]
    };
    let mut once = Vec::new();
    for query in asked() {
        once.push(store.find(&query).await.unwrap());
    }
    // The journal is told again from every entry on, as after a crash.
    for from in 0..archive().len() {
        store.rewind("j", from as u64).await.unwrap();
        tell(&store, archive().split_off(from)).await;
    }
    for (query, before) in asked().into_iter().zip(&once) {
        assert_eq!(&store.find(&query).await.unwrap(), before);
    }
    // A recording that is sealed before its call is known.
    let late = vec![sealed(9), closed(9), written("late", 9, 1, "停电", None)];
    tell(&store, late).await;
    assert_eq!(found(&store, FindQuery { text: text("停电"), number: last("0009"), ..all() }).await, [9]);
}

/// What was typed, and the words that it is looked up by.
#[test]
fn chinese_is_taken_in_pairs_and_all_else_in_words() {
    for (text, expected) in [
        ("路灯不亮", "路灯 灯不 不亮 亮"),
        ("坏", "坏"),
        ("路灯，坏了。", "路灯 灯 坏了 了"),
        ("3号楼WiFi断了", "3 号楼 楼 wifi 断了 了"),
        ("３号楼　ＡＢＣ", "3 号楼 楼 abc"),
        ("a-b_c d", "a b c d"),
        ("〇〇七", "〇〇 〇七 七"),
        ("𠮷野家", "𠮷野 野家 家"),
        ("", ""),
        ("\"*^:(){}-+,. ", ""),
        ("NEAR(路灯, 5) AND *", "near 路灯 灯 5 and"),
    ] {
        assert_eq!(words(text).join(" "), expected, "{text}");
    }
    assert_eq!(words(&"x".repeat(5_000)), ["x".repeat(64)]);
    assert!(["", " ", "\"", "* ^ ()", "\u{0}", "，。"].iter().all(|typed| Wanted::parse(typed).is_none()));
}

#[test]
fn a_phrase_is_in_a_text_where_its_characters_are() {
    for (typed, text, is_in) in [
        ("路灯", "小区路灯不亮", true),
        ("路灯", "路边灯光", false),
        ("灯不亮", "路灯不亮", true),
        ("路灯亮", "路灯不亮", false),
        ("亮", "路灯不亮", true),
        ("路", "路灯不亮", true),
        ("3号", "新村路3号楼", true),
        ("3号", "新村路13号楼", false),
        ("号楼wifi", "3号楼WiFi", true),
        ("灯wifi", "路灯wifi", true),
        ("路灯 小区", "小区的路灯", true),
        ("路灯 小学", "小区的路灯", false),
        ("路灯，不亮", "路灯不亮", false),
        ("路灯，不亮", "路灯：不亮", true),
    ] {
        assert_eq!(Wanted::parse(typed).unwrap().is_in(&words(text)), is_in, "{typed} in {text}");
    }
}

/// Whatever is typed is a search and no operator of the database.
#[tokio::test]
async fn nothing_that_is_typed_is_an_error_of_the_database() {
    let folder = Folder::new("hostile");
    let store = Sqlite::new(&folder.join("hotline.db"));
    tell(&store, archive()).await;
    let long = "路灯 ".repeat(3_000);
    for typed in [
        "\"",
        "\"路灯",
        "路灯*",
        "* 路灯",
        "NEAR(路灯 不亮, 3)",
        "路灯 OR 1=1",
        "NOT 路灯",
        "words:路灯",
        "^路灯",
        "{words}:路灯",
        "路灯'; DROP TABLE finding; --",
        "路\u{0}灯",
        "AND AND",
        "-路灯",
        "+",
        "路灯 AND",
        "(((((",
        "\\",
        "%_",
        &long,
    ] {
        let Some(wanted) = Wanted::parse(typed) else { continue };
        store.find(&FindQuery { text: Some(wanted), ..all() }).await.unwrap_or_else(|error| panic!("{typed}: {error}"));
    }
    for hostile in ["'", "\" OR \"\"=\"", "%", "\u{10FFFF}", "", &long] {
        let word = || Some(hostile.to_owned());
        let query = FindQuery { ticket: word(), code: word(), unit: word(), leader: word(), party: word(), ..all() };
        assert_eq!(found(&store, query).await, [0; 0], "{hostile}");
    }
    assert_eq!(found(&store, all()).await.len(), 8);
}

#[test]
fn a_number_is_whole_or_the_end_of_one() {
    let whole = |typed: &str| format!("+{typed}");
    let of = |typed: &str| Digits::of(typed, whole);
    let (whole, last) = (
        |number: &str| Some(Digits::Whole(Private::new(number.to_owned()))),
        |digits: &str| Some(Digits::Last(Private::new(digits.to_owned()))),
    );
    for (typed, expected) in [
        ("13800001234", whole("+13800001234")),
        ("138 0000-1234", whole("+13800001234")),
        ("07981234567", whole("+07981234567")),
        ("0003", last("0003")),
        ("1234", last("1234")),
        ("1234567", last("1234567")),
        ("123", None),
        ("", None),
        ("12a4", None),
        ("12345'--", None),
    ] {
        assert_eq!(of(typed), expected, "{typed}");
    }
}

/// An older program's database gets its finding aid piece by piece, newest first, and is asked meanwhile.
#[tokio::test]
async fn a_finding_aid_is_written_behind_what_is_there_already() {
    let folder = Folder::new("behind");
    let path = folder.join("hotline.db");
    let store = Sqlite::new(&path);
    let entries = (1..=7).flat_map(|n| [closed(n), sealed(n), written(&format!("e{n}"), n, 1, "路灯", None)]);
    tell(&store, entries.collect()).await;
    assert!(!store.write_finding_aid(10).await.unwrap(), "nothing is behind");
    store.close().await;
    unwrite(&path).await;
    let store = Sqlite::new(&path);
    assert_eq!(found(&store, FindQuery { text: text("路灯"), ..all() }).await, [0; 0]);
    tell(&store, vec![closed(8), sealed(8), Entry::Closed(Box::new(record(opened(2))))]).await;
    assert!(store.write_finding_aid(3).await.unwrap());
    assert_eq!(found(&store, FindQuery { text: text("路灯"), ..all() }).await, [7, 6, 5, 2], "newest first");
    store.close().await;
    let store = Sqlite::new(&path);
    while store.write_finding_aid(3).await.unwrap() {}
    assert_eq!(found(&store, FindQuery { text: text("路灯"), ..all() }).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(found(&store, FindQuery { number: last("0001"), ..all() }).await, [1]);
    assert_eq!(found(&store, all()).await, [8, 7, 6, 5, 4, 3, 2, 1]);
}

/// A recording whose row is deleted is not found, and leaves no hole in a page.
#[tokio::test]
async fn a_recording_that_is_gone_takes_its_finding_with_it() {
    let folder = Folder::new("gone");
    let path = folder.join("hotline.db");
    let store = Sqlite::new(&path);
    tell(&store, archive()).await;
    store.close().await;
    run(&path, &["DELETE FROM recording WHERE call IN ('0000000000000007', '0000000000000002')"]).await;
    let store = Sqlite::new(&path);
    let page = PageAsk { rows: 2, after: None };
    assert_eq!(found(&store, FindQuery { text: text("不亮"), page, ..all() }).await, [3, 1]);
    assert_eq!(found(&store, FindQuery { unit: Some("601".to_owned()), ..all() }).await, [0; 0]);
    let page = store.find(&FindQuery { page: PageAsk { rows: 3, after: None }, ..all() }).await.unwrap();
    assert_eq!(page.rows.iter().map(|one| one.recording.sealed.call.0).collect::<Vec<_>>(), [3, 8, 6]);
    assert!(page.next.is_some());
}

/// The database of `path` as an older program would have left it, and migrated by this one.
async fn unwrite(path: &std::path::Path) {
    let back = "DROP TRIGGER finding_goes_with_its_recording; DROP TABLE finding; DROP TABLE finding_party; \
                DROP TABLE finding_text; DROP TABLE finding_behind; ALTER TABLE recording DROP COLUMN place;";
    run(path, &[back, include_str!("../../src/store/migrations/0008_find.sql")]).await;
}

async fn run(path: &std::path::Path, statements: &[&'static str]) {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    for sql in statements {
        sqlx::raw_sql(*sql).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
}
