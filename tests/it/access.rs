//! R100: each role with each right, and whose things it sees (R13).

use hotline::rules::access::{Right, Role, Scope};

/// Rights as columns, in the order of `Right::ALL`: `x` where the role has it.
///
/// seats, lists, ticket, change, command, supervise, hear, private, leader, alarms, operate, accounts, audit,
/// archive, destruction
const TABLE: [(&str, &str, &str); 13] = [
    // Art. 11(1): takes calls and writes their tickets.
    ("seat", "xxxxx..........", "R100"),
    // rules.md §6.2: listens, whispers, barges in.
    ("shift_leader", "xxxxxxx..x.....", "R100"),
    ("qa", "xxx..xxx.......", "R100"),
    // Art. 11(8): calls citizens back.
    ("callback_clerk", "xxxxx..........", "R100"),
    // Art. 11(2): dispatches after approval; maker is not approver.
    ("dispatcher", "xxxx...........", "R100"),
    ("approver", "xxxx..........x", "R100"),
    // Art. 22: masked numbers and its own tickets only, which do not exist yet.
    ("unit_clerk", "...............", "R101"),
    ("unit_leader", "...............", "R101"),
    // Art. 14, R26: leaders' calls are an extra right.
    ("centre_leader", "xxx...x.xx....x", "R101"),
    ("supervisor", "xxx............", "R100"),
    ("archivist", ".xx...xxx....xx", "R101"),
    // The audit and nothing else.
    ("auditor", "............x..", "R100"),
    // Hears nothing, reads no content, and not the audit either.
    ("admin", "x........xxx...", "R100"),
];

#[test]
fn every_role_has_just_its_rights() {
    assert_eq!(Role::ALL.len(), TABLE.len());
    for (role, (word, row, rule)) in Role::ALL.iter().zip(TABLE) {
        assert_eq!(role.as_str(), word);
        let has: String = Right::ALL.iter().map(|right| if role.may(*right) { 'x' } else { '.' }).collect();
        assert_eq!(has, row, "{role} ({rule})");
    }
}

#[test]
fn content_audit_and_administration_are_three_hands() {
    use Right::*;
    let content = [ReadLists, ReadTicket, ChangeTicket, Supervise, HearRecordings, HearPrivate, HearLeader];
    for role in Role::ALL {
        let hands = [content.iter().any(|right| role.may(*right)), role.may(ReadAudit), role.may(ManageAccounts)];
        assert!(hands.iter().filter(|hand| **hand).count() <= 1, "{role}");
        assert!(!role.may(HearPrivate) || role.may(HearRecordings), "{role}");
        assert!(!role.may(HearLeader) || role.may(HearRecordings), "{role}");
        // A change answers with the ticket in full.
        assert!(!role.may(ChangeTicket) || role.may(ReadTicket), "{role}");
    }
}

/// R106
#[test]
fn archivist_and_administrator_need_a_second_factor() {
    let with: Vec<_> = Role::ALL.iter().filter(|role| role.needs_second_factor()).map(|role| role.as_str()).collect();
    assert_eq!(with, ["archivist", "admin"]);
}

#[test]
fn a_county_sees_its_own_and_the_city_all() {
    let county = Scope::Centre("leping".into());
    for (centre, seen) in [(Some("leping"), true), (Some("fuliang"), false), (Some("jdz"), false), (None, false)] {
        assert_eq!(county.sees(centre), seen, "{centre:?}");
        assert!(Scope::City.sees(centre), "{centre:?}");
    }
}
