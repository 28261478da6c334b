//! What was asked, what was measured, and whether that is reached.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::figures::{VOID_ABOVE_MS, median};

/// Bound, and how it is read.
#[derive(Clone, Copy)]
enum Asked {
    AtMost(f64),
    /// The same of a ratio, which says nothing where the relay was `void`.
    AgainstRelay {
        bound: f64,
        void: bool,
    },
    Zero,
    /// Shown only.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Yes,
    No,
    Void,
    NotRun,
    Shown,
}

pub struct Line {
    pub name: String,
    asked: Asked,
    measured: Option<f64>,
    pub reached: Reached,
}

#[derive(Default)]
struct Table(Vec<Line>);

pub struct Results(Vec<Value>);

/// Err where something that is promised was not run, or where a run lost calls, packets or recordings.
pub fn print(path: &Path) -> io::Result<()> {
    let results = Results::read(&fs::read_to_string(path)?);
    println!("\n{:<62} {:>10} {:>10}   reached", "medians", "asked", "measured");
    let lines = results.table();
    lines.iter().for_each(|line| println!("{line}"));
    results.warn();
    let wanting: Vec<&str> = lines.iter().filter(|line| line.is_wanting()).map(|line| line.name.trim()).collect();
    if wanting.is_empty() { Ok(()) } else { Err(io::Error::other(format!("not run, or lost: {}", wanting.join("; ")))) }
}

impl Results {
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    pub fn table(&self) -> Vec<Line> {
        let mut table = Table::default();
        two_party(self, &mut table);
        signalling(self, &mut table);
        rooms(self, &mut table);
        archive(self, &mut table);
        table.0
    }
}

fn two_party(results: &Results, table: &mut Table) {
    for calls in [50, 300] {
        let name = format!("bare relay at {calls} calls, ms CPU per call-second");
        table.row(
            &name,
            Asked::AtMost(VOID_ABOVE_MS),
            results.median(&format!("baseline-{calls}"), "ms_per_call_second"),
        );
    }
    let export = results.median("baseline-burn-300", "delay_p99_ms");
    table.row("bare relay beside an export, 300 calls: delay p99, ms", Asked::Nothing, export);
    for calls in [50, 300] {
        let cost = results.median(&format!("media-{calls}"), "ms_per_call_second");
        table.row(&format!("recorded call at {calls} calls, ms CPU per call-second"), Asked::Nothing, cost);
        let bound = Asked::AgainstRelay { bound: 1.5, void: results.is_void(calls) };
        table.row("  against the bare relay of the same run", bound, results.ratio(calls));
    }
    let cost = |calls: u32| results.median(&format!("media-{calls}"), "ms_per_call_second");
    table.row(
        "300 calls against 50, per call",
        Asked::AtMost(1.15),
        cost(300).zip(cost(50)).map(|(many, few)| many / few),
    );
    let media = "media-300";
    table.row("KiB per call, 300 calls", Asked::AtMost(100.0), results.median(media, "kib_per_call"));
    table.row("packets lost on the way, 300 calls", Asked::Zero, results.worst(media, "lost"));
    table.row("legs that hear a wrong tone", Asked::Zero, results.worst(media, "legs_with_wrong_tone"));
    table.row("recordings missing, 300 calls", Asked::Zero, results.worst(media, "recordings_missing"));
    table.row("recordings with gaps, 300 calls", Asked::Zero, results.worst(media, "recordings_with_gaps"));
    table.row("recordings of a wrong length, 300 calls", Asked::Zero, results.worst(media, "recordings_wrong_length"));
    let export = "media-burn-300";
    table.row("forwarding delay beside an export p99, ms", Asked::AtMost(1.0), results.median(export, "delay_p99_ms"));
    table.row(
        "forwarding delay beside an export p99.9, ms",
        Asked::AtMost(5.0),
        results.median(export, "delay_p999_ms"),
    );
}

