//! R1–R7: the number table, every form of every code, and what a table may not say.

use hotline::config::Config;
use hotline::rules::numbers::{
    AreaCode, Dialled, Mode, NumberPlan, NumberRow, Route, RowReason, TrunkNumbers, UnknownNumber,
};
use jiff::civil::{Date, date};

const TODAY: Date = date(2026, 10, 1);

/// The 28 codes of Art. 16 and 17 (R2): code, primary, mode.
const REGULATION: [(&str, &str, Mode); 28] = [
    ("12345", "12345", Mode::Own),
    ("12396", "12345", Mode::Merged),
    ("12300", "12345", Mode::Merged),
    ("12349", "12345", Mode::Merged),
    ("12336", "12345", Mode::Merged),
    ("12312", "12345", Mode::Merged),
    ("12301", "12345", Mode::Merged),
    ("96119", "12345", Mode::Merged),
    ("12322", "12345", Mode::Merged),
    ("12318", "12345", Mode::Merged),
    ("12385", "12345", Mode::Merged),
    ("12393", "12345", Mode::Merged),
    ("12315", "12315", Mode::Dual),
    ("12330", "12315", Mode::Dual),
    ("12331", "12315", Mode::Dual),
    ("12358", "12315", Mode::Dual),
    ("12365", "12315", Mode::Dual),
    ("12316", "12316", Mode::Dual),
    ("12317", "12317", Mode::Dual),
    ("12319", "12319", Mode::Dual),
    ("12320", "12320", Mode::Dual),
    ("12356", "12320", Mode::Dual),
    ("12328", "12328", Mode::Dual),
    ("12329", "12329", Mode::Dual),
    ("12333", "12333", Mode::Dual),
    ("12348", "12348", Mode::Dual),
    ("12350", "12350", Mode::Dual),
    ("12369", "12369", Mode::Dual),
];

/// Every form that R1 names, and those that carriers make of them.
const FORMS: [&str; 32] = [
    "{}",
    "0798-{}",
    "0798{}",
    "+86798{}",
    "86798{}",
    "00 86 798 {}",
    "+86 0798 {}",
    "+86-798-{}",
    "sip:{}@192.0.2.1",
    "sip:{}@192.0.2.1:5060;transport=udp",
    "SIP:{}@[2001:db8::1]:5060",
    "sips:{}@hotline.example",
    "sip:0798-{}@192.0.2.1",
    "sip:0798{}@192.0.2.1;user=phone",
    "sip:+86798{}@192.0.2.1;user=phone",
    "sip:%2B86798{}@192.0.2.1;user=phone",
    "sip:86798{}@192.0.2.1;USER=PHONE",
    "sip:{};phone-context=+86798@192.0.2.1;user=phone",
    "sip:{};phone-context=hotline.example@192.0.2.1;user=phone",
    "sip:{}@192.0.2.1;phone-context=+86798;user=phone",
    "sip:{}:secret@192.0.2.1",
    "sip:{}@192.0.2.1?Subject=x",
    "sip:{}",
    "tel:{}",
    "tel:{};phone-context=+86798",
    "tel:{};phone-context=+86",
    "tel:{};phone-context=0798",
    "tel:{};PHONE-CONTEXT=hotline.example;isub=1",
    "tel:0798-{}",
    "TEL:+86-798-{}",
    "<sip:{}@192.0.2.1>",
    "\"a <b> \\\" c\" <sip:+86798{}@192.0.2.1;user=phone>;tag=1",
];

fn plan() -> NumberPlan {
    Config::embedded().numbers
}

fn uri(text: &str) -> Dialled {
    Dialled { request_uri: text.into(), ..Dialled::default() }
}

fn route(dialled: &Dialled, on: Date) -> Result<Route, UnknownNumber> {
    plan().route(dialled, &TrunkNumbers::default(), on)
}

