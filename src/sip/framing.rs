//! Where one message ends and the next begins: datagrams, and streams such as TCP. (RFC 3261 §18.3)

use super::head::{content_length, read_head};
use super::message::{Fault, MAX_MESSAGE};

/// Cuts a byte stream into messages. After `Broken` the connection must be closed: nobody knows
/// where the next message begins.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the current message begins.
    start: usize,
    /// How much behind `start` was searched for the end of the head.
    scanned: usize,
    /// Length of head and body, once the head is complete.
    length: Option<usize>,
    is_broken: bool,
}

/// What the stream holds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    Message(Vec<u8>),
    /// CRLF CRLF between messages, to be answered with one CRLF. (RFC 5626 §4.4.1)
    KeepAlive,
    /// `head` is what was read of the message: `Message::parse` tells whether it can be answered.
    Broken {
        fault: Fault,
        head: Vec<u8>,
    },
}

impl Framer {
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Whether no part of a message is waiting for its rest; half a keep-alive is none.
    pub fn is_empty(&self) -> bool {
        self.rest().iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Adds what was read from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.is_broken {
            return;
        }
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete thing, or `None` until more is pushed.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Framed> {
        if self.is_broken {
            return None;
        }
        if self.length.is_none() {
            if self.scanned == 0
                && let Some(keep_alive) = self.between_messages()
            {
                return Some(keep_alive);
            }
            match self.find_length() {
                Ok(length) => self.length = length,
                Err(fault) => return Some(self.broken(fault)),
            }
        }
        let length = self.length?;
        let message = self.rest().get(..length)?.to_vec();
        self.consume(length);
        Some(Framed::Message(message))
    }

    /// Line ends between messages: four bytes are a ping, two a pong, anything less is nothing.
    fn between_messages(&mut self) -> Option<Framed> {
        loop {
            let rest = self.rest();
            if rest.starts_with(b"\r\n\r\n") {
                self.consume(4);
                return Some(Framed::KeepAlive);
            }
            if b"\r\n\r\n".starts_with(rest) {
                return None;
            }
            match rest {
                [b'\r', b'\n', ..] => self.consume(2),
                [b'\r' | b'\n', ..] => self.consume(1),
                _ => return None,
            }
        }
    }

    fn find_length(&mut self) -> Result<Option<usize>, Fault> {
        let rest = self.rest();
        if rest.iter().all(|byte| b"\r\n".contains(byte)) {
            return Ok(None);
        }
        if rest.first().is_some_and(|first| !first.is_ascii_graphic()) {
            return Err(Fault::NotSip);
        }
        let mut line = self.scanned;
        while let Some(end) = rest.iter().skip(line).position(|&byte| byte == b'\n').map(|at| line + at) {
            let is_empty = rest.get(line..end).is_some_and(|line| line.iter().all(|&byte| byte == b'\r'));
            line = end + 1;
            if is_empty {
                return total_length(rest.get(..line).unwrap_or_default(), line);
            }
        }
        self.scanned = line;
        if self.rest().len() > MAX_MESSAGE { Err(Fault::TooLarge) } else { Ok(None) }
    }

    fn broken(&mut self, fault: Fault) -> Framed {
        self.is_broken = true;
        let mut head = std::mem::take(&mut self.buffer).split_off(self.start);
        head.truncate(MAX_MESSAGE);
        Framed::Broken { fault, head }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
        self.scanned = 0;
        self.length = None;
    }
}

/// On a stream the length must be said: there is no end of a datagram to fall back on.
fn total_length(head: &[u8], head_length: usize) -> Result<Option<usize>, Fault> {
    let body = content_length(&read_head(head).headers)?.ok_or(Fault::Missing("Content-Length"))?;
    let total = head_length.checked_add(body).filter(|&total| total <= MAX_MESSAGE).ok_or(Fault::TooLarge)?;
    Ok(Some(total))
}