fn signalling(results: &Results, table: &mut Table) {
    let many = "signal-300";
    let seats = results.median(many, "seats").unwrap_or(0.0);
    table.row(
        &format!("300 calls/s, talk 2 s, {seats} seats: calls failed"),
        Asked::Zero,
        results.worst(many, "failed"),
    );
    table.row("  calls that could not be dialled", Asked::Zero, results.worst(many, "no_line_free"));
    table.row("  ms CPU per complete call", Asked::AtMost(0.8), results.median(many, "ms_per_call"));
    table.row(
        "  recordings complete after the last call, s",
        Asked::AtMost(30.0),
        results.worst(many, "sealed_after_s"),
    );
    table.row("  recordings missing", Asked::Zero, results.worst(many, "recordings_missing"));
    table.row("  tickets missing", Asked::Zero, results.tickets_missing(many));
    let few = "signal-20";
    table.row("20 calls/s: caller's INVITE to seat's p99, ms", Asked::AtMost(5.0), results.median(few, "ring_p99_ms"));
    table.row("  seat's 200 to caller's 200 p99, ms", Asked::AtMost(20.0), results.median(few, "answer_p99_ms"));
    table.row("  calls failed", Asked::Zero, results.worst(few, "failed"));
}

fn rooms(results: &Results, table: &mut Table) {
    let cost = |calls: u32| results.median(&format!("rooms-{calls}"), "ms_per_call_second");
    for calls in [10, 100] {
        table.row(
            &format!("recorded room of three at {calls}, ms CPU per room-second"),
            Asked::AtMost(1.5),
            cost(calls),
        );
    }
    table.row(
        "  100 rooms against 10, per room",
        Asked::AtMost(1.15),
        cost(100).zip(cost(10)).map(|(many, few)| many / few),
    );
    let many = "rooms-100";
    table.row("  KiB per room, 100 rooms", Asked::AtMost(200.0), results.median(many, "kib_per_call"));
    table.row("  delay in the mix p99, ms", Asked::AtMost(30.0), results.median(many, "delay_p99_ms"));
    table.row("  in the worst direction p99, ms", Asked::AtMost(30.0), results.median(many, "worst_direction_p99_ms"));
    table.row("  frames concealed, %", Asked::AtMost(0.1), results.median(many, "concealed_percent"));
    let counted = [
        ("  packets lost on the way", "lost"),
        ("  marks not heard", "marks_not_heard"),
        ("  parties that hear others than the two of their room", "legs_in_wrong_company"),
        ("  parties that hear a wrong tone", "legs_with_wrong_tone"),
        ("  recordings missing", "recordings_missing"),
        ("  recordings with gaps", "recordings_with_gaps"),
        ("  recordings in which a tone is wrong", "recorded_tones_wrong"),
        ("  recordings without the tracks of seat and third", "recordings_without_tracks"),
    ];
    for (name, field) in counted {
        table.row(name, Asked::Zero, results.worst(many, field));
    }
    table.row("  tickets missing", Asked::Zero, results.tickets_missing(many));
    let late = "rooms-jitter-10";
    let delay = results.median(late, "worst_direction_p99_ms");
    table.row("10 rooms, thirds 30 ms of jitter: worst direction p99, ms", Asked::AtMost(80.0), delay);
    table.row("  thirds' frames concealed, %", Asked::AtMost(1.0), results.median(late, "concealed_percent"));
    table.row("  recordings with gaps", Asked::Zero, results.worst(late, "recordings_with_gaps"));
}

/// Milliseconds.
fn archive(results: &Results, table: &mut Table) {
    let p99 = |kind: &str| results.median("archive", &format!("{kind}_p99_ms"));
    let asked = [
        ("recordings found by number p99, ms", "number", Asked::AtMost(50.0)),
        ("  by a number's last digits", "last_digits", Asked::AtMost(50.0)),
        ("  by ticket", "ticket", Asked::AtMost(50.0)),
        ("  by a month and a unit", "month_unit", Asked::AtMost(200.0)),
        ("  by a month and a seat", "month_seat", Asked::Nothing),
        ("  by a word of every tenth ticket", "hot_word", Asked::Nothing),
        ("  by a word of a few tickets", "rare_word", Asked::Nothing),
        ("  by such a word and a unit", "hot_word_unit", Asked::Nothing),
        ("  the fiftieth page", "page_50", Asked::Nothing),
        ("  one row by its primary key, bare SQLite", "bare_select", Asked::Nothing),
    ];
    for (name, kind, bound) in asked {
        table.row(name, bound, p99(kind));
    }
    table.row("  of so many recordings", Asked::Nothing, results.median("archive", "rows"));
}

