//! A citizen behind a carrier and a seat's phone, which write their messages by hand.

use hotline::sip::digest::Answerer;
use hotline::sip::flow::{Flow, Transport};
use hotline::sip::message::{Message, Method, Name, Request, Response, text};

use super::city::{CARRIER, City, LAN, VLAN, carrier, flow};

/// `198.51.100.20:4000`, both laws and telephone-event.
pub fn sdp(address: &str, port: u16, direction: &str) -> String {
    let family = if address.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- 1 {port} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
}

/// A message from its first line, its headers and its body.
pub fn message(start: &str, headers: &[String], body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{start}\r\n{}\r\n{kind}Content-Length: {}\r\n\r\n{body}", headers.join("\r\n"), body.len())
}

/// What a peer answers to a request of ours.
pub fn reply(request: &Request, status: u16, tag: &str, more: &[String], body: &str) -> String {
    let mut headers: Vec<String> = Vec::new();
    for header in &request.headers.0 {
        let value = text(&header.value);
        match header.name {
            Name::Via | Name::From | Name::CallId | Name::CSeq => {
                headers.push(format!("{}: {value}", header.name.as_str()));
            }
            Name::To if tag.is_empty() || value.contains(";tag=") => headers.push(format!("To: {value}")),
            Name::To => headers.push(format!("To: {value};tag={tag}")),
            _ => {}
        }
    }
    headers.extend_from_slice(more);
    message(&format!("SIP/2.0 {status} Whatever"), &headers, body)
}

/// A citizen who calls over a carrier.
#[derive(Clone)]
pub struct Caller {
    pub flow: Flow,
    /// The user and host that are called.
    pub uri: String,
    pub from: String,
    pub to_tag: Option<String>,
    pub call_id: String,
    pub cseq: u32,
    pub branch: String,
    /// Further header lines of the INVITE.
    pub more: Vec<String>,
    /// Where our dialog's contact is, once we have said so.
    target: String,
}

impl Caller {
    pub fn new(city: &mut City, number: &str) -> Self {
        Self::on(city, carrier(), &format!("sip:{number}@{VLAN}"), "13800000001")
    }

    pub fn on(city: &mut City, flow: Flow, uri: &str, from: &str) -> Self {
        let serial = city.serial();
        Self {
            flow,
            uri: uri.into(),
            from: format!("<sip:{from}@carrier.example>;tag=from-{serial}"),
            to_tag: None,
            call_id: format!("call-{serial}@carrier.example"),
            cseq: 0,
            branch: String::new(),
            more: Vec::new(),
            target: uri.into(),
        }
    }

    pub fn text(&self, method: &str, uri: &str, cseq: u32, more: &[String], body: &str) -> String {
        let tag = self.to_tag.as_ref().map_or_else(String::new, |tag| format!(";tag={tag}"));
        let remote = self.flow.remote;
        let mut headers = vec![
            format!("Via: SIP/2.0/{} {remote};branch={};rport", self.flow.transport.via_name(), self.branch),
            format!("From: {}", self.from),
            format!("To: <{}>{tag}", self.uri),
            format!("Call-ID: {}", self.call_id),
            format!("CSeq: {cseq} {method}"),
            "Max-Forwards: 70".to_string(),
            format!("Contact: <sip:citizen@{remote}>"),
        ];
        headers.extend_from_slice(more);
        message(&format!("{method} {uri} SIP/2.0"), &headers, body)
    }

    pub fn invite(&mut self, city: &mut City) {
        self.invite_with(city, &sdp("198.51.100.20", 4000, "sendrecv"));
    }

    pub fn invite_with(&mut self, city: &mut City, body: &str) {
        let text = self.next("INVITE", city, body);
        city.send(self.flow, text);
    }

    /// A new request of this dialog, or one that makes it.
    pub fn next(&mut self, method: &str, city: &mut City, body: &str) -> String {
        self.cseq += 1;
        self.branch = format!("z9hG4bK-{}", city.serial());
        let more = if method == "INVITE" { self.more.clone() } else { Vec::new() };
        self.text(method, &self.target.clone(), self.cseq, &more, body)
    }

    pub fn ask(&mut self, city: &mut City, method: &str, body: &str) -> Option<Response> {
        let text = self.next(method, city, body);
        city.send(self.flow, text);
        city.response_to(self.flow.remote)
    }

    /// The next response; remembers the dialog that it makes.
    pub fn hear(&mut self, city: &mut City) -> Option<Response> {
        let response = city.response_to(self.flow.remote)?;
        self.remember(&response);
        Some(response)
    }

