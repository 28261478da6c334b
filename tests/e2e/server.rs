//! The hotline itself: the real binary on a configuration and a data folder of the test's own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

use crate::ports::Ports;
use crate::process::{Folder, PATIENCE, Program, eventually, run};
use crate::small_disk::SmallDisk;

const BINARY: &str = env!("CARGO_BIN_EXE_hotline");
/// The soft RLIMIT_NOFILE that every server finds.
pub const FEW_FILES: u64 = 64;
const SKILLS: &str =
    r#"["general", "12315", "12316", "12317", "12319", "12320", "12328", "12329", "12333", "12348", "12350", "12369"]"#;

/// What is special about a test's server.
#[derive(Default)]
pub struct Setup {
    /// Lines of `[server]` that replace the defaults below.
    pub server: &'static [(&'static str, &'static str)],
    /// Further lines of the UDP trunk.
    pub trunk: &'static [(&'static str, &'static str)],
    /// The trunk calls from the port `Server::sbc` only.
    pub behind_sbc: bool,
    /// The recordings lie on a disk of so many KiB.
    pub recordings_kib: Option<u32>,
    /// Where phones on IPv4 send RTP, and where it is received.
    pub media: Option<(Ipv4Addr, Ipv4Addr)>,
}

pub struct Server {
    pub ports: Ports,
    _disk: Option<SmallDisk>,
    folder: Folder,
    program: Program,
    /// UDP and TCP, for trunks and seats.
    pub sip: SocketAddr,
    /// UDP on ::1, for seats only.
    pub sip6: SocketAddr,
    /// A port for a carrier's border.
    pub sbc: u16,
    /// First and last RTP port towards IPv4 peers.
    pub rtp: (u16, u16),
    http: SocketAddr,
}

