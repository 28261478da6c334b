//! baresip as a citizen or as a seat's phone, led over its control port.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Folder, PATIENCE, Program, eventually, find};
use crate::server::{Server, host, password};
use crate::sound;

const MODULES: &str = "/usr/lib/baresip/modules";

/// What a phone is like; `Phone::citizen` and `Phone::seat` give the usual ones.
pub struct Setup {
    pub user: String,
    pub password: Option<String>,
    /// Where it registers and calls.
    pub server: SocketAddr,
    pub local: IpAddr,
    pub transport: &'static str,
    pub codec: &'static str,
    /// Picks up by itself.
    pub answers: bool,
    /// What it says: this tone, in a pattern of its own.
    pub tone: u32,
}

pub struct Phone {
    pub user: String,
    /// Hz that it says.
    pub tone: u32,
    server: SocketAddr,
    transport: &'static str,
    /// Where it listens for SIP.
    pub address: SocketAddr,
    /// First and last of the ports from which it sends RTP.
    pub rtp: (u16, u16),
    folder: Folder,
    program: Program,
    control: TcpStream,
    told: Receiver<Value>,
    /// Events that came while something else was awaited.
    kept: VecDeque<Value>,
    tokens: u32,
}

/// What a citizen of these tests calls from; invented.
pub const CITIZEN: &str = "07981380000";

impl Phone {
    /// Says 440 Hz.
    pub fn citizen(server: &Server) -> Self {
        Self::start(server, Self::citizen_setup(server.sip))
    }

    pub fn citizen_setup(server: SocketAddr) -> Setup {
        Setup {
            user: CITIZEN.into(),
            password: None,
            server,
            local: Ipv4Addr::LOCALHOST.into(),
            transport: "udp",
            codec: "PCMA",
            answers: false,
            tone: sound::CITIZEN,
        }
    }

    /// Registers, picks up by itself, says 1000 Hz.
    pub fn seat(server: &Server, no: &str) -> Self {
        Self::registered(server, Self::seat_setup(server, no))
    }

    pub fn seat_setup(server: &Server, no: &str) -> Setup {
        Setup {
            user: no.into(),
            password: Some(password(no)),
            server: server.sip,
            local: Ipv4Addr::LOCALHOST.into(),
            transport: "udp",
            codec: "PCMA",
            answers: true,
            tone: sound::SEAT,
        }
    }

    /// Starts it and waits until the hotline has it as a free seat.
    pub fn registered(server: &Server, setup: Setup) -> Self {
        let mut phone = Self::start(server, setup);
        phone.wait("REGISTER_OK");
        server.seat_is(&phone.user, "idle");
        phone
    }

    pub fn start(server: &Server, setup: Setup) -> Self {
        let baresip = find("baresip", "baresip-core");
        assert!(PathBuf::from(MODULES).join("ctrl_tcp.so").is_file(), "apt-get install baresip-core: no {MODULES}");
        let folder = Folder::new(&format!("baresip-{}", setup.user));
        let ports = &server.ports;
        let (sip, control, rtp) = (ports.one(), SocketAddr::from((Ipv4Addr::LOCALHOST, ports.one())), ports.range(12));
        let address = SocketAddr::new(setup.local, sip);
        let wav = folder.path().join("says.wav");
        sound::write_speech(&wav, setup.tone);
        let (here, says) = (folder.path().display(), wav.display());
        let local = setup.local;
        folder.write("accounts", "");
        folder.write("contacts", "");
        folder.write(
            "config",
            &format!(
                "sip_listen {address}\nnet_interface {local}\nrtp_ports {}-{}\n\
                 audio_source aufile,{says}\naudio_player aubridge,sink\naudio_alert aubridge,alert\n\
                 ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
                 module_path {MODULES}\nmodule g711.so\nmodule g722.so\nmodule opus.so\n\
                 module aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
                 snd_path {here}\nmodule_tmp uuid.so\nmodule_tmp account.so\n\
                 module_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {control}\n",
                rtp.0, rtp.1
            ),
        );
        let mut command = Command::new(baresip);
        command.arg(if local.is_ipv6() { "-6" } else { "-4" }).arg("-f").arg(folder.path());
        let mut program = Program::start(&mut command, folder.path().join("log"), Stdio::null());
        let control = eventually("baresip's control port", PATIENCE, || {
            assert!(!program.has_ended(), "baresip ended:\n{}", program.said());
            TcpStream::connect(control).ok()
        });
        let (tell, told) = channel();
        let reads = control.try_clone().expect("socket");
        std::thread::spawn(move || read_netstrings(reads, &tell));
        let mut phone = Self {
            user: setup.user.clone(),
            tone: setup.tone,
            server: setup.server,
            transport: setup.transport,
            address,
            rtp,
            folder,
            program,
            control,
            told,
            kept: VecDeque::new(),
            tokens: 0,
        };
        let registers = setup.password.as_deref().map_or("regint=0".to_string(), |password| {
            format!("regint=300;auth_user={};auth_pass={password}", setup.user)
        });
        let answers = if setup.answers { "auto" } else { "manual" };
        let (user, at, codec) = (&setup.user, phone.server_uri(), setup.codec);
        phone.command(
            "uanew",
            &format!(
                "<sip:{user}@{at}>;{registers};answermode={answers};audio_codecs={codec};ptime=20;dtmfmode=rtpevent"
            ),
        );
        phone
    }

