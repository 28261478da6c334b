//! What a recording is looked for by, as it is typed.

/// For a command whose argument `one` names a single thing instead. All that are given must hold.
#[derive(Clone, Debug, clap::Args)]
pub struct Find {
    /// Those of this ticket; or how its number begins, up to the day at least: JDZ-20261124
    #[arg(long, value_name = "NUMBER", conflicts_with = "one")]
    pub ticket: Option<String>,
    /// Those of this citizen's number, or of numbers that end so: four digits at least
    #[arg(long, value_name = "DIGITS", conflicts_with = "one")]
    pub number: Option<String>,
    /// From this month, day or local time on: 2026-11, 2026-11-24, 2026-11-24T08:30
    #[arg(long, value_name = "TIME", conflicts_with_all = ["one", "day"])]
    pub from: Option<String>,
    /// Up to this month or day and with it, or before this local time
    #[arg(long, value_name = "TIME", conflicts_with_all = ["one", "day"])]
    pub to: Option<String>,
    /// Of calls to this hotline number
    #[arg(long, conflicts_with = "one")]
    pub code: Option<String>,
    /// In which this seat spoke
    #[arg(long, conflicts_with = "one")]
    pub seat: Option<String>,
    /// In which this unit, expert, branch or emergency service was on the line: its code or its whole name
    #[arg(long, value_name = "CODE|NAME", conflicts_with = "one")]
    pub unit: Option<String>,
    /// In which this leader was on the line: code or whole name
    #[arg(long = "led-by", value_name = "CODE|NAME", conflicts_with = "one")]
    pub led_by: Option<String>,
    /// In which anybody of this number, code or whole name was on the line beside the citizen
    #[arg(long, value_name = "NUMBER|NAME", conflicts_with = "one")]
    pub party: Option<String>,
    /// As long as this, or longer: 90s, 10m, 2h
    #[arg(long, value_name = "LENGTH", value_parser = seconds, conflicts_with = "one")]
    pub longer: Option<u64>,
    /// As long as this, or shorter
    #[arg(long, value_name = "LENGTH", value_parser = seconds, conflicts_with = "one")]
    pub shorter: Option<u64>,
    /// ok, degraded or failed
    #[arg(long, conflicts_with = "one")]
    pub verdict: Option<String>,
    /// Words of the ticket's text or place; each must be in it
    #[arg(long, value_name = "WORDS", conflicts_with = "one")]
    pub text: Option<String>,
}

impl Find {
    /// By their names in the API.
    pub fn filters(&self) -> Vec<(&'static str, Option<String>)> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        vec![
            ("ticket", self.ticket.clone()),
            ("number", self.number.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("code", self.code.clone()),
            ("seat", self.seat.clone()),
            ("unit", self.unit.clone()),
            ("leader", self.led_by.clone()),
            ("party", self.party.clone()),
            ("min_s", number(self.longer)),
            ("max_s", number(self.shorter)),
            ("verdict", self.verdict.clone()),
            ("text", self.text.clone()),
        ]
    }
}

/// `90`, `90s`, `10m`, `2h`.
fn seconds(typed: &str) -> Result<u64, String> {
    let (digits, unit) = match typed.strip_suffix(['s', 'm', 'h']) {
        Some(digits) => (digits, typed.chars().last().unwrap_or('s')),
        None => (typed, 's'),
    };
    let each = match unit {
        'h' => 3600,
        'm' => 60,
        _ => 1,
    };
    let count = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(each));
    count.ok_or_else(|| "a length is a number and s, m or h: 90s, 10m, 2h".to_owned())
}
