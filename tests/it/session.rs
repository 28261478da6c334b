//! One INVITE session, from outside and in virtual time: RFC 3261 §12–15, 3262, 3264, 3311, 4028.
//! The peer writes its messages by hand.

mod bodies;
mod called;
mod calling;
mod challenged;
mod chaos;
mod forks;
mod pair;
mod refer;
mod routes;
mod timer;
mod unproven;
mod within;
mod writing;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::codec::Codec;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Message, Method, Name, Response};
use hotline::sip::negotiation::OwnMedia;
use hotline::sip::refer::ReferTo;
use hotline::sip::session::{Event, Place, ReferId, Reliable, Session, Settings};
use hotline::sip::transactions::{self, ClientTx, Output, ServerTx, Timers, Transactions};
use hotline::time::Mono;

fn settings() -> Settings {
    Settings {
        sent_by: "198.51.100.1:5060".into(),
        contact: "sip:hotline@198.51.100.1:5060".into(),
        user_agent: "hotline".into(),
        media: OwnMedia {
            address: "198.51.100.1".parse().unwrap(),
            port: 20_000,
            codecs: vec![Codec::PCMA, Codec::PCMU],
            ordered: false,
            ptime: 20,
            id: 77,
        },
        reliable: Reliable::Off,
        session_expires: None,
        follow_contact: true,
        login: None,
    }
}

fn reliable(reliable: Reliable) -> Settings {
    Settings { reliable, ..settings() }
}

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow { listener: ListenerId(0), transport, remote: remote.parse::<SocketAddr>().unwrap() }
}

/// A description of the peer, with its version and one more attribute.
fn sdp(version: u32, attribute: &str) -> String {
    format!(
        "v=0\r\no=peer 9 {version} IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na={attribute}\r\n"
    )
}

fn talk() -> String {
    sdp(1, "sendrecv")
}

const NOTHING: [&str; 0] = [];
const AGREED: &str = "! Agreed 1 192.0.2.1:4000";

/// How the peer calls itself in its dialog.
#[derive(Clone)]
struct Peer {
    flow: Flow,
    /// `;tag=…` of its From, or nothing.
    tag: &'static str,
    contact: &'static str,
    /// Its last CSeq.
    cseq: u32,
    branch: u32,
    /// The CSeq and branch of its INVITE.
    invite: (u32, u32),
}