    pub fn remember(&mut self, response: &Response) {
        self.to_tag = response.headers.to().unwrap().tag().map(str::to_string);
        if let Some(Ok(contact)) = response.headers.contact() {
            self.target = contact.uri.raw;
        }
    }

    /// The statuses of all that has come.
    pub fn hears(&mut self, city: &mut City) -> Vec<u16> {
        std::iter::from_fn(|| self.hear(city)).map(|response| response.status).collect()
    }

    pub fn ack(&mut self, city: &mut City) {
        // Of a 2xx: its own branch.
        self.branch = format!("z9hG4bK-{}", city.serial());
        let text = self.text("ACK", &self.target, self.cseq, &[], "");
        city.send(self.flow, text);
    }

    /// Of a failure: the INVITE's branch and target.
    pub fn ack_failure(&mut self, city: &mut City) {
        let text = self.text("ACK", &self.uri, self.cseq, &[], "");
        city.send(self.flow, text);
    }

    pub fn cancel(&mut self, city: &mut City) {
        let tag = self.to_tag.take();
        let text = self.text("CANCEL", &self.uri, self.cseq, &[], "");
        self.to_tag = tag;
        city.send(self.flow, text);
    }

    pub fn bye(&mut self, city: &mut City) -> Option<u16> {
        self.ask(city, "BYE", "").map(|response| response.status)
    }
}

/// The phone of a seat.
pub struct Phone {
    pub no: String,
    /// Whose password it proves; its own unless given.
    pub account: Option<String>,
    pub password: String,
    pub flow: Flow,
    /// What its SDP says.
    pub media: (String, u16),
    pub answerer: Answerer,
    pub cseq: u32,
    pub more: Vec<String>,
}

impl Phone {
    pub fn new(no: &str) -> Self {
        Self::at(no, flow(1, Transport::Udp, &format!("10.0.0.{}:5060", &no[2..].parse::<u32>().unwrap() + 100)))
    }

    pub fn at(no: &str, flow: Flow) -> Self {
        let media = (flow.remote.ip().to_string(), 6000);
        let password = format!("secret-{no}");
        Self {
            no: no.into(),
            account: None,
            password,
            flow,
            media,
            answerer: Answerer::default(),
            cseq: 0,
            more: Vec::new(),
        }
    }

    /// 1001 registered and signed in.
    pub fn registered(city: &mut City, no: &str) -> Self {
        let mut phone = Self::new(no);
        phone.register(city);
        phone
    }

    fn request(&mut self, city: &mut City, method: &str, uri: &str, proof: Option<String>, body: &str) -> String {
        self.cseq += 1;
        let remote = self.flow.remote;
        let own = format!("<sip:{}@{LAN}>", self.no);
        let to = if method == "REGISTER" { own.clone() } else { format!("<{uri}>") };
        let mut headers = vec![
            format!("Via: SIP/2.0/{} {remote};branch=z9hG4bK-{};rport", self.flow.transport.via_name(), city.serial()),
            format!("From: {own};tag=phone-{}-{}", self.no, self.flow.remote.port()),
            format!("To: {to}"),
            format!("Call-ID: {method}-{}-{remote}", self.no),
            format!("CSeq: {} {method}", self.cseq),
            "Max-Forwards: 70".into(),
            format!("Contact: <sip:{}@{remote}>", self.no),
        ];
        headers.extend(self.more.iter().cloned());
        headers.extend(proof);
        message(&format!("{method} {uri} SIP/2.0"), &headers, body)
    }

    /// Sends it, proves the password where that is asked for, and gives the last response.
    pub fn prove(&mut self, city: &mut City, method: &str, uri: &str, body: &str) -> Response {
        self.try_prove(city, method, uri, body).expect("a response")
    }

    /// None: it was not answered.
    pub fn try_prove(&mut self, city: &mut City, method: &str, uri: &str, body: &str) -> Option<Response> {
        let bare = self.request(city, method, uri, None, body);
        city.send(self.flow, bare.clone());
        let response = city.response_to(self.flow.remote)?;
        if response.status != 401 {
            return Some(response);
        }
        if method == "INVITE" {
            self.ack(city, &bare, &response);
        }
        let method_of = Method::parse(method);
        let account = self.account.as_ref().unwrap_or(&self.no);
        let proof = self.answerer.authorize(&response, &method_of, uri, account, &self.password, "c0ffee");
        let (name, value) = proof.expect("a challenge that can be answered");
        self.answerer.accepted();
        let line = format!("{}: {}", name.as_str(), text(&value));
        let proved = self.request(city, method, uri, Some(line), body);
        city.send(self.flow, proved.clone());
        let response = city.response_to(self.flow.remote)?;
        if method == "INVITE" {
            self.ack(city, &proved, &response);
        }
        Some(response)
    }

