//! A whole call through the running server leaves no citizen's number in its log, nor in the ladder
//! that `hotline trace` prints of it.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotline::app::{Options, Server};
use hotline::call::{SeatAsk, SeatNo};
use hotline::commands::{init, trace};
use hotline::exchange::Input;
use hotline::sip::message::{Message, Method, Name, Request, Response, Uri};
use hotline::store::Store;
use hotline::store::query::{MissedQuery, TicketQuery};
use hotline::store::sqlite::Sqlite;

/// Invented.
const CITIZEN: &str = "13800000001";

#[test]
fn a_whole_call_shows_no_number_in_the_log_or_in_its_trace() {
    let log = Log::default();
    let lines = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("hotline=trace,sqlx=debug,info")
        .with_ansi(false)
        .with_writer(move || lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber of the tests");

    let folder = scratch();
    let (citizen, phone, server) = (Peer::new(), Peer::new(), free_port());
    let options = configure(&folder, server, phone.address());
    let data = options.data.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let running = runtime.block_on(Server::start(options)).expect("start");
    runtime.block_on(running.office.tell(Input::Ask { seat: SeatNo("1001".into()), ask: SeatAsk::SignIn }));

    one_call(&citizen, &phone, server);
    one_refused_call(&citizen, server);
    while runtime.block_on(running.live_calls()) > 0 {
        std::thread::yield_now();
    }
    runtime.block_on(running.stop());

    let (tickets, missed) = runtime.block_on(async {
        let store = Sqlite::new(&data.join("hotline.sqlite"));
        let tickets = store.tickets(&TicketQuery::default()).await.expect("tickets");
        (tickets.rows, store.missed(&MissedQuery::default()).await.expect("missed calls").rows)
    });
    let ([ticket], [missed]) = (&tickets[..], &missed[..]) else { panic!("{tickets:?} {missed:?}") };
    let args = |call: &str| trace::Args { call: call.into(), data: data.clone(), pcap: None, full: false, json: false };
    let ladder = trace::trace(&args(&ticket.number)).expect("trace").expect("found by its ticket");
    assert_eq!(trace::trace(&args(&ticket.call.to_string())).expect("trace").as_ref(), Some(&ladder));
    for part in ["from 138****0001 to 12331", "seat 1001", "INVITE 1 sdp", "200 INVITE 1 sdp", "* seat 1001 answered"] {
        assert!(ladder.contains(part), "{part} is missing in\n{ladder}");
    }
    assert_eq!(bare_numbers(&ladder), Vec::<&str>::new(), "{ladder}");

    let refused = trace::trace(&args(&missed.call.to_string())).expect("trace").expect("kept");
    assert!(refused.contains("* refused: ") && refused.contains("404 INVITE 1"), "{refused}");

    let of_the_call = log.text();
    assert_eq!(bare_numbers(&of_the_call), Vec::<&str>::new());
    tracing::warn!(number = CITIZEN, "such a line would be seen");
    assert!(bare_numbers(&log.text()).contains(&CITIZEN), "{of_the_call}");
    drop(runtime);
    fs::remove_dir_all(&folder).expect("clean up");
}

/// Mobile numbers that stand alone.
fn bare_numbers(text: &str) -> Vec<&str> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric());
    words.filter(|word| word.len() == 11 && word.starts_with('1') && word.bytes().all(|b| b.is_ascii_digit())).collect()
}

/// A citizen's INVITE, without its CSeq.
fn dialling(citizen: &Peer, server: SocketAddr, number: &str) -> Request {
    let mut invite = Request::new(Method::Invite, format!("sip:{number}@{server}"));
    let headers = [
        (Name::Via, format!("SIP/2.0/UDP {};branch=z9hG4bK{number}", citizen.address())),
        (Name::MaxForwards, "70".into()),
        (Name::From, format!("\"{CITIZEN}\" <sip:{CITIZEN}@127.0.0.1>;tag=citizen")),
        (Name::To, format!("<sip:{number}@{server}>")),
        (Name::CallId, format!("{number}-dialled@citizen")),
        (Name::Contact, format!("<sip:{CITIZEN}@{}>", citizen.address())),
    ];
    headers.into_iter().for_each(|(name, value)| invite.headers.push(name, value));
    invite
}

/// The citizen dials what is no hotline number (R7).
fn one_refused_call(citizen: &Peer, server: SocketAddr) {
    let mut invite = dialling(citizen, server, "12344");
    invite.headers.push(Name::CSeq, "1 INVITE");
    citizen.send(server, &Message::Request(invite.clone()));
    let refused = citizen.answer(404);
    let mut ack = Request::new(Method::Ack, invite.uri);
    ack.headers = invite.headers;
    ack.headers.set(Name::To, refused.headers.get(&Name::To).expect("To"));
    ack.headers.set(Name::CSeq, "1 ACK");
    citizen.send(server, &Message::Request(ack));
}

