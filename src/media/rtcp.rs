//! RTCP reports on the wire. Only this file names the RTCP crate. (RFC 3550 §6)

use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReportBlock, RtcpPacketWriterExt, Sdes, SdesChunk, SdesItem, SenderReport,
};

/// What we say about one stream that we receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub ssrc: u32,
    /// Of 256, since the last report.
    pub fraction_lost: u8,
    pub lost: u32,
    pub highest_sequence: u32,
    /// In samples.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of their last sender report; 0 where there was none.
    pub last_report: u32,
    /// Since then, in units of 1/65536 s.
    pub delay: u32,
}

/// What we say about the stream that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// 32.32 seconds since 1900, and the RTP timestamp of the same moment.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One compound packet of ours.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    pub ssrc: u32,
    pub cname: &'a str,
    /// A sender report where something was sent since the last one, else a receiver report.
    pub sent: Option<Sent>,
    pub block: Option<Block>,
    /// The last packet of this stream.
    pub bye: bool,
}

/// What a compound packet of the peer said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theirs {
    /// Its stream, and which timestamp belongs to which NTP time.
    pub sender: Option<(u32, u64, u32)>,
    /// Which part of 256 of our packets it misses.
    pub fraction_lost: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads a compound packet; only what is about our stream `ours` is kept of its blocks.
pub fn read(datagram: &[u8], ours: u32) -> Result<Theirs, Malformed> {
    let mut theirs = Theirs::default();
    for packet in Compound::parse(datagram).map_err(|_| Malformed)? {
        match packet.map_err(|_| Malformed)? {
            Packet::Sr(report) => {
                theirs.sender = Some((report.ssrc(), report.ntp_timestamp(), report.rtp_timestamp()));
                theirs.fraction_lost = about(ours, report.report_blocks()).or(theirs.fraction_lost);
            }
            Packet::Rr(report) => {
                theirs.fraction_lost = about(ours, report.report_blocks()).or(theirs.fraction_lost);
            }
            Packet::App(_)
            | Packet::Bye(_)
            | Packet::Sdes(_)
            | Packet::TransportFeedback(_)
            | Packet::PayloadFeedback(_)
            | Packet::Xr(_)
            | Packet::Unknown(_) => {}
        }
    }
    Ok(theirs)
}

fn about<'a>(ours: u32, mut blocks: impl Iterator<Item = ReportBlock<'a>>) -> Option<u8> {
    blocks.find(|block| block.ssrc() == ours).map(|block| block.fraction_lost())
}

/// Writes a compound packet; None where it does not fit.
pub fn write<'a>(ours: &Ours<'_>, out: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut compound = Compound::builder();
    let block = ours.block.map(|block| {
        ReportBlock::builder(block.ssrc)
            .fraction_lost(block.fraction_lost)
            .cumulative_lost(block.lost.min(0x7F_FFFF))
            .extended_sequence_number(block.highest_sequence)
            .interarrival_jitter(block.jitter)
            .last_sender_report_timestamp(block.last_report)
            .delay_since_last_sender_report_timestamp(block.delay)
    });
    compound = match ours.sent {
        Some(sent) => {
            let report = SenderReport::builder(ours.ssrc)
                .ntp_timestamp(sent.ntp)
                .rtp_timestamp(sent.timestamp)
                .packet_count(sent.packets)
                .octet_count(sent.octets);
            compound.add_packet(block.into_iter().fold(report, |report, block| report.add_report_block(block)))
        }
        None => {
            let report = ReceiverReport::builder(ours.ssrc);
            compound.add_packet(block.into_iter().fold(report, |report, block| report.add_report_block(block)))
        }
    };
    let cname = SdesItem::builder(SdesItem::CNAME, ours.cname);
    compound = compound.add_packet(Sdes::builder().add_chunk(SdesChunk::builder(ours.ssrc).add_item(cname)));
    if ours.bye {
        compound = compound.add_packet(Bye::builder().add_source(ours.ssrc));
    }
    let length = compound.write_into(out).ok()?;
    out.get(..length)
}
