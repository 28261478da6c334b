//! Offer and answer of one audio stream. (RFC 3264, RFC 8866, RFC 4733)
//!
//! `parse` takes what phones and carriers really send; `offer`, `answer` and `accept` are the two
//! sides of RFC 3264. Only this file names the SDP crate.

mod tidy;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Origin, Session};

use crate::audio::codec::Codec;

/// The payload number of telephone-event in our own offers.
const EVENTS_PAYLOAD: u8 = 101;
const EVENTS: &str = "telephone-event/8000";
/// The same on the clock of Opus: events count as the voice beside them does (RFC 4733 §2.1).
const FAST_EVENTS_PAYLOAD: u8 = 102;
const FAST_EVENTS: &str = "telephone-event/48000";

/// A session description that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    session: Session,
    /// Session id and version as they arrived; both may be longer than 64 bits.
    origin: (String, String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpFault {
    #[error("not a session description: {0}")]
    Syntax(String),
    /// The connection line is missing, or holds neither an IP address nor a name.
    #[error("no usable connection address: {0}")]
    Address(String),
    /// No audio line over plain RTP, or it was refused.
    #[error("no audio over RTP/AVP")]
    NoAudio,
    #[error("no common codec; offered: {0}")]
    NoCommonCodec(String),
}

/// Which way media flows, seen from the side that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// What we bring to an offer or an answer.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// Where we receive RTP, as the peer must see it.
    pub address: IpAddr,
    pub port: u16,
    /// What we take; the order counts in an offer.
    pub codecs: &'a [Codec],
    /// It counts in an answer too, before the offerer's (RFC 3264 §6.1 lets the answerer choose).
    pub ordered: bool,
    /// Milliseconds of audio in a packet.
    pub ptime: u8,
    /// Session id and version of our `o=` line: the version grows with each change.
    pub session: u64,
    pub version: u64,
    /// User name of our `o=` line.
    pub user: &'a str,
    /// Whether we take telephone-event.
    pub events: bool,
    pub direction: Direction,
}

/// The stream both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where the peer receives RTP; port 0 and the unspecified address are kept as they came. A name
    /// (RFC 8866 §5.7) is not looked up: unspecified and not on hold, until the peer is heard.
    pub remote: SocketAddr,
    /// `a=rtcp` (RFC 3605), else the next port.
    pub remote_rtcp: SocketAddr,
    pub codec: Codec,
    /// Payload number to send it with.
    pub payload: u8,
    /// Payload number of telephone-event towards the peer, and from it.
    pub events_out: Option<u8>,
    pub events_in: Option<u8>,
    /// They count at 48 kHz.
    pub fast_events: bool,
    /// Milliseconds per packet that the peer wants to receive.
    pub ptime: u8,
    pub their_direction: Direction,
    /// What is left for us to do: never more than we wished for and they allow.
    pub our_direction: Direction,
    /// The peer wants to hear nothing from us: sendonly, inactive, 0.0.0.0 (RFC 3264 §8.4) or port 0.
    pub on_hold: bool,
    /// Session id and version of their `o=` line: an unchanged pair means an unchanged description.
    pub origin: (String, String),
}

impl Direction {
    /// The same flow seen from the other side.
    pub const fn reverse(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// What we may do where the peer says `theirs` (RFC 3264 §6.1).
    const fn within(self, theirs: Self) -> Self {
        Self::of(self.sends() && theirs.receives(), self.receives() && theirs.sends())
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| text.eq_ignore_ascii_case(direction.as_str()))
    }
}

/// Reads a session description: LF-only lines, a tail of NULs, GBK text, a missing `s=` or `t=` and
/// lines that nobody needs do not matter.
pub fn parse(body: &[u8]) -> Result<Description, SdpFault> {
    let tidy = tidy::tidy(body).ok_or_else(|| SdpFault::Syntax("no v=0 line".into()))?;
    let session = Session::parse(tidy.text.as_bytes()).map_err(|fault| SdpFault::Syntax(fault.to_string()))?;
    Ok(Description { session, origin: tidy.origin })
}

impl Description {
    /// Session id and version of the `o=` line.
    pub fn origin(&self) -> (&str, &str) {
        (&self.origin.0, &self.origin.1)
    }

    /// How many m-lines it has; every later offer in the dialog keeps them all (RFC 3264 §8).
    pub fn media_lines(&self) -> usize {
        self.session.medias.len()
    }
}

