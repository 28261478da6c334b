//! Finds recordings by the finding aid. Each search walks one index downwards by place, as far as its page goes,
//! and looks at the rest of its conditions row by row: which index, is chosen here, because the database does
//! not know how rare a number is beside a hotline's code.

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::ask::{all, recording};
use super::{gone, word};
use crate::archive::Verdict;
use crate::call::SeatNo;
use crate::privacy::Private;
use crate::store::StoreError;
use crate::store::find::{Digits, FindQuery, Found, PER_MS, Somebody, place, role_word};
use crate::store::query::Page;
use crate::store::wording::Wanted;

/// A text in fewer recordings than this is walked by its words rather than by who was on the line.
const RARE: i64 = 10_000;

pub(super) async fn find(readers: &SqlitePool, ask: &FindQuery) -> Result<Page<Found>, StoreError> {
    let rare = match &ask.text {
        Some(text) if !ask.parties().is_empty() => is_rare(readers, text, ask).await?,
        _ => false,
    };
    let rows = all(statement(ask, rare), readers, "finding", found).await?;
    Ok(Page::of(rows, &ask.page, Found::cursor))
}

/// Counted up to the bound only.
async fn is_rare(readers: &SqlitePool, text: &Wanted, ask: &FindQuery) -> Result<bool, StoreError> {
    let mut query =
        QueryBuilder::<Sqlite>::new("SELECT count(*) FROM (SELECT 1 FROM finding_text x WHERE x.finding_text MATCH ");
    query.push_bind(text.as_match());
    within(&mut query, "x.rowid", ask);
    query.push(" LIMIT ").push_bind(RARE).push(")");
    let count: i64 = query.build_query_scalar().fetch_one(readers).await.map_err(gone("read"))?;
    Ok(count < RARE)
}

fn found(row: &SqliteRow) -> Option<Found> {
    let caller = row.try_get::<Option<&str>, _>("caller").ok()?;
    Some(Found {
        recording: recording(row)?,
        ticket: row.try_get("ticket").ok()?,
        caller: caller.map(|backwards| Private::new(backwards.chars().rev().collect())),
        code: row.try_get("code").ok()?,
        centre: row.try_get("centre").ok()?,
        seat: row.try_get::<Option<String>, _>("seat").ok()?.map(SeatNo),
    })
}

/// Which index is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    Call,
    Ticket,
    Number,
    Quarantined,
    Words,
    /// The first of those who must have been on the line.
    Party,
    Verdict,
    Code,
    Centre,
    /// All recordings.
    Time,
}

fn walk(ask: &FindQuery, rare: bool) -> Walk {
    let text = ask.text.is_some();
    let by = [
        (ask.call.is_some(), Walk::Call),
        (ask.ticket.is_some(), Walk::Ticket),
        (ask.number.is_some(), Walk::Number),
        (ask.quarantined, Walk::Quarantined),
        (text && rare, Walk::Words),
        (!ask.parties().is_empty(), Walk::Party),
        (text, Walk::Words),
        (ask.verdict.is_some_and(|verdict| verdict != Verdict::Ok), Walk::Verdict),
        (ask.code.is_some(), Walk::Code),
        (ask.centre.is_some(), Walk::Centre),
    ];
    by.into_iter().find(|(asked, _)| *asked).map_or(Walk::Time, |(_, walk)| walk)
}

fn statement(ask: &FindQuery, rare: bool) -> QueryBuilder<Sqlite> {
    let walk = walk(ask, rare);
    let (table, place) = match walk {
        Walk::Words => ("finding_text x CROSS JOIN finding f WHERE f.place = x.rowid", "x.rowid"),
        Walk::Party => ("finding_party p CROSS JOIN finding f WHERE f.place = p.place", "p.place"),
        // A stretch of an index, whose rows are then sorted: as an expression, the place is no way to them.
        Walk::Ticket => ("finding f WHERE 1 = 1", "f.place + 0"),
        Walk::Number if matches!(ask.number, Some(Digits::Last(_))) => ("finding f WHERE 1 = 1", "f.place + 0"),
        Walk::Call | Walk::Number | Walk::Quarantined | Walk::Verdict | Walk::Code | Walk::Centre | Walk::Time => {
            ("finding f WHERE 1 = 1", "f.place")
        }
    };
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT r.data, r.checked, r.condition, f.ticket, f.caller, f.code, f.centre, f.seat FROM (SELECT f.place FROM ",
    );
    query.push(table);
    within(&mut query, place, ask);
    whose(&mut query, ask, walk);
    about(&mut query, ask, walk);
    query.push(" ORDER BY ").push(place).push(" DESC LIMIT ");
    query.push_bind(i64::try_from(ask.page.size()).unwrap_or(i64::MAX).saturating_add(1));
    query.push(
        ") page CROSS JOIN finding f CROSS JOIN recording r WHERE f.place = page.place AND r.call = f.call \
         AND r.place = f.place ORDER BY f.place DESC",
    );
    query
}

