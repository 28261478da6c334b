//! Faults of `dialplan/`: classes of retention, numbers, skill groups.

use super::File::{Numbers, Queues, Retention, Server};
use super::{Case, assert_refused};

#[test]
fn every_bad_row_is_refused_by_file_line_and_reason() {
    let number = |code: &str, more: &str| format!("[[number]]\ncode = \"{code}\"\nlabel = \"x\"\n{more}\n");
    let class = |id: &str, more: &str| format!("[[class]]\nid = \"{id}\"\nlabel = \"x\"\nbasis = \"x\"\n{more}\n");
    let cases: Vec<Case<'_>> = vec![
        // retention.toml
        (Retention, "[schedule]", "[plan]".into(), "[plan]", "unknown key `plan`"),
        (Retention, "version = \"2026-11\"", "".into(), "[schedule]", "missing key `version`"),
        (Retention, "", class("a", "years = 3\nmonths = 36"), "[[class]]", "class a: write either years or months"),
        (Retention, "", class("a", ""), "[[class]]", "class a: write either years or months"),
        (Retention, "", class("a", "years = 101"), "[[class]]", "class a: 1212 months is not between 1 and 1200"),
        (Retention, "", class("ordinary", "years = 3"), "[[class]]", "class ordinary: is no id for a class"),
        (Retention, "", class("a", "years = 4") + &class("a", "years = 5"), "[[class]]", "class a: duplicate class"),
        (
            Retention,
            "",
            class("a", "months = 35\napproved_by = [\"甲\", \"乙\"]"),
            "[[class]]",
            "class a: less than three years needs the statute that allows it",
        ),
        (
            Retention,
            "",
            class("a", "months = 35\nstatute = \"某法第一条\"\napproved_by = [\"甲\", \"甲\"]"),
            "[[class]]",
            "class a: less than three years needs the names of two people in approved_by",
        ),
        (
            Retention,
            "",
            class("a", "years = 4\ntypes = [\"poetry\"]"),
            "types = [\"poetry\"]",
            "types: `poetry` is no type of ticket",
        ),
        // numbers.toml
        (Numbers, "", number("12345", "mode = \"own\"\nskill = \"general\""), "[[number]]", "12345: duplicate code"),
        (
            Numbers,
            "",
            number("12344", "mode = \"dual\"\nprimary = \"12331\""),
            "[[number]]",
            "12344: an alias of 12331, which is itself an alias",
        ),
        (
            Numbers,
            "",
            number("12331", "mode = \"dual\"\nprimary = \"12320\""),
            "[[number]]",
            "12331: an alias with two primaries, 12315 and 12320",
        ),
        (
            Numbers,
            "",
            number("12344", "mode = \"dual\"\nprimary = \"12355\"")
                + &number("12355", "mode = \"dual\"\nprimary = \"12344\""),
            "[[number]]",
            "12344: alias cycle through 12355",
        ),
        (
            Numbers,
            "mode = \"merged\"\nprimary = \"12345\"\nlabel = \"科技服务\"",
            "mode = \"dual\"\nskill = \"general\"\nlabel = \"科技服务\"".into(),
            "[[number]]",
            "12396: a cancelled number does not come back as dual (Art. 17)",
        ),
        (
            Numbers,
            "",
            number("110", "mode = \"dual\"\nskill = \"general\""),
            "[[number]]",
            "110: an emergency number is never an inbound code",
        ),
        (
            Numbers,
            "",
            number("122", "mode = \"dual\"\nskill = \"general\""),
            "[[number]]",
            "122: an emergency number is never an inbound code",
        ),
        (
            Numbers,
            "skill = \"12316\"",
            "skill = \"weather\"".into(),
            "[[number]]",
            "12316: skill weather names an unknown group",
        ),
        (
            Numbers,
            "label = \"扶贫监督\"",
            "label = \"扶贫监督\"\ncolour = \"red\"".into(),
            "colour = \"red\"",
            "unknown key `colour`",
        ),
        (Numbers, "valid_to = 2025-04-30", "valid_to = \"soon\"".into(), "valid_to = \"soon\"", "valid_to: "),
        (
            Numbers,
            "valid_to = 2025-04-30",
            "valid_to = 2025-04-30T10:00:00".into(),
            "valid_to = 2025",
            "must be a date such as 2025-05-01",
        ),
        (Numbers, "mode = \"own\"", "mode = \"open\"".into(), "mode = \"open\"", "unknown variant `open`"),
        (Numbers, "code = \"12315\"", "code = 12315".into(), "code = 12315", "code: invalid type: integer"),
        (Numbers, "", "[options]\n".into(), "[options]", "unknown key `options`"),
        (Numbers, "", "[[number]\n".into(), "[[number]", ""),
        // queues.toml
        (
            Queues,
            "overflow = [\"general\"]",
            "overflow = [\"nobody\"]".into(),
            "[[group]]",
            "group 12315: overflow names the unknown group nobody",
        ),
        (
            Queues,
            "night_overflow = [\"12319\"",
            "night_overflow = [\"12319x\"".into(),
            "[[group]]",
            "group 12350: night_overflow names the unknown group 12319x",
        ),
        (
            Server,
            "after_wrap_up = \"idle\"",
            "after_wrap_up = \"gone\"".into(),
            "after_wrap_up",
            "unknown variant `gone`",
        ),
        (
            Queues,
            "label = \"农业农村\"",
            "label = \"x\"\ncentre = \"mars\"".into(),
            "[[group]]",
            "group 12316: unknown centre mars",
        ),
        (
            Queues,
            "overflow = [\"general\"]",
            "overflow = [\"12315\"]".into(),
            "[[group]]",
            "group 12315: overflow into itself",
        ),
        (
            Queues,
            "",
            "[[group]]\nskill = \"general\"\nlabel = \"x\"\n".into(),
            "[[group]]",
            "group general: duplicate group",
        ),
        (
            Queues,
            "label = \"综合\"",
            "label = \"综合\"\nlanguages = [\"english!\"]".into(),
            "languages",
            "`english!` is no language such as en or zh-hant",
        ),
        (
            Queues,
            "",
            "[[group]]\nskill = \"english\"\nlabel = \"x\"\nlanguages = [\"en\"]\n".into(),
            "[[group]]",
            "group english: no seat speaks its languages",
        ),
        (Queues, "priority = 5", "priority = 10".into(), "priority = 10", "10 is not between 0 and 9"),
        (Queues, "from = \"20:00\"", "from = \"late\"".into(), "from = \"late\"", "`late` is no time"),
    ];
    assert_refused(cases);
}
