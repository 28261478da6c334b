//! Which language a caller speaks, and whose seats answer him for it. R10.

use std::collections::BTreeSet;

use hotline::call::settings::SkillSettings;
use hotline::call::*;
use hotline::rules::language::{fallbacks, is_tag, preferred};

use crate::call::*;
use crate::exchange::city::{City, settings as city_settings};
use crate::exchange::peers::{Caller, Phone};

#[test]
fn what_is_liked_best_is_the_callers_language() {
    for (header, expected) in [
        ("", None),
        ("en", Some("en")),
        ("en-GB", Some("en-gb")),
        ("zh-CN, en;q=0.9", Some("zh-cn")),
        ("zh;q=0.8, en-US;q=0.85 , fr;q=0.1", Some("en-us")),
        ("da, en", Some("da")),
        ("*", None),
        ("*;q=0.5, en", Some("en")),
        ("en;q=0.2, *;q=0.5", None),
        ("en;q=0", None),
        ("en;q=0.0004, zh", Some("zh")),
        ("en;q=2, zh;q=0.1", Some("zh")),
        ("en;q=, zh;q=nan", None),
        ("en;level=1;q=0.5, zh;q=0.4", Some("en")),
        (",;,q=1,-,12,e, ,", None),
        ("英语, yue", Some("yue")),
    ] {
        assert_eq!(preferred(header).as_deref(), expected, "{header}");
    }
    assert_eq!(fallbacks("zh-hant-tw").collect::<Vec<_>>(), ["zh-hant-tw", "zh-hant", "zh"]);
    for (text, is) in [("en", true), ("zh-Hant", true), ("yue", true), ("e", false), ("en-", false), ("12", false)] {
        assert_eq!(is_tag(text), is, "{text}");
    }
}

/// 1002 speaks English and nothing else; callers overflow to the general seats.
fn with_english() -> Settings {
    let mut settings = settings();
    let english = || "english".to_owned();
    settings.languages.insert("en".into(), english());
    let overflow = settings.skills["market"].overflow.clone();
    settings.skills.insert(english(), SkillSettings { overflow, ..SkillSettings::default() });
    if let Some(seat) = settings.seats.get_mut(&no("1002")) {
        seat.skills = BTreeSet::from([english()]);
    }
    let carrier = settings.trunks.get_mut("carrier").expect("carrier");
    carrier.pilots = vec!["0798-8220000".into(), "0798-8220001".into()];
    carrier.default_code = Some("12345".into());
    carrier.pilot_languages = vec![("0798-8220001".into(), "en".into())];
    settings
}

fn call(hall: &mut Hall, number: &str, accept_language: &str) -> Vec<Output> {
    let mut invited = invited(1, number);
    invited.dialled.accept_language = accept_language.into();
    hall.send(Input::Invited(Box::new(invited)))
}

#[test]
fn the_group_that_speaks_the_callers_language_answers_whichever_number_he_dialled() {
    for (what, number, trunk, header, seat, skill) in [
        ("nothing said", "12345", None, "", "1001", "general"),
        ("his phone says it", "12345", None, "en-US, zh;q=0.5", "1002", "english"),
        ("whichever number", "12331", None, "en", "1002", "english"),
        ("he only understands it", "12345", None, "zh, en;q=0.9", "1001", "general"),
        ("nobody speaks it", "12345", None, "fr", "1001", "general"),
        ("another pilot", "07988220000", None, "", "1001", "general"),
        ("the pilot says it", "07988220001", None, "", "1002", "english"),
        ("the pilot before his phone", "07988220001", None, "zh", "1002", "english"),
        ("the trunk says it", "12345", Some("en"), "", "1002", "english"),
        ("the trunk before his phone", "12345", Some("zh"), "en", "1001", "general"),
    ] {
        let mut settings = with_english();
        settings.trunks.get_mut("carrier").expect("carrier").language = trunk.map(str::to_owned);
        let mut hall = Hall::open_with(settings);
        let out = brief(&call(&mut hall, number, header));
        assert!(out.iter().any(|line| *line == format!("Dial d1 {seat}")), "{what}: {out:?}");
        assert_eq!(hall.call().skill, skill, "{what}");
    }
}

#[test]
fn a_caller_whose_language_nobody_has_time_for_overflows_as_others_do() {
    let mut hall = Hall::open_with(with_english());
    hall.send(Input::Ask { seat: no("1002"), ask: SeatAsk::Busy });
    let out = brief(&call(&mut hall, "12315", "en"));
    assert!(!out.iter().any(|line| line.starts_with("Dial")), "not at once: {out:?}");
    assert!(hall.wait(seconds(8)).contains(&"Dial d1 1001".to_owned()));
    let answer = hall.seat_answers();
    let ticket = answer.iter().find_map(|output| match output {
        Output::OpenTicket(ticket) => Some((ticket.original_code.clone(), ticket.skill.clone())),
        _ => None,
    });
    assert_eq!(ticket, Some(("12315".into(), "english".into())), "the number is kept");
}

/// The header from the wire, in several lines and in any spelling.
#[test]
fn an_invite_says_which_language_its_caller_speaks() {
    let mut settings = city_settings();
    settings.board.languages.insert("en".into(), "market".into());
    for (more, skill) in [
        (vec![], "general"),
        (vec!["Accept-Language: en-GB"], "market"),
        (vec!["ACCEPT-LANGUAGE:zh;q=0.1", "accept-language: en"], "market"),
    ] {
        let mut city = City::new(settings.clone());
        let mut phones = ["1001", "1003"].map(|seat| Phone::registered(&mut city, seat));
        let mut caller = Caller::new(&mut city, "12345");
        caller.more = more.iter().map(|line| (*line).to_owned()).collect();
        caller.invite(&mut city);
        let rung = phones.each_mut().map(|phone| phone.is_rung(&mut city).is_some());
        assert_eq!(rung, [skill == "general", skill == "market"], "{more:?}");
    }
}
