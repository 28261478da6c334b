//! Percentiles, and results as lines of JSON.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

/// Dearer than this, the machine was too busy for anything to be compared.
pub const VOID_ABOVE_MS: f64 = 0.5;

/// Times in nanoseconds, sorted.
pub struct Spread(Vec<u64>);

impl Spread {
    pub fn new(times: impl IntoIterator<Item = u64>) -> Self {
        let mut times: Vec<u64> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }

    /// Milliseconds below which `share` (0 to 1) of the times lie; None where there are none.
    pub fn at(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let place = (share * self.0.len() as f64).ceil() as usize;
        Some(self.0[place.saturating_sub(1).min(last)] as f64 / 1e6)
    }

    pub fn text(&self) -> String {
        let show = |share| self.at(share).map_or_else(|| "-".to_string(), |time| format!("{time:.3}"));
        format!("p50 {} p99 {} p99.9 {} max {} ms", show(0.5), show(0.99), show(0.999), show(1.0))
    }
}

pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Prints a run's result, and adds it to the file that the table is made of.
pub fn keep(result: &Value, out: Option<&Path>) -> io::Result<()> {
    if let Some(fields) = result.as_object() {
        for (name, value) in fields {
            println!("  {name:<28} {value}");
        }
    }
    let Some(out) = out else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(out)?;
    writeln!(file, "{result}")
}

/// Rounded to thousandths, for people.
pub fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Adds the fields of one object to another.
pub fn add(to: &mut Value, more: &Value) {
    if let (Some(to), Some(more)) = (to.as_object_mut(), more.as_object()) {
        to.extend(more.clone());
    }
}
