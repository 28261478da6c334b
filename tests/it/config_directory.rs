//! What `units.toml`, `leaders.toml` and `emergency.toml` may not say, and what their examples promise.

use hotline::call::directory::{AfterSeat, AnswerPolicy, Kind, LineTo, Mode, Service, Shown};
use hotline::config::{Config, Texts};

use crate::config_faults::File::{Emergency, Leaders, Seats, Trunks, Units};
use crate::config_faults::{assert_refused, edited, faults};

const UNIT: &str = "[[unit]]";
const LEADER: &str = "[[leader]]";
const SESSION: &str = "[[session]]";
const EMERGENCY: &str = "[[emergency]]";

fn unit(code: &str, more: &str) -> String {
    let lines = if more.contains("lines") { "" } else { "lines = [{ number = \"07980000999\" }]\n" };
    format!("{UNIT}\ncode = \"{code}\"\nname = \"x\"\nkind = \"unit\"\n{lines}{more}\n")
}

fn with_lines(lines: &str) -> String {
    unit("699", &format!("lines = {lines}"))
}

fn with_hours(hours: &str) -> String {
    unit("699", &format!("hours = {hours}"))
}

fn session(leader: &str, what: &str, start: &str, end: &str) -> String {
    format!("{SESSION}\nleader = \"{leader}\"\ntopic = \"x\"\n{what}\nstart = {start}\nend = {end}\n")
}

fn water(code: &str, lines: &str) -> String {
    format!("{EMERGENCY}\ncode = \"{code}\"\nname = \"x\"\nservice = \"water\"\nlines = {lines}\n")
}

#[test]
fn every_bad_unit_is_refused_by_file_line_and_reason() {
    let lines = "lines =";
    let hours = "hours =";
    assert_refused(vec![
        (Units, "", unit("601", ""), UNIT, "601: duplicate code, that of 示例市住房和城乡建设局"),
        (Units, "", unit("1001", ""), UNIT, "1001: is a seat's number"),
        (Units, "", unit("12331", ""), UNIT, "12331: is a hotline number"),
        (Units, "", unit("110", ""), UNIT, "110: is another's emergency number"),
        (Units, "", unit("21", ""), "code = \"21\"", "code: `21` is the feature code *21"),
        (Units, "", unit("*21", ""), "code = \"*21\"", "code: `*21` is not two to six digits"),
        (Units, "", unit("6", ""), "code = \"6\"", "code: `6` is not two to six digits"),
        (Units, "", unit("6999999", ""), "code = \"6999999\"", "is not two to six digits"),
        (Units, "", unit("699", "colour = \"red\""), "colour", "unknown key `colour`"),
        (Units, "", unit("699", "post = \"x\""), "post", "unknown key `post`"),
        (Units, "", "[[office]]\n".into(), "[[office]]", "unknown key `office`"),
        (Units, "kind = \"branch\"", "kind = \"leader\"".into(), "kind = \"leader\"", "unknown variant `leader`"),
        (Units, "", unit("699", "pinyin = \"市局\""), "pinyin", "`市局` is not initials"),
        (Units, "", unit("699", "answer = \"press_2\""), "answer", "unknown variant `press_2`"),
        (Units, "", unit("699", "after_seat_leaves = \"stay\""), "after_seat", "unknown variant `stay`"),
        (Units, "", with_lines("[]"), lines, "lines: without a line nobody can be reached"),
        (
            Units,
            "lines = [{ number = \"07980000201\", shown = \"citizen\" }]",
            String::new(),
            UNIT,
            "missing key `lines`",
        ),
        (Units, "", with_lines("[{ }]"), lines, "a line has one of number, seat and device"),
        (Units, "", with_lines("[{ number = \"110\", seat = \"1001\" }]"), lines, "one of number, seat and device"),
        (Units, "", with_lines("[{ number = \"call me\" }]"), lines, "a number is made of 3 to 20 digits"),
        (Units, "", with_lines("[{ seat = \"1001\", shown = \"ours\" }]"), lines, "only a number has trunks and shown"),
        (Units, "", with_lines("[{ number = \"110\", shown = \"none\" }]"), lines, "unknown variant `none`"),
        (Units, "", with_lines("[{ number = \"110\", trunk = \"x\" }]"), lines, "unknown key `trunk`"),
        (Units, "", with_lines("[{ device = \"601\" }]"), lines, "a device is written as sip:"),
        (
            Units,
            "",
            with_lines("[{ device = \"sip:6@[2001:db8::1]\" }]"),
            UNIT,
            "699: no listener for seats can reach its device",
        ),
        (Units, "", with_lines("[{ seat = \"1009\" }]"), UNIT, "699: unknown seat 1009"),
        (Units, "", with_lines("[{ number = \"110\", trunks = [\"mars\"] }]"), UNIT, "699: unknown trunk mars"),
        (
            Units,
            "",
            with_lines("[{ number = \"110\", trunks = [\"loopback\"] }]"),
            UNIT,
            "699: trunk loopback has no hosts, nothing can be dialled through it",
        ),
        (
            Units,
            "",
            with_lines("[{ number = \"110\" }, { seat = \"1001\" }, { number = \"110\", duty = true }]"),
            UNIT,
            "699: line 3 is there twice",
        ),
        (Units, "", with_hours("[]"), hours, "never open"),
        (Units, "", with_hours("[\"always\"]"), hours, "`always` is no time such as mon-fri 08:30-12:00"),
        (Units, "", with_hours("[\"mon 8:30-12:00\"]"), hours, "`mon 8:30-12:00` is no time"),
        (Units, "", with_hours("[\"mon 08:60-12:00\"]"), hours, "is no time"),
        (Units, "", with_hours("[\"mon 08:00-24:01\"]"), hours, "is no time"),
        (Units, "", with_hours("[\"Mon 08:00-12:00\"]"), hours, "is no time"),
        (Units, "", with_hours("[\"mon 22:00-06:00\"]"), hours, "ends before it begins; one over midnight"),
        (Units, "", with_hours("[\"mon 08:00-08:00\"]"), hours, "ends before it begins"),
    ]);
}

