//! linphonec, a phone of another make, led over its standard input.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

use crate::process::{Folder, PATIENCE, Program, find};
use crate::server::{Server, password};
use crate::sound;

pub struct Linphone {
    folder: Folder,
    program: Program,
    input: ChildStdin,
    server: String,
}

impl Linphone {
    /// A citizen's phone; says 440 Hz.
    pub fn citizen(server: &Server) -> Self {
        Self::start(server, sound::CITIZEN, "")
    }

    /// Registers, picks up by itself, says 1000 Hz.
    pub fn seat(server: &Server, no: &str) -> Self {
        let at = server.sip;
        let account = format!(
            "[auth_info_0]\nusername={no}\npasswd={}\nrealm=hotline\n\
             [proxy_0]\nreg_proxy=<sip:{at}>\nreg_identity=sip:{no}@{at}\nreg_expires=300\nreg_sendregister=1\n",
            password(no)
        );
        let mut phone = Self::start(server, sound::SEAT, &account);
        phone.say("autoanswer enable");
        phone.program.wait_for("Auto answer enabled");
        server.seat_is(no, "idle");
        phone
    }

    fn start(server: &Server, tone: u32, account: &str) -> Self {
        let folder = Folder::new("linphone");
        let says = folder.path().join("says.wav");
        sound::write_speech(&says, tone);
        std::fs::create_dir_all(folder.path().join(".local/share/linphone")).expect("folder");
        let rc = folder.write(
            "rc",
            &format!(
                "[sip]\nsip_port={}\nsip_tcp_port=0\nsip_tls_port=0\nauto_net_state_mon=1\n\
                 [rtp]\naudio_rtp_port={}\n[audio_codec_0]\nmime=PCMA\nrate=8000\nchannels=1\nenabled=1\n{account}",
                server.ports.one(),
                server.ports.many(4)
            ),
        );
        let mut command = Command::new(find("linphonec", "linphone-cli"));
        command.arg("-c").arg(rc).env("HOME", folder.path());
        let mut program = Program::start(&mut command, folder.path().join("log"), Stdio::piped());
        let input = program.stdin().expect("a pipe");
        let mut phone = Self { folder, program, input, server: server.sip.to_string() };
        phone.say("soundcard use files");
        phone.program.wait_for("Using wav files");
        phone.say(&format!("play {}", says.display()));
        phone.say(&format!("record {}", phone.heard().display()));
        phone
    }

    fn say(&mut self, command: &str) {
        writeln!(self.input, "{command}").and_then(|()| self.input.flush()).expect("linphonec listens");
    }

    pub fn dial(&mut self, number: &str) {
        self.say(&format!("call sip:{number}@{}", self.server));
    }

    /// Puts its call on hold.
    pub fn hold(&mut self) {
        self.say("pause");
    }

    /// Hands its first call over to its second, which stands: REFER with Replaces.
    pub fn transfer_first_to_second(&mut self) {
        self.say("transfer 1 --to-call 2");
    }

    pub fn hang_up(&mut self) {
        self.say("terminate");
    }

    pub fn wait_established(&mut self) {
        self.program.wait_for("Media streams established");
    }

    pub fn wait_closed(&mut self) {
        self.program.wait_for("ended");
    }

    /// Unregisters and ends.
    pub fn quit(&mut self) {
        self.say("quit");
        self.program.wait(PATIENCE);
    }

    /// What it heard; whole only after the call.
    pub fn heard(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }
}
