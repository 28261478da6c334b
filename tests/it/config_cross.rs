//! What the files may not say together, and what they may.

use hotline::config::{Fault, Texts};

use crate::config_faults::File::{Numbers, Seats, Server, Trunks};
use crate::config_faults::{edited, faults};

#[test]
fn a_skill_without_a_seat_is_refused_unless_only_a_leader_is_short() {
    let (mut texts, _) = edited(Seats, "", "[[seat]]\nno = \"9001\"\nname = \"市领导\"\nkind = \"leader\"\n");
    assert_eq!(faults(&texts), [], "a leader needs no skill");
    texts.seats.text = texts
        .seats
        .text
        .replace(", \"12369\"", "")
        .replace("kind = \"leader\"", "kind = \"leader\"\nskills = [\"12369\"]");
    let found = faults(&texts);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].reason.contains("12369: no seat has the skill 12369"), "a leader is invited, not queued for");
}

#[test]
fn a_trunk_on_a_seats_listener_is_refused() {
    let (mut texts, _) =
        edited(Server, "transport = \"tcp\"\nserves = \"both\"", "transport = \"tcp\"\nserves = \"seats\"");
    let found = faults(&texts);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].reason.contains("trunk loopback-tcp: listener local-tcp serves seats only"));
    // A seat that is fixed to a trunk's listener, likewise.
    texts = edited(Server, "transport = \"tcp\"\nserves = \"both\"", "transport = \"tcp\"\nserves = \"trunks\"").0;
    texts.seats.text.push_str("listen = \"local-tcp\"\n");
    assert!(faults(&texts)[0].reason.contains("seat 1003: listener local-tcp serves trunks only"));
}

#[test]
fn one_address_with_two_ports_is_two_trunks() {
    let (mut texts, _) = edited(Trunks, "sources = [\"127.0.0.0/8\"]", "sources = [\"127.0.0.1:5070\"]");
    texts
        .trunks
        .text
        .push_str("[[trunk]]\nname = \"x\"\nlisten = \"local\"\nchannels = 2\nsources = [\"127.0.0.1:5071\"]\n");
    assert_eq!(faults(&texts), []);
}

#[test]
fn a_default_code_that_ends_is_refused_and_one_that_changes_its_meaning_is_not() {
    let (mut texts, _) = edited(Trunks, "default_code = \"12345\"", "default_code = \"12356\"");
    assert_eq!(faults(&texts), [], "its first row ends, its second holds on");
    texts.numbers.text.push_str(
        "[[number]]\ncode = \"12344\"\nmode = \"dual\"\nskill = \"general\"\nlabel = \"x\"\nvalid_to = 2025-04-30\n",
    );
    texts.trunks.text = texts.trunks.text.replacen("\"12356\"", "\"12344\"", 1);
    let found = faults(&texts);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].reason.contains("trunk loopback: default_code 12344 ends by its valid_to"), "{found:#?}");
}

/// R6: whom a number is passed on to must be in the directory, and not lead back to the hotline.
#[test]
fn a_number_leads_to_a_unit_an_expert_or_a_branch() {
    for (target, refused) in [
        ("602", None),
        ("651", None),
        ("671", None),
        ("699", Some("12356: target 699 has a line that leads back to the hotline")),
        ("650", Some("12356: target 650 is no code of the directory")),
        ("681", Some("12356: target 681 is no unit, expert or branch")),
        ("951", Some("12356: target 951 is no unit, expert or branch")),
        ("801", Some("12356: target 801 is no unit, expert or branch")),
    ] {
        let (mut texts, _) = edited(Numbers, "# target = \"652\"", &format!("target = \"{target}\""));
        for number in ["079812345", "12331"] {
            let unit = "[[unit]]\ncode = \"699\"\nname = \"x\"\nkind = \"unit\"\n";
            let before = texts.units.text.clone();
            texts.units.text.push_str(&format!("{unit}lines = [{{ number = \"{number}\" }}]\n"));
            let found: Vec<String> = faults(&texts).into_iter().map(|fault| fault.reason).collect();
            assert_eq!(found, Vec::from_iter(refused.map(str::to_owned)), "{target} {number}");
            texts.units.text = before;
        }
    }
}

#[test]
fn a_seats_fixed_address_may_lie_in_a_trunks_range_but_not_be_a_trunks_own() {
    let contact = "[[seat]]\nno = \"1004\"\nname = \"x\"\nkind = \"local\"\nskills = [\"general\"]\n\
                   contact = \"sip:8001@127.0.0.7\"\n";
    for (more, refused) in [
        ("", None),
        ("sources = [\"127.0.0.7\"]", Some("127.0.0.7/32")),
        ("sources = [\"127.0.0.7:5060\"]", Some("127.0.0.7/32:5060")),
        ("sources = [\"127.0.0.7:5070\"]", None),
        ("sources = []\nhosts = [\"127.0.0.7\"]", Some("127.0.0.7/32:5060")),
    ] {
        let (mut texts, _) = edited(Seats, "", contact);
        if !more.is_empty() {
            texts.trunks.text = format!(
                "[[trunk]]\nname = \"x\"\nlisten = \"local\"\nchannels = 9\ndefault_code = \"12345\"\n{more}\n"
            );
        }
        let found: Vec<String> = faults(&texts).into_iter().map(|fault| fault.reason).collect();
        let expected = refused.map(|other| format!("seat 1004: its contact is ambiguous, trunk x has {other}"));
        assert_eq!(found, Vec::from_iter(expected), "{more}");
    }
}

#[test]
fn all_faults_are_collected() {
    let mut texts = Texts::embedded();
    texts.seats.text.push_str("\n[[seat]]\nno = \"x\"\nname = \"\"\nkind = \"robot\"\nhat = 1\nskills = 3\n");
    texts.numbers.text.push_str("\n[[number]]\ncode = \"110\"\nlabel = \"x\"\nmode = \"dual\"\nskill = \"nobody\"\n");
    texts.server.text = texts.server.text.replace("wrap_up_s = 60", "wrap_up_s = -1\nwarp = 9");
    let found: Vec<String> = faults(&texts).iter().map(Fault::to_string).collect();
    let all = found.join("\n");
    for part in [
        "`x` is not one to ten digits",
        "name: must be",
        "`robot`",
        "`hat`",
        "skills: ",
        "110: an emergency",
        "skill nobody",
        "wrap_up_s: ",
        "`warp`",
    ] {
        assert!(all.contains(part), "{part} is missing:\n{all}");
    }
    assert_eq!(found.len(), 9, "{all}");
}
