//! Who can be brought into a call: found by code and by words, reachable by the hour (R19, R24, R31).

use hotline::call::SeatNo;
use hotline::call::directory::{Directory, Entry, Hours, LineTo, Unreachable};
use hotline::config::{Config, Texts};
use jiff::civil::{DateTime, Weekday, date};

fn shipped() -> Directory {
    Config::embedded().directory
}

fn codes<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a str> {
    entries.map(|entry| entry.code.as_str()).collect()
}

#[test]
fn a_code_finds_its_entry_and_words_find_theirs() {
    let directory = shipped();
    assert_eq!(directory.entry("901").map(|leader| leader.name.as_str()), Some("张示例"));
    assert_eq!(directory.entry("90"), None);
    for (query, found) in [
        ("住房和城乡", &["601"][..]),
        ("副市长", &["901"]),
        ("示例市 局长", &["951"]),
        ("食品", &["602"]),
        ("泥石流", &["681"]),
        ("sls", &["601", "602", "681", "801"]),
        ("SLSSC", &["602"]),
        ("60", &["601", "602"]),
        ("01", &[]),
        ("110", &["110"]),
        ("0798", &[]),
        ("138", &[]),
        ("气象", &[]),
    ] {
        assert_eq!(codes(directory.search(query)), found, "{query}");
    }
    for all in ["", " \t"] {
        assert_eq!(directory.search(all).count(), 14, "{all:?}");
    }
}

#[test]
fn lines_are_reachable_by_the_hour_in_their_order() {
    let directory = shipped();
    let number = |line: &LineTo| match line {
        LineTo::Number { number, .. } => number.reveal().clone(),
        LineTo::Device(uri) => uri.clone(),
        LineTo::Seat(SeatNo(seat)) => seat.clone(),
    };
    let at = |code: &str, day: Weekday, hour: u16, minute: u16| {
        let lines = directory.entry(code).unwrap().lines_at(day, hour * 60 + minute);
        lines.map(|lines| lines.into_iter().map(|line| number(&line.to)).collect::<Vec<_>>().join(" "))
    };
    let all = "07980000101 07980000102 13800000101";
    let duty = "13800000101";
    // 601: mon-fri 08:30-12:00 and 14:00-17:30, the last line is of duty.
    for (day, hour, minute, lines) in [
        (Weekday::Monday, 8, 29, duty),
        (Weekday::Monday, 8, 30, all),
        (Weekday::Monday, 11, 59, all),
        (Weekday::Monday, 12, 0, duty),
        (Weekday::Friday, 14, 0, all),
        (Weekday::Friday, 17, 29, all),
        (Weekday::Friday, 17, 30, duty),
        (Weekday::Saturday, 10, 0, duty),
        (Weekday::Sunday, 0, 0, duty),
    ] {
        assert_eq!(at("601", day, hour, minute).as_deref(), Ok(lines), "{day:?} {hour}:{minute}");
    }
    // 602: mon-fri 08:30-17:30, nobody on duty.
    for (day, hour, minute, why) in [
        (Weekday::Monday, 8, 0, "closed until Mon 08:30"),
        (Weekday::Monday, 17, 30, "closed until Tue 08:30"),
        (Weekday::Friday, 18, 0, "closed until Mon 08:30"),
        (Weekday::Sunday, 23, 59, "closed until Mon 08:30"),
    ] {
        let refused = at("602", day, hour, minute).expect_err("closed");
        assert_eq!(refused.to_string(), why, "{day:?} {hour}:{minute}");
    }
    assert_eq!(at("651", Weekday::Sunday, 3, 0).as_deref(), Ok("1003 13800000651"), "always open");
    assert_eq!(at("119", Weekday::Sunday, 3, 0).as_deref(), Ok("119 07980000119"), "and its fallback");
    let bare = Entry { lines: Vec::new(), ..directory.entry("602").unwrap().clone() };
    assert_eq!(bare.lines_at(Weekday::Monday, 600), Err(Unreachable::NoLine));
    let never = Entry { hours: Some(Hours(Vec::new())), ..directory.entry("602").unwrap().clone() };
    assert_eq!(never.lines_at(Weekday::Monday, 600), Err(Unreachable::NoLine));
}

#[test]
fn a_week_of_one_opening_opens_again_in_a_week() {
    let mut texts = Texts::embedded();
    texts.units.text = texts.units.text.replace("[\"mon-fri 08:30-17:30\"]", "[\"sat-mon 00:00-24:00\"]");
    let directory = Config::read(&texts).expect("config").directory;
    let unit = directory.entry("602").unwrap();
    for (day, open) in
        [(Weekday::Saturday, true), (Weekday::Sunday, true), (Weekday::Monday, true), (Weekday::Tuesday, false)]
    {
        for minutes in [0, 24 * 60 - 1] {
            assert_eq!(unit.lines_at(day, minutes).is_ok(), open, "{day:?} {minutes}");
        }
    }
    assert_eq!(unit.lines_at(Weekday::Tuesday, 0).unwrap_err().to_string(), "closed until Sat 00:00");
}

/// R24: a call is offered one second before the end and not one second after it.
#[test]
fn a_leaders_session_takes_its_calls_within_its_window_only() {
    let directory = shipped();
    let found = |original: &str, primary: &str, skill: &str, at: DateTime| {
        let sessions = directory.sessions_for(original, primary, skill, at);
        sessions.map(|(_, leader)| leader.code.clone()).collect::<Vec<_>>().join(" ")
    };
    let day = date(2026, 12, 1);
    for (at, leader) in [
        (day.at(8, 59, 59, 999_999_999), ""),
        (day.at(9, 0, 0, 0), "951"),
        (day.at(10, 59, 59, 0), "951"),
        (day.at(11, 0, 0, 0), ""),
        (day.at(11, 0, 1, 0), ""),
        (date(2026, 12, 2).at(10, 0, 0, 0), ""),
    ] {
        assert_eq!(found("12328", "12328", "12328", at), leader, "{at}");
    }
    let ten = day.at(10, 0, 0, 0);
    for (original, primary, skill, leader) in [
        ("12328", "12328", "other", "951"),
        ("96000", "12328", "other", "951"),
        ("12345", "12345", "12328", "951"),
        ("12345", "12345", "general", ""),
    ] {
        assert_eq!(found(original, primary, skill, ten), leader, "{original} {skill}");
    }
}
