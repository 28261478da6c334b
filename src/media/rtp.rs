//! RTP packets on the wire. Only this file names the RTP crate. (RFC 3550 §5.1)

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// Bytes of the header that we write: no extension, no contributing sources.
pub const HEADER: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// Header and payload of a datagram, extension and padding stripped. None where it is not RTP.
pub fn read(datagram: &[u8]) -> Option<(Header, &[u8])> {
    let packet = RtpReader::new(datagram).ok()?;
    let header = Header {
        payload_type: packet.payload_type(),
        marker: packet.mark(),
        sequence: packet.sequence_number().into(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
    };
    Some((header, packet.payload()))
}

/// Writes a packet into `out`; None where it does not fit.
pub fn write<'a>(header: &Header, payload: &[u8], out: &'a mut [u8]) -> Option<&'a mut [u8]> {
    let length = RtpPacketBuilder::new()
        .payload_type(header.payload_type)
        .marked(header.marker)
        .sequence(Seq::from(header.sequence))
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload)
        .build_into(out)
        .ok()?;
    out.get_mut(..length)
}

/// Whether a datagram on an RTP port is RTCP that a peer multiplexes there (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|kind| (192..=223).contains(kind))
}