#[test]
fn each_form_of_each_code_is_that_code() {
    let plan = plan();
    let mut wrong = Vec::new();
    // The day before 12356 became a number of its own (R6).
    let on = date(2025, 4, 30);
    for (code, primary, mode) in REGULATION {
        for form in FORMS {
            let text = form.replace("{}", code);
            match plan.route(&uri(&text), &TrunkNumbers::default(), on) {
                Ok(route) if route.original_code == code && route.hotline_primary == primary && route.mode == mode => {}
                other => wrong.push(format!("{text}: {other:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let codes: std::collections::BTreeSet<&str> = plan.rows().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, REGULATION.iter().map(|row| row.0).collect());
}

#[test]
fn anything_else_is_unknown() {
    let texts = [
        "",
        "sip:192.0.2.1",
        "sip:1.2.3.45",
        "sip:@192.0.2.1",
        "tel:",
        "12344",
        "110",
        "sip:119@192.0.2.1",
        "1234",
        "123450",
        "8612345",     // may be a subscriber of the city: 0798-8612345
        "+8679112345", // another city's hotline
        "tel:12345;phone-context=+86791",
        "+112345",
        "+112345;phone-context=+86798",
        "sip:12345x@192.0.2.1",
        "sip:%ff%zz12345@192.0.2.1",
        "12345%",
        "<sip:",
        "\"12345",
        "一二三四五",
    ];
    for text in texts {
        assert!(route(&uri(text), TODAY).is_err(), "{text}");
    }
}

#[test]
fn a_merged_code_is_treated_as_12345() {
    let merged = route(&uri("12396"), TODAY).expect("12396");
    let own = route(&uri("12345"), TODAY).expect("12345");
    assert_eq!((merged.mode, merged.original_code.as_str()), (Mode::Merged, "12396"));
    assert_eq!((merged.skill, merged.greeting, merged.hotline_primary), (own.skill, own.greeting, own.hotline_primary));
}

#[test]
fn an_alias_resolves_in_one_step() {
    let route = route(&uri("12331"), TODAY).expect("12331");
    assert_eq!((route.original_code.as_str(), route.hotline_primary.as_str()), ("12331", "12315"));
    assert_eq!((route.skill.as_str(), route.greeting.as_deref()), ("12315", Some("12315")));
    assert_eq!(route.why, ["Request-URI reads 12331", "12331 is an alias of 12315"]);
}

#[test]
fn a_changed_meaning_does_not_touch_history() {
    let before = route(&uri("12356"), date(2025, 4, 30)).expect("before");
    assert_eq!((before.mode, before.hotline_primary.as_str(), before.skill.as_str()), (Mode::Dual, "12320", "12320"));
    let after = route(&uri("12356"), date(2025, 5, 1)).expect("after");
    assert_eq!((after.mode, after.hotline_primary.as_str()), (Mode::Transfer, "12356"));
    assert_eq!((after.target.as_deref(), after.skill.as_str()), (None, "12320"), "the owner names the service");
}

#[test]
fn a_pilot_takes_its_code_from_where_the_carrier_put_it() {
    let pilots = ["0798-8220000".to_owned(), "hotline".to_owned()];
    let trunk = TrunkNumbers { pilots: &pilots, default_code: Some("12345"), ..TrunkNumbers::default() };
    let list = |users: &[&str]| users.iter().map(|user| (*user).to_owned()).collect::<Vec<_>>();
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a str, &'a str);
    let cases: [Case<'_>; 9] = [
        ("sip:07988220000@192.0.2.1", &["12333", "8220000"], &["12331"], "<sip:12369@x>", "12333"),
        ("sip:+867988220000@192.0.2.1", &[], &["12331"], "<sip:12369@x>", "12331"),
        // Diversion comes newest first: the number that was dialled is the last.
        ("tel:8220000", &[], &["07988220000", "12315", "+8679812331"], "", "12331"),
        ("8220000", &["8220000"], &["8220000"], "\"x\" <sip:0798-12369@x>;tag=1", "12369"),
        ("8220000", &[], &[], "<sip:8220000@x>", "12345"),
        ("8220000", &[], &[], "", "12345"),
        // A citizen's phone that is diverted to the hotline says nothing.
        ("8220000", &["13800000001"], &["+8613800000001"], "", "12345"),
        ("sip:hotline@192.0.2.1:5060", &[], &[], "<sip:12328@x>", "12328"),
        // The Request-URI names a code itself: nothing else is asked.
        ("sip:12350@192.0.2.1", &["12333"], &["12331"], "<sip:12369@x>", "12350"),
    ];
    for (request_uri, history, diversion, to, code) in cases {
        let dialled = Dialled {
            request_uri: request_uri.into(),
            to: to.into(),
            history: list(history),
            diversion: list(diversion),
            ..Dialled::default()
        };
        let route = plan().route(&dialled, &trunk, TODAY).map(|route| route.original_code);
        assert_eq!(route.as_deref(), Ok(code), "{dialled:?}");
    }
    let trunk = TrunkNumbers { default_code: None, ..trunk };
    assert!(plan().route(&uri("8220000"), &trunk, TODAY).is_err(), "a pilot without a default");
    let to = Dialled { request_uri: "sip:8229999@x".into(), to: "<sip:12345@x>".into(), ..Dialled::default() };
    assert!(plan().route(&to, &trunk, TODAY).is_err(), "not a pilot of the trunk: To does not help");
}

#[test]
fn a_trunks_prefix_is_taken_off() {
    let trunk = TrunkNumbers { strip_prefix: Some("99"), ..TrunkNumbers::default() };
    let code = |text: &str| plan().route(&uri(text), &trunk, TODAY).map(|route| route.original_code).ok();
    assert_eq!(code("sip:9912331@192.0.2.1").as_deref(), Some("12331"));
    assert_eq!(code("99079812331").as_deref(), Some("12331"));
    assert_eq!(code("12331").as_deref(), Some("12331"), "a call that came without it");
    assert_eq!(code("9812331"), None);
}

#[test]
fn no_text_makes_the_reading_fail() {
    let alphabet =
        ["", "<", ">", "\"", "\\", "%", "%2", "%2B", ":", "sip:", "tel:", "@", ";", "=", "+", "00", "86", "热"];
    let plan = plan();
    let trunk = TrunkNumbers { strip_prefix: Some("+"), ..TrunkNumbers::default() };
    for a in alphabet {
        for b in alphabet {
            for c in alphabet {
                let _ = plan.route(&uri(&format!("{a}{b}{c}phone-context{c}{b}{a}12345")), &trunk, TODAY);
            }
        }
    }
}

fn row(code: &str, mode: Mode, primary: Option<&str>) -> NumberRow {
    let own_skill = primary.is_none() || mode == Mode::Transfer;
    NumberRow {
        code: code.into(),
        mode,
        primary: primary.map(Into::into),
        label: code.into(),
        skill: own_skill.then(|| "general".into()),
        greeting: None,
        target: (mode == Mode::Transfer).then(|| "elsewhere".into()),
        valid_from: None,
        valid_to: None,
        allow_revive: false,
    }
}

fn faults(rows: &[NumberRow]) -> Vec<(usize, RowReason)> {
    let area = AreaCode::parse("0798").expect("area code");
    let faults = NumberPlan::new(rows.to_vec(), area).err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.row, fault.reason)).collect()
}

#[test]
fn a_bad_table_is_refused_row_by_row() {
    let own = || row("12345", Mode::Own, None);
    let dual = |code: &str, primary| row(code, Mode::Dual, primary);
    let from = |row: NumberRow, day| NumberRow { valid_from: Some(day), ..row };
    let until = |row: NumberRow, day| NumberRow { valid_to: Some(day), ..row };
    let day = date(2025, 5, 1);
    type Case<'a> = (&'a str, Vec<NumberRow>, Vec<(usize, RowReason)>);
    let cases: Vec<Case<'_>> = vec![
        ("fine", vec![own(), dual("12315", None), dual("12331", Some("12315"))], vec![]),
        ("duplicate", vec![own(), own()], vec![(1, RowReason::Duplicate)]),
        ("one day too many", vec![until(own(), day), from(own(), day)], vec![(1, RowReason::Duplicate)]),
        ("one after the other", vec![until(own(), day), from(own(), date(2025, 5, 2))], vec![]),
        (
            "two primaries",
            vec![own(), dual("12315", None), dual("12331", Some("12345")), dual("12331", Some("12315"))],
            vec![(3, RowReason::TwoPrimaries("12345".into(), "12315".into()))],
        ),
        (
            "cycle",
            vec![dual("12315", Some("12331")), dual("12331", Some("12315"))],
            vec![(0, RowReason::Cycle("12331".into())), (1, RowReason::Cycle("12315".into()))],
        ),
        (
            "alias of an alias",
            vec![dual("12315", None), dual("12331", Some("12315")), dual("12330", Some("12331"))],
            vec![(2, RowReason::AliasOfAlias("12331".into()))],
        ),
        (
            "no such primary",
            vec![dual("12331", Some("12315"))],
            vec![(0, RowReason::NoPrimary("12315".into(), Date::MIN))],
        ),
        (
            "the primary ends first",
            vec![until(dual("12315", None), day), dual("12331", Some("12315"))],
            vec![(1, RowReason::NoPrimary("12315".into(), date(2025, 5, 2)))],
        ),
        ("revived (Art. 16)", vec![dual("12396", None)], vec![(0, RowReason::Revived(Mode::Dual))]),
        ("revived on purpose", vec![NumberRow { allow_revive: true, ..dual("12396", None) }], vec![]),
        (
            "merged by this table, then revived",
            vec![
                own(),
                until(row("12999", Mode::Merged, Some("12345")), day),
                from(dual("12999", None), date(2026, 1, 1)),
            ],
            vec![(2, RowReason::Revived(Mode::Dual))],
        ),
        (
            "merged later",
            vec![
                own(),
                until(dual("12999", None), day),
                from(row("12999", Mode::Merged, Some("12345")), date(2026, 1, 1)),
            ],
            vec![],
        ),
        (
            "merged into a dual",
            vec![dual("12315", None), row("12396", Mode::Merged, Some("12315"))],
            vec![(1, RowReason::MergedWhere)],
        ),
        ("merged nowhere", vec![row("12396", Mode::Merged, None)], vec![(0, RowReason::MergedWhere)]),
        (
            "own with a primary",
            vec![own(), row("12344", Mode::Own, Some("12345"))],
            vec![(1, RowReason::OwnWithPrimary)],
        ),
        ("no skill", vec![NumberRow { skill: None, ..own() }], vec![(0, RowReason::NoSkill)]),
        (
            "transfer that nobody answers",
            vec![NumberRow { target: Some("681".into()), skill: None, ..row("12356", Mode::Transfer, None) }],
            vec![(0, RowReason::TransferWithoutSkill)],
        ),
        (
            "a target that is never used",
            vec![NumberRow { target: Some("x".into()), ..own() }],
            vec![(0, RowReason::NeedlessTarget)],
        ),
        (
            "a greeting that nobody can have",
            vec![NumberRow { greeting: Some("12399".into()), ..own() }],
            vec![(0, RowReason::Greeting("12399".into()))],
        ),
        ("letters", vec![dual("1234x", None)], vec![(0, RowReason::BadCode)]),
        ("backwards", vec![until(from(own(), day), date(2025, 4, 30))], vec![(0, RowReason::Backwards)]),
    ];
    for (what, rows, expected) in cases {
        assert_eq!(faults(&rows), expected, "{what}");
    }
    for code in ["110", "119", "120", "122"] {
        assert_eq!(faults(&[dual(code, None)]), [(0, RowReason::Emergency)], "{code}");
    }
}