/// The first offer of a dialog: one audio line, our codecs in their order.
pub fn offer(ours: &Ours<'_>) -> Vec<u8> {
    print(ours, vec![offered_line(ours)])
}

/// A later offer in a dialog whose last description from the peer is `theirs`: the audio keeps its
/// place among their m-lines, the refused lines stay refused (RFC 3264 §8).
pub fn offer_again(ours: &Ours<'_>, theirs: &Description) -> Vec<u8> {
    let place = audio_line(theirs, ours.codecs, Choice::Cheap).map_or(0, |found| found.place);
    let mut lines: Vec<Media> = theirs.session.medias.iter().map(refused_line).collect();
    match lines.get_mut(place) {
        Some(line) => *line = offered_line(ours),
        None => lines.push(offered_line(ours)),
    }
    print(ours, lines)
}

/// Answers an offer: every m-line in its place, the first usable audio kept, all else with port 0.
/// An offer whose only usable audio has port 0 is answered in kind and counts as hold.
pub fn answer(offer: &Description, ours: &Ours<'_>) -> Result<(Vec<u8>, Agreed), SdpFault> {
    let choice = if ours.ordered { Choice::Ours } else { Choice::Cheap };
    let audio = audio_line(offer, ours.codecs, choice).ok_or_else(|| unusable(offer))?;
    let mut agreed = agree(offer, &audio, ours)?;
    agreed.events_in = agreed.events_out;
    agreed.on_hold |= !agreed.their_direction.receives();
    let mut lines: Vec<Media> = offer.session.medias.iter().map(refused_line).collect();
    if audio.media.port != 0
        && let Some(line) = lines.get_mut(audio.place)
    {
        let name = if agreed.fast_events { FAST_EVENTS } else { EVENTS };
        let events = agreed.events_in.map(|payload| (name, payload)).into_iter().collect();
        let formats = Formats { codecs: vec![(agreed.codec, agreed.payload)], events };
        *line = audio_media(ours, &audio.media.proto, &formats, agreed.ptime, agreed.our_direction);
    }
    Ok((print(ours, lines), agreed))
}

/// Reads the peer's answer to our offer.
pub fn accept(our_offer: &Ours<'_>, answer: &Description) -> Result<Agreed, SdpFault> {
    let choice = if our_offer.ordered { Choice::Theirs } else { Choice::Cheap };
    let audio = audio_line(answer, our_offer.codecs, choice).ok_or_else(|| unusable(answer))?;
    if audio.media.port == 0 {
        return Err(SdpFault::NoAudio);
    }
    let mut agreed = agree(answer, &audio, our_offer)?;
    agreed.events_in = agreed.events_out.map(|_| if agreed.fast_events { FAST_EVENTS_PAYLOAD } else { EVENTS_PAYLOAD });
    // Where we offered not to send, their silence about receiving is our own wish come back.
    agreed.on_hold |= our_offer.direction.sends() && !agreed.their_direction.receives();
    Ok(agreed)
}

/// The audio line that carries the call.
struct Audio<'a> {
    place: usize,
    media: &'a Media,
    codec: Codec,
    payload: u8,
}

/// Which of several common codecs is taken.
#[derive(Clone, Copy)]
enum Choice {
    /// The first of ours.
    Ours,
    /// The first of theirs.
    Theirs,
    /// The first of theirs that is G.711, which costs next to nothing; else the first of theirs.
    Cheap,
}

/// The first line with a port that speaks one of our codecs over plain RTP; else the first such line
/// without a port.
fn audio_line<'a>(description: &'a Description, codecs: &[Codec], choice: Choice) -> Option<Audio<'a>> {
    let usable = |(place, media): (usize, &'a Media)| {
        let plain = media.media.eq_ignore_ascii_case("audio")
            && (media.proto.eq_ignore_ascii_case("RTP/AVP") || media.proto.eq_ignore_ascii_case("RTP/AVPF"));
        let known = formats(media).filter_map(|payload| Some((codec_of(media, payload, codecs)?, payload)));
        let (codec, payload) = known.min_by_key(|(codec, _)| match choice {
            Choice::Ours => codecs.iter().position(|own| own == codec),
            Choice::Theirs => None,
            Choice::Cheap => Some(usize::from(!codec.is_g711())),
        })?;
        plain.then_some(Audio { place, media, codec, payload })
    };
    let lines = || description.session.medias.iter().enumerate().filter_map(usable);
    lines().find(|audio| audio.media.port != 0).or_else(|| lines().next())
}

