//! What went over the wire, by tshark, with the kernel's times.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{Folder, PATIENCE, Program, find, run};
use crate::sound::{RATE, loudest};

/// An RTP packet.
#[derive(Debug)]
pub struct Packet {
    /// Seconds since 1970.
    pub at: f64,
    pub from: u16,
    pub to: u16,
    pub payload_type: u8,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// Listens on loopback until it is stopped.
pub struct Capture {
    folder: Folder,
    program: Program,
    ports: (u16, u16),
}

impl Capture {
    /// All UDP from and to these ports.
    pub fn start(ports: (u16, u16)) -> Self {
        Self::of(&format!("udp portrange {}-{}", ports.0, ports.1), ports)
    }

    /// All that would leave the machine: loopback is the way to the world here.
    pub fn leaving() -> Self {
        Self::of("not (src net 127.0.0.0/8 and dst net 127.0.0.0/8) and not (src host ::1 and dst host ::1)", (0, 0))
    }

    fn of(filter: &str, ports: (u16, u16)) -> Self {
        let folder = Folder::new("capture");
        let mut command = Command::new(find("tshark", "tshark"));
        command.args(["-i", "lo", "-f", filter, "-w"]);
        command.arg(folder.path().join("packets"));
        let mut program = Program::start(&mut command, folder.path().join("log"), Stdio::null());
        program.wait_for("Capturing on");
        Self { folder, program, ports }
    }

    /// Ends the capture.
    pub fn stop(&mut self) {
        self.program.signal(libc::SIGINT);
        self.program.wait(PATIENCE);
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("packets")
    }

    /// A line for each packet of a stopped capture.
    pub fn lines(&self) -> Vec<String> {
        let text = run(Command::new(find("tshark", "tshark")).arg("-r").arg(self.file()));
        text.lines().map(str::to_owned).collect()
    }

    /// The RTP packets of a stopped capture, in their order.
    pub fn rtp(&self) -> Vec<Packet> {
        let text = run(Command::new(find("tshark", "tshark"))
            .arg("-r")
            .arg(self.file())
            .args([
                "-d",
                &format!("udp.port=={}-{},rtp", self.ports.0, self.ports.1),
                "-Y",
                "rtp && !rtcp && rtp.version == 2",
            ])
            .args(["-T", "fields", "-e", "frame.time_epoch", "-e", "udp.srcport", "-e", "udp.dstport"])
            .args(["-e", "rtp.p_type", "-e", "rtp.timestamp", "-e", "udp.payload"]));
        text.lines().filter_map(packet).collect()
    }
}

impl Capture {
    /// What was said to these ports by whoever spoke each of these tones, on one clock: sample 0 of
    /// both is the same instant. A packet that came late was not said later: a stream's clock is that
    /// of its promptest packet.
    pub fn spoken_to(&self, ports: (u16, u16), tones: [u32; 2]) -> [Vec<f64>; 2] {
        let packets: Vec<Packet> = self
            .rtp()
            .into_iter()
            .filter(|packet| packet.payload_type == 8 && (ports.0..=ports.1).contains(&packet.to))
            .collect();
        let senders: BTreeSet<u16> = packets.iter().map(|packet| packet.from).collect();
        let start = packets.first().map_or(0.0, |packet| packet.at) - 1.0;
        let streams: Vec<Vec<f64>> = senders
            .iter()
            .map(|sender| {
                let own: Vec<&Packet> = packets.iter().filter(|packet| packet.from == *sender).collect();
                let offset = own
                    .iter()
                    .map(|packet| packet.at - start - f64::from(packet.timestamp) / RATE as f64)
                    .fold(f64::MAX, f64::min);
                let mut samples = Vec::new();
                for packet in own {
                    let at = ((offset + f64::from(packet.timestamp) / RATE as f64) * RATE as f64) as usize;
                    samples.resize(samples.len().max(at + packet.payload.len()), 0.0);
                    for (sample, byte) in samples[at..].iter_mut().zip(&packet.payload) {
                        *sample = from_alaw(*byte);
                    }
                }
                samples
            })
            .collect();
        tones.map(|hz| {
            let louder = |a: &&Vec<f64>, b: &&Vec<f64>| loudest(a, hz).total_cmp(&loudest(b, hz));
            streams.iter().max_by(louder).expect("somebody spoke").clone()
        })
    }
}

/// ITU-T G.711, A-law.
fn from_alaw(byte: u8) -> f64 {
    let bits = byte ^ 0x55;
    let (segment, step) = (u32::from(bits >> 4 & 7), f64::from(bits & 15));
    let magnitude = if segment == 0 { 2.0 * step + 1.0 } else { (2.0 * step + 33.0) * f64::from(1 << (segment - 1)) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) / 4096.0
}

fn packet(line: &str) -> Option<Packet> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[at, from, to, payload_type, timestamp, datagram] = fields.as_slice() else { return None };
    let bytes: Vec<u8> = (0..datagram.len())
        .step_by(2)
        .filter_map(|at| u8::from_str_radix(datagram.get(at..at + 2)?, 16).ok())
        .collect();
    Some(Packet {
        at: at.parse().ok()?,
        from: from.parse().ok()?,
        to: to.parse().ok()?,
        payload_type: payload_type.parse().ok()?,
        timestamp: timestamp.parse().ok()?,
        payload: bytes.get(12..)?.to_vec(),
    })
}