/// From when to when, and behind the page before.
fn within(query: &mut QueryBuilder<Sqlite>, column: &'static str, ask: &FindQuery) {
    let first = |at: crate::time::Wall| at.0.saturating_mul(PER_MS as i64);
    let end = first(ask.span.until);
    let until = ask.page.after.map_or(end, |after| place(after.at, after.call).min(end));
    query.push(" AND ").push(column).push(" >= ").push_bind(first(ask.span.from));
    query.push(" AND ").push(column).push(" < ").push_bind(until);
}

/// A column whose index is not to be walked is compared as an expression.
fn is(query: &mut QueryBuilder<Sqlite>, column: &'static str, walked: bool, value: &str) {
    query.push(" AND ").push(column).push(if walked { " = " } else { " || '' = " }).push_bind(value.to_owned());
}

/// The call itself.
fn whose(query: &mut QueryBuilder<Sqlite>, ask: &FindQuery, walk: Walk) {
    if let Some(call) = ask.call {
        query.push(" AND f.place IN (SELECT place FROM recording WHERE call = ").push_bind(call.to_string()).push(")");
    }
    if let Some(begin) = &ask.ticket {
        begins(query, "f.ticket", walk == Walk::Ticket, begin);
    }
    match &ask.number {
        Some(Digits::Whole(number)) => is(query, "f.caller", walk == Walk::Number, &backwards(number.reveal())),
        Some(Digits::Last(digits)) => begins(query, "f.caller", walk == Walk::Number, &backwards(digits.reveal())),
        None => {}
    }
    if let Some(code) = &ask.code {
        is(query, "f.code", walk == Walk::Code, code);
    }
    if let Some(centre) = &ask.centre {
        is(query, "f.centre", walk == Walk::Centre, centre);
    }
    for (at, somebody) in ask.parties().iter().enumerate() {
        let walked = walk == Walk::Party && at == 0;
        if walked {
            named(query, "p", somebody);
        } else {
            query.push(" AND EXISTS (SELECT 1 FROM finding_party q WHERE q.place = f.place");
            named(query, "q", somebody);
            query.push(")");
        }
    }
}

/// The recording, and what the ticket says.
fn about(query: &mut QueryBuilder<Sqlite>, ask: &FindQuery, walk: Walk) {
    if ask.quarantined {
        query.push(" AND f.place IN (SELECT place FROM recording WHERE condition <> 'verified')");
    }
    if let Some(verdict) = ask.verdict {
        is(query, "f.verdict", walk == Walk::Verdict, &word(verdict));
        if verdict != Verdict::Ok {
            // What the index is limited to, in its own words.
            query.push(" AND f.verdict <> 'ok'");
        }
    }
    let ms = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    if let Some(least) = ask.length.least {
        query.push(" AND f.length_ms >= ").push_bind(ms(least));
    }
    if let Some(most) = ask.length.most {
        query.push(" AND f.length_ms <= ").push_bind(ms(most));
    }
    match &ask.text {
        Some(text) if walk == Walk::Words => {
            query.push(" AND x.finding_text MATCH ").push_bind(text.as_match());
        }
        Some(text) => {
            query.push(" AND EXISTS (SELECT 1 FROM finding_text y WHERE y.finding_text MATCH ");
            query.push_bind(text.as_match()).push(" AND y.rowid = f.place)");
        }
        None => {}
    }
}

fn named(query: &mut QueryBuilder<Sqlite>, table: &'static str, somebody: &Somebody) {
    query.push(" AND ").push(table).push(".who");
    match &somebody.words[..] {
        [one] => query.push(" = ").push_bind(one.clone()),
        several => list(query, several.iter().cloned()),
    };
    if !somebody.roles.is_empty() {
        query.push(" AND ").push(table).push(".role");
        list(query, somebody.roles.iter().map(|role| role_word(*role).to_owned()));
    }
}

fn list(query: &mut QueryBuilder<Sqlite>, values: impl Iterator<Item = String>) -> &mut QueryBuilder<Sqlite> {
    query.push(" IN (");
    let mut of = query.separated(", ");
    for value in values {
        of.push_bind(value);
    }
    query.push(")")
}

/// No character of a number follows U+10FFFF.
fn begins(query: &mut QueryBuilder<Sqlite>, column: &'static str, walked: bool, begin: &str) {
    for (comparison, value) in [(" >= ", begin.to_owned()), (" < ", format!("{begin}\u{10FFFF}"))] {
        query.push(" AND ").push(column).push(if walked { "" } else { " || ''" }).push(comparison).push_bind(value);
    }
}