    /// Of any final answer to its INVITE.
    fn ack(&self, city: &mut City, invite: &str, response: &Response) {
        let Ok(Message::Request(invite)) = Message::parse(invite.as_bytes()) else { panic!("{invite}") };
        let tag = response.headers.to().unwrap().tag().unwrap().to_string();
        let ack = reply(&invite, 200, &tag, &[], "");
        let ack = ack.replace("SIP/2.0 200 Whatever", &format!("ACK {} SIP/2.0", invite.uri));
        let branch = if response.status < 300 { format!("branch=z9hG4bK-ack{}", city.serial()) } else { String::new() };
        let ack = ack.replace(" INVITE\r\n", " ACK\r\n");
        let own = invite.headers.via().unwrap().branch().unwrap().to_string();
        let ack = if branch.is_empty() { ack } else { ack.replace(&format!("branch={own}"), &branch) };
        city.send(self.flow, ack);
    }

    pub fn register(&mut self, city: &mut City) {
        let response = self.prove(city, "REGISTER", &format!("sip:{LAN}"), "");
        assert_eq!(response.status, 200, "{}", response.reason);
    }

    pub fn body(&self) -> String {
        sdp(&self.media.0, self.media.1, "sendrecv")
    }

    /// The INVITE that waits for it.
    pub fn rung(&mut self, city: &mut City) -> Rung {
        self.is_rung(city).expect("an INVITE for the phone")
    }

    pub fn is_rung(&mut self, city: &mut City) -> Option<Rung> {
        let (flow, invite) = city.request_to(self.flow.remote, &Method::Invite)?;
        let tag = format!("to-{}", city.serial());
        Some(Rung { flow, invite, tag, body: self.body(), cseq: 0 })
    }

    /// Answers the last OPTIONS that waits for it.
    pub fn pong(&mut self, city: &mut City) -> bool {
        let all = std::iter::from_fn(|| city.request_to(self.flow.remote, &Method::Options));
        let Some((flow, options)) = all.last() else { return false };
        city.send(flow, reply(&options, 200, "pong", &[], ""));
        true
    }
}

/// A call as the phone sees it.
#[derive(Clone)]
pub struct Rung {
    pub flow: Flow,
    pub invite: Request,
    pub tag: String,
    pub body: String,
    pub cseq: u32,
}

impl Rung {
    pub fn reply(&self, city: &mut City, status: u16) {
        let (contact, body) = match status {
            180..300 => (vec![format!("Contact: <sip:phone@{}>", self.flow.remote)], self.body.as_str()),
            _ => (Vec::new(), ""),
        };
        let tag = if status == 100 { "" } else { self.tag.as_str() };
        city.send(self.flow, reply(&self.invite, status, tag, &contact, if status == 200 { body } else { "" }));
    }

    /// Answers, and takes the ACK.
    pub fn answer(&self, city: &mut City) {
        self.reply(city, 200);
        city.request_to(self.flow.remote, &Method::Ack).expect("an ACK");
    }

    /// A request of the phone inside the dialog.
    pub fn text(&mut self, city: &mut City, method: &str, body: &str) -> String {
        self.cseq += 1;
        let headers = &self.invite.headers;
        let line = |name: &Name| headers.text(name).unwrap_or_default().into_owned();
        let Some(Ok(contact)) = headers.contact() else { panic!("no Contact") };
        let headers = [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bK-{};rport", self.flow.remote, city.serial()),
            format!("From: {};tag={}", line(&Name::To), self.tag),
            format!("To: {}", line(&Name::From)),
            format!("Call-ID: {}", line(&Name::CallId)),
            format!("CSeq: {} {method}", self.cseq),
            "Max-Forwards: 70".into(),
            format!("Contact: <sip:phone@{}>", self.flow.remote),
        ];
        message(&format!("{method} {} SIP/2.0", contact.uri.raw), &headers, body)
    }

    pub fn ask(&mut self, city: &mut City, method: &str, body: &str) -> Option<Response> {
        let text = self.text(city, method, body);
        city.send(self.flow, text);
        city.response_to(self.flow.remote)
    }

    pub fn bye(&mut self, city: &mut City) -> Option<u16> {
        self.ask(city, "BYE", "").map(|response| response.status)
    }
}

/// Carrier, citizen and seat 1001 in the middle of their talk.
pub fn talking(city: &mut City) -> (Caller, Phone, Rung) {
    let mut phone = Phone::registered(city, "1001");
    let mut caller = Caller::new(city, "12345");
    caller.invite(city);
    let rung = phone.rung(city);
    rung.reply(city, 180);
    rung.answer(city);
    assert_eq!(caller.hears(city), [183, 200]);
    caller.ack(city);
    city.story();
    assert_eq!(CARRIER, caller.flow.remote.to_string());
    (caller, phone, rung)
}

