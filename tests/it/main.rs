//! One test binary: a file per topic.

#[cfg(feature = "server")]
mod apply;
mod callback;
#[cfg(feature = "server")]
mod facts;
#[cfg(feature = "server")]
mod journal;
#[cfg(feature = "server")]
mod store;