fn backwards(number: &str) -> String {
    number.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallId;
    use crate::store::query::{Cursor, PageAsk};
    use crate::store::sqlite::Sqlite as Tables;
    use crate::time::Wall;

    /// No search goes through a table from end to end, and what is sorted are the few of one ticket or number.
    #[test]
    fn each_search_walks_an_index() {
        let ask = FindQuery::default;
        let some = |word: &str| Some(word.to_owned());
        let digits = |last: &str| Some(Digits::Last(Private::new(last.to_owned())));
        let whole = Some(Digits::Whole(Private::new("+8613800000001".to_owned())));
        let text = Wanted::parse("路灯 不亮");
        let unit = FindQuery { unit: some("601"), ..ask() };
        let page = PageAsk { rows: 50, after: Some(Cursor { at: Wall(1), call: CallId(1) }) };
        let rows: Vec<(&str, FindQuery, bool, bool)> = vec![
            ("f USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", ask(), false, false),
            ("f USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", FindQuery { page, ..ask() }, false, false),
            (
                "f USING INTEGER PRIMARY KEY (rowid=?)",
                FindQuery { call: Some(CallId(1)), code: some("1"), ..ask() },
                false,
                true,
            ),
            (
                "INDEX finding_ticket (ticket>? AND ticket<?)",
                FindQuery { ticket: some("JDZ-20261124"), ..ask() },
                false,
                true,
            ),
            (
                "INDEX finding_ticket (ticket>?",
                FindQuery { ticket: some("J"), code: some("1"), text: text.clone(), ..ask() },
                true,
                true,
            ),
            (
                "INDEX finding_caller (caller>? AND caller<?)",
                FindQuery { number: digits("0001"), ..ask() },
                false,
                true,
            ),
            (
                "INDEX finding_caller (caller>?",
                FindQuery { number: digits("0001"), code: some("1"), centre: some("2"), ..ask() },
                false,
                true,
            ),
            (
                "INDEX finding_caller (caller=? AND rowid>? AND rowid<?)",
                FindQuery { number: whole.clone(), ..ask() },
                false,
                false,
            ),
            (
                "INDEX finding_caller (caller=?",
                FindQuery { number: whole, text: text.clone(), unit: some("6"), ..ask() },
                false,
                false,
            ),
            (
                "INDEX finding_code (code=? AND rowid>? AND rowid<?)",
                FindQuery { code: some("1"), centre: some("2"), ..ask() },
                false,
                false,
            ),
            (
                "INDEX finding_centre (centre=? AND rowid>? AND rowid<?)",
                FindQuery { centre: some("2"), ..ask() },
                false,
                false,
            ),
            (
                "INDEX finding_not_whole (verdict=?",
                FindQuery { verdict: Some(Verdict::Failed), code: some("1"), ..ask() },
                false,
                false,
            ),
            (
                "f USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                FindQuery { verdict: Some(Verdict::Ok), ..ask() },
                false,
                false,
            ),
            ("INDEX recording_condition", FindQuery { quarantined: true, ..ask() }, false, true),
            ("p USING PRIMARY KEY (who=? AND place>? AND place<?)", unit.clone(), false, false),
            (
                "p USING PRIMARY KEY (who=?",
                FindQuery { seat: Some(SeatNo("1".to_owned())), ..unit.clone() },
                false,
                false,
            ),
            (
                "q EXISTS USING PRIMARY KEY (who=? AND place=?",
                FindQuery { seat: Some(SeatNo("1".to_owned())), ..unit.clone() },
                false,
                false,
            ),
            (
                "p USING PRIMARY KEY (who=?",
                FindQuery { text: text.clone(), code: some("1"), ..unit.clone() },
                false,
                false,
            ),
            ("SCAN x VIRTUAL TABLE INDEX", FindQuery { text: text.clone(), ..ask() }, false, false),
            (
                "SCAN x VIRTUAL TABLE INDEX",
                FindQuery { text: text.clone(), code: some("1"), centre: some("2"), ..ask() },
                false,
                false,
            ),
            ("SCAN x VIRTUAL TABLE INDEX", FindQuery { text, ..unit }, true, false),
        ];
        let folder = std::env::temp_dir().join(format!("hotline-find-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut faults = Vec::new();
        runtime.block_on(async {
            let store = Tables::new(&folder.join("hotline.sqlite"));
            store.check().await.unwrap();
            for (index, query, rare, sorts) in rows {
                let sql = format!("EXPLAIN QUERY PLAN {}", statement(&query, rare).into_string());
                let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch_all(&store.readers()).await.unwrap();
                let steps: Vec<String> = plan.iter().map(|row| row.get::<String, _>("detail")).collect();
                let (shown, allowed) =
                    (steps.join("\n"), ["SCAN page", "SCAN recording USING INDEX recording_condition"]);
                let scans = |step: &String| {
                    step.starts_with("SCAN ")
                        && !step.contains("VIRTUAL TABLE INDEX")
                        && !allowed.contains(&step.as_str())
                };
                let whole = steps.iter().any(scans);
                // Behind it, the page itself is sorted.
                let mut walk = steps.iter().take_while(|step| *step != "SCAN page");
                let sorting = |step: &String| step.contains("TEMP B-TREE");
                if !shown.contains(index) || whole || (!sorts && walk.any(sorting)) {
                    faults.push(format!("{index}, not\n{shown}"));
                }
            }
            store.close().await;
        });
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    }
}
