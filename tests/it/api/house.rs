//! A real server on ephemeral ports with folders of its own, and a client that asks it.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use hotline::app::{Options, Server};
use hotline::archive::{self, Batch, Done, Heard, Order, RecordingMeta, Sealed, Voice};
use hotline::audio::g711::Law;
use hotline::call::{CallId, LegId};
use hotline::commands::init;
use hotline::sip::message::Message;
use hotline::store::Store;
use hotline::store::entry::Entry;
use hotline::store::query::RecordingQuery;
use hotline::time::{Mono, Now};
use serde_json::{Value, json};

use crate::exchange::peers::reply;
use crate::facts::{self, Folder};
use crate::serve::program::free_port;

pub const INVITE: &str = "INVITE sip:12345@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-api-1
Max-Forwards: 70
From: <sip:13800005678@127.0.0.1>;tag=citizen
To: <sip:12345@127.0.0.1>
Call-ID: api-1
CSeq: 1 INVITE
Contact: <sip:13800005678@127.0.0.1:9>
Content-Type: application/sdp
Content-Length: 118

v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=ptime:20
";

pub struct House {
    pub server: Server,
    /// The audio file that was sealed before the start.
    pub recording: Option<Vec<u8>>,
    files: Files,
}

/// `config` and `data` in a folder that goes with the test.
pub struct Files(Folder);

pub struct Answer {
    pub status: u16,
    pub bytes: Vec<u8>,
    pub text: String,
    headers: BTreeMap<String, String>,
    json: Value,
}

impl Files {
    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let path = self.0.join("config").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    /// A phone of fixed address for this seat, which answers that it is there.
    pub fn phone(&self, seat: &str) {
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        let contact = format!("no = \"{seat}\"\ncontact = \"sip:{seat}@{}\"", phone.local_addr().unwrap());
        self.edit("sip-configs/seats.toml", &format!("no = \"{seat}\""), &contact);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok((length, from)) = phone.recv_from(&mut bytes) {
                if let Ok(Message::Request(request)) = Message::parse(&bytes[..length]) {
                    let _ = phone.send_to(reply(&request, 200, "phone", &[], "").as_bytes(), from);
                }
            }
        });
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    pub fn options(&self) -> Options {
        Options { config: Some(self.0.join("config")), data: self.0.join("data"), recordings: None }
    }
}

impl House {
    pub fn prepare(name: &str) -> Files {
        let files = Files(Folder::new(&format!("api-{name}")));
        init::write(&files.0.join("config")).unwrap();
        files.edit("sip-configs/server.toml", "bind = \"127.0.0.1:5060\"", "bind = \"127.0.0.1:0\"");
        files.edit("sip-configs/server.toml", "http = \"127.0.0.1:8080\"", "http = \"127.0.0.1:0\"");
        files.edit("sip-configs/server.toml", "20000-29999", "21000-21399");
        files.edit("sip-configs/trunks.toml", "channels = 1000", "channels = 40");
        files
    }

    pub async fn start(name: &str) -> Self {
        Self::run(Self::prepare(name), None).await
    }

    /// With a phone for this seat, which is signed out.
    pub async fn with_phone(name: &str, seat: &str) -> Self {
        let files = Self::prepare(name);
        // What we send names the port, so that it must be known.
        let sip = free_port([127, 0, 0, 1].into());
        files.edit("sip-configs/server.toml", "bind = \"127.0.0.1:0\"", &format!("bind = \"{sip}\""));
        files.phone(seat);
        let house = Self::run(files, None).await;
        let path = format!("/api/seats/{seat}/ask");
        house.settle(|| house.post(&path, json!({ "ask": "sign_in" })).status == 200).await;
        assert_eq!(house.post(&path, json!({ "ask": "sign_out" })).json()["state"], "signed_out");
        house
    }

    /// With a second of both voices that was sealed earlier.
    pub async fn with_recording(name: &str, call: CallId) -> Self {
        Self::run_with_recording(Self::prepare(name), call).await
    }

    /// The same on these files.
    pub async fn run_with_recording(files: Files, call: CallId) -> Self {
        let folder = files.0.join("data/recordings");
        let sealed = record(archive::Settings::new(folder.clone()), call);
        let file = fs::read(folder.join(&sealed.path)).unwrap();
        let house = Self::run(files, Some(file)).await;
        house.record(Entry::Sealed(Box::new(sealed))).await;
        house
    }

    /// With one recording as it was sealed, and another to which something is done in its folder.
    pub async fn run_spoilt(files: Files, call: CallId, other: CallId, spoil: impl FnOnce(&std::path::Path)) -> Self {
        let folder = files.0.join("data/recordings");
        let sealed = record(archive::Settings::new(folder.clone()), other);
        spoil(folder.join(&sealed.path).parent().unwrap());
        Self::run_with_recording(files, call).await
    }

