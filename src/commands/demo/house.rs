//! The private server of the demonstration: its folder, its free ports, its configuration.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use crate::app::{Options, Server};
use crate::config::files::{EMERGENCY, LEADERS, NUMBERS, QUEUES, RETENTION, SEATS, SERVER, TRUNKS, UNITS};
use crate::net::clock::Clock;
use crate::rules::retention;

use super::{DemoError, LEADER};

/// By its first line a folder is known again as one that the demonstration may write to.
const MARK: &str = "# Written by `hotline demo`, anew each time.";
/// Two for each leg of the call, and some to spare.
const RTP_PORTS: u16 = 16;
/// Below the ports that the system gives out of its own accord.
const RTP_FIRST: u16 = 16_384;
const RTP_LAST: u16 = 32_700;
/// A port that was free a moment ago may be taken.
const ATTEMPTS: u32 = 5;

/// Where the phones find the server, and it the leader's.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub server: SocketAddr,
    /// Behind the carrier: a plain telephone, which does not register.
    pub leader: SocketAddr,
}

/// Starts a server on loopback with all that it writes below `folder`.
pub async fn start(folder: &Path) -> Result<(Server, Addresses), DemoError> {
    let config = folder.join("config");
    refuse_foreign(folder, &config)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let free = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let addresses = Addresses { server: free()?, leader: free()? };
        let rtp = free_range().ok_or_else(|| io::Error::other("no free ports for sound"))?;
        write(&config, addresses, rtp).map_err(|source| DemoError::Write { path: config.clone(), source })?;
        let options = Options { config: Some(config.clone()), data: folder.to_path_buf(), recordings: None };
        match Server::start(options).await {
            Ok(server) => return Ok((server, addresses)),
            Err(crate::app::StartError::Io(error))
                if error.kind() == io::ErrorKind::AddrInUse && attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// An invented call has no place among the tickets of a hotline.
fn refuse_foreign(folder: &Path, config: &Path) -> Result<(), DemoError> {
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(source) => return Err(DemoError::Write { path: folder.to_path_buf(), source }),
    };
    let ours = fs::read_to_string(config.join(SERVER.path)).is_ok_and(|text| text.starts_with(MARK));
    if empty || ours { Ok(()) } else { Err(DemoError::Foreign(folder.to_path_buf())) }
}

fn write(config: &Path, at: Addresses, rtp: u16) -> io::Result<()> {
    let last = rtp + RTP_PORTS - 1;
    let server = format!(
        "{MARK}\n[server]\nhttp = \"127.0.0.1:0\"\nrtp_ports = \"{rtp}-{last}\"\n\n\
         [[listen]]\nname = \"demo\"\nbind = \"{}\"\ntransport = \"udp\"\nserves = \"both\"\n",
        at.server
    );
    let trunks = format!(
        "[[trunk]]\nname = \"demo-carrier\"\nlisten = \"demo\"\nsources = [\"127.0.0.0/8\"]\nhosts = [\"{}\"]\n\
         options_interval_s = 0\nchannels = 4\nreserved_channels = 0\ndefault_code = \"12345\"\n",
        at.leader
    );
    let leaders = format!("{}{}", LEADERS.text, session());
    let files = [
        (SERVER.path, server.as_str()),
        (TRUNKS.path, trunks.as_str()),
        (SEATS.path, SEATS.text),
        (NUMBERS.path, NUMBERS.text),
        (QUEUES.path, QUEUES.text),
        (UNITS.path, UNITS.text),
        (LEADERS.path, leaders.as_str()),
        (EMERGENCY.path, EMERGENCY.text),
        (RETENTION.path, RETENTION.text),
    ];
    // The owner's own prompts may be put here; the folder is looked at.
    fs::create_dir_all(config.join("dialplan/prompts"))?;
    for (path, text) in files {
        let path: PathBuf = config.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Around today, whatever the hour.
fn session() -> String {
    let today = retention::local_day(Clock::start().wall());
    let (from, until) = (today.yesterday().unwrap_or(today), today.tomorrow().unwrap_or(today));
    format!(
        "\n[[session]]\nleader = \"{LEADER}\"\ntopic = \"消费维权\"\ncodes = [\"12315\"]\n\
         start = {from}T00:00:00\nend = {until}T23:59:59\n"
    )
}

/// The first port of a range all of whose ports are free.
fn free_range() -> Option<u16> {
    let blocks = (RTP_LAST - RTP_FIRST) / RTP_PORTS;
    let mut random = [0; 2];
    getrandom::fill(&mut random).ok()?;
    let begin = u16::from_le_bytes(random) % blocks;
    let first = |block: u16| RTP_FIRST + (begin + block) % blocks * RTP_PORTS;
    let is_free = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..blocks).map(first).find(|first| (*first..first + RTP_PORTS).all(is_free))
}
