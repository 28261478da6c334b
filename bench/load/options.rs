//! What the generator is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Load for a telephone exchange, over SIP and RTP, and what that costs it.
#[derive(Parser)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Given by `cargo bench`.
    #[arg(long, hide = true, global = true)]
    pub bench: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Two-party calls that stand at once and speak.
    Media(Media),
    /// Three-way calls that stand at once: each seat has brought a third party in by its keys.
    Rooms(Rooms),
    /// Calls per second, each one complete: dialled, answered, ended.
    Signal(Signal),
    /// The voices of so many calls through a bare relay: one thread, no parsing, nothing recorded.
    Baseline(Baseline),
    /// Searches of a database with three years of a city's recordings.
    Archive(Archive),
    /// The medians of the results in a file against what was asked.
    Table(Table),
    #[command(hide = true)]
    Relay(Relay),
    #[command(hide = true)]
    Burn,
}

#[derive(Args, Clone)]
pub struct Media {
    #[arg(long, default_value_t = 50)]
    pub calls: usize,
    /// Length of the measured window.
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// Two threads at nice +10 compute meanwhile, 15 ms of every 50, as an export would.
    #[arg(long)]
    pub burn: bool,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub pbx: Pbx,
}

#[derive(Args, Clone)]
pub struct Rooms {
    #[arg(long, default_value_t = 10)]
    pub calls: usize,
    /// Length of the measured window.
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// Each packet of the third parties leaves up to so many milliseconds late, and may overtake others. Its
    /// delay counts from when it was spoken.
    #[arg(long, default_value_t = 0)]
    pub jitter: u64,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub pbx: Pbx,
}

#[derive(Args, Clone)]
pub struct Signal {
    /// New calls per second.
    #[arg(long, default_value_t = 20)]
    pub rate: u64,
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Seconds from answer to BYE.
    #[arg(long, default_value_t = 2.0)]
    pub talk: f64,
    /// The calls speak, too; otherwise they are silent and only signalling is measured.
    #[arg(long)]
    pub rtp: bool,
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub pbx: Pbx,
}

#[derive(Args, Clone)]
pub struct Baseline {
    #[arg(long, default_value_t = 50)]
    pub calls: usize,
    #[arg(long, default_value_t = 30)]
    pub seconds: u64,
    /// As in `media`.
    #[arg(long)]
    pub burn: bool,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Clone)]
pub struct Archive {
    /// Recordings; those of three years unless given.
    #[arg(long, default_value_t = 2_800_000)]
    pub rows: usize,
    /// Searches of each kind.
    #[arg(long, default_value_t = 300)]
    pub searches: usize,
    /// Another number is another city.
    #[arg(long, default_value_t = 12_345)]
    pub seed: u64,
    /// Where the database is made, and looked for by a later run of the same size: 9 GB for three years.
    #[arg(long, default_value = "target")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args, Clone)]
pub struct Common {
    /// Adds the result to this file, a line of JSON.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Number of the run, so that a run and its baseline find each other.
    #[arg(long, default_value_t = 1)]
    pub run: u32,
    /// Leg n speaks and listens on this port + 2n.
    #[arg(long, default_value_t = 20_000)]
    pub rtp_port: u16,
    /// Waits so many seconds at most for a machine on which nobody else works.
    #[arg(long, default_value_t = 0)]
    pub wait_quiet: u64,
    /// Fails where somebody else's work disturbed the run; its result is kept all the same.
    #[arg(long)]
    pub strict: bool,
}

/// Without `--target` a hotline is started with a configuration made for the run, in a temporary folder.
#[derive(Args, Clone)]
pub struct Pbx {
    /// The hotline to start.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_hotline"))]
    pub hotline: PathBuf,
    /// How its callers wait: early | connect.
    #[arg(long, default_value = "early")]
    pub queue_answer: String,
    /// Its recording_format: alaw | pcm16.
    #[arg(long, default_value = "alaw")]
    pub recording_format: String,
    /// Its folder is kept.
    #[arg(long)]
    pub keep: bool,
    /// Where that folder is made: a disk such as the recordings' own, no memory.
    #[arg(long, default_value = "target")]
    pub folder: PathBuf,
    /// Another PBX, already running: where it takes calls of the trunk.
    #[arg(long)]
    pub target: Option<SocketAddr>,
    /// Its process, for CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Where it writes recordings.
    #[arg(long)]
    pub recordings: Option<PathBuf>,
    /// What callers dial.
    #[arg(long, default_value = "12345")]
    pub dial: String,
    /// Seats; unless given, as many as it takes.
    #[arg(long)]
    pub seats: Option<usize>,
    /// Address of callers and seats.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub address: IpAddr,
    /// The trunk calls from here.
    #[arg(long, default_value_t = 5071)]
    pub trunk_port: u16,
    /// Seat n answers on this port + n.
    #[arg(long, default_value_t = 30_000)]
    pub seat_port: u16,
}

#[derive(Args, Clone)]
pub struct Relay {
    #[arg(long)]
    pub calls: usize,
    /// Leg n of the relay listens here + 2n,
    #[arg(long)]
    pub first: u16,
    /// and sends to leg n of the generator, here + 2n.
    #[arg(long)]
    pub to: u16,
}

#[derive(Args, Clone)]
pub struct Table {
    pub results: PathBuf,
}