impl Server {
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let ports = Ports::take();
        let sip = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.one()));
        let sip6 = SocketAddr::from((Ipv6Addr::LOCALHOST, sip.port()));
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.one()));
        let rtp = ports.range(60);
        let folder = Folder::new("server");
        let (sbc, rtp6) = (ports.one(), ports.range(20));
        let addresses = Addresses { sip, sip6, http, rtp, rtp6, sbc };
        configure(&folder, &setup, &addresses);
        let disk = setup.recordings_kib.map(|kib| SmallDisk::mount(folder.path().join("data/recordings"), kib));
        let program = launch(folder.path());
        let mut server = Self { ports, _disk: disk, folder, program, sip, sip6, sbc, rtp, http };
        server.program.wait_for("12345 is ready.");
        server
    }

    /// Starts again on what the last run left.
    pub fn restart(&mut self) {
        self.program.kill();
        fs::rename(&self.program.log, self.folder.path().join("first-run.log")).expect("log kept");
        self.program = launch(self.folder.path());
        self.program.wait_for("12345 is ready.");
    }

    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Changes a file of the configuration.
    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.folder.path().join("config").join(file);
        let text = fs::read_to_string(&path).expect("a file of the configuration");
        assert!(text.contains(old), "{old}");
        fs::write(path, text.replace(old, new)).expect("edited");
    }

    /// The running configuration is read again.
    pub fn reload(&mut self) {
        self.program.signal(libc::SIGHUP);
        self.program.wait_for("configuration read again");
    }

    pub fn id(&self) -> libc::pid_t {
        self.program.id()
    }

    /// Another command on this server's data folder; its JSON.
    pub fn ask(&self, words: &[&str]) -> Value {
        let mut command = Command::new(BINARY);
        command.args(words).arg("--json").arg("--data").arg(self.data());
        serde_json::from_str(&run(&mut command)).expect("JSON")
    }

    pub fn terminate(&self) {
        self.program.signal(libc::SIGTERM);
    }

    pub fn wait_exit(&mut self) -> ExitStatus {
        self.program.wait(PATIENCE)
    }

    pub fn wait_for(&mut self, text: &str) {
        self.program.wait_for(text);
    }

    /// The status with which a page answers.
    pub fn get(&self, path: &str) -> u16 {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.get(format!("http://{}{path}", self.http)).call().expect("the server answers").status().as_u16()
    }

    /// Another server on the same data folder, with the same configuration.
    pub fn second(&self) -> Program {
        let mut command = Command::new(BINARY);
        command.args(["serve", "--config"]).arg(self.folder.path().join("config"));
        command.arg("--data").arg(self.folder.path().join("data"));
        Program::start(&mut command, self.folder.path().join("second.log"), Stdio::null())
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Recordings that are being written now.
    pub fn live_recordings(&self) -> Vec<PathBuf> {
        files_named(&self.data().join("recordings"), "call.wav.part")
    }

    /// Waits until the one live recording holds this much speech.
    pub fn record_for(&self, length: Duration) -> PathBuf {
        // A-law, two channels, 8 kHz.
        let bytes = u64::try_from(length.as_millis()).expect("short") * 16;
        self.record_to(|size| size >= bytes)
    }

    /// Waits until the one live recording has grown by this much.
    pub fn record_more(&self, length: Duration) -> PathBuf {
        let before =
            self.live_recordings().first().and_then(|path| fs::metadata(path).ok()).map_or(0, |file| file.len());
        let bytes = u64::try_from(length.as_millis()).expect("short") * 16;
        self.record_to(|size| size >= before + bytes)
    }

    fn record_to(&self, enough: impl Fn(u64) -> bool) -> PathBuf {
        eventually("the recording grows", PATIENCE, || {
            let live = self.live_recordings();
            assert!(live.len() <= 1, "one call, one recording: {live:?}");
            live.into_iter().find(|path| fs::metadata(path).is_ok_and(|file| enough(file.len())))
        })
    }

    /// The first column, JSON, of a query's rows.
    pub fn query(&self, sql: &'static str) -> Vec<Value> {
        let path = self.data().join("hotline.sqlite");
        let texts: Result<Vec<String>, sqlx::Error> = block_on(async move {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .read_only(true)
                .busy_timeout(Duration::from_secs(5));
            let mut connection = SqliteConnection::connect_with(&options).await?;
            let rows = sqlx::query_scalar(sql).fetch_all(&mut connection).await;
            connection.close().await?;
            rows
        });
        let texts = texts.unwrap_or_else(|error| panic!("{sql}: {error}"));
        texts.iter().map(|text| serde_json::from_str(text).expect("JSON column")).collect()
    }

    /// Waits until a query has this many rows.
    pub fn rows(&self, count: usize, sql: &'static str) -> Vec<Value> {
        eventually(&format!("{count} rows of {sql}"), PATIENCE, || {
            Some(self.query(sql)).filter(|rows| rows.len() == count)
        })
    }

    /// All tickets with their calls: opened at the answer.
    pub fn tickets(&self, count: usize) -> Vec<Value> {
        self.rows(
            count,
            "SELECT json_object('number', number, 'state', state, 'original_code', original_code, 'seat', seat,
                 't_answer', t_answer, 't_end', t_end, 'opened', json(opened))
             FROM ticket JOIN call USING (call) ORDER BY number",
        )
    }

    /// Waits until this many answered calls have ended, each with its one ticket and one sealed recording.
    pub fn closed(&self, count: usize) -> Vec<Value> {
        let closed = self.rows(
            count,
            "SELECT json_object('number', number, 'state', state, 'original_code', original_code, 'seat', seat,
                 't_answer', t_answer, 't_end', t_end, 'end_reason', end_reason, 'opened', json(opened),
                 'ended', json(ended), 'recording', json(data))
             FROM call LEFT JOIN ticket USING (call) JOIN recording USING (call)
             WHERE t_end IS NOT NULL ORDER BY t_answer",
        );
        assert_eq!(self.query("SELECT json_array(number) FROM ticket").len(), count, "tickets");
        assert!(closed.iter().all(|call| call["number"].is_string()), "each has its ticket: {closed:?}");
        closed
    }

    pub fn missed(&self, count: usize) -> Vec<Value> {
        self.rows(count, "SELECT json(data) FROM missed_call ORDER BY t_arrive")
    }

    /// Waits until this seat's last change was to this state; its reason.
    pub fn seat_is(&self, seat: &str, state: &str) -> Value {
        eventually(&format!("seat {seat} turns {state}"), PATIENCE, || {
            let history = self.query("SELECT json_array(seat, state, reason) FROM seat_history ORDER BY id");
            let last = history.into_iter().rfind(|row| row[0] == seat)?;
            (last[1] == state).then(|| last[2].clone())
        })
    }

    /// The path of a sealed recording.
    pub fn recording(&self, ticket: &Value) -> PathBuf {
        self.data().join("recordings").join(ticket["recording"]["path"].as_str().expect("path"))
    }
}

/// Locks the database for everybody else until it is dropped.
pub struct DatabaseLock {
    runtime: tokio::runtime::Runtime,
    connection: Option<SqliteConnection>,
}