impl Table {
    fn row(&mut self, name: &str, asked: Asked, measured: Option<f64>) {
        let within = |is: bool| if is { Reached::Yes } else { Reached::No };
        let reached = match (asked, measured) {
            (Asked::Nothing, _) => Reached::Shown,
            (Asked::AtMost(_) | Asked::AgainstRelay { .. } | Asked::Zero, None) => Reached::NotRun,
            (Asked::AgainstRelay { void: true, .. }, Some(_)) => Reached::Void,
            (Asked::AtMost(bound) | Asked::AgainstRelay { bound, void: false }, Some(value)) => within(value <= bound),
            (Asked::Zero, Some(value)) => within(value == 0.0),
        };
        self.0.push(Line { name: name.to_owned(), asked, measured, reached });
    }
}

impl Line {
    /// It was not run, or something was lost.
    pub fn is_wanting(&self) -> bool {
        self.reached == Reached::NotRun || (matches!(self.asked, Asked::Zero) && self.reached == Reached::No)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.measured.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let bound = match self.asked {
            Asked::AtMost(bound) | Asked::AgainstRelay { bound, .. } => format!("≤ {bound}"),
            Asked::Zero => "0".to_owned(),
            Asked::Nothing => String::new(),
        };
        let reached = match self.reached {
            Reached::Yes => "yes",
            Reached::No => "NO",
            Reached::Void => "void",
            Reached::NotRun => "not run",
            Reached::Shown => "",
        };
        write!(out, "{:<62} {bound:>10} {shown:>10}   {reached}", self.name)
    }
}

impl Results {
    /// Runs that nothing disturbed, where there are any.
    fn of<'a>(&'a self, scenario: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = move || self.0.iter().filter(move |run| run["scenario"] == scenario);
        let quiet = all().any(|run| run["disturbed"] == false);
        all().filter(move |run| !quiet || run["disturbed"] == false)
    }

    fn median(&self, scenario: &str, field: &str) -> Option<f64> {
        median(&mut self.of(scenario).filter_map(|run| run[field].as_f64()).collect::<Vec<_>>())
    }

    fn worst(&self, scenario: &str, field: &str) -> Option<f64> {
        self.of(scenario).filter_map(|run| run[field].as_f64()).reduce(f64::max)
    }

    /// Of each run against its own baseline.
    fn ratio(&self, calls: u32) -> Option<f64> {
        let cost = |run: &Value| Some((run["run"].as_u64()?, run["ms_per_call_second"].as_f64()?));
        let (bare, media) = (format!("baseline-{calls}"), format!("media-{calls}"));
        let bare: BTreeMap<u64, f64> = self.of(&bare).filter_map(cost).collect();
        let ratio = |(run, cost): (u64, f64)| bare.get(&run).map(|bare| cost / bare);
        median(&mut self.of(&media).filter_map(cost).filter_map(ratio).collect::<Vec<_>>())
    }

    /// Whether a relay against which so many calls are measured took too much itself.
    fn is_void(&self, calls: u32) -> bool {
        self.of(&format!("baseline-{calls}")).any(|run| run["void"] == true)
    }

    fn tickets_missing(&self, scenario: &str) -> Option<f64> {
        let missing = |run: &Value| Some(run["complete"].as_f64()? - run["tickets"].as_f64().unwrap_or(0.0));
        self.of(scenario).filter_map(missing).reduce(f64::max)
    }

    /// What makes a result doubtful.
    fn warn(&self) {
        for run in &self.0 {
            let (name, number) = (run["scenario"].as_str().unwrap_or("?"), &run["run"]);
            let load =
                format!("{} before, {} after", text(&run["load_average_before"]), text(&run["load_average_after"]));
            let busy = format!(
                "{} cores busy before, {} with others' work in the run",
                run["busy_cores_before"], run["other_cores"]
            );
            println!("{name:<16} run {number}: load average {load}; {busy}; late ticks {}", run["late_ticks"]);
            if run["disturbed"] == true {
                println!("                 DISTURBED: left out where there is a better run");
            }
            if run["quotable"] == false {
                println!("                 NOT TO BE QUOTED: more than 0.1 % late ticks");
            }
            if run["void"] == true {
                println!(
                    "                 VOID, and its ratio with it: the bare relay took more than {VOID_ABOVE_MS} ms per call-second"
                );
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
