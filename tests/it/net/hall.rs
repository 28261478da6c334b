//! A signalling loop on loopback, on ports that the kernel chooses.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hotline::call::directory::{Directory, Kind, LineTo};
use hotline::call::mix_plan::{Command, LegFigures, Report};
use hotline::call::{CallId, Output as Wish, Switchboard};
use hotline::exchange::settings::{Device, Listener, Settings, Source};
use hotline::exchange::{Exchange, Input, Output};
use hotline::net::clock::Clock;
use hotline::net::driver::{Carry, Driver, Event, INBOX, Listen, Sockets, Trace};
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Framed, Framer, Message, Method, Request, Response};
use hotline::time::{Now, Wall};
use tokio::sync::mpsc::{self, Sender};

use crate::exchange::lines::entry;

pub const PATIENCE: Duration = Duration::from_secs(10);

/// 601 in the directory, on the listener for seats over UDP.
pub const DEVICE: &str = "sip:671@phone.example";

/// The running loop: listener 0 takes trunks over UDP, 1 the same over TCP, 2 and 3 are for seats on
/// IPv6 over UDP and TCP.
pub struct Hall {
    pub inbox: Sender<Event>,
    pub addresses: [SocketAddr; 4],
    pub traced: Arc<Mutex<u64>>,
    thread: Option<JoinHandle<()>>,
}

struct Counted(Arc<Mutex<u64>>);

impl Trace for Counted {
    fn received(&mut self, _at: Wall, _flow: Flow, _bytes: &[u8]) {
        *self.0.lock().unwrap() += 1;
    }
    fn sent(&mut self, _at: Wall, _flow: Flow, _bytes: &[u8]) {}
}

/// A free port for each: the kernel's choice, kept until all are chosen.
fn free() -> [SocketAddr; 4] {
    let v4 = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let v6 = || UdpSocket::bind("[::1]:0").unwrap();
    let sockets = [v4(), v4(), v6(), v6()];
    sockets.map(|socket| socket.local_addr().unwrap())
}

fn settings(addresses: &[SocketAddr; 4]) -> Settings {
    let mut settings = crate::exchange::city::settings();
    let transports = [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Tcp];
    settings.listeners = (0_u16..4)
        .map(|id| {
            let sip_address = addresses[usize::from(id)];
            Listener {
                id: ListenerId(id),
                transport: transports[usize::from(id)],
                sip_address,
                media_address: sip_address.ip(),
                media_bind: sip_address.ip(),
                serves_trunks: id < 2,
                serves_seats: id >= 2,
                pool: usize::from(id >= 2),
            }
        })
        .collect();
    settings.pools = vec![(20_000, 20_199), (30_000, 30_199)];
    let device =
        Device { uri: DEVICE.into(), listener: ListenerId(2), user: Some("671".into()), addresses: Vec::new() };
    settings.devices = vec![device];
    let branch = entry("601", Kind::Branch, vec![LineTo::Device(DEVICE.into())]);
    settings.board.directory = Directory::new([branch], Vec::new());
    settings.trunks[1].name = "streams".into();
    for (id, trunk) in settings.trunks.iter_mut().enumerate() {
        trunk.listener = ListenerId(id as u16);
        // 127.0.0.1 is the trunk; whoever else calls from this host is a stranger.
        trunk.sources = vec![Source { address: IpAddr::from([127, 0, 0, 1]), prefix_len: 32, port: None }];
        trunk.queue_answer = hotline::call::QueueAnswer::Connect;
    }
    settings
}

impl Hall {
    pub fn open() -> Self {
        // Between the choice of the ports and their use another test may take one.
        (0..20).find_map(|_| Self::try_open().ok()).expect("four free ports")
    }

    fn try_open() -> std::io::Result<Self> {
        let addresses = free();
        let clock = Clock::start();
        let settings = settings(&addresses);
        let board = Switchboard::new(clock.now(), settings.board.clone(), settings.plan.clone(), CallId(0));
        let exchange = Exchange::new(clock.now(), settings, board, [9; 32]);
        let listens: Vec<Listen> = [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Tcp]
            .iter()
            .zip(0_u16..)
            .map(|(transport, id)| Listen {
                id: ListenerId(id),
                transport: *transport,
                bind: addresses[usize::from(id)],
            })
            .collect();
        let (inbox, events) = mpsc::channel(INBOX);
        let (opened, is_open) = std::sync::mpsc::channel();
        let traced = Arc::new(Mutex::new(0));
        let (loop_inbox, trace) = (inbox.clone(), Counted(Arc::clone(&traced)));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let sockets = match Sockets::open(&listens, &loop_inbox) {
                    Ok(sockets) => sockets,
                    Err(error) => return opened.send(Err(error)).unwrap(),
                };
                opened.send(Ok(())).unwrap();
                let carry = AtOnce(loop_inbox.clone());
                Driver { clock, exchange, sockets, inbox: loop_inbox, trace, carry }.run(events).await;
            });
        });
        is_open.recv().unwrap()?;
        Ok(Self { inbox, addresses, traced, thread: Some(thread) })
    }

    /// A look at the exchange from inside its loop.
    pub fn look<T: Send + 'static>(&self, look: impl FnOnce(&Exchange) -> T + Send + 'static) -> T {
        let (told, hears) = std::sync::mpsc::channel();
        let look = move |_, exchange: &Exchange| told.send(look(exchange)).unwrap();
        self.inbox.blocking_send(Event::Look(Box::new(look))).ok().unwrap();
        hears.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until the exchange is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Exchange) -> bool + Send + Clone + 'static) {
        let start = Instant::now();
        while !self.look(is_so.clone()) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        let _ = self.inbox.blocking_send(Event::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of the loop fails the test.
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok());
        }
    }
}

