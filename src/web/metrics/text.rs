//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

/// The page as it grows. Samples of one name must come one after the other.
#[derive(Default)]
pub struct Text {
    page: String,
    /// Name of the samples that come now.
    name: String,
}

impl Text {
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, help, "counter");
        self.sample(name, labels, value);
    }

    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.head(name, help, "gauge");
        self.sample(name, labels, value);
    }

    /// `buckets`: upper bound, and how many lie at or below it; the last one is `+Inf`.
    pub fn histogram(&mut self, name: &str, help: &str, buckets: impl Iterator<Item = (String, u64)>, sum: f64) {
        self.head(name, help, "histogram");
        let mut all = 0;
        for (bound, count) in buckets {
            // Counted one after the other while calls are answered: never let a wider one be smaller.
            all = count.max(all);
            self.sample(&format!("{name}_bucket"), &[("le", &bound)], all);
        }
        self.sample(&format!("{name}_sum"), &[], sum);
        self.sample(&format!("{name}_count"), &[], all);
    }

    pub fn finish(self) -> String {
        self.page
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = writeln!(self.page, "{line}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
