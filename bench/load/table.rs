//! What was asked, what was measured, and whether that is reached.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::baseline::VOID_ABOVE_MS;
use super::figures::median;

/// Bound, and how it is read.
enum Asked {
    AtMost(f64),
    Zero,
    /// Shown only.
    Nothing,
}

struct Results(Vec<Value>);

pub fn print(path: &Path) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    let results = Results(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect());
    println!("\n{:<62} {:>10} {:>10}   reached", "medians", "asked", "measured");
    for calls in [50, 300] {
        let name = format!("bare relay at {calls} calls, ms CPU per call-second");
        row(&name, &Asked::AtMost(VOID_ABOVE_MS), results.median(&format!("baseline-{calls}"), "ms_per_call_second"));
    }
    let export = results.median("baseline-burn-300", "delay_p99_ms");
    row("bare relay beside an export, 300 calls: delay p99, ms", &Asked::Nothing, export);
    for calls in [50, 300] {
        let cost = results.median(&format!("media-{calls}"), "ms_per_call_second");
        row(&format!("recorded call at {calls} calls, ms CPU per call-second"), &Asked::Nothing, cost);
        row("  against the bare relay of the same run", &Asked::AtMost(1.5), results.ratio(calls));
    }
    let cost = |calls: u32| results.median(&format!("media-{calls}"), "ms_per_call_second");
    row("300 calls against 50, per call", &Asked::AtMost(1.15), cost(300).zip(cost(50)).map(|(many, few)| many / few));
    let media = "media-300";
    row("KiB per call, 300 calls", &Asked::AtMost(100.0), results.median(media, "kib_per_call"));
    row("packets lost on the way, 300 calls", &Asked::Zero, results.worst(media, "lost"));
    row("legs that hear a wrong tone", &Asked::Zero, results.worst(media, "legs_with_wrong_tone"));
    row("recordings missing, 300 calls", &Asked::Zero, results.worst(media, "recordings_missing"));
    row("recordings with gaps, 300 calls", &Asked::Zero, results.worst(media, "recordings_with_gaps"));
    row("recordings of a wrong length, 300 calls", &Asked::Zero, results.worst(media, "recordings_wrong_length"));
    let export = "media-burn-300";
    row("forwarding delay beside an export p99, ms", &Asked::AtMost(1.0), results.median(export, "delay_p99_ms"));
    row("forwarding delay beside an export p99.9, ms", &Asked::AtMost(5.0), results.median(export, "delay_p999_ms"));
    let many = "signal-300";
    let seats = results.median(many, "seats").unwrap_or(0.0);
    row(&format!("300 calls/s, talk 2 s, {seats} seats: calls failed"), &Asked::Zero, results.worst(many, "failed"));
    row("  calls that could not be dialled", &Asked::Zero, results.worst(many, "no_line_free"));
    row("  ms CPU per complete call", &Asked::AtMost(0.8), results.median(many, "ms_per_call"));
    row("  recordings complete after the last call, s", &Asked::AtMost(30.0), results.worst(many, "sealed_after_s"));
    row("  recordings missing", &Asked::Zero, results.worst(many, "recordings_missing"));
    row("  tickets missing", &Asked::Zero, results.tickets_missing(many));
    let few = "signal-20";
    row("20 calls/s: caller's INVITE to seat's p99, ms", &Asked::AtMost(5.0), results.median(few, "ring_p99_ms"));
    row("  seat's 200 to caller's 200 p99, ms", &Asked::AtMost(20.0), results.median(few, "answer_p99_ms"));
    row("  calls failed", &Asked::Zero, results.worst(few, "failed"));
    rooms(&results);
    results.warn();
    Ok(())
}

fn rooms(results: &Results) {
    let cost = |calls: u32| results.median(&format!("rooms-{calls}"), "ms_per_call_second");
    for calls in [10, 100] {
        row(&format!("recorded room of three at {calls}, ms CPU per room-second"), &Asked::AtMost(1.5), cost(calls));
    }
    row(
        "  100 rooms against 10, per room",
        &Asked::AtMost(1.15),
        cost(100).zip(cost(10)).map(|(many, few)| many / few),
    );
    let many = "rooms-100";
    row("  KiB per room, 100 rooms", &Asked::AtMost(200.0), results.median(many, "kib_per_call"));
    row("  delay in the mix p99, ms", &Asked::AtMost(30.0), results.median(many, "delay_p99_ms"));
    row("  in the worst direction p99, ms", &Asked::AtMost(30.0), results.median(many, "worst_direction_p99_ms"));
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
        row(name, &Asked::Zero, results.worst(many, field));
    }
    row("  tickets missing", &Asked::Zero, results.tickets_missing(many));
}

fn row(name: &str, asked: &Asked, measured: Option<f64>) {
    let shown = measured.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let (bound, reached) = match (asked, measured) {
        (Asked::AtMost(bound), Some(value)) => (format!("≤ {bound}"), if value <= *bound { "yes" } else { "NO" }),
        (Asked::Zero, Some(value)) => ("0".to_owned(), if value == 0.0 { "yes" } else { "NO" }),
        (Asked::AtMost(bound), None) => (format!("≤ {bound}"), "not run"),
        (Asked::Zero, None) => ("0".to_owned(), "not run"),
        (Asked::Nothing, _) => (String::new(), ""),
    };
    println!("{name:<62} {bound:>10} {shown:>10}   {reached}");
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