#[test]
fn every_bad_leader_session_or_emergency_target_is_refused_by_file_line_and_reason() {
    let (nine, ten) = ("2026-12-02T09:00:00", "2026-12-02T10:00:00");
    let codes = "codes = [\"12345\"]";
    let leader = |more: &str| {
        format!(
            "{LEADER}\ncode = \"999\"\nname = \"x\"\npost = \"y\"\nlines = [{{ number = \"07980000999\" }}]\n{more}\n"
        )
    };
    assert_refused(vec![
        (Leaders, "code = \"951\"", "code = \"601\"".into(), LEADER, "601: duplicate code"),
        (Leaders, "", leader("level = \"moon\""), "level", "unknown variant `moon`"),
        (Leaders, "", leader(""), LEADER, "missing key `level`"),
        (Leaders, "", leader("level = \"city\"\nhours = []"), "hours", "unknown key `hours`"),
        (Leaders, "", session("999", codes, nine, ten), SESSION, "session of 999: unknown leader"),
        (Leaders, "", session("601", codes, nine, ten), SESSION, "session of 601: unknown leader"),
        (Leaders, "", session("901", codes, ten, nine), SESSION, "session of 901: ends before it starts"),
        (Leaders, "", session("901", codes, nine, nine), SESSION, "session of 901: ends before it starts"),
        (Leaders, "", session("901", "", nine, ten), SESSION, "session of 901: neither codes nor skills"),
        (
            Leaders,
            "",
            session("901", "codes = [\"12344\"]", nine, ten),
            SESSION,
            "session of 901: 12344 is not in the number table",
        ),
        (
            Leaders,
            "",
            session("901", "skills = [\"weather\"]", nine, ten),
            SESSION,
            "session of 901: skill weather names an unknown group",
        ),
        (Leaders, "", session("901", "level = \"city\"", nine, ten), "level", "unknown key `level`"),
        (Leaders, "", session("901", "mode = \"both\"", nine, ten), "mode = \"both\"", "unknown variant `both`"),
        (Leaders, "", session("901", "ring_s = 4", nine, ten), "ring_s", "ring_s: 4 is not between 5 and 60"),
        (
            Leaders,
            "",
            session("901", "briefing = \"../taxi\"", nine, ten),
            "briefing",
            "`../taxi` is not the name of a prompt",
        ),
        (
            Leaders,
            "",
            session("951", codes, "2026-12-01T09:00:00", "2026-12-01T10:00:00"),
            SESSION,
            "session of 951: another one of this leader starts at the same time",
        ),
        (Leaders, "", session("901", codes, "2026-12-02", ten), "start", "start: must be a local time"),
        (Leaders, "", session("901", codes, &format!("{nine}Z"), ten), "start", "must be a local time"),
        (Leaders, "", session("901", codes, "\"soon\"", ten), "start", "start: "),
        (
            Emergency,
            "",
            water("899", "[{ number = \"07980000899\" }]"),
            EMERGENCY,
            "899: one line only, an emergency target needs another",
        ),
        (
            Emergency,
            "",
            water("899", "[{ number = \"07980000899\" }, { number = \"07980000899\" }]"),
            EMERGENCY,
            "899: line 2 is there twice",
        ),
        (Emergency, "code = \"110\"", "code = \"119\"".into(), EMERGENCY, "119: is another's emergency number"),
        (Emergency, "code = \"801\"", "code = \"901\"".into(), EMERGENCY, "901: duplicate code, that of 张示例"),
        (Emergency, "service = \"gas\"", "service = \"water\"".into(), "", "no [[emergency]] with service = \"gas\""),
        (Emergency, "service = \"gas\"", "service = \"oil\"".into(), "service = \"oil\"", "unknown variant `oil`"),
        (Emergency, "service = \"gas\"", "service = \"gas\"\nhours = []".into(), "hours", "unknown key `hours`"),
    ]);
}

