//! One page of a list that the API gives out in pages.

use serde_json::Value;

use super::client::{Client, ClientError};

/// For a command whose argument `one` names a single thing instead.
#[derive(Clone, Debug, clap::Args)]
pub struct Page {
    /// Those of this day, such as 2026-11-24
    #[arg(long, conflicts_with = "one")]
    pub day: Option<String>,
    /// So many at most
    #[arg(long, conflicts_with = "one")]
    pub limit: Option<u32>,
    /// The page after one that ended with this cursor
    #[arg(long, conflicts_with = "one")]
    pub cursor: Option<String>,
}

impl Page {
    /// The rows of `path` that all of these let through.
    pub fn get(&self, client: &Client, path: &str, filters: &[(&str, &Option<String>)]) -> Result<Value, ClientError> {
        let limit = self.limit.map(|limit| limit.to_string());
        let own = [("day", &self.day), ("limit", &limit), ("cursor", &self.cursor)];
        let query: Vec<_> = own.iter().chain(filters).map(|(name, value)| (*name, value.as_deref())).collect();
        client.get(path, &query)
    }
}
