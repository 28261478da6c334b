//! One record of the trace, as it stands in the file: its length (4 bytes, little-endian), its kind,
//! and its parts one after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::call::{CallId, LegId};
use crate::sip::flow::Transport;
use crate::time::Wall;

/// No record is longer, in bytes: a datagram with its addresses is far below.
pub const LONGEST: usize = 1 << 20;

/// Which way a message went, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Received,
    Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A SIP message, byte for byte.
    Message { at: Wall, way: Way, transport: Transport, local: SocketAddr, remote: SocketAddr, bytes: &'a [u8] },
    /// This dialog belongs to this call.
    Placed { call: CallId, leg: LegId, sip_call_id: &'a str },
    /// Why something was done.
    Note { at: Wall, call: CallId, text: &'a str },
    /// So many records are missing here.
    Lost { records: u64 },
}

impl<'a> Record<'a> {
    pub fn to_bytes(&self) -> Vec<u8> {
        let tail = match self {
            Self::Message { bytes, .. } => bytes.len(),
            Self::Placed { sip_call_id: text, .. } | Self::Note { text, .. } => text.len(),
            Self::Lost { .. } => 0,
        };
        let mut out = Vec::with_capacity(tail + 64);
        out.extend([0; 4]);
        match *self {
            Self::Message { at, way, transport, local, remote, bytes } => {
                out.push(match way {
                    Way::Received => 1,
                    Way::Sent => 2,
                });
                out.extend(at.0.to_le_bytes());
                out.push(match transport {
                    Transport::Udp => 1,
                    Transport::Tcp => 2,
                });
                put_address(&mut out, local);
                put_address(&mut out, remote);
                out.extend(bytes);
            }
            Self::Placed { call, leg, sip_call_id } => {
                out.push(3);
                out.extend(call.0.to_le_bytes());
                out.extend(leg.0.to_le_bytes());
                out.extend(sip_call_id.as_bytes());
            }
            Self::Note { at, call, text } => {
                out.push(4);
                out.extend(at.0.to_le_bytes());
                out.extend(call.0.to_le_bytes());
                out.extend(text.as_bytes());
            }
            Self::Lost { records } => {
                out.push(5);
                out.extend(records.to_le_bytes());
            }
        }
        out.truncate(LONGEST);
        let length = u32::try_from(out.len() - 4).unwrap_or(0);
        if let Some(head) = out.first_chunk_mut() {
            *head = length.to_le_bytes();
        }
        out
    }

    /// Reads what follows the length. None: damaged, or of a kind that this version does not know.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let [kind] = *take(&mut rest)?;
        match kind {
            1 | 2 => Some(Self::Message {
                at: Wall(i64::from_le_bytes(*take(&mut rest)?)),
                way: if kind == 1 { Way::Received } else { Way::Sent },
                transport: match *take(&mut rest)? {
                    [1] => Transport::Udp,
                    [2] => Transport::Tcp,
                    [_] => return None,
                },
                local: take_address(&mut rest)?,
                remote: take_address(&mut rest)?,
                bytes: rest,
            }),
            3 => Some(Self::Placed {
                call: CallId(u64::from_le_bytes(*take(&mut rest)?)),
                leg: LegId(u64::from_le_bytes(*take(&mut rest)?)),
                sip_call_id: str::from_utf8(rest).ok()?,
            }),
            4 => Some(Self::Note {
                at: Wall(i64::from_le_bytes(*take(&mut rest)?)),
                call: CallId(u64::from_le_bytes(*take(&mut rest)?)),
                text: str::from_utf8(rest).ok()?,
            }),
            5 => Some(Self::Lost { records: u64::from_le_bytes(*take(&mut rest)?) }),
            _ => None,
        }
    }
}

fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
    out.extend(address.port().to_le_bytes());
}

fn take_address(rest: &mut &[u8]) -> Option<SocketAddr> {
    let ip = match *take(rest)? {
        [4] => IpAddr::V4(Ipv4Addr::from(*take::<4>(rest)?)),
        [6] => IpAddr::V6(Ipv6Addr::from(*take::<16>(rest)?)),
        [_] => return None,
    };
    Some(SocketAddr::new(ip, u16::from_le_bytes(*take(rest)?)))
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(head)
}
