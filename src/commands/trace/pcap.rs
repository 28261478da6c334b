//! A capture file of the messages: IP and UDP headers made up around what the trace holds, also for
//! TCP, so that every reader of captures finds whole SIP messages in it.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::app::trace::record::Way;

use super::story::Kept;

/// Packets begin with their IP header (LINKTYPE_RAW).
const LINK_RAW: u32 = 101;
const SNAP: u32 = 262_144;
const UDP: u8 = 17;
/// So that both IP versions can hold it with their headers in 65,535 bytes.
const LARGEST: usize = 65_507;

/// The classic format, little-endian, microseconds.
pub fn write<'a>(out: &mut impl Write, messages: impl Iterator<Item = &'a Kept>) -> io::Result<()> {
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0])?;
    out.write_all(&[0; 8])?;
    out.write_all(&SNAP.to_le_bytes())?;
    out.write_all(&LINK_RAW.to_le_bytes())?;
    for (id, kept) in messages.enumerate() {
        let local = with_port(kept.local);
        let (from, to) = match kept.way {
            Way::Received => (kept.remote, local),
            Way::Sent => (local, kept.remote),
        };
        let payload = kept.bytes.get(..LARGEST).unwrap_or(&kept.bytes);
        let packet = packet(from, to, u16::try_from(id % 0x1_0000).unwrap_or(0), payload);
        let millis = u64::try_from(kept.at.0).unwrap_or(0);
        let seconds = u32::try_from(millis / 1000).unwrap_or(u32::MAX);
        let micros = u32::try_from(millis % 1000 * 1000).unwrap_or(0);
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        for word in [seconds, micros, length, length] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&packet)?;
    }
    Ok(())
}

/// A listener whose port the system chose is told as 5060.
fn with_port(local: SocketAddr) -> SocketAddr {
    if local.port() == 0 { SocketAddr::new(local.ip(), 5060) } else { local }
}

fn packet(from: SocketAddr, to: SocketAddr, id: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(payload.len() + 8);
    for word in [from.port(), to.port(), length, 0] {
        udp.extend(word.to_be_bytes());
    }
    udp.extend(payload);
    let mut packet = Vec::with_capacity(udp.len() + 40);
    let mut pseudo = Vec::with_capacity(40);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend(length.saturating_add(20).to_be_bytes());
            packet.extend(id.to_be_bytes());
            // Do not fragment; 64 hops.
            packet.extend([0x40, 0, 64, UDP, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = checksum(&[&packet]).to_be_bytes();
            packet.splice(10..12, sum);
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length.to_be_bytes());
            packet.extend([UDP, 64]);
            packet.extend(as_v6(from).octets());
            packet.extend(as_v6(to).octets());
            pseudo.extend(as_v6(from).octets());
            pseudo.extend(as_v6(to).octets());
        }
    }
    pseudo.extend([0, UDP]);
    pseudo.extend(length.to_be_bytes());
    // A sum of zero would say that there is none (RFC 768).
    let sum = match checksum(&[&pseudo, &udp]) {
        0 => u16::MAX,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());
    packet.extend(udp);
    packet
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// RFC 1071, over parts of even length but for the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let byte = |pair: &[u8], at: usize| pair.get(at).map_or(0, |byte| u32::from(*byte));
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words.map(|pair| byte(pair, 0) << 8 | byte(pair, 1)).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