impl DatabaseLock {
    pub fn take(server: &Server) -> Self {
        let path = server.data().join("hotline.sqlite");
        let runtime = runtime();
        let connection = runtime.block_on(async move {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
            let mut connection = SqliteConnection::connect_with(&options).await.expect("database opens");
            sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.expect("locked");
            connection
        });
        Self { runtime, connection: Some(connection) }
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.runtime.block_on(connection.close());
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

fn launch(folder: &Path) -> Program {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--config"]).arg(folder.join("config")).arg("--data").arg(folder.join("data"));
    // Whoever starts it may be anywhere, and may have raised no limit.
    command.current_dir("/");
    // SAFETY: both calls are async-signal-safe and touch one rlimit of this frame.
    unsafe {
        command.pre_exec(|| {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            limit.rlim_cur = FEW_FILES;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            Ok(())
        });
    }
    command.env("HOTLINE_LOG", "debug,sqlx=warn,hyper=warn").env("NO_COLOR", "1");
    Program::start(&mut command, folder.join("server.log"), Stdio::null())
}

struct Addresses {
    sip: SocketAddr,
    sip6: SocketAddr,
    http: SocketAddr,
    rtp: (u16, u16),
    rtp6: (u16, u16),
    sbc: u16,
}

fn configure(folder: &Folder, setup: &Setup, addresses: &Addresses) {
    let Addresses { sip, sip6, http, rtp, rtp6, sbc } = addresses;
    let dialplan = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan");
    for file in ["numbers.toml", "queues.toml"] {
        folder.write(&format!("config/dialplan/{file}"), &fs::read_to_string(dialplan.join(file)).expect(file));
    }
    let emergency = "emergency.example.toml";
    folder.write("config/dialplan/emergency.toml", &fs::read_to_string(dialplan.join(emergency)).expect(emergency));
    for empty in ["units.toml", "leaders.toml"] {
        folder.write(&format!("config/dialplan/{empty}"), "");
    }
    let mut server = String::from("[server]\n");
    let defaults = [
        ("ring_no_answer_s", "12"),
        ("wrap_up_s", "0"),
        ("media_timeout_s", "30"),
        ("greeting", "false"),
        ("notice", "false"),
        ("say_seat_number", "false"),
    ];
    let kept = defaults.iter().filter(|(key, _)| setup.server.iter().all(|(given, _)| given != key));
    for (key, value) in kept.chain(setup.server) {
        server += &format!("{key} = {value}\n");
    }
    server += &format!("http = \"{http}\"\nrtp_ports = \"{}-{}\"\n", rtp.0, rtp.1);
    let media = setup.media.map_or_else(String::new, |(address, bind)| {
        format!("media_address = \"{address}\"\nmedia_bind = \"{bind}\"\n")
    });
    for (name, bind, transport, serves, more) in [
        ("udp", sip, "udp", "both", media.clone()),
        ("tcp", sip, "tcp", "both", media),
        ("udp6", sip6, "udp", "seats", format!("rtp_ports = \"{}-{}\"\n", rtp6.0, rtp6.1)),
    ] {
        server += &format!(
            "\n[[listen]]\nname = \"{name}\"\nbind = \"{bind}\"\ntransport = \"{transport}\"\nserves = \"{serves}\"\n{more}"
        );
    }
    folder.write("config/sip-configs/server.toml", &server);

    let source = if setup.behind_sbc { format!("127.0.0.1:{sbc}") } else { "127.0.0.0/8".into() };
    let mut trunks = String::new();
    for (name, more) in [("udp", setup.trunk), ("tcp", &[][..])] {
        trunks += &format!(
            "[[trunk]]\nname = \"{name}\"\nlisten = \"{name}\"\nsources = [\"{source}\"]\nchannels = 7\ndefault_code = \"12345\"\n"
        );
        for (key, value) in more {
            trunks += &format!("{key} = {value}\n");
        }
    }
    folder.write("config/sip-configs/trunks.toml", &trunks);

    let mut seats = String::new();
    for seat in ["1001", "1002"] {
        seats += &format!(
            "[[seat]]\nno = \"{seat}\"\nname = \"seat\"\nkind = \"local\"\ncentre = \"jdz\"\npassword = \"{}\"\nskills = {SKILLS}\n",
            password(seat)
        );
    }
    folder.write("config/sip-configs/seats.toml", &seats);
}

/// Of a seat's phone in these tests.
pub fn password(seat: &str) -> String {
    format!("invented-{seat}")
}

/// The host part of a SIP URI.
pub fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn files_named(folder: &Path, name: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files_named(&path, name));
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
    found
}