struct Bench {
    settings: Settings,
    sip: Transactions,
    session: Option<Session>,
    now: Mono,
    peer: Peer,
    ours: BTreeSet<ClientTx>,
    invited: Option<ServerTx>,
    sent: Vec<(Flow, Message)>,
    referred: Vec<(ReferId, ReferTo)>,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let peer = Peer {
            flow: flow(Transport::Udp, "192.0.2.1:5060"),
            tag: ";tag=peer",
            contact: "<sip:peer@192.0.2.1:5060>",
            cseq: 100,
            branch: 0,
            invite: (0, 0),
        };
        let (sip, now) = (Transactions::new(Timers::default(), 1), Mono::from_millis(1000));
        let (ours, sent, referred) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { settings, sip, session: None, now, peer, ours, invited: None, sent, referred }
    }

    /// The peer has called and rings.
    fn called(settings: Settings, extra: &str, body: &str) -> Self {
        let mut bench = Self::new(settings);
        bench.invite(extra, body);
        assert!(bench.session.is_some(), "{:?}", bench.last());
        bench
    }

    /// The peer has called, we have answered, the ACK has come.
    fn talking(settings: Settings, extra: &str) -> Self {
        let mut bench = Self::called(settings, extra, &talk());
        bench.answer();
        assert_eq!(bench.ack(""), ["! Acknowledged"]);
        bench
    }

    /// We have called; the INVITE is out.
    fn dialling(settings: Settings) -> Self {
        Self::dialling_over(settings, flow(Transport::Udp, "192.0.2.1:5060"))
    }

    fn dialling_over(settings: Settings, flow: Flow) -> Self {
        let mut bench = Self::new(settings.clone());
        bench.peer.flow = flow;
        let place = Place {
            call_id: "call".into(),
            local_tag: "us".into(),
            target: "sip:8001@192.0.2.1".into(),
            from: b"\"12345\" <sip:12345@198.51.100.1>".to_vec(),
            to: b"<sip:8001@192.0.2.1>".to_vec(),
            extra: Vec::new(),
        };
        let (session, tx) = Session::outgoing(bench.now, &mut bench.sip, flow, place, settings);
        assert_eq!(session.invite_tx(), Some(tx));
        bench.session = Some(session);
        assert_eq!(bench.out(), ["> INVITE"]);
        bench
    }

    /// We have called and the peer has answered.
    fn answered(settings: Settings, extra: &str) -> Self {
        let mut bench = Self::dialling(settings);
        assert_eq!(bench.respond("INVITE", 200, "peer", extra, &talk()), ["> ACK", AGREED, "! Answered"]);
        bench
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().unwrap()
    }

    fn progress(&mut self, status: u16, media: bool) -> Vec<String> {
        self.session.as_mut().unwrap().progress(self.now, &mut self.sip, status, media);
        self.out()
    }

    fn answer(&mut self) -> Vec<String> {
        self.session.as_mut().unwrap().answer(self.now, &mut self.sip);
        self.out()
    }

    fn reject(&mut self, status: u16) -> Vec<String> {
        self.session.as_mut().unwrap().reject(self.now, &mut self.sip, status, None);
        self.out()
    }

    fn hang_up(&mut self) -> Vec<String> {
        self.session.as_mut().unwrap().hang_up(self.now, &mut self.sip);
        self.out()
    }

    fn probe(&mut self) -> Vec<String> {
        self.session.as_mut().unwrap().probe(self.now, &mut self.sip);
        self.out()
    }

    /// Everything that was sent (`> 180 INVITE`, without 100) and, behind it, what the user heard.
    fn out(&mut self) -> Vec<String> {
        let (mut sent, mut heard) = (Vec::new(), Vec::new());
        while let Some(output) = self.sip.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    let message = Message::parse(&bytes).expect("what we send can be read");
                    let line = match &message {
                        Message::Request(request) => request.method.as_str().to_owned(),
                        Message::Response(response) => {
                            let cseq = response.headers.cseq().unwrap();
                            format!("{} {}", response.status, cseq.method.as_str())
                        }
                    };
                    if line != "100 INVITE" {
                        self.sent.push((flow, message));
                        sent.push(format!("> {line}"));
                    }
                }
                Output::Event(event) => self.dispatch(event),
            }
            self.collect(&mut heard);
        }
        self.collect(&mut heard);
        sent.append(&mut heard);
        sent
    }

    fn collect(&mut self, heard: &mut Vec<String>) {
        let Some(session) = &mut self.session else { return };
        while let Some(tx) = session.poll_transaction() {
            assert!(self.ours.insert(tx), "a transaction is told once");
        }
        while let Some(event) = session.poll() {
            heard.push(match event {
                Event::Agreed { agreed, generation } => format!("! Agreed {generation} {}", agreed.remote),
                Event::Challenged { response } => format!("! Challenged {}", response.status),
                Event::Failed { status } => format!("! Failed {status}"),
                Event::Lost(why) => format!("! Lost {why:?}"),
                Event::Referred { id, to } => {
                    self.referred.push((id, *to));
                    "! Referred".into()
                }
                Event::Probed { alive } => format!("! Probed {alive}"),
                Event::EarlyMedia(agreed) => format!("! EarlyMedia {}", agreed.remote),
                Event::Ringing => "! Ringing".into(),
                Event::Answered => "! Answered".into(),
                Event::Acknowledged => "! Acknowledged".into(),
                Event::Held => "! Held".into(),
                Event::Resumed => "! Resumed".into(),
                Event::HungUp => "! HungUp".into(),
            });
        }
    }

    /// What an exchange with one session would do.
    fn dispatch(&mut self, event: transactions::Event) {
        use transactions::Event;
        let (now, sip) = (self.now, &mut self.sip);
        match (event, &mut self.session) {
            (Event::Request { tx, flow, request }, Some(session)) => {
                session.on_request(now, sip, tx, flow, &request);
            }
            (Event::Request { tx, flow, request }, None) => {
                assert_eq!(request.method, Method::Invite);
                self.invited = Some(tx);
                self.session = Session::incoming(now, sip, tx, flow, request, self.settings.clone(), "us".into());
            }
            (Event::Cancel { invite, .. }, Some(session)) if Some(invite) == self.invited => {
                session.on_cancel(now, sip);
            }
            (Event::Ack { request, .. }, Some(session)) => session.on_ack(now, sip, &request),
            (Event::Response { tx, response, .. }, Some(session)) if self.ours.contains(&tx) => {
                session.on_response(now, sip, tx, response);
            }
            (Event::TimedOut { tx } | Event::Failed { tx }, Some(session)) if self.ours.contains(&tx) => {
                session.on_no_response(now, sip, tx);
            }
            (Event::ServerFailed { tx }, Some(session)) if Some(tx) == self.invited => {
                session.on_server_failed(now, sip);
            }
            (Event::StrayResponse { .. } | Event::ServerTimedOut { .. }, _) => {}
            (event, _) => panic!("nobody knows {event:?}"),
        }
    }

    /// Lets time pass; what happens comes with its milliseconds.
    fn wait(&mut self, millis: u64) -> Vec<(u64, String)> {
        let (start, end) = (self.now, self.now + Duration::from_millis(millis));
        let mut found = Vec::new();
        while let Some(at) = self.due().filter(|at| *at <= end) {
            assert!(at >= self.now, "timers fire in order");
            self.now = at;
            self.sip.handle_timeout(at);
            let after = u64::try_from(at.since(start).as_millis()).unwrap();
            found.extend(self.out().into_iter().map(|line| (after, line)));
            if let Some(session) = &mut self.session
                && session.next_timeout().is_some_and(|due| due <= at)
            {
                session.handle_timeout(at, &mut self.sip);
                assert!(session.next_timeout().is_none_or(|next| next > at), "no timer spins");
            }
            found.extend(self.out().into_iter().map(|line| (after, line)));
        }
        self.now = end;
        found
    }

    fn due(&self) -> Option<Mono> {
        let session = self.session.as_ref().and_then(Session::next_timeout);
        [self.sip.next_timeout(), session].into_iter().flatten().min()
    }

    /// After a long time nothing is left that could wake us.
    fn is_at_rest(&mut self) -> bool {
        self.wait(400_000);
        self.sip.is_empty() && self.due().is_none()
    }
}

fn at(times: &[u64], what: &str) -> Vec<(u64, String)> {
    times.iter().map(|&time| (time, what.to_owned())).collect()
}

fn text(headers: &hotline::sip::message::Headers, name: &Name) -> String {
    headers.text(name).unwrap_or_default().into_owned()
}

fn body(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

/// The version of the o= line.
fn version(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let origin = text.lines().find(|line| line.starts_with("o=")).expect("an o= line");
    origin.split(' ').nth(2).unwrap().to_owned()
}
