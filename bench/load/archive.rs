//! Three years of a city in the database: how long its searches take.
//!
//! The rows are written as the server writes them (`rows`), about calls that a city makes (`city`) and that are
//! talked about as people do (`wording`); the finding aid is then written by the server's own code, which is what an
//! upgrade of an older database takes. Searches go through the store, one after the other, beside a bare
//! `SELECT` by primary key.

mod city;
mod dice;
mod rows;
mod wording;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hotline::privacy::Private;
use hotline::store::Store;
use hotline::store::find::{Digits, FindQuery};
use hotline::store::query::{PageAsk, Span};
use hotline::store::sqlite::Sqlite;
use hotline::store::wording::Wanted;
use hotline::time::Wall;
use serde_json::{Value, json};

use super::figures::{Spread, round};
use super::machine::Busy;
use super::options::Archive;
use super::{machine, outcome};
use city::{Call, City};
use dice::Dice;

/// Recordings that get their row of the finding aid in one transaction.
const AT_ONCE: u32 = 5_000;
/// Pages that are turned before the one that is measured.
const DEEP: usize = 49;

pub fn run(options: &Archive) -> io::Result<()> {
    println!("archive: {} recordings, {} searches of each kind", options.rows, options.searches);
    let before = outcome::look_around(&options.common, true);
    let path = options.folder.join(format!("archive-{}-{}.sqlite", options.rows, options.seed));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut result = json!({ "scenario": "archive", "run": options.common.run, "rows": options.rows });
        if !path.exists() {
            fill(&path, options, &mut result).await?;
        }
        let store = Sqlite::new(&path);
        result["database_mib"] = round(size(&path) / 1_048_576.0).into();
        let (busy, own) = (Busy::now(), machine::cpu(std::process::id()));
        let began = Instant::now();
        measure(&store, &path, options, &mut result).await?;
        let seconds = began.elapsed().as_secs_f64();
        let ours = (machine::cpu(std::process::id()) - own) / seconds;
        result["other_cores"] = round((busy.cores() - ours).max(0.0)).into();
        result["load_average_after"] = machine::load_average().into();
        super::figures::add(&mut result, &before);
        store.close().await;
        outcome::conclude(&mut result, &options.common)
    })
}

/// A half-written file gets no name.
async fn fill(path: &Path, options: &Archive, result: &mut Value) -> io::Result<()> {
    std::fs::create_dir_all(&options.folder)?;
    let part = PathBuf::from(format!("{}.part", path.display()));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", part.display()));
    }
    let began = Instant::now();
    let store = Sqlite::new(&part);
    store.check().await.map_err(io::Error::other)?;
    store.close().await;
    rows::write(&part, City::new(options.rows, options.seed)).await.map_err(io::Error::other)?;
    println!("  rows written in {:.0} s", began.elapsed().as_secs_f64());
    let (began, mut written) = (Instant::now(), 0);
    let store = Sqlite::new(&part);
    while store.write_finding_aid(AT_ONCE).await.map_err(io::Error::other)? {
        written += u64::from(AT_ONCE);
        if written.is_multiple_of(u64::from(AT_ONCE) * 20) {
            println!("  {written} in the finding aid after {:.0} s", began.elapsed().as_secs_f64());
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    result["finding_aid_s"] = round(seconds).into();
    result["finding_aid_us_per_row"] = round(seconds * 1e6 / options.rows as f64).into();
    store.close().await;
    std::fs::rename(&part, path)
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |file| file.len() as f64)
}

