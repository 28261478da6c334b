//! The PBX under test: a hotline started for the run, or whatever runs already.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::options::Pbx;

/// Where a hotline of ours listens for the trunk, for the seats and for HTTP.
const TRUNK: &str = "127.0.0.1:5070";
const HALL: &str = "127.0.0.1:5080";
const HTTP: &str = "127.0.0.1:5090";
const RTP_PORTS: &str = "10000-19999";
const CHANNELS: usize = 2500;

pub struct Server {
    /// None: somebody else's.
    child: Option<Child>,
    folder: Option<PathBuf>,
    pub pid: Option<u32>,
    pub target: SocketAddr,
    pub recordings: Option<PathBuf>,
}

impl Server {
    /// The seats must already answer: the server looks for them at once.
    pub fn start(pbx: &Pbx, seats: usize) -> io::Result<Self> {
        if let Some(target) = pbx.target {
            let recordings = pbx.recordings.clone();
            return Ok(Self { child: None, folder: None, pid: pbx.pid, target, recordings });
        }
        let folder = std::path::absolute(&pbx.folder)?.join(format!("load-{}", std::process::id()));
        configure(pbx, &folder, seats)?;
        let log = File::create(folder.join("log"))?;
        let child = Command::new(&pbx.hotline)
            .args(["serve", "--config", "config", "--data", "data"])
            .current_dir(&folder)
            .env("NO_COLOR", "1")
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()?;
        let pid = Some(child.id());
        let recordings = Some(folder.join("data/recordings"));
        let target = TRUNK.parse().expect("an address");
        Ok(Self { child: Some(child), folder: Some(folder), pid, target, recordings })
    }

    /// Whether it says that it is ready. Err: it has ended instead.
    pub fn is_ready(&mut self) -> io::Result<bool> {
        let (Some(child), Some(folder)) = (&mut self.child, &self.folder) else { return Ok(true) };
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        match child.try_wait()? {
            Some(status) => Err(io::Error::other(format!("the server ended with {status}:\n{log}"))),
            None => Ok(log.contains("12345 is ready.")),
        }
    }

    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// Lines of its /metrics about these words; empty where it has none.
    pub fn metrics(&self, words: &[&str]) -> Vec<String> {
        if self.child.is_none() {
            return Vec::new();
        }
        let page = get(HTTP, "/metrics").unwrap_or_default();
        let about = |line: &&str| !line.starts_with('#') && words.iter().any(|word| line.contains(word));
        page.lines().filter(about).map(str::to_owned).collect()
    }

    /// The value of one of its metrics; None where it has none.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let lines = self.metrics(&[name]);
        lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// Lines of its log at WARN or above, and how many there are.
    pub fn complaints(&self) -> (usize, Vec<String>) {
        let Some(folder) = &self.folder else { return (0, Vec::new()) };
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> =
            log.lines().filter(|line| ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word))).collect();
        (lines.len(), lines.iter().take(5).map(|line| (*line).to_owned()).collect())
    }

    pub fn database(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("data/hotline.sqlite"))
    }

    /// Ends a server of ours as systemd would. False: it did not end by itself.
    pub fn stop(&mut self) -> bool {
        let Some(child) = &mut self.child else { return true };
        for _ in 0..2 {
            // SAFETY: no pointers; the child is ours and not yet waited for.
            unsafe { libc::kill(child.id().cast_signed(), libc::SIGTERM) };
            let asked = Instant::now();
            while asked.elapsed() < Duration::from_secs(15) {
                if matches!(child.try_wait(), Ok(Some(_))) {
                    self.child = None;
                    return true;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        false
    }

    /// Removes the folder of a server that has ended.
    pub fn remove(&mut self, keep: bool) {
        if let Some(folder) = self.folder.take_if(|_| !keep) {
            let _ = fs::remove_dir_all(folder);
        } else if let Some(folder) = &self.folder {
            println!("kept: {}", folder.display());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The example configuration, with a trunk and a hall of our own.
fn configure(pbx: &Pbx, folder: &Path, seats: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let config = folder.join("config");
    let run = |args: &[&str]| {
        let output = Command::new(&pbx.hotline).args(args).arg(&config).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{args:?}: {text}"))) }
    };
    run(&["init"])?;
    let server = format!(
        "[server]\nhttp = \"{HTTP}\"\nrtp_ports = \"{RTP_PORTS}\"\nwrap_up_s = 0\ngreeting = false\nnotice = false\n\
         say_seat_number = false\nrecording_format = \"{}\"\n\n\
         [[listen]]\nname = \"carrier\"\nbind = \"{TRUNK}\"\ntransport = \"udp\"\nserves = \"trunks\"\n\n\
         [[listen]]\nname = \"hall\"\nbind = \"{HALL}\"\ntransport = \"udp\"\nserves = \"seats\"\n",
        pbx.recording_format
    );
    let trunks = format!(
        "[[trunk]]\nname = \"load\"\nlisten = \"carrier\"\nsources = [\"127.0.0.1:{port}\"]\n\
         hosts = [\"127.0.0.1:{port}\"]\nchannels = {CHANNELS}\ndefault_code = \"12345\"\nqueue_answer = \"{}\"\n",
        pbx.queue_answer,
        port = pbx.trunk_port
    );
    let mut rows = String::new();
    for at in 0..seats {
        // The number table wants a seat for each of its skills; the first one has them all.
        let skills = if at == 0 {
            "\"general\", \"12315\", \"12316\", \"12317\", \"12319\", \"12320\", \"12328\", \"12329\", \"12333\", \
             \"12348\", \"12350\", \"12369\""
        } else {
            "\"general\""
        };
        let (no, port) = (2001 + at, usize::from(pbx.seat_port) + at);
        let _ = write!(
            rows,
            "[[seat]]\nno = \"{no}\"\nname = \"seat {no}\"\nkind = \"local\"\nskills = [{skills}]\nwrap_up_s = 0\n\
             contact = \"sip:{no}@127.0.0.1:{port};transport=udp\"\n\n"
        );
    }
    for (name, text) in [("server", &server), ("trunks", &trunks), ("seats", &rows)] {
        fs::write(config.join(format!("sip-configs/{name}.toml")), text)?;
    }
    // The example's units name seats of the example's hall.
    fs::write(config.join("dialplan/units.toml"), "")?;
    run(&["check", "--config"])
}

fn get(host: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
