//! The audit log: who did what and for what purpose, and what was refused (R99, R105).
//!
//! `<data>/audit/2026-11.jsonl`, a file for each month in China, only ever appended to. Each row names the
//! SHA-256 of the line before it (`previous`), over months too, and ends with that of its own text
//! (`sum`). A row is on disk before what it tells of is given out; where it cannot be written, nothing
//! is. Calls do not depend on it.

mod file;
pub mod log;
pub mod read;
pub mod row;
pub mod verify;

pub use log::{Audit, AuditError, Opened};
pub use row::{Deed, Fact, Outcome, Row};