async fn measure(store: &Sqlite, path: &Path, options: &Archive, result: &mut Value) -> io::Result<()> {
    let calls = sample(options);
    let of = |query: fn(&Call, &mut Dice) -> FindQuery| {
        let mut dice = Dice::new(options.seed ^ 0x5eed);
        calls.iter().map(|call| query(call, &mut dice)).collect::<Vec<_>>()
    };
    let kinds: Vec<(&str, Vec<FindQuery>)> = vec![
        ("number", of(|call, _| number(Digits::Whole(Private::new(call.caller.clone()))))),
        ("last_digits", of(|call, dice| number(last_digits(&call.caller, 4 + dice.below(4))))),
        ("ticket", of(|call, _| FindQuery { ticket: Some(call.ticket.clone()), ..FindQuery::default() })),
        (
            "month_unit",
            of(|call, dice| FindQuery {
                span: month(call.at),
                unit: Some(city::any_unit(dice)),
                ..FindQuery::default()
            }),
        ),
        (
            "month_seat",
            of(|call, _| FindQuery { span: month(call.at), seat: Some(call.seat.clone()), ..FindQuery::default() }),
        ),
        ("hot_word", of(|_, dice| text(wording::hot(dice)))),
        ("rare_word", of(|_, dice| text(wording::rare(dice)))),
        ("hot_word_unit", of(|_, dice| FindQuery { unit: Some(city::any_unit(dice)), ..text(wording::hot(dice)) })),
        ("newest", of(|_, _| FindQuery::default())),
    ];
    for (name, queries) in kinds {
        let (mut times, mut rows) = (Vec::new(), 0);
        for query in &queries {
            let (taken, page) = timed(store, query).await?;
            times.push(taken);
            rows += page.rows.len();
        }
        tell(name, times, rows as f64 / queries.len().max(1) as f64, result);
    }
    let mut times = Vec::new();
    let mut dice = Dice::new(options.seed);
    for turn in 0..options.searches.div_ceil(20).max(1) {
        let query = if turn % 2 == 0 { text(wording::hot(&mut dice)) } else { FindQuery::default() };
        let Some(query) = deep(store, query).await? else { continue };
        for _ in 0..20 {
            times.push(timed(store, &query).await?.0);
        }
    }
    tell("page_50", times, 50.0, result);
    let bare = rows::by_key(path, &calls).await.map_err(io::Error::other)?;
    tell("bare_select", bare, 1.0, result);
    Ok(())
}

fn tell(name: &str, times: Vec<u64>, rows: f64, result: &mut Value) {
    let spread = Spread::new(times);
    println!("  {name:<14} {}   {rows:.1} rows", spread.text());
    result[format!("{name}_p50_ms")] = spread.at(0.5).map(round).into();
    result[format!("{name}_p99_ms")] = spread.at(0.99).map(round).into();
    result[format!("{name}_max_ms")] = spread.at(1.0).map(round).into();
}

async fn timed(
    store: &Sqlite,
    query: &FindQuery,
) -> io::Result<(u64, hotline::store::query::Page<hotline::store::find::Found>)> {
    let began = Instant::now();
    let page = store.find(query).await.map_err(io::Error::other)?;
    Ok((u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), page))
}

/// The same search, 49 pages on; None where it has not so many.
async fn deep(store: &Sqlite, mut query: FindQuery) -> io::Result<Option<FindQuery>> {
    for _ in 0..DEEP {
        let page = store.find(&query).await.map_err(io::Error::other)?;
        let Some(next) = page.next else { return Ok(None) };
        query.page = PageAsk { after: Some(next), ..query.page };
    }
    Ok(Some(query))
}

/// Calls from all three years, evenly: who calls often is asked for often.
fn sample(options: &Archive) -> Vec<Call> {
    let every = (options.rows / options.searches.max(1)).max(1);
    City::new(options.rows, options.seed).filter(|call| call.n % every as u64 == 0 && !call.caller.is_empty()).collect()
}

fn number(digits: Digits) -> FindQuery {
    FindQuery { number: Some(digits), ..FindQuery::default() }
}

fn last_digits(number: &str, count: usize) -> Digits {
    Digits::Last(Private::new(number.chars().skip(number.len().saturating_sub(count)).collect()))
}

fn text(word: &str) -> FindQuery {
    FindQuery { text: Wanted::parse(word), ..FindQuery::default() }
}

/// Thirty days about the call.
fn month(at: i64) -> Span {
    let days = |days: i64| days * 24 * 3_600_000;
    Span { from: Wall(at - days(15)), until: Wall(at + days(15)) }
}