/// A call that a phone makes.
pub struct Placed {
    pub flow: Flow,
    invite: Request,
    /// Our tag, once we have answered with one.
    pub tag: String,
    target: String,
    cseq: u32,
}

impl Phone {
    /// Dials; where its password is asked for, proves it.
    pub fn dial(&mut self, city: &mut City, user: &str) -> Placed {
        let (uri, body) = (format!("sip:{user}@{LAN}"), self.body());
        let bare = self.request(city, "INVITE", &uri, None, &body);
        city.send(self.flow, bare.clone());
        let challenge = city.response_to(self.flow.remote).expect("a challenge");
        assert_eq!(challenge.status, 401);
        self.ack(city, &bare, &challenge);
        let proof = self.answerer.authorize(&challenge, &Method::Invite, &uri, &self.no, &self.password, "c0ffee");
        let (name, value) = proof.expect("a challenge that can be answered");
        self.answerer.accepted();
        let line = format!("{}: {}", name.as_str(), text(&value));
        let proved = self.request(city, "INVITE", &uri, Some(line), &body);
        city.send(self.flow, proved.clone());
        let Ok(Message::Request(invite)) = Message::parse(proved.as_bytes()) else { panic!("{proved}") };
        let target = invite.uri.clone();
        Placed { flow: self.flow, invite, tag: String::new(), target, cseq: self.cseq }
    }
}

impl Placed {
    /// The statuses of all that has come for its INVITE.
    pub fn hears(&mut self, city: &mut City) -> Vec<u16> {
        let mut statuses = Vec::new();
        while let Some(response) = city.response_to(self.flow.remote) {
            self.tag = response.headers.to().unwrap().tag().unwrap_or_default().to_owned();
            if let Some(Ok(contact)) = response.headers.contact() {
                self.target = contact.uri.raw;
            }
            statuses.push(response.status);
        }
        statuses
    }

    pub fn call_id(&self) -> String {
        self.invite.headers.call_id().unwrap().to_owned()
    }

    pub fn own_tag(&self) -> String {
        self.invite.headers.from().unwrap().tag().unwrap().to_owned()
    }

    pub fn ack(&self, city: &mut City) {
        let text = self.text(city, "ACK", self.cseq);
        city.send(self.flow, text);
    }

    /// Of a failure: in the INVITE's transaction.
    pub fn ack_failure(&self, city: &mut City) {
        let text = self.in_transaction("ACK", &format!(";tag={}", self.tag));
        city.send(self.flow, text);
    }

    pub fn cancel(&self, city: &mut City) {
        let text = self.in_transaction("CANCEL", "");
        city.send(self.flow, text);
    }

    pub fn bye(&mut self, city: &mut City) -> Option<u16> {
        let text = self.next(city, "BYE");
        city.send(self.flow, text);
        city.response_to(self.flow.remote).map(|response| response.status)
    }

    /// A new request inside the dialog.
    pub fn next(&mut self, city: &mut City, method: &str) -> String {
        self.cseq += 1;
        self.text(city, method, self.cseq)
    }

    fn text(&self, city: &mut City, method: &str, cseq: u32) -> String {
        let headers = &self.invite.headers;
        let line = |name: &Name| headers.text(name).unwrap_or_default().into_owned();
        let headers = [
            format!("Via: SIP/2.0/UDP {};branch=z9hG4bK-{};rport", self.flow.remote, city.serial()),
            format!("From: {}", line(&Name::From)),
            format!("To: {};tag={}", line(&Name::To), self.tag),
            format!("Call-ID: {}", line(&Name::CallId)),
            format!("CSeq: {cseq} {method}"),
            "Max-Forwards: 70".into(),
            format!("Contact: <sip:phone@{}>", self.flow.remote),
        ];
        message(&format!("{method} {} SIP/2.0", self.target), &headers, "")
    }

    fn in_transaction(&self, method: &str, tag: &str) -> String {
        let headers = &self.invite.headers;
        let line = |name: &Name| headers.text(name).unwrap_or_default().into_owned();
        let headers = [
            format!("Via: {}", line(&Name::Via)),
            format!("From: {}", line(&Name::From)),
            format!("To: {}{tag}", line(&Name::To)),
            format!("Call-ID: {}", line(&Name::CallId)),
            format!("CSeq: {} {method}", self.cseq),
            "Max-Forwards: 70".into(),
        ];
        message(&format!("{method} {} SIP/2.0", self.invite.uri), &headers, "")
    }
}
