//! sipp as a carrier that does what carriers do, and what they should not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{Folder, Program, find};
use crate::server::Server;

/// A running scenario.
pub struct Sipp {
    folder: Folder,
    program: Program,
    /// Where it wants its audio.
    pub media: u16,
}

impl Sipp {
    /// `scenario`: one of sipp's own (`uac`) or a file of ours (`cancel.xml`). It calls 12345.
    pub fn start(server: &Server, scenario: &str, more: &[&str]) -> Self {
        let folder = Folder::new("sipp");
        let media = server.ports.many(4);
        let mut command = Command::new(find("sipp", "sip-tester"));
        if scenario.ends_with(".xml") {
            command.arg("-sf").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/sipp").join(scenario));
        } else {
            command.args(["-sn", scenario]);
        }
        std::fs::write(folder.path().join("dtmf.pcap"), dtmf_96()).expect("pcap");
        command
            .arg(server.sip.to_string())
            .args(["-s", "12345", "-i", "127.0.0.1", "-p", &server.ports.one().to_string()])
            .args(["-mi", "127.0.0.1", "-mp", &media.to_string()])
            .args(["-m", "1", "-nostdin", "-timeout", "90", "-timeout_error"])
            .args(["-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages"])
            .args(more)
            .env("TERM", "dumb")
            .current_dir(folder.path());
        let program = Program::start(&mut command, folder.path().join("log"), Stdio::null());
        Self { folder, program, media }
    }

    /// Waits until it has ended, and fails unless each of its calls went as its scenario says. What
    /// was sent and received.
    pub fn finish(mut self) -> String {
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).unwrap_or_default()).into_owned()
        };
        let status = self.program.wait(Duration::from_secs(100));
        assert!(status.success(), "{status}\n{}\n{}", read("errors"), read("messages"));
        read("messages")
    }
}

/// The key 5 as Debian's sipp ships it, with payload type 96 in place of 101.
fn dtmf_96() -> Vec<u8> {
    let path = "/usr/share/sip-tester/dtmf_2833_5.pcap";
    let mut bytes = std::fs::read(path).unwrap_or_else(|_| panic!("{path} is missing: apt-get install sip-tester"));
    // A header of 24 bytes, then packets: 16 bytes with their length in the third word, Ethernet, IPv4, UDP, RTP.
    let mut at = 24;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let length = u32::from_le_bytes(length.try_into().expect("4 bytes")) as usize;
        let payload_type = &mut bytes[at + 16 + 14 + 20 + 8 + 1];
        assert_eq!(*payload_type & 0x7f, 101);
        *payload_type = *payload_type & 0x80 | 96;
        at += 16 + length;
    }
    bytes
}