    fn server_uri(&self) -> String {
        format!("{}:{};transport={}", host(self.server.ip()), self.server.port(), self.transport)
    }

    /// Sends a command and waits until it is carried out.
    pub fn command(&mut self, command: &str, params: &str) {
        self.tokens += 1;
        let token = self.tokens.to_string();
        let text = json!({"command": command, "params": params, "token": token}).to_string();
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).expect("control port");
        let is_it = |told: &Value| told["response"] == true && told["token"] == token.as_str();
        let mut passed = Vec::new();
        let answer = loop {
            let told = self.next(&format!("the answer to {command}"), PATIENCE);
            if is_it(&told) {
                break told;
            }
            passed.push(told);
        };
        for event in passed.into_iter().rev() {
            self.kept.push_front(event);
        }
        assert!(answer["ok"] != false, "{command} {params}: {answer}");
    }

    pub fn dial(&mut self, number: &str) {
        // The account adds its transport by itself.
        let uri = format!("sip:{number}@{}:{}", host(self.server.ip()), self.server.port());
        self.command("dial", &uri);
    }

    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Waits for the next event of this type; those before it are forgotten.
    pub fn wait(&mut self, event: &str) -> Value {
        self.wait_within(event, PATIENCE)
    }

    pub fn wait_within(&mut self, event: &str, patience: Duration) -> Value {
        let give_up = Instant::now() + patience;
        loop {
            let told = self.next(event, give_up.saturating_duration_since(Instant::now()));
            if told["type"] == event {
                return told;
            }
        }
    }

    /// Waits until its call has ended; why.
    pub fn wait_closed(&mut self) -> String {
        self.wait("CALL_CLOSED")["param"].as_str().unwrap_or_default().to_string()
    }

    /// Whether such an event has come and was not waited for.
    pub fn has_seen(&mut self, event: &str) -> bool {
        while let Ok(told) = self.told.try_recv() {
            self.kept.push_back(told);
        }
        self.kept.iter().any(|told| told["type"] == event)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// What it heard, one sound a call; whole only after the call. Sorted by start.
    pub fn heard(&self) -> Vec<PathBuf> {
        self.dumps("-dec.wav")
    }

    fn dumps(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("folder").flatten().map(|entry| entry.path());
        let mut dumps: Vec<PathBuf> = entries
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)))
            .collect();
        dumps.sort();
        dumps
    }

    fn next(&mut self, what: &str, patience: Duration) -> Value {
        if let Some(kept) = self.kept.pop_front() {
            return kept;
        }
        match self.told.recv_timeout(patience) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => panic!("{}: waited in vain for {what}", self.user),
            Err(RecvTimeoutError::Disconnected) => panic!("{}: baresip ended before {what}", self.user),
        }
    }
}

/// `length:json,` again and again.
fn read_netstrings(mut from: TcpStream, tell: &Sender<Value>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
        while let Some(colon) = bytes.iter().position(|byte| *byte == b':') {
            let Ok(length) = String::from_utf8_lossy(&bytes[..colon]).trim().parse::<usize>() else { return };
            let end = colon + 1 + length;
            if bytes.len() <= end {
                break;
            }
            let value = serde_json::from_slice(&bytes[colon + 1..end]).unwrap_or(Value::Null);
            bytes.drain(..=end);
            if tell.send(value).is_err() {
                return;
            }
        }
    }
}
