//! `index.html`: plays the mix beside it and shows the course of the call; in Chinese, without a network.

use std::io;

use super::metadata::escaped;
use crate::archive::chart::Chart;
use crate::archive::peaks::Lane;

const PAGE: &str = include_str!("page.html");

pub fn page(title: &str, chart: &Chart, peaks: &[Lane]) -> io::Result<Vec<u8>> {
    let data = serde_json::to_string(&serde_json::json!({ "chart": chart, "peaks": peaks }))?;
    // Nothing in it ends the script or begins a comment.
    let data = data.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let data = data.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let (before, after) = PAGE.split_once("@DATA@").unwrap_or((PAGE, ""));
    Ok([&before.replace("@TITLE@", &escaped(title)), &*data, after].concat().into_bytes())
}
