//! What the configuration may not say: every fault is told by file, line and reason.

use hotline::config::{Config, Fault, Texts};

/// Which text an edit changes.
#[derive(Clone, Copy)]
pub enum File {
    Server,
    Trunks,
    Seats,
    Numbers,
    Queues,
    Units,
    Leaders,
    Emergency,
    Retention,
}
use File::{Emergency, Leaders, Numbers, Queues, Retention, Seats, Server, Trunks, Units};

pub fn edited(file: File, old: &str, new: &str) -> (Texts, String) {
    let mut texts = Texts::embedded();
    let text = match file {
        Server => &mut texts.server,
        Trunks => &mut texts.trunks,
        Seats => &mut texts.seats,
        Numbers => &mut texts.numbers,
        Queues => &mut texts.queues,
        Units => &mut texts.units,
        Leaders => &mut texts.leaders,
        Emergency => &mut texts.emergency,
        Retention => &mut texts.retention,
    };
    text.text = match old {
        "" => format!("{}\n{new}", text.text),
        _ => {
            assert!(text.text.contains(old), "{old} is not in {}", text.file);
            text.text.replacen(old, new, 1)
        }
    };
    let changed = text.text.clone();
    (texts, changed)
}

pub fn faults(texts: &Texts) -> Vec<Fault> {
    Config::read(texts).err().unwrap_or_default()
}

/// One edit, and the fault that it must bring: the text that stands on the blamed line (none where the whole
/// file is meant), and the reason.
pub type Case<'a> = (File, &'a str, String, &'a str, &'a str);

