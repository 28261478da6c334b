//! SIP as text: as much as a phone needs that talks to one server.

use std::net::SocketAddr;

/// A request or response, split into lines.
pub struct Message<'a> {
    pub start: &'a str,
    lines: Vec<(&'a str, &'a str)>,
    pub body: &'a str,
}

impl<'a> Message<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?;
        let lines = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()));
        Some(Self { start, lines: lines.collect(), body })
    }

    /// None: a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// Of a request.
    pub fn method(&self) -> &'a str {
        self.start.split(' ').next().unwrap_or_default()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let short = short(name);
        let fits =
            move |line: &str| line.eq_ignore_ascii_case(name) || short.is_some_and(|it| line.eq_ignore_ascii_case(it));
        self.lines.iter().filter(move |(line, _)| fits(line)).map(|(_, value)| *value)
    }

    pub fn header(&self, name: &str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// Method of CSeq.
    pub fn answers(&self) -> &'a str {
        self.header("CSeq").split_whitespace().nth(1).unwrap_or_default()
    }

    /// Where its sender wants requests of the dialog.
    pub fn contact(&self) -> &'a str {
        uri(self.header("Contact"))
    }

    pub fn has_to_tag(&self) -> bool {
        tag(self.header("To")).is_some()
    }

    /// Where the SDP says that audio is wanted.
    pub fn media(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start));
        let address = line("c=IN ")?.split_whitespace().nth(1)?;
        let port = line("m=audio ")?.split(' ').next()?;
        let address = if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
        address.parse().ok()
    }
}

/// A response. `tag` is put to a To that has none; `extra` are whole header lines.
pub fn reply(request: &Message, status: &str, tag: &str, extra: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    let mut line = |name: &str, value: &str| text.extend([name, ": ", value, "\r\n"]);
    request.all("Via").for_each(|via| line("Via", via));
    request.all("Record-Route").for_each(|route| line("Record-Route", route));
    line("From", request.header("From"));
    let to = request.header("To");
    let tagged = if request.has_to_tag() { to.to_owned() } else { format!("{to};tag={tag}") };
    line("To", &tagged);
    line("Call-ID", request.header("Call-ID"));
    line("CSeq", request.header("CSeq"));
    finish(text, extra, body)
}

/// Header lines and body after the head of a message.
pub fn finish(mut text: String, extra: &str, body: &str) -> String {
    text.push_str(extra);
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

/// A-law, 20 ms, telephone events.
pub fn description(media: SocketAddr) -> String {
    let (family, address, port) = (if media.is_ipv6() { "IP6" } else { "IP4" }, media.ip(), media.port());
    format!(
        "v=0\r\no=load {port} 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// `sip:…` out of `"name" <sip:…>;params`.
pub fn uri(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default(),
    }
}

pub fn tag(value: &str) -> Option<&str> {
    let params = value.rsplit_once('>').map_or(value, |(_, params)| params);
    params.split(';').find_map(|param| param.trim().strip_prefix("tag="))
}

fn short(name: &str) -> Option<&'static str> {
    match name {
        "Via" => Some("v"),
        "From" => Some("f"),
        "To" => Some("t"),
        "Call-ID" => Some("i"),
        "Contact" => Some("m"),
        _ => None,
    }
}
