//! What the load generator's table says of its results. No run is needed for it.

#[allow(dead_code, reason = "the generator uses the rest")]
#[path = "../../bench/load/figures.rs"]
mod figures;
#[allow(dead_code, reason = "the generator uses the rest")]
#[path = "../../bench/load/table.rs"]
mod table;

use serde_json::{Value, json};

use table::{Line, Reached, Results};

/// Every scenario once, with nothing lost; `change` sees each.
fn lines(change: impl Fn(&mut Value)) -> Vec<Line> {
    let scenarios = [
        "baseline-50",
        "media-50",
        "baseline-300",
        "media-300",
        "baseline-burn-300",
        "media-burn-300",
        "rooms-10",
        "rooms-100",
        "rooms-jitter-10",
        "signal-20",
        "signal-300",
        "archive",
    ];
    let run = |scenario: &&str| {
        let mut run = json!({
            "scenario": scenario, "run": 1, "disturbed": false, "void": false, "ms_per_call_second": 0.4,
            "ms_per_call": 0.4, "kib_per_call": 50.0, "delay_p99_ms": 0.5, "delay_p999_ms": 0.5,
            "worst_direction_p99_ms": 0.5, "sealed_after_s": 1.0, "ring_p99_ms": 1.0, "answer_p99_ms": 1.0,
            "seats": 800, "concealed_percent": 0.05, "complete": 10, "tickets": 10,
        });
        for lost in [
            "lost",
            "legs_with_wrong_tone",
            "recordings_missing",
            "recordings_with_gaps",
            "recordings_wrong_length",
            "failed",
            "no_line_free",
            "marks_not_heard",
            "legs_in_wrong_company",
            "recorded_tones_wrong",
            "recordings_without_tracks",
        ] {
            run[lost] = json!(0);
        }
        for kind in ["number", "last_digits", "ticket", "month_unit"] {
            run[format!("{kind}_p99_ms")] = json!(5.0);
        }
        change(&mut run);
        run
    };
    let text: Vec<String> = scenarios.iter().map(|scenario| run(scenario).to_string()).collect();
    Results::read(&text.join("\n")).table()
}

fn reached(lines: &[Line], name: &str) -> Vec<Reached> {
    lines.iter().filter(|line| line.name.contains(name)).map(|line| line.reached).collect()
}

fn wanting(lines: &[Line]) -> Vec<&str> {
    lines.iter().filter(|line| line.is_wanting()).map(|line| line.name.trim()).collect()
}

#[test]
fn a_whole_run_that_lost_nothing_wants_nothing() {
    let lines = lines(|_| {});
    assert_eq!(wanting(&lines), [""; 0]);
    assert!(lines.iter().all(|line| matches!(line.reached, Reached::Yes | Reached::Shown)));
}

#[test]
fn a_ratio_to_a_void_relay_is_void_and_neither_good_nor_bad() {
    let lines = lines(|run| {
        if run["scenario"] == "baseline-300" {
            (run["void"], run["ms_per_call_second"]) = (json!(true), json!(0.6));
        }
    });
    assert_eq!(reached(&lines, "against the bare relay"), [Reached::Yes, Reached::Void]);
    assert_eq!(reached(&lines, "bare relay at 300"), [Reached::No]);
    let shown = lines.iter().find(|line| line.reached == Reached::Void).unwrap().to_string();
    assert!(shown.ends_with("   void"), "{shown}");
    assert_eq!(wanting(&lines), [""; 0]);
}

#[test]
fn what_was_not_run_or_was_lost_is_wanting() {
    let without = |gone: &'static str| {
        lines(move |run| {
            if run["scenario"] == gone {
                *run = json!({})
            }
        })
    };
    assert!(wanting(&without("signal-20")).contains(&"20 calls/s: caller's INVITE to seat's p99, ms"));
    assert!(wanting(&without("baseline-50")).contains(&"against the bare relay of the same run"));
    for (scenario, field, value, name) in [
        ("media-300", "lost", 1, "packets lost on the way, 300 calls"),
        ("signal-20", "failed", 1, "calls failed"),
        ("signal-300", "tickets", 9, "tickets missing"),
        ("rooms-100", "recordings_with_gaps", 2, "recordings with gaps"),
    ] {
        let lines = lines(|run| {
            if run["scenario"] == scenario {
                run[field] = json!(value)
            }
        });
        assert_eq!(wanting(&lines), [name]);
    }
    let concealed = lines(|run| run["concealed_percent"] = json!(0.2));
    assert_eq!(reached(&concealed, "frames concealed"), [Reached::No, Reached::Yes], "on a clean line, under jitter");
    // Too slow is told, and no failure of the run.
    let slow = lines(|run| run["ms_per_call"] = json!(9.0));
    assert_eq!((reached(&slow, "ms CPU per complete call"), wanting(&slow).len()), (vec![Reached::No], 0));
}