#[test]
fn every_bad_row_is_refused_by_file_line_and_reason() {
    let seat = |no: &str, more: &str| format!("[[seat]]\nno = \"{no}\"\nname = \"x\"\nkind = \"local\"\n{more}\n");
    let number = |code: &str, more: &str| format!("[[number]]\ncode = \"{code}\"\nlabel = \"x\"\n{more}\n");
    let trunk = |more: &str| format!("[[trunk]]\nname = \"x\"\nlisten = \"local\"\nchannels = 2\n{more}\n");
    let listen = |more: &str| format!("[[listen]]\nname = \"x\"\n{more}\n");
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
        // seats.toml
        (Seats, "", seat("1001", "skills = [\"general\"]"), "[[seat]]", "seat 1001: duplicate seat"),
        (Seats, "", seat("1004", ""), "[[seat]]", "seat 1004: no skills"),
        (
            Seats,
            "",
            seat("1004", "skills = [\"weather\"]"),
            "[[seat]]",
            "seat 1004: skill weather names an unknown group",
        ),
        (
            Seats,
            "",
            seat("12331", "skills = [\"general\"]"),
            "[[seat]]",
            "seat 12331: is a hotline or emergency number",
        ),
        (
            Seats,
            "",
            seat("1004", "skills = [\"general\"]\ncentre = \"mars\""),
            "[[seat]]",
            "seat 1004: unknown centre mars",
        ),
        (
            Seats,
            "",
            seat("1004", "skills = [\"general\"]\nlisten = \"mars\""),
            "[[seat]]",
            "seat 1004: unknown listener mars",
        ),
        (
            Seats,
            "",
            seat("1004", "skills = [\"general\"]\ncontact = \"sip:8001@127.0.0.7\"")
                + &seat("1005", "skills = [\"general\"]\ncontact = \"sip:8001@127.0.0.7:5060\""),
            "[[seat]]",
            "seat 1005: the contact of seat 1004",
        ),
        (Seats, "", seat("1004", "skills = [\"general\"]\ncontact = \"1004\""), "contact =", "`1004` is no URI"),
        (
            Seats,
            "",
            seat("1004", "skills = [\"general\"]\ncontact = \"sip:1004@[2001:db8::1]:5060\""),
            "[[seat]]",
            "seat 1004: no listener for seats can reach it",
        ),
        (Seats, "kind = \"remote\"", "kind = \"robot\"".into(), "kind = \"robot\"", "unknown variant `robot`"),
        (
            Seats,
            "",
            seat("1004", "skills = [\"general\"]\npassword = 7777777"),
            "password = 7777777",
            "password: must be text in quotes",
        ),
        (Seats, "", seat("10a", "skills = [\"general\"]"), "no = \"10a\"", "`10a` is not one to ten digits"),
        (
            Seats,
            "",
            "[[seat]]\nno = \"1004\"\nname = \"x\"\nskills = [\"general\"]\n".into(),
            "[[seat]]",
            "missing key `kind`",
        ),
        // trunks.toml
        (
            Trunks,
            "default_code = \"12345\"",
            "default_code = \"12345\"\nlanguage = \"en\"".into(),
            "[[trunk]]",
            "trunk loopback: no group has the language en",
        ),
        (
            Trunks,
            "default_code = \"12345\"",
            "default_code = \"12345\"\npilot_languages = { \"8220000\" = \"en\" }".into(),
            "[[trunk]]",
            "pilot_languages names 8220000, which is not among the pilots",
        ),
        (
            Trunks,
            "listen = \"local\"",
            "listen = \"mars\"".into(),
            "[[trunk]]",
            "trunk loopback: unknown listener mars",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"127.0.0.1\"]"),
            "[[trunk]]",
            "trunk x: source 127.0.0.1/32 is ambiguous, trunk loopback has 127.0.0.0/8",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"127.0.0.1:5070\"]"),
            "[[trunk]]",
            "trunk x: source 127.0.0.1/32:5070 is ambiguous",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"2001:db8::/32\"]"),
            "[[trunk]]",
            "cannot come from listener local, another IP version",
        ),
        (Trunks, "", trunk("sources = [\"192.0.2.1/24\"]"), "sources", "`192.0.2.1/24` has bits beyond its /24"),
        (Trunks, "", trunk("sources = [\"carrier\"]"), "sources", "`carrier` is no address"),
        (Trunks, "", trunk("sources = []"), "[[trunk]]", "trunk x: neither sources nor hosts"),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\ntransport = \"tcp\""),
            "[[trunk]]",
            "trunk x: transport tcp, but listener local is udp",
        ),
        (Trunks, "", trunk("sources = [\"192.0.2.1\"]\ntransport = \"sctp\""), "transport", "unknown variant `sctp`"),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nreserved_channels = 2"),
            "[[trunk]]",
            "reserved_channels leave no channel",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nincident_headers = [\"X-Incident-No\"]"),
            "[[trunk]]",
            "incident_headers without a platform",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nplatform = \"110\"\nincident_headers = [\"X Incident\"]"),
            "[[trunk]]",
            "`X Incident` is no header name",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nasserted_identity = \"citizen\""),
            "asserted_identity",
            "`citizen` is not true, false or \"caller\"",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nregister = true"),
            "[[trunk]]",
            "register needs hosts, username and password",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\ndefault_code = \"12345\"\nhosts = [\"127.0.0.9:5060\"]"),
            "[[trunk]]",
            "trunk x: source 127.0.0.9/32:5060 is ambiguous, trunk loopback has 127.0.0.0/8",
        ),
        (
            Trunks,
            "",
            trunk("sources = []\ndefault_code = \"12345\"\nhosts = [\"192.0.2.9\"]")
                + &trunk("sources = [\"192.0.2.0/24:5060\"]").replace("\"x\"", "\"y\""),
            "[[trunk]]",
            "trunk y: source 192.0.2.0/24:5060 is ambiguous, trunk x has 192.0.2.9/32:5060",
        ),
        (
            Trunks,
            "",
            trunk("sources = []\ndefault_code = \"12345\"\nhosts = [\"[2001:db8::9]:5060\"]"),
            "[[trunk]]",
            "trunk x: [2001:db8::9]:5060 cannot be reached from listener local, another IP version",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\npilots = [\"0798 8220000\"]"),
            "[[trunk]]",
            "trunk x: pilot `0798 8220000` is empty or has a space in it",
        ),
        (
            Queues,
            "overflow = [\"general\"]",
            "overflow = [\"general\", \"nobody\"]\n[[group]]\nskill = \"nobody\"\nlabel = \"x\"".into(),
            "[[group]]",
            "group 12315: overflow into nobody, whose calls no seat answers",
        ),
        (
            Trunks,
            "",
            trunk("sources = []\ndefault_code = \"12345\"\nhosts = [\"a b\"]"),
            "[[trunk]]",
            "`a b` is no host",
        ),
        (
            Trunks,
            "",
            trunk("sources = []\nhosts = [\"192.0.2.1\"]"),
            "[[trunk]]",
            "trunk x: hosts, but neither pilots nor default_code",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nqueue_answer = \"early_then_connect(900)\""),
            "queue_answer",
            "1 to 170 seconds",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nqueue_answer = \"never\""),
            "queue_answer",
            "`never` is not early",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\ncodecs = [\"g729\"]"),
            "codecs",
            "`g729` is none of pcma, pcmu, g722, opus",
        ),
        (Trunks, "", trunk("sources = [\"192.0.2.1\"]\nptime = 25"), "ptime", "25 ms is not"),
        (Trunks, "", trunk("sources = [\"192.0.2.1\"]\nringing = 182"), "ringing", "182 is neither 180 nor 183"),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\noverload_status = 200"),
            "overload_status",
            "200 is no final failure",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\nsession_expires_s = 60"),
            "session_expires_s",
            "60 is neither 0 nor between 90",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\ndefault_code = \"12344\""),
            "[[trunk]]",
            "trunk x: default_code 12344 is not in the number table",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\npilots = [\"12331\"]"),
            "[[trunk]]",
            "trunk x: 12331 is a hotline code, not a pilot",
        ),
        (
            Trunks,
            "",
            trunk("sources = [\"192.0.2.1\"]\npilots = [\"110\"]"),
            "[[trunk]]",
            "trunk x: 110 is an emergency number, not a pilot",
        ),
        (Trunks, "", trunk("sources = [\"192.0.2.1\"]\npasword = \"x\""), "pasword", "unknown key `pasword`"),
        (
            Trunks,
            "name = \"loopback-tcp\"",
            "name = \"loopback\"".into(),
            "[[trunk]]",
            "trunk loopback: duplicate trunk",
        ),
        // server.toml
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"20001-29999\"".into(),
            "rtp_ports",
            "begins with an even and ends with an odd port",
        ),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"20000-30000\"".into(),
            "rtp_ports",
            "begins with an even and ends with an odd port",
        ),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"20000-32769\"".into(),
            "rtp_ports",
            "outside 1024-32767",
        ),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"20000-20001\"".into(),
            "rtp_ports",
            "too small for the two legs of one call",
        ),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"29998-20001\"".into(),
            "rtp_ports",
            "ends before it begins",
        ),
        (Server, "rtp_ports = \"20000-29999\"", "rtp_ports = \"many\"".into(), "rtp_ports", "`many` is no range"),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"20000-20999\"".into(),
            "[[listen]]",
            "carry 500 legs, the channels of its trunks need 4000",
        ),
        (
            Server,
            "rtp_ports = \"20000-29999\"",
            "rtp_ports = \"5000-9999\"".into(),
            "[[listen]]",
            "rtp_ports hold the SIP port 5060 of local",
        ),
        (
            Server,
            "",
            listen("bind = \"127.0.0.1:5070\"\ntransport = \"udp\"\nserves = \"seats\"\nrtp_ports = \"29000-30999\""),
            "[[listen]]",
            "listener x: rtp_ports overlaps that of listener local",
        ),
        (
            Server,
            "",
            listen("bind = \"127.0.0.1:5060\"\ntransport = \"udp\"\nserves = \"seats\""),
            "[[listen]]",
            "bind 127.0.0.1:5060 udp is taken by listener local",
        ),
        (
            Server,
            "",
            listen(
                "bind = \"0.0.0.0:5060\"\ntransport = \"tcp\"\nserves = \"seats\"\nsip_address = \"192.0.2.1:5060\"",
            ),
            "[[listen]]",
            "bind 0.0.0.0:5060 tcp is taken by listener local-tcp",
        ),
        (
            Server,
            "",
            listen("bind = \"0.0.0.0:5070\"\ntransport = \"udp\"\nserves = \"seats\""),
            "[[listen]]",
            "sip_address is needed where bind is a wildcard",
        ),
        (
            Server,
            "",
            listen("bind = \"[::1]:5070\"\ntransport = \"udp\"\nserves = \"seats\"\nsip_address = \"192.0.2.1:5060\""),
            "[[listen]]",
            "different IP versions",
        ),
        (
            Server,
            "",
            listen("bind = \"localhost:5070\"\ntransport = \"udp\"\nserves = \"seats\""),
            "bind = \"localhost",
            "invalid socket address",
        ),
        (
            Server,
            "",
            listen("bind = \"127.0.0.1:5070\"\ntransport = \"quic\"\nserves = \"seats\""),
            "transport = \"quic\"",
            "unknown variant `quic`",
        ),
        (Server, "name = \"local-tcp\"", "name = \"local\"".into(), "[[listen]]", "duplicate listener local"),
        (
            Server,
            "ticket_prefix = \"JDZ\"",
            "ticket_prefix = \"jdz\"".into(),
            "ticket_prefix",
            "`jdz` is not one to eight capital letters",
        ),
        (Server, "area_code = \"0798\"", "area_code = \"798\"".into(), "area_code", "`798` is no area code"),
        (Server, "greeting = true", "greting = true".into(), "greting", "unknown key `greting`"),
        (
            Server,
            "ring_no_answer_s = 12",
            "ring_no_answer_s = 0".into(),
            "ring_no_answer_s",
            "0 is not between 3 and 120",
        ),
        (
            Server,
            "",
            "[[centre]]\nid = \"leping\"\nname = \"x\"\nticket_prefix = \"JDZ\"\n".into(),
            "[[centre]]",
            "ticket_prefix JDZ is that of jdz",
        ),
        (
            Server,
            "recording_format = \"alaw\"",
            "recording_format = \"mp3\"".into(),
            "recording_format",
            "unknown variant `mp3`",
        ),
    ];
    assert_refused(cases);
}