    /// A server on files that are somebody else's.
    pub fn of(server: Server) -> Self {
        Self { server, recording: None, files: Files(Folder::new("api-none")) }
    }

    pub async fn stop_and_give_files(self) -> Files {
        self.server.stop().await;
        self.files
    }

    pub async fn run(files: Files, recording: Option<Vec<u8>>) -> Self {
        let server = Server::start(files.options()).await.unwrap();
        Self { server, recording, files }
    }

    pub fn data(&self) -> PathBuf {
        self.files.0.join("data")
    }

    pub fn edit(&self, file: &str, old: &str, new: &str) {
        self.files.edit(file, old, new);
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }

    pub async fn stop_but_keep_files(self) {
        self.server.stop().await;
        std::mem::forget(self.files);
    }

    /// As the database holds it.
    pub async fn sealed(&self, call: CallId) -> Sealed {
        let query = RecordingQuery { call: Some(call), ..RecordingQuery::default() };
        let found = self.server.office.store.recordings(&query).await.unwrap().rows;
        found.into_iter().next().expect("a recording").sealed
    }

    /// Into the journal, and seen by the database.
    pub async fn record(&self, entry: Entry) {
        self.server.office.journal.record(entry).await.unwrap();
        self.applied().await;
    }

    pub async fn applied(&self) {
        let synced = self.server.office.journal.health().synced;
        assert!(self.server.office.progress.clone().reaches(synced).await);
    }

    /// Until it is so, with the database following; gives up after a while.
    pub async fn settle(&self, so: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if so() {
                return;
            }
            self.applied().await;
            tokio::task::yield_now().await;
        }
        panic!("in vain");
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &[], Some(body))
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        self.ask_as(&self.server.office.token, method, path, headers, body)
    }

    pub fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.server.office.http))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_idle_connections(0);
        let agent: ureq::Agent = config.timeout_global(Some(Duration::from_secs(20))).build().into();
        let answer = if matches!(method, "GET" | "HEAD") {
            agent.run(request.body(()).unwrap())
        } else {
            agent.run(request.body(body).unwrap())
        };
        let mut answer = answer.unwrap();
        let bytes = answer.body_mut().read_to_vec().unwrap();
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap_or_default().to_owned())
        };
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(header).collect(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
            bytes,
        }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        self.json.clone()
    }

    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Every sample by its name and labels; each name has its HELP and TYPE once, right before its samples.
pub fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut told: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(!told.contains(&name), "{name} is told twice");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            told.push(name);
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let of = told.last().expect("TYPE comes first");
            let extra = bare.strip_prefix(of).unwrap_or_else(|| panic!("{line} among {of}"));
            assert!(["", "_bucket", "_sum", "_count"].contains(&extra), "{line}");
            assert!(samples.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{line} twice");
        }
    }
    samples
}

pub fn record(settings: archive::Settings, call: CallId) -> Sealed {
    let (tell, done) = mpsc::channel();
    let tell = Mutex::new(tell);
    let tell = Arc::new(move |what| drop(tell.lock().unwrap().send(what)));
    let archive = archive::start(settings, tell).unwrap();
    let order = |order| archive.orders.send(order).unwrap();
    let opened = Mono::from_millis(60_000);
    let meta = RecordingMeta { hotline: "12345".into(), seat: "1001".into(), trunk: "carrier".into() };
    let now = Now { mono: opened, wall: facts::MORNING };
    order(Order::Open { call, now, folder_day: facts::MORNING, meta: meta.into() });
    for voice in [Voice::Citizen, Voice::Heard(LegId(2))] {
        let heard = (0..50u16).map(|packet| Heard {
            arrival: opened + Duration::from_millis(u64::from(packet) * 20 + 20),
            ssrc: 7,
            sequence: packet,
            timestamp: u32::from(packet) * 160,
            law: Law::A,
            len: 160,
        });
        let batch = Batch { heard: heard.collect(), bytes: vec![0x55; 50 * 160], wide: Vec::new() };
        order(Order::Audio { call, voice, batch });
    }
    let length = Duration::from_secs(1);
    order(Order::Seal { call, ended: facts::MORNING + length, at: opened + length });
    let told = done.recv_timeout(Duration::from_secs(20)).expect("the archive says nothing");
    archive.stop();
    match told {
        Done::Sealed(sealed) => *sealed,
        Done::Heard { .. } => panic!("nobody joined"),
        Done::Failed { error, .. } => panic!("{error}"),
    }
}
