//! TCP: a task for each connection, whoever opened it. (RFC 3261 §18)

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::exchange::Input;
use crate::sip::flow::{Flow, ListenerId, Transport};
use crate::sip::message::{Fault, Framed, Framer, Message, Unreadable};

use super::driver::Event;
use super::socket;

/// Connections of all listeners; further ones are closed at once.
const MOST: usize = 2_000;
/// Messages that may wait for a slow reader before its connection is given up.
const WAITING: usize = 256;
const CONNECT_PATIENCE: Duration = Duration::from_secs(8);
/// A peer that keeps a message half sent for so long is cut off; one that is merely silent is not.
const HALF_MESSAGE_PATIENCE: Duration = Duration::from_secs(20);

/// All connections, by our listener and the peer's address.
#[derive(Default)]
pub struct Connections {
    open: HashMap<Flow, Sender<Vec<u8>>>,
}

impl Connections {
    /// Sends over the connection with that peer, opening one where there is none.
    pub fn send(&mut self, flow: Flow, bytes: Vec<u8>, inbox: &Sender<Event>) {
        let queue = self.open.entry(flow).or_insert_with(|| connect(flow, inbox.clone()));
        match queue.try_send(bytes) {
            Ok(()) => {}
            Err(TrySendError::Closed(bytes)) => {
                let queue = connect(flow, inbox.clone());
                // A fresh queue has room.
                let _ = queue.try_send(bytes);
                self.open.insert(flow, queue);
            }
            Err(TrySendError::Full(_)) => {
                self.open.remove(&flow);
            }
        }
    }

    /// A peer has connected. Where there are too many, dropping the queue closes its connection.
    pub fn accepted(&mut self, flow: Flow, queue: Sender<Vec<u8>>) {
        if self.open.len() >= MOST {
            self.open.retain(|_, queue| !queue.is_closed());
        }
        if self.open.len() < MOST {
            self.open.insert(flow, queue);
        }
    }

    pub fn closed(&mut self, flow: Flow) {
        if self.open.get(&flow).is_some_and(Sender::is_closed) {
            self.open.remove(&flow);
        }
    }
}

/// Binds, and starts the task that accepts.
pub fn listen(id: ListenerId, bind: SocketAddr, inbox: Sender<Event>) -> io::Result<()> {
    let bound = socket::bind(bind, libc::SOCK_STREAM)?;
    let listener = TcpSocket::from_std_stream(bound.into()).listen(1024)?;
    tokio::spawn(accept(id, listener, inbox));
    Ok(())
}

async fn accept(id: ListenerId, listener: TcpListener, inbox: Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let flow = Flow { listener: id, transport: Transport::Tcp, remote };
                let (queue, waiting) = mpsc::channel(WAITING);
                // It is read only after the loop knows it, so that answers find their way.
                if inbox.send(Event::Accepted { flow, queue }).await.is_err() {
                    return;
                }
                tokio::spawn(serve(flow, stream, waiting, inbox.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: wait until some are free again.
                tracing::warn!(%error, listener = id.0, "TCP accept");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Opens a connection in the background; what is sent meanwhile waits in the queue.
fn connect(flow: Flow, inbox: Sender<Event>) -> Sender<Vec<u8>> {
    let (queue, waiting) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(flow.remote)).await {
            serve(flow, stream, waiting, inbox).await;
        } else {
            drop(waiting);
            let _ = inbox.send(Event::Closed { flow }).await;
        }
    });
    queue
}

async fn serve(flow: Flow, stream: TcpStream, waiting: Receiver<Vec<u8>>, inbox: Sender<Event>) {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (answers, answering) = mpsc::channel(4);
    tokio::select! {
        () = read(flow, reader, &inbox, answers) => {}
        () = write(writer, waiting, answering) => {}
    }
    let _ = inbox.send(Event::Closed { flow }).await;
}

async fn read(flow: Flow, mut reader: OwnedReadHalf, inbox: &Sender<Event>, answers: Sender<Vec<u8>>) {
    let mut framer = Framer::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let patience = if framer.is_empty() { Duration::from_secs(86_400) } else { HALF_MESSAGE_PATIENCE };
        let Ok(Ok(length @ 1..)) = tokio::time::timeout(patience, reader.read(&mut buffer)).await else { return };
        framer.push(buffer.get(..length).unwrap_or_default());
        while let Some(framed) = framer.next() {
            let sent = match framed {
                Framed::Message(bytes) => inbox.send(Event::Input(Input::Received { flow, bytes })).await.is_ok(),
                // RFC 5626 §3.5.1: a double CRLF is answered with a single one.
                Framed::KeepAlive => answers.send(b"\r\n".to_vec()).await.is_ok(),
                Framed::Broken { fault, head } => {
                    if let Some(refusal) = refusal(&head, &fault) {
                        let _ = answers.send(refusal).await;
                        // The writer goes first: it takes the answer before this connection ends.
                        answers.reserve_many(answers.max_capacity()).await.ok();
                        tokio::task::yield_now().await;
                    }
                    false
                }
            };
            if !sent {
                return;
            }
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
    Some(request.respond_because(400, &fault.to_string()).to_bytes())
}

async fn write(mut writer: OwnedWriteHalf, mut waiting: Receiver<Vec<u8>>, mut answering: Receiver<Vec<u8>>) {
    loop {
        let bytes = tokio::select! {
            bytes = waiting.recv() => bytes,
            Some(answer) = answering.recv() => Some(answer),
        };
        let Some(bytes) = bytes else { return };
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