fn agree(theirs: &Description, audio: &Audio<'_>, ours: &Ours<'_>) -> Result<Agreed, SdpFault> {
    let media = audio.media;
    let address = address_of(theirs, media)?;
    let nowhere = || if ours.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let remote = SocketAddr::new(address.unwrap_or_else(nowhere), media.port);
    let their_direction = direction_of(theirs, media);
    let named = |name| formats(media).find(|payload| is_encoding(media, *payload, name));
    let fast = named(FAST_EVENTS).filter(|_| ours.events && audio.codec.ticks() > 1);
    Ok(Agreed {
        remote,
        remote_rtcp: rtcp_of(media, remote),
        codec: audio.codec,
        payload: audio.payload,
        // Many phones that speak Opus know the slow ones alone.
        events_out: fast.or_else(|| named(EVENTS)).filter(|_| ours.events),
        events_in: None,
        fast_events: fast.is_some(),
        ptime: ptime_of(media, ours.ptime),
        their_direction,
        our_direction: ours.direction.within(their_direction),
        on_hold: address.is_some_and(|address| address.is_unspecified()) || media.port == 0,
        origin: theirs.origin.clone(),
    })
}

/// Why no line of this description can carry the call.
fn unusable(description: &Description) -> SdpFault {
    let audio = |media: &&Media| media.media.eq_ignore_ascii_case("audio") && media.port != 0;
    let plain = |media: &&Media| media.proto.to_ascii_uppercase().starts_with("RTP/AVP");
    match description.session.medias.iter().filter(audio).find(plain) {
        Some(media) => SdpFault::NoCommonCodec(media.fmt.clone()),
        None => SdpFault::NoAudio,
    }
}

fn formats(media: &Media) -> impl Iterator<Item = u8> {
    media.fmt.split_ascii_whitespace().filter_map(|format| format.parse().ok()).filter(|payload| *payload < 128)
}

/// The codec of a payload number: as `a=rtpmap` says, else as the static table does (RFC 3551 §6).
fn codec_of(media: &Media, payload: u8, codecs: &[Codec]) -> Option<Codec> {
    let is_it = |codec: &Codec| match rtpmap(media, payload) {
        Some(_) => is_encoding(media, payload, codec.encoding()),
        None => codec.is_static() && payload == codec.payload(),
    };
    codecs.iter().copied().find(is_it)
}

/// Whether this payload number is that encoding: `PCMA/8000`, where one channel may be said or not.
fn is_encoding(media: &Media, payload: u8, encoding: &str) -> bool {
    let parts = |text: &str| {
        let mut parts = text.split('/').map(|part| part.trim().to_ascii_lowercase());
        let (name, clock, channels) = (parts.next(), parts.next(), parts.next());
        (name, clock, channels.filter(|channels| !matches!(channels.as_str(), "" | "1")))
    };
    rtpmap(media, payload).is_some_and(|theirs| parts(theirs) == parts(encoding))
}

/// `PCMA/8000` of `a=rtpmap:8 PCMA/8000`.
fn rtpmap(media: &Media, payload: u8) -> Option<&str> {
    values(&media.attributes, "rtpmap").find_map(|value| {
        let (number, encoding) = value.trim().split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload)).then(|| encoding.trim())
    })
}

fn values<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |attribute| attribute.attribute.trim().eq_ignore_ascii_case(name));
    named.filter_map(|attribute| attribute.value.as_deref())
}

/// None: the peer tells a name.
fn address_of(theirs: &Description, media: &Media) -> Result<Option<IpAddr>, SdpFault> {
    let connection = media.connections.first().or(theirs.session.connection.as_ref());
    let text = connection.map_or("", |connection| connection.connection_address.as_str());
    // Multicast adds a time to live and a count: `224.2.1.1/127/3`.
    let bare = text.split('/').next().unwrap_or_default();
    match bare.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) if is_name(bare) => Ok(None),
        Err(_) => Err(SdpFault::Address(text.to_owned())),
    }
}

/// A domain name: its last label is no number (RFC 3696 §2), so that a mistyped address is none.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    bare.split('.').all(is_label)
        && bare.rsplit('.').next().is_some_and(|last| last.starts_with(|sign: char| sign.is_ascii_alphabetic()))
}

