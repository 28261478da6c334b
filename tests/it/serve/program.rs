//! A running `hotline serve` on a configuration, a data folder and a SIP port of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use hotline::commands::init;

use super::Folder;

pub const BINARY: &str = env!("CARGO_BIN_EXE_hotline");
/// By tests of this process, which may not have bound it yet.
static TAKEN: Mutex<BTreeSet<SocketAddr>> = Mutex::new(BTreeSet::new());
static DIALLED: AtomicU32 = AtomicU32::new(0);
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Program {
    child: Child,
    home: Folder,
    sip: SocketAddr,
    /// What it prints and logs, line by line.
    lines: Receiver<String>,
    /// What it has printed until it was ready.
    pub printed: String,
    citizen: UdpSocket,
}

impl Program {
    pub fn prepare(name: &str) -> Folder {
        let home = Folder::new(&format!("serve-{name}"));
        init::write(&home.join("config")).unwrap();
        edit(&home, "sip-configs/server.toml", "bind = \"127.0.0.1:5060\"", "bind = \"127.0.0.1:0\"");
        edit(&home, "sip-configs/server.toml", "http = \"127.0.0.1:8080\"", "http = \"127.0.0.1:0\"");
        edit(&home, "sip-configs/server.toml", "20000-29999", "22000-22399");
        edit(&home, "sip-configs/trunks.toml", "channels = 1000", "channels = 40");
        home
    }

    pub fn start(name: &str) -> Self {
        Self::run(Self::prepare(name))
    }

    pub fn run(home: Folder) -> Self {
        let sip = free_port([127, 0, 0, 1].into());
        edit(&home, "sip-configs/server.toml", "bind = \"127.0.0.1:0\"", &format!("bind = \"{sip}\""));
        let citizen = UdpSocket::bind("127.0.0.1:0").unwrap();
        citizen.set_read_timeout(Some(PATIENCE)).unwrap();
        let (child, lines) = launch(&home);
        let mut program = Self { child, home, sip, lines, printed: String::new(), citizen };
        program.printed = program.wait_for("12345 is ready.");
        program
    }

    /// Starts again on what it has left.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.again()
    }

    /// `kill -9`, and the next start.
    pub fn crash(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.again()
    }

    /// The next start of one that has ended.
    pub fn again(mut self) -> Self {
        (self.child, self.lines) = launch(&self.home);
        self.printed = self.wait_for("12345 is ready.");
        self
    }

    /// Another command on this server's data folder: what it prints, or what it complains about.
    pub fn ask(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(BINARY).args(words).arg("--data").arg(self.data()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// What a start says that fails.
    pub fn fail(home: &Folder) -> String {
        let output = command(home).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// What the start has printed as the password of this seat.
    pub fn password(&self, seat: &str) -> String {
        let line = self.printed.lines().find_map(|line| line.trim().strip_prefix(&format!("seat {seat}: ")));
        line.expect("a password").to_owned()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub fn edit(&self, file: &str, old: &str, new: &str) {
        edit(&self.home, file, old, new);
    }

    pub fn edit_in(home: &Folder, file: &str, old: &str, new: &str) {
        edit(home, file, old, new);
    }

    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: the child is ours and not yet waited for.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Everything that it says up to a line with this text.
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut said = String::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { panic!("it never said `{text}`:\n{said}") };
            said.push_str(&line);
            said.push('\n');
            if line.contains(text) {
                return said;
            }
        }
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) {
        self.signal(libc::SIGTERM);
        assert!(self.child.wait().unwrap().success());
    }

    /// What the server says to an INVITE for this number, beyond 100 Trying.
    pub fn dial(&self, number: &str) -> u16 {
        self.request("INVITE", number).get(8..11).unwrap().parse().unwrap()
    }

    /// The answer to a REGISTER without credentials.
    pub fn challenge(&self) -> String {
        self.request("REGISTER", "1001")
    }

    /// The first answer beyond 100 Trying.
    fn request(&self, method: &str, number: &str) -> String {
        let citizen = self.citizen.local_addr().unwrap();
        let branch = format!("{number}-{}", DIALLED.fetch_add(1, Ordering::Relaxed));
        let invite = format!(
            "{method} sip:{number}@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {citizen};branch=z9hG4bK-{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}@127.0.0.1>;tag={branch}\r\nTo: <sip:{number}@{sip}>\r\n\
             Call-ID: {branch}\r\nCSeq: 1 {method}\r\nContact: <sip:13800005678@{citizen}>\r\n\
             Content-Length: 0\r\n\r\n",
            sip = self.sip,
            from = if method == "INVITE" { "13800005678" } else { number },
        );
        self.citizen.send_to(invite.as_bytes(), self.sip).unwrap();
        let mut buffer = [0; 65_536];
        loop {
            let length = self.citizen.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 ")
                && !text.starts_with("SIP/2.0 100")
                && text.contains(&format!("{branch}\r\n"))
            {
                return text;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that a test has stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(home: &Folder) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(home.join("config")).arg("--data").arg(home.join("data"));
    // SAFETY: prctl is async-signal-safe. Should the test itself be killed, so is this one.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    command.stdin(Stdio::null()).env("NO_COLOR", "1").env_remove("HOTLINE_LOG");
    command
}

fn launch(home: &Folder) -> (Child, Receiver<String>) {
    let mut child = command(home).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (tell, lines) = mpsc::channel();
    let streams: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for stream in streams {
        let tell = tell.clone();
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
    }
    (child, lines)
}

fn edit(home: &Folder, file: &str, old: &str, new: &str) {
    let path = home.join("config").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(path, text.replace(old, new)).unwrap();
}

/// Free for UDP and for TCP, and below the ports that the system gives to others meanwhile.
pub fn free_port(host: IpAddr) -> SocketAddr {
    // Tests that run beside this one in processes of their own look elsewhere.
    let first = 12_000 + u16::try_from(std::process::id() % 250).unwrap() * 16;
    let is_free = |address: &SocketAddr| UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok();
    let ports = (first..16_000).chain(12_000..first).map(|port| SocketAddr::new(host, port));
    ports.filter(|address| TAKEN.lock().unwrap().insert(*address)).find(is_free).unwrap()
}
