//! The JSON API, health and metrics, on the one address `http` of `server.toml`.
//!
//! Everything below `/api` wants a session or the machine's token (`login`), and the right that `routes`
//! names. Lists show masked numbers, one ticket the full one (R101); audio wants a purpose and leaves an
//! access row (R99); whatever shows or changes something of a citizen is in the audit log before. Reads go to the store
//! or look at the exchange from inside its loop; what changes goes through the journal or the loop.

mod accounts;
mod alarms;
mod archive;
mod asked;
mod audio;
mod audit;
mod calls;
mod course;
mod directory;
mod door;
mod emergency;
mod error;
mod grant;
mod health;
mod keeping;
mod login;
pub mod metrics;
mod mirrors;
mod missed;
mod package;
mod places;
pub mod range;
mod recordings;
mod reload;
pub mod routes;
mod seats;
mod send;
mod sessions;
pub mod strangers;
mod tickets;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::{Office, failed};
use crate::exchange::Exchange;
use crate::time::Now;

use door::{Door, Peer};
use error::ApiError;

/// A ticket's text and what surrounds it.
const BODY_LIMIT: usize = 64 << 10;
/// The signalling loop answers within milliseconds; where it does not, a page must not hang with it.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// A download that is under way when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// The file in the data folder that tells the commands where the API listens.
pub const ADDRESS_FILE: &str = "http.addr";

/// Binds the address and writes it down for the commands. Err names the address or the file.
pub async fn bind(address: SocketAddr, data: &Path) -> io::Result<TcpListener> {
    let deed = format!("cannot listen on http {address}");
    let listener = TcpListener::bind(address).await.map_err(failed(&deed))?;
    let bound = listener.local_addr().map_err(failed(&deed))?;
    let path = data.join(ADDRESS_FILE);
    std::fs::write(&path, format!("{bound}\n")).map_err(failed(format!("cannot write {}", path.display())))?;
    Ok(listener)
}

/// The running API.
pub struct Web {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
    address_file: PathBuf,
}

/// Serves until `Web::stop`.
pub fn serve(office: Office, listener: TcpListener) -> Web {
    let (end, ended) = oneshot::channel::<()>();
    let address_file = office.options.data.join(ADDRESS_FILE);
    let pages = router(office).into_make_service_with_connect_info::<Peer>();
    let task = tokio::spawn(async move {
        let until = async move { drop(ended.await) };
        if let Err(error) = axum::serve(Door::new(listener), pages).with_graceful_shutdown(until).await {
            tracing::error!(%error, "the API has ended");
        }
    });
    Web { task, end, address_file }
}

impl Web {
    /// Takes no further request, and waits a little for those under way.
    pub async fn stop(self) {
        // Commands then say that no server runs; a file that stays only makes them say it otherwise.
        let _ = std::fs::remove_file(self.address_file);
        let _ = self.end.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(LAST_REQUESTS, self.task).await.is_err() {
            abort.abort();
        }
    }
}

fn router(office: Office) -> Router {
    Router::new()
        .nest("/api", routes::api(&office))
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .fallback(error::no_page)
        .method_not_allowed_fallback(error::no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(office)
}

/// A look at the exchange, or an error for whoever asked.
async fn look<T: Send + 'static>(
    office: &Office,
    look: impl FnOnce(Now, &Exchange) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let seen = tokio::time::timeout(LOOK_PATIENCE, office.look(look)).await;
    seen.ok().flatten().ok_or_else(|| ApiError::unavailable("ending", "the server is ending or overloaded"))
}

/// File work, on a thread that may wait for the disk.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::unavailable("ending", "the server is ending").because(error))
}
