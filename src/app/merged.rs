//! Which numbers have been merged, kept in the data folder, so that an edit while the server is stopped brings
//! none of them back either. R3.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::failed;
use crate::rules::numbers::{Merged, NumberPlan};
use crate::whole;

const HEAD: &str = "# Numbers that have been merged, since when (R3). Written by the server; allow_revive = true in\n\
                    # numbers.toml brings one back.\n";

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// First day by code: `12999 = "2026-01-01"`.
    merged: BTreeMap<String, String>,
}

/// What has been merged so far. Err names the file.
pub fn open(data: &Path) -> io::Result<Merged> {
    let path = path(data);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Merged::default()),
        Err(error) => return Err(failed(path.display())(error)),
    };
    read(&text).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why)).map_err(failed(path.display()))
}

fn read(text: &str) -> Result<Merged, String> {
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let dated = |(code, day): (String, String)| match day.parse() {
        Ok(day) => Ok((code, day)),
        Err(_) => Err(format!("{code}: `{day}` is no date")),
    };
    file.merged.into_iter().map(dated).collect::<Result<_, _>>().map(Merged)
}

/// This table is in force from this day on; it is on disk when this returns.
pub fn follow(data: &Path, before: &Merged, plan: &NumberPlan, on: Date) -> io::Result<()> {
    let mut merged = before.clone();
    merged.follow(plan, on);
    if merged == *before {
        return Ok(());
    }
    let path = path(data);
    let merged = merged.0.into_iter().map(|(code, day)| (code, day.to_string())).collect();
    let text = toml::to_string(&File { merged }).map_err(io::Error::other)?;
    whole::write(&path, &format!("{HEAD}{text}")).map_err(failed(path.display()))
}

fn path(data: &Path) -> PathBuf {
    data.join("merged-numbers.toml")
}