/// `a=rtcp:53020` or `a=rtcp:53020 IN IP4 192.0.2.7` (RFC 3605).
fn rtcp_of(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let mut words = values(&media.attributes, "rtcp").next().unwrap_or_default().split_ascii_whitespace();
    match words.next().and_then(|port| port.parse().ok()) {
        Some(port) => {
            let address = words.nth(2).and_then(|address| address.parse().ok()).unwrap_or(rtp.ip());
            SocketAddr::new(address, port)
        }
        None => SocketAddr::new(rtp.ip(), rtp.port().saturating_add(u16::from(rtp.port() != 0))),
    }
}

fn direction_of(theirs: &Description, media: &Media) -> Direction {
    let within = |attributes: &[Attribute]| attributes.iter().find_map(|line| Direction::parse(line.attribute.trim()));
    within(&media.attributes).or_else(|| within(&theirs.session.attributes)).unwrap_or(Direction::SendRecv)
}

/// Their ptime within what a packet of ours can carry (10 to 60 ms), else ours; at most maxptime.
fn ptime_of(media: &Media, ours: u8) -> u8 {
    let number = |name| values(&media.attributes, name).next().and_then(|value| value.trim().parse::<u8>().ok());
    let usable = |millis: &u8| (10..=60).contains(millis) && millis.is_multiple_of(10);
    let ptime = number("ptime").filter(usable).unwrap_or(ours);
    number("maxptime").filter(usable).map_or(ptime, |most| ptime.min(most))
}

/// What stands on an audio line of ours.
struct Formats {
    codecs: Vec<(Codec, u8)>,
    events: Vec<(&'static str, u8)>,
}

fn offered_line(ours: &Ours<'_>) -> Media {
    let codecs = ours.codecs.iter().map(|codec| (*codec, codec.payload())).collect();
    let fast = ours.codecs.iter().any(|codec| codec.ticks() > 1).then_some((FAST_EVENTS, FAST_EVENTS_PAYLOAD));
    let events = [(EVENTS, EVENTS_PAYLOAD)].into_iter().chain(fast).filter(|_| ours.events).collect();
    let formats = Formats { codecs, events };
    audio_media(ours, "RTP/AVP", &formats, ours.ptime, ours.direction)
}

fn audio_media(ours: &Ours<'_>, proto: &str, formats: &Formats, ptime: u8, direction: Direction) -> Media {
    let mut numbers = Vec::new();
    let mut attributes = Vec::new();
    for (codec, payload) in &formats.codecs {
        numbers.push(payload.to_string());
        attributes.push(attribute("rtpmap", format!("{payload} {}", codec.encoding())));
        attributes.extend(codec.format().map(|format| attribute("fmtp", format!("{payload} {format}"))));
    }
    for (name, payload) in &formats.events {
        numbers.push(payload.to_string());
        attributes.push(attribute("rtpmap", format!("{payload} {name}")));
        attributes.push(attribute("fmtp", format!("{payload} 0-15")));
    }
    attributes.push(attribute("ptime", ptime.to_string()));
    attributes.push(Attribute { attribute: direction.as_str().into(), value: None });
    Media { attributes, ..bare_line("audio", ours.port, proto, &numbers.join(" ")) }
}

/// Port 0 refuses a stream; the line keeps its place (RFC 3264 §6).
fn refused_line(theirs: &Media) -> Media {
    bare_line(&theirs.media, 0, &theirs.proto, &theirs.fmt)
}

fn bare_line(media: &str, port: u16, proto: &str, fmt: &str) -> Media {
    Media {
        media: media.into(),
        port,
        num_ports: None,
        proto: proto.into(),
        fmt: fmt.into(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}

fn attribute(name: &str, value: String) -> Attribute {
    Attribute { attribute: name.into(), value: Some(value) }
}

fn print(ours: &Ours<'_>, medias: Vec<Media>) -> Vec<u8> {
    let mut origin = Origin::with_ip_addr(ours.session, ours.version, ours.address);
    origin.set_username(ours.user);
    let mut session = Session::new(origin, "-");
    session.connection = Some(Connection::from_ip_addr(ours.address));
    session.medias = medias;
    let mut text = Vec::new();
    // Writing into a Vec cannot fail; an empty body would be refused by the peer, not misread.
    let _ = session.write(&mut text);
    text
}