pub fn assert_refused(cases: Vec<Case<'_>>) {
    let mut wrong = Vec::new();
    for (file, old, new, line, reason) in cases {
        let (texts, changed) = edited(file, old, &new);
        let found = faults(&texts);
        let name = match file {
            Server => "sip-configs/server.example.toml",
            Trunks => "sip-configs/trunks.example.toml",
            Seats => "sip-configs/seats.example.toml",
            Numbers => "dialplan/numbers.toml",
            Queues => "dialplan/queues.toml",
            Retention => "dialplan/retention.toml",
            Units => "dialplan/units.example.toml",
            Leaders => "dialplan/leaders.example.toml",
            Emergency => "dialplan/emergency.example.toml",
        };
        let at = |fault: &Fault| {
            let at = fault.line.and_then(|line| usize::try_from(line).ok()).unwrap_or_default();
            changed.lines().nth(at.wrapping_sub(1)).unwrap_or_default().to_owned()
        };
        let hit = |fault: &Fault| {
            let placed = fault.line.is_some() != line.is_empty() && at(fault).contains(line);
            fault.file == name && fault.reason.contains(reason) && placed
        };
        if !found.iter().any(hit) || found.iter().any(|fault| fault.reason.contains("7777777")) {
            wrong.push(format!("{old} → {new}: wanted `{line}`: {reason}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_blamed_row_is_the_right_one_of_many() {
    let (texts, changed) =
        edited(Seats, "skills = [\"general\"]\nwrap_up_s", "skills = [\"general\", \"x\"]\nwrap_up_s");
    let found = faults(&texts);
    let header = changed.lines().position(|line| line == "no = \"1003\"").expect("seat 1003");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].line, u32::try_from(header).ok());
    assert_eq!(
        found[0].to_string(),
        format!("sip-configs/seats.example.toml:{header}: seat 1003: skill x names an unknown group")
    );
}
