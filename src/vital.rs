//! Threads that nothing replaces.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread without which the server would be deaf or dumb and look alive: one that panics
/// takes the process with it. Whoever watches the server starts it again, and the next start repairs
/// and releases what was live. Fails where the system gives no thread.
pub fn vital<T: Send + 'static>(
    name: impl Into<String>,
    deed: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(move || {
        let _guard = Guard;
        deed()
    })
}

/// The panic itself has been printed by the time this is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
