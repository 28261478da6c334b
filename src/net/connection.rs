//! One TCP connection: the half that the loop holds, and the task that serves it. (RFC 3261 §18)

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::exchange::Input;
use crate::sip::flow::Flow;
use crate::sip::message::{Fault, Framed, Framer, Message, Unreadable};

use super::driver::Event;

/// Messages, and bytes in them, that may wait for a slow reader before its connection is given up.
const MESSAGES: usize = 256;
const BYTES: usize = 1 << 20;
/// A peer that has connected says something soon.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);
/// A message is whole this long after its first byte. A peer that is merely silent is left alone.
const WHOLE_MESSAGE: Duration = Duration::from_secs(20);
/// For the last words to a peer that is being cut off.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A connection as the loop holds it. Dropped, it is closed at once.
pub struct Connection {
    queue: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    _open: oneshot::Sender<Infallible>,
}

/// The other end, for the task that serves it.
pub struct Served {
    queue: Receiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    closed: oneshot::Receiver<Infallible>,
}

/// Why a message could not be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The connection has ended; the message was not even looked at.
    Ended(Vec<u8>),
    /// The peer does not read what it is sent.
    Full,
}

pub fn pair() -> (Connection, Served) {
    let ((queue, queued), (open, closed)) = (mpsc::channel(MESSAGES), oneshot::channel());
    let waiting = Arc::new(AtomicUsize::new(0));
    let served = Served { queue: queued, waiting: Arc::clone(&waiting), closed };
    (Connection { queue, waiting, _open: open }, served)
}

impl Connection {
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), Unsent> {
        if self.queue.is_closed() {
            return Err(Unsent::Ended(bytes));
        }
        let length = bytes.len();
        if self.waiting.load(Ordering::Relaxed).saturating_add(length) > BYTES || self.queue.try_send(bytes).is_err() {
            return Err(Unsent::Full);
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    pub fn has_ended(&self) -> bool {
        self.queue.is_closed()
    }
}

/// Reads and writes until the peer closes, breaks the rules, or the loop drops its half.
/// `called`: the peer opened it, and is expected to say something.
pub async fn serve(flow: Flow, stream: TcpStream, served: Served, inbox: &Sender<Event>, called: bool) {
    // Without it a small message might wait for the ACK of the one before.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let (answers, answering) = mpsc::channel(4);
    let last_words = tokio::select! {
        last_words = read(flow, &mut reader, inbox, answers, called) => last_words,
        () = write(&mut writer, served.queue, &served.waiting, answering) => None,
        _ = served.closed => None,
    };
    if let Some(bytes) = last_words {
        let farewell = async {
            if writer.write_all(&bytes).await.is_ok() && writer.shutdown().await.is_ok() {
                // What is unread when the socket closes would reset it, and take the last words along.
                let mut rest = [0; 4096];
                while reader.read(&mut rest).await.is_ok_and(|length| length > 0) {}
            }
        };
        let _ = timeout(LAST_WORDS, farewell).await;
    }
}

/// Some: the stream cannot be followed any further, and this is what the peer is told.
async fn read(
    flow: Flow,
    reader: &mut OwnedReadHalf,
    inbox: &Sender<Event>,
    answers: Sender<Vec<u8>>,
    called: bool,
) -> Option<Vec<u8>> {
    let mut framer = Framer::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut deadline = called.then(|| Instant::now() + FIRST_MESSAGE);
    let mut silent = called;
    loop {
        let read = reader.read(&mut buffer);
        let length = match deadline {
            Some(at) => timeout_at(at, read).await.ok()?.ok()?,
            None => read.await.ok()?,
        };
        if length == 0 {
            return None;
        }
        let was_between = framer.is_empty();
        framer.push(buffer.get(..length).unwrap_or_default());
        let mut whole = false;
        while let Some(framed) = framer.next() {
            match framed {
                Framed::Message(bytes) => {
                    (whole, silent) = (true, false);
                    inbox.send(Event::Input(Input::Received { flow, bytes })).await.ok()?;
                }
                // RFC 5626 §3.5.1: a double CRLF is answered with a single one.
                Framed::KeepAlive => answers.send(b"\r\n".to_vec()).await.ok()?,
                Framed::Broken { fault, head } => return refusal(&head, &fault),
            }
        }
        if framer.is_empty() {
            if !silent {
                deadline = None;
            }
        } else if (was_between || whole) && !silent {
            deadline = Some(Instant::now() + WHOLE_MESSAGE);
        }
    }
}

/// The 400 that names what is wrong with a stream that cannot be followed any further.
fn refusal(head: &[u8], fault: &Fault) -> Option<Vec<u8>> {
    let request = match Message::parse(head) {
        Ok(Message::Request(request)) => request,
        Err(Unreadable { answerable: Some(request), .. }) => *request,
        Ok(Message::Response(_)) | Err(_) => return None,
    };
    Some(request.respond_because(400, &format!("Bad Request: {fault}")).to_bytes())
}

async fn write(
    writer: &mut OwnedWriteHalf,
    mut queue: Receiver<Vec<u8>>,
    waiting: &AtomicUsize,
    mut answering: Receiver<Vec<u8>>,
) {
    loop {
        let (bytes, queued) = tokio::select! {
            bytes = queue.recv() => (bytes, true),
            Some(answer) = answering.recv() => (Some(answer), false),
        };
        let Some(bytes) = bytes else { return };
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        if queued {
            waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }
}
