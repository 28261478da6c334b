//! kamailio as the carrier's border in front of the hotline.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::process::{Folder, PATIENCE, Program, eventually, find};

pub struct Sbc {
    _folder: Folder,
    program: Program,
}

impl Sbc {
    pub fn start(at: SocketAddr, hotline: SocketAddr) -> Self {
        let folder = Folder::new("kamailio");
        let text = include_str!("kamailio.cfg").replace("@SBC@", &at.to_string());
        let config = folder.write("kamailio.cfg", &text.replace("@HOTLINE@", &hotline.to_string()));
        let mut command = Command::new(find("kamailio", "kamailio"));
        command.arg("-f").arg(config).args(["-DD", "-E", "-m", "32", "-M", "4"]);
        command.arg("-Y").arg(folder.path()).arg("-w").arg(folder.path());
        let program = Program::start(&mut command, folder.path().join("log"), Stdio::null());
        let sbc = Self { _folder: folder, program };
        eventually("kamailio answers", PATIENCE, || answers(at).then_some(()));
        sbc
    }

    /// How often a request of this method came from there.
    pub fn seen(&self, method: &str, from: SocketAddr) -> usize {
        self.program.said().matches(&format!("SBC {method} from {from}\n")).count()
    }
}

fn answers(at: SocketAddr) -> bool {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("socket");
    let here = socket.local_addr().expect("bound");
    let options = format!(
        "OPTIONS sip:{at} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKare-you-there\r\nMax-Forwards: 5\r\n\
         From: <sip:test@{here}>;tag=1\r\nTo: <sip:{at}>\r\nCall-ID: {here}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    socket.set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("time limit");
    let mut buffer = [0; 2048];
    socket.send_to(options.as_bytes(), at).is_ok() && socket.recv(&mut buffer).is_ok()
}