#[test]
fn a_row_that_cannot_be_read_hides_no_other_fault_and_makes_none() {
    let one_fault = |(texts, _): (Texts, String)| {
        let found = faults(&texts);
        assert_eq!(found.len(), 1, "{found:#?}");
    };
    one_fault(edited(Leaders, "level = \"department\"", "level = \"moon\""));
    one_fault(edited(Emergency, "service = \"gas\"", "service = \"oil\""));
    one_fault(edited(Seats, "kind = \"remote\"", "kind = \"robot\""));
}

/// Faults are logged at a reload; the numbers are persons'.
#[test]
fn no_fault_tells_a_number() {
    for row in [
        with_lines("[{ number = \"13800000777x\" }]"),
        with_lines("[{ number = 13800000777 }]"),
        with_lines("[{ number = \"13800000777\" }, { number = \"13800000777\" }]"),
        with_lines("[{ seat = \"13800000777\" }]"),
        unit("13800000777", ""),
    ] {
        let (texts, _) = edited(Units, "", &row);
        let found = faults(&texts);
        assert!(!found.is_empty() && !format!("{found:?}").contains("13800000777"), "{found:?}");
    }
}

#[test]
fn the_examples_say_what_they_promise() {
    let directory = Config::embedded().directory;
    let entry = |code: &str| directory.entry(code).unwrap_or_else(|| panic!("{code}"));
    for (code, after) in [
        ("601", AfterSeat::EndAll),
        ("651", AfterSeat::KeepTalking),
        ("671", AfterSeat::KeepTalking),
        ("681", AfterSeat::EndAll),
        ("901", AfterSeat::KeepTalking),
        ("110", AfterSeat::KeepTalking),
        ("122", AfterSeat::KeepTalking),
        ("801", AfterSeat::EndAll),
    ] {
        assert_eq!(entry(code).after_seat_leaves, after, "{code}");
    }
    assert_eq!((entry("651").answer, entry("601").answer), (AnswerPolicy::Press1, AnswerPolicy::Announced));
    for service in Service::ALL {
        let mut targets = directory.entries().filter(|entry| entry.kind == Kind::Emergency(service));
        assert!(targets.any(|target| target.lines.len() >= 2 && target.is_reserved()), "{service:?}");
    }
    assert!(!entry("901").is_reserved());
    let [session] = directory.sessions() else { panic!("{:?}", directory.sessions()) };
    let told = (session.mode, session.ring.as_secs(), session.briefing.as_deref(), session.id());
    assert_eq!(told, (Mode::SeatFirst, 20, None, "951@2026-12-01T09:00:00".to_owned()));
}

/// The comment of the units' example, taken at its word, with a trunk that can dial.
#[test]
fn a_number_through_trunks_of_its_own_is_read() {
    let (mut texts, _) = edited(
        Trunks,
        "",
        "[[trunk]]\nname = \"carrier-a\"\nlisten = \"local\"\nsources = []\nchannels = 9\nhosts = [\"192.0.2.1:5060\"]\n\
         default_code = \"12345\"\n",
    );
    assert!(texts.units.text.contains("{ number = \"07980000101\", trunks = [\"carrier-a\"], shown = \"citizen\" }"));
    texts.units.text += &with_lines(
        "[{ number = \"07980000101\", trunks = [\"carrier-a\"], shown = \"citizen\" }, \
         { device = \"sip:601@192.0.2.60:5060\" }, { seat = \"1003\" }]",
    );
    texts.units.text += "hours = [\"sun 22:00-24:00\", \"mon 00:00-06:00\"]\n";
    let config = Config::read(&texts).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let entry = config.directory.entry("699").expect("699");
    assert!(
        matches!(&entry.lines[0].to, LineTo::Number { trunks, shown: Some(Shown::Citizen), .. } if trunks == &["carrier-a"])
    );
    assert_eq!(entry.lines[1].to, LineTo::Device("sip:601@192.0.2.60:5060".into()));
}
