//! The regulation as functions: which number is meant, what a ticket is about, how
//! long a recording is kept, who may do what.
//! This folder uses nobody and knows no today; every date is an argument.

pub mod access;
pub mod callback;
pub mod destruction;
pub mod dialling;
pub mod emergency;
pub mod language;
pub mod numbers;
pub mod retention;
pub mod ticket;
pub mod watermark;