/// The citizen dials 12331, seat 1001 answers, the citizen hangs up.
fn one_call(citizen: &Peer, phone: &Peer, server: SocketAddr) {
    let mut invite = dialling(citizen, server, "12331");
    let mut bye = invite.clone();
    invite.headers.push(Name::CSeq, "1 INVITE");
    invite.headers.push(Name::ContentType, "application/sdp");
    invite.body = sdp();
    citizen.send(server, &Message::Request(invite.clone()));

    let (ringing, from) = phone.request(Method::Invite);
    phone.send(from, &Message::Response(with_tag(ringing.respond(180), phone)));
    let mut answer = with_tag(ringing.respond(200), phone);
    answer.headers.push(Name::ContentType, "application/sdp");
    answer.body = sdp();
    phone.send(from, &Message::Response(answer));
    phone.request(Method::Ack);

    let answered = citizen.answer(200);
    let to = answered.headers.get(&Name::To).expect("To").to_vec();
    let contact = answered.headers.contact().expect("Contact").expect("an address").uri;
    for (method, cseq) in [(Method::Ack, "1 ACK"), (Method::Bye, "2 BYE")] {
        let mut request = Request::new(method, contact.raw.clone());
        request.headers = bye.headers.clone();
        request.headers.set(Name::To, to.clone());
        request.headers.set(Name::Via, format!("SIP/2.0/UDP {};branch=z9hG4bK{}", citizen.address(), &cseq[2..]));
        request.headers.push(Name::CSeq, cseq);
        citizen.send(server, &Message::Request(request.clone()));
        bye = request;
        bye.headers.remove(&Name::CSeq);
    }
    let (released, from) = phone.request(Method::Bye);
    phone.send(from, &Message::Response(released.respond(200)));
    citizen.answer(200);
}

fn with_tag(mut response: Response, phone: &Peer) -> Response {
    let to = String::from_utf8_lossy(response.headers.get(&Name::To).expect("To")).into_owned();
    response.headers.set(Name::To, format!("{to};tag=phone"));
    response.headers.push(Name::Contact, format!("<{}>", Uri::sip(Some("1001"), phone.address())));
    response
}

fn sdp() -> Vec<u8> {
    let lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 8", ""];
    lines.join("\r\n").into_bytes()
}

/// One SIP phone, or a carrier's side, on a socket of its own.
struct Peer {
    socket: UdpSocket,
}

impl Peer {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
        Self { socket }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("address")
    }

    fn send(&self, to: SocketAddr, message: &Message) {
        self.socket.send_to(&message.to_bytes(), to).expect("send");
    }

    /// The next message that is wanted; OPTIONS are answered on the way.
    fn next<T>(&self, wanted: impl Fn(Message) -> Option<T>) -> (T, SocketAddr) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut buffer = [0; 65_536];
        while Instant::now() < until {
            let (length, from) = self.socket.recv_from(&mut buffer).expect("a message");
            let Ok(message) = Message::parse(&buffer[..length]) else { continue };
            if let Message::Request(request) = &message
                && request.method == Method::Options
            {
                self.send(from, &Message::Response(request.respond(200)));
                continue;
            }
            if let Some(found) = wanted(message) {
                return (found, from);
            }
        }
        panic!("it did not come");
    }

    fn request(&self, method: Method) -> (Request, SocketAddr) {
        self.next(|message| match message {
            Message::Request(request) if request.method == method => Some(request),
            Message::Request(_) | Message::Response(_) => None,
        })
    }

    fn answer(&self, status: u16) -> Response {
        let (response, _) = self.next(|message| match message {
            Message::Response(response) if response.status == status => Some(response),
            Message::Request(_) | Message::Response(_) => None,
        });
        response
    }
}

/// The examples, on ports of our own, with a seat that need not register.
fn configure(folder: &Path, server: SocketAddr, phone: SocketAddr) -> Options {
    let config = folder.join("config");
    init::write(&config).expect("init");
    let edit = |file: &str, old: &str, new: &str| {
        let path = config.join(file);
        let text = fs::read_to_string(&path).expect("read");
        assert!(text.contains(old), "{old}");
        fs::write(&path, text.replace(old, new)).expect("write");
    };
    edit("sip-configs/server.toml", "127.0.0.1:5060", &server.to_string());
    edit("sip-configs/server.toml", "127.0.0.1:8080", "127.0.0.1:0");
    edit("sip-configs/server.toml", "\"20000-29999\"", "\"24000-24999\"");
    edit("sip-configs/trunks.toml", "channels = 1000", "channels = 10");
    let contact = format!("no = \"1001\"\ncontact = \"sip:1001@{phone}\"");
    edit("sip-configs/seats.toml", "no = \"1001\"", &contact);
    Options { config: Some(config), data: folder.join("data"), recordings: None }
}

/// Free for UDP and for TCP, and below the ports that the system gives to others meanwhile.
fn free_port() -> SocketAddr {
    let first = 17_000 + u16::try_from(std::process::id() % 1_000).expect("small");
    let is_free = |address: &SocketAddr| UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok();
    (first..19_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).find(is_free).expect("a free port")
}

fn scratch() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hotline-privacy-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

/// What every thread of the test binary logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
