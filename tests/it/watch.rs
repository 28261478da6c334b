//! From what the watch sees to the alarms that stand.

use hotline::app::watch::{Seen, judge};
use hotline::store::query::Counts;

const GIB: u64 = 1 << 30;

fn day(offered: u64, answered: u64) -> Seen {
    Seen { day: Some(Counts { offered, answered, within_15s: answered }), ..Seen::default() }
}

#[test]
fn every_figure_has_its_alarm() {
    let seen = Seen::default;
    let free = |free| Seen { free: Some(free), ..seen() };
    let table: [(Seen, &[&str]); 17] = [
        (seen(), &[]),
        (
            Seen { damaged: vec![("1.log".into(), 7), ("1.log".into(), 9)], ..seen() },
            &["journal_damaged//1.log, byte 7; 1 others"],
        ),
        (Seen { journal: Some("no space".into()), ..seen() }, &["journal//no space"]),
        (Seen { database: Some("locked".into()), ..seen() }, &["database//locked"]),
        (Seen { set_aside: 2, ..seen() }, &["database/entries/2 entries set aside"]),
        (free(10 * GIB), &[]),
        (free(10 * GIB - 1), &["disk_low/recordings/10239 MiB free"]),
        (free(GIB), &["disk_low/recordings/1024 MiB free"]),
        (free(GIB - 1), &["disk_full/recordings/1023 MiB free", "disk_low/recordings/1023 MiB free"]),
        (free(0), &["disk_full/recordings/0 MiB free", "disk_low/recordings/0 MiB free"]),
        (day(0, 0), &[]),
        (day(19, 0), &[]),
        (day(20, 18), &["connect_rate//90.00 % of 20 calls in 24 h"]),
        (day(20, 19), &[]),
        (day(1000, 949), &["connect_rate//94.90 % of 1000 calls in 24 h"]),
        (day(1000, 950), &[]),
        (
            Seen { database: Some("gone".into()), ..day(20, 0) },
            &["database//gone", "connect_rate//0.00 % of 20 calls in 24 h"],
        ),
    ];
    for (seen, stand) in table {
        let active = judge(&seen).into_iter().filter(|alarm| alarm.active);
        let alarms: Vec<_> =
            active.map(|it| format!("{}/{}/{}", it.name, it.subject, it.detail.unwrap_or_default())).collect();
        assert_eq!(alarms, stand, "{seen:?}");
    }
}

/// A look that learns nothing of something leaves its alarm as it is.
#[test]
fn what_was_not_seen_is_not_judged() {
    let of = |seen: &Seen| judge(seen).into_iter().map(|alarm| alarm.name).collect::<Vec<_>>();
    let always = ["journal", "database", "database"];
    assert_eq!(of(&Seen::default()), always);
    assert_eq!(
        of(&Seen { free: Some(0), ..day(1, 1) }),
        [&always[..], &["disk_full", "disk_low", "connect_rate"]].concat()
    );
}
