//! One leg's side of offer and answer. (RFC 3264)
//!
//! We are anchored: our address, port and codecs never change in a leg's life, so an offer of the
//! peer can always be answered at once, and a new offer of ours repeats the old one.

use std::net::IpAddr;

use crate::audio::codec::Codec;

use super::sdp::{self, Agreed, Description, Direction, Ours, SdpFault};

/// What we put into every session description of one leg.
#[derive(Clone, Debug)]
pub struct OwnMedia {
    /// The address that the leg's listener advertises for RTP.
    pub address: IpAddr,
    pub port: u16,
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Their order counts in our answers too, before the offerer's.
    pub ordered: bool,
    /// Milliseconds.
    pub ptime: u8,
    /// `sess-id` of the o= line: never the same for two legs.
    pub id: u64,
}

/// Whether an offer is out and unanswered, and what was agreed last.
#[derive(Clone, Debug)]
pub struct Negotiation {
    own: OwnMedia,
    version: u64,
    offered: bool,
    agreed: Option<Agreed>,
    last_sent: Option<Vec<u8>>,
    /// The peer's last description: an offer of ours may have no fewer m-lines.
    theirs: Option<Description>,
    /// Counts up with each new agreement.
    generation: u32,
}

impl Negotiation {
    pub const fn new(own: OwnMedia) -> Self {
        Self { own, version: 1, offered: false, agreed: None, last_sent: None, theirs: None, generation: 0 }
    }

    /// Our offer. A repeated one (session refresh) keeps its version, so that the peer sees that
    /// nothing changed.
    pub fn offer(&mut self) -> Vec<u8> {
        self.offered = true;
        let ours = self.ours();
        let body = match &self.theirs {
            Some(theirs) => sdp::offer_again(&ours, theirs),
            None => sdp::offer(&ours),
        };
        self.remember(body)
    }

    /// Answers the peer's offer. Err: nothing in common, or unreadable.
    pub fn answer(&mut self, offer: &[u8]) -> Result<Vec<u8>, SdpFault> {
        let offer = sdp::parse(offer)?;
        let (body, agreed) = sdp::answer(&offer, &self.ours())?;
        self.theirs = Some(offer);
        self.agree(agreed);
        Ok(self.remember(body))
    }

    /// Takes the peer's answer to our offer.
    pub fn take_answer(&mut self, answer: &[u8]) -> Result<(), SdpFault> {
        self.offered = false;
        let answer = sdp::parse(answer)?;
        let agreed = sdp::accept(&self.ours(), &answer)?;
        self.theirs = Some(answer);
        self.agree(agreed);
        Ok(())
    }

    /// The peer refused our offer (or never answered it): what was agreed before stands.
    pub const fn withdraw(&mut self) {
        self.offered = false;
    }

    /// Our offer is out and unanswered: an offer of the peer now is glare (491).
    pub const fn is_pending(&self) -> bool {
        self.offered
    }

    pub const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    pub const fn generation(&self) -> u32 {
        self.generation
    }

    fn agree(&mut self, agreed: Agreed) {
        if self.agreed.as_ref() != Some(&agreed) {
            self.generation += 1;
        }
        self.agreed = Some(agreed);
    }

    fn ours(&self) -> Ours<'_> {
        Ours {
            address: self.own.address,
            port: self.own.port,
            codecs: &self.own.codecs,
            ordered: self.own.ordered,
            ptime: self.own.ptime,
            session: self.own.id,
            version: self.version,
            user: "hotline",
            events: true,
            direction: Direction::SendRecv,
        }
    }

    /// Raises the version when the text differs from the last one sent (§8).
    fn remember(&mut self, body: Vec<u8>) -> Vec<u8> {
        match &self.last_sent {
            Some(last) if *last == body => body,
            Some(_) => {
                let raised = with_version(&body, self.version, self.version + 1, self.own.id);
                self.version += 1;
                self.last_sent = Some(raised.clone());
                raised
            }
            None => {
                self.last_sent = Some(body.clone());
                body
            }
        }
    }
}

/// The same description with the version of its o= line raised.
fn with_version(body: &[u8], from: u64, to: u64, id: u64) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    text.replacen(&format!(" {id} {from} "), &format!(" {id} {to} "), 1).into_bytes()
}
