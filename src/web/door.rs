//! Lets connections in: so many at a time, and none that keeps its place without getting an answer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

use super::places::{Place, Places, Stage};

/// A request's head is whole this long after the connection, or its own first byte.
const HEAD: Duration = Duration::from_secs(5);
/// A connection on which nothing could be written for so long is closed: one that sends its request's
/// body byte by byte, one that reads nothing, one that is merely kept open. Every answer takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// Address of the client.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

pub struct Door {
    listener: TcpListener,
    places: Places,
}

impl Door {
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, places: Places::default() }
    }
}

impl Listener for Door {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(place) = self.places.take(Instant::now(), peer.ip().to_canonical()) else { continue };
                    // Only a delay is lost where this fails.
                    let _ = stream.set_nodelay(true);
                    return (Visit::new(stream, place), peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "the API could not take a connection");
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub struct Visit {
    stream: TcpStream,
    patience: Pin<Box<Sleep>>,
    place: Place,
    stage: Stage,
    head: Head,
}

/// How far the head of the next request has been read.
#[derive(Default)]
struct Head {
    /// Empty lines before a request are not its end.
    begun: bool,
    line_is_empty: bool,
}

impl Head {
    /// Whether a head ends in these bytes.
    fn ends_in(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            match byte {
                b'\n' if self.begun && self.line_is_empty => return true,
                b'\n' => self.line_is_empty = true,
                b'\r' => {}
                _ => (self.begun, self.line_is_empty) = (true, false),
            }
        }
        false
    }
}

impl Visit {
    fn new(stream: TcpStream, place: Place) -> Self {
        Self { stream, patience: Box::pin(sleep(HEAD)), place, stage: Stage::Idle, head: Head::default() }
    }

    fn turn(&mut self, stage: Stage, patience: Duration) {
        self.stage = stage;
        self.place.turn(stage);
        self.patience.as_mut().reset(Instant::now() + patience);
    }

    /// What a pending read or write turns into once patience is over, or somebody else wants the place.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if Pin::new(&mut self.place.wanted).poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn has_read(&mut self, bytes: &[u8]) {
        if let Stage::Answered(_) = self.stage {
            self.head = Head::default();
            self.turn(Stage::Idle, HEAD);
        }
        if self.stage == Stage::Idle && self.head.ends_in(bytes) {
            self.turn(Stage::Asked, PATIENCE);
        }
    }

    fn wrote<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Ok(done)) => {
                self.turn(Stage::Answered(Instant::now()), PATIENCE);
                Poll::Ready(Ok(done))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.wait(context),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Ready(result) => {
                let read = into.filled().get(before..).unwrap_or_default();
                if !read.is_empty() {
                    self.has_read(read);
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.wait(context),
        }
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
