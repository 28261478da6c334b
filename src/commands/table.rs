//! Answers of the API as text: aligned tables, local times, durations.

use serde_json::Value;

use crate::rules::retention;
use crate::time::Wall;

/// Columns as wide as their widest cell; Chinese characters take two places.
pub fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = vec![head.iter().map(ToString::to_string).collect()];
    lines.extend(rows);
    let columns = head.len();
    let wide: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&wide).map(|(cell, wide)| {
            let room = wide.saturating_sub(width(cell));
            format!("{cell}{}", " ".repeat(room))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}

/// A table of the `rows` of a list, or a line that says that there are none.
pub fn list(answer: &Value, none: &str, head: &[&str], cells: impl Fn(&Value) -> Vec<String>) -> String {
    let rows = answer.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return none.to_owned();
    }
    let mut text = table(head, rows.iter().map(cells));
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        text.push_str(&format!("\nmore: --cursor {next}"));
    }
    text
}

/// One thing, a line for each of its fields.
pub fn card(lines: &[(&str, String)]) -> String {
    let rows = lines.iter().map(|(name, value)| vec![(*name).to_owned(), value.replace('\n', " / ")]);
    table(&["", ""], rows).trim_start().to_owned()
}

/// The value at a JSON pointer; `-` where there is none.
pub fn cell(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or(item.to_string(), str::to_owned)).collect::<Vec<_>>().join(" ")
        }
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => value.to_string(),
    }
}

/// `2026-11-24 08:30:00`, Chinese time.
pub fn time(row: &Value, pointer: &str) -> String {
    let Some(at) = row.pointer(pointer).and_then(Value::as_i64) else { return "-".to_owned() };
    let text = retention::local_text(Wall(at));
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// `1:05`, from milliseconds.
pub fn duration(row: &Value, pointer: &str) -> String {
    row.pointer(pointer).and_then(Value::as_i64).map_or("-".to_owned(), minutes)
}

/// The time from there until `now`.
pub fn since(row: &Value, pointer: &str, now: Wall) -> String {
    row.pointer(pointer).and_then(Value::as_i64).map_or("-".to_owned(), |at| minutes(now.0.saturating_sub(at)))
}

fn minutes(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Places on a terminal. (Unicode TR 11, the wide blocks that names and texts use)
fn width(text: &str) -> usize {
    let wide = |letter: char| matches!(u32::from(letter), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x2_0000..=0x3_FFFD);
    text.chars().map(|letter| if wide(letter) { 2 } else { 1 }).sum()
}
