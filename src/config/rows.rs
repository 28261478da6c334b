//! TOML tables as rows with their lines. Every fault is collected: after one, the key that is to
//! blame is taken away and the row is read again.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Fault;
use super::files::Text;

/// A table of the file and the line on which it begins.
#[derive(Clone, Debug)]
pub struct Row<T> {
    pub line: u32,
    pub value: T,
}

/// One file, taken apart table by table.
pub struct Reader<'a> {
    text: &'a Text,
    root: DeTable<'a>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a Text) -> Self {
        let (root, errors) = DeTable::parse_recoverable(&text.text);
        let mut reader = Self { text, root: root.into_inner(), faults: Vec::new() };
        for error in &errors {
            let line = error.span().map(|span| reader.line(span.start));
            reader.fault(line, error.message());
        }
        // What follows a syntax error is guesswork: its faults would be noise.
        if !errors.is_empty() {
            reader.root.clear();
        }
        reader
    }

    /// Whether the file is at least TOML.
    pub fn is_broken(&self) -> bool {
        !self.faults.is_empty()
    }

    /// `[key]`; None where it is missing or faulty.
    pub fn table<T: DeserializeOwned>(&mut self, key: &str) -> Option<Row<T>> {
        let value = self.take(key)?;
        self.row(key, value)
    }

    /// `[[key]]`, those rows that could be read.
    pub fn tables<T: DeserializeOwned>(&mut self, key: &str) -> Vec<Row<T>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let line = self.line(value.span().start);
        match value.into_inner() {
            DeValue::Array(rows) => rows.into_iter().filter_map(|row| self.row(key, row)).collect(),
            _ => {
                self.fault(Some(line), format!("write [[{key}]]: there may be several"));
                Vec::new()
            }
        }
    }

    pub fn fault(&mut self, line: Option<u32>, reason: impl Into<String>) {
        self.faults.push(Fault { file: self.text.file.clone(), line, reason: reason.into() });
    }

    /// All faults, among them every top-level key that nobody asked for.
    pub fn finish(mut self) -> Vec<Fault> {
        let left: Vec<(u32, String)> =
            self.root.keys().map(|key| (self.line(key.span().start), key.get_ref().to_string())).collect();
        for (line, key) in left {
            self.fault(Some(line), format!("unknown key `{key}`"));
        }
        self.faults.sort_by_key(|fault| fault.line);
        self.faults
    }

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'a>>> {
        self.root.remove(key)
    }

    fn row<T: DeserializeOwned>(&mut self, key: &str, value: Spanned<DeValue<'a>>) -> Option<Row<T>> {
        let span = value.span();
        let line = self.line(span.start);
        let DeValue::Table(mut table) = value.into_inner() else {
            self.fault(Some(line), format!("write [{key}] with keys below it"));
            return None;
        };
        let mut removed: Vec<String> = Vec::new();
        loop {
            let again = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(again)) {
                Ok(value) => return removed.is_empty().then_some(Row { line, value }),
                Err(error) => error,
            };
            let at = error.span().unwrap_or(span.clone());
            let blamed = table
                .iter()
                .find(|(key, value)| key.span().contains(&at.start) || value.span().contains(&at.start))
                .map(|(key, _)| key.get_ref().to_string());
            // A required key that we took away ourselves is not missing.
            if removed.iter().any(|key| error.message() == format!("missing field `{key}`")) {
                return None;
            }
            self.fault(Some(self.line(at.start)), reason(&error, blamed.as_deref()));
            match blamed {
                Some(key) => {
                    table.remove(key.as_str());
                    removed.push(key);
                }
                None => return None,
            }
        }
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.text.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Serde's words, with the key in front where they do not name it.
fn reason(error: &toml::de::Error, key: Option<&str>) -> String {
    let message = error.message().replace("unknown field", "unknown key").replace("missing field", "missing key");
    match key {
        Some(key) if !message.contains(&format!("`{key}`")) => format!("{key}: {message}"),
        Some(_) | None => message,
    }
}