/// A peer with a UDP socket.
pub struct Datagrams {
    pub socket: UdpSocket,
    pub to: SocketAddr,
}

impl Datagrams {
    pub fn new(from: &str, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, to }
    }

    pub fn own(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.socket.send_to(bytes.as_ref(), self.to).unwrap();
    }

    pub fn hear(&self) -> Message {
        let mut buffer = [0; 65_535];
        let (length, _) = self.socket.recv_from(&mut buffer).expect("a message in time");
        Message::parse(&buffer[..length]).unwrap()
    }

    /// The next final response to anything.
    pub fn answer(&self) -> Response {
        final_of(|| self.hear())
    }
}

/// A peer with a TCP connection.
pub struct Stream {
    pub stream: TcpStream,
    framer: Framer,
}

impl Stream {
    pub fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, framer: Framer::new() }
    }

    pub fn own(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn hear(&mut self) -> Message {
        let mut buffer = [0; 4096];
        loop {
            if let Some(framed) = self.framer.next() {
                let Framed::Message(bytes) = framed else { panic!("{framed:?}") };
                return Message::parse(&bytes).unwrap();
            }
            let length = self.stream.read(&mut buffer).expect("a message in time");
            assert!(length > 0, "the connection was closed");
            self.framer.push(&buffer[..length]);
        }
    }

    pub fn answer(&mut self) -> Response {
        final_of(|| self.hear())
    }

    /// Whatever comes until the other side closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("the end in time");
        bytes
    }
}

fn final_of(mut hear: impl FnMut() -> Message) -> Response {
    loop {
        match hear() {
            Message::Response(response) if response.status >= 200 => return response,
            Message::Response(_) | Message::Request(_) => {}
        }
    }
}

/// The next request of this method, whatever else comes.
pub fn request(method: &Method, mut hear: impl FnMut() -> Message) -> Request {
    loop {
        match hear() {
            Message::Request(request) if request.method == *method => return request,
            Message::Request(_) | Message::Response(_) => {}
        }
    }
}

/// A request outside of dialogs.
pub fn ask(method: &str, own: SocketAddr, transport: &str, serial: u32, body: &str) -> String {
    let headers = [
        format!("Via: SIP/2.0/{transport} {own};branch=z9hG4bK-{serial}-{};rport", own.port()),
        format!("From: <sip:13800000001@carrier.example>;tag=f{serial}-{}", own.port()),
        "To: <sip:12345@hotline>".to_string(),
        format!("Call-ID: {serial}-{own}"),
        format!("CSeq: 1 {method}"),
        "Max-Forwards: 70".to_string(),
        format!("Contact: <sip:citizen@{own};transport={}>", transport.to_lowercase()),
    ];
    crate::exchange::peers::message(&format!("{method} sip:12345@hotline SIP/2.0"), &headers, body)
}

/// A request in the dialog that this 200 made.
pub fn within(method: &str, cseq: u32, own: SocketAddr, transport: &str, ok: &Response) -> String {
    use hotline::sip::message::Name;
    let line = |name: Name| ok.headers.text(&name).unwrap().into_owned();
    let headers = [
        format!("Via: SIP/2.0/{transport} {own};branch=z9hG4bK-{method}-{cseq}-{};rport", own.port()),
        format!("From: {}", line(Name::From)),
        format!("To: {}", line(Name::To)),
        format!("Call-ID: {}", line(Name::CallId)),
        format!("CSeq: {cseq} {method}"),
        "Max-Forwards: 70".to_string(),
    ];
    let uri = ok.headers.contact().unwrap().unwrap().uri.raw;
    crate::exchange::peers::message(&format!("{method} {uri} SIP/2.0"), &headers, "")
}

/// Media closes at once, and the journal answers at once.
struct AtOnce(Sender<Event>);

impl Carry for AtOnce {
    fn carry(&mut self, _: Now, output: Output) {
        let input = match output {
            Output::Media(Command::Close { leg }) => {
                Input::Media(Report::Closed { leg, figures: Box::new(LegFigures::default()) })
            }
            Output::Call(Wish::OpenTicket(ticket)) => {
                Input::TicketOpened { call: ticket.call, number: Some("JDZ-20261124-000001".into()) }
            }
            _ => return,
        };
        self.0.try_send(Event::Input(input)).ok().unwrap();
    }

    fn rest(&mut self) {}
}
