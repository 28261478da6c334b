//! One test binary: a file per topic.

mod callback;
mod facts;
mod journal;
mod store;
