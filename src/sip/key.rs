//! Which transaction a message belongs to. (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2)

use std::hash::{DefaultHasher, Hash, Hasher};

use super::message::{Fault, Method, Name, Request, Response, Via};

/// What every branch begins with that was made by RFC 3261; without it the rules of RFC 2543 hold.
const COOKIE: &str = "z9hG4bK";

/// Finds the server transaction of a request. ACK has the key of its INVITE.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerKey {
    Branch {
        branch: String,
        host: String,
        port: Option<u16>,
        method: String,
    },
    /// A request without the magic cookie. The To tag is left out, because the ACK has one that the
    /// INVITE had not; it is compared with the response's instead.
    Rfc2543 {
        uri: String,
        from_tag: Option<String>,
        call_id: String,
        cseq: u32,
        via: Vec<u8>,
        method: String,
    },
}

impl ServerKey {
    /// `request` as it arrived, before anything is written into its Via.
    pub fn of(request: &Request, via: &Via) -> Result<Self, Fault> {
        let method = if request.method == Method::Ack { &Method::Invite } else { &request.method };
        let method = method.as_str().to_owned();
        if let Some(branch) = via.branch().filter(|branch| is_rfc3261(branch)) {
            let (branch, host) = (branch.to_ascii_lowercase(), via.host.to_ascii_lowercase());
            return Ok(Self::Branch { branch, host, port: via.port, method });
        }
        let headers = &request.headers;
        Ok(Self::Rfc2543 {
            uri: request.uri.clone(),
            from_tag: headers.from()?.tag().map(str::to_owned),
            call_id: headers.call_id()?.to_owned(),
            cseq: headers.cseq()?.number,
            via: headers.all(&Name::Via).next().unwrap_or_default().to_vec(),
            method,
        })
    }

    /// The key of the INVITE that a CANCEL with this key is about. (RFC 3261 §9.2)
    pub fn of_cancelled(&self) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Branch { method, .. } | Self::Rfc2543 { method, .. } => *method = Method::Invite.as_str().to_owned(),
        }
        key
    }

    pub const fn is_rfc2543(&self) -> bool {
        matches!(self, Self::Rfc2543 { .. })
    }
}

/// The cookie alone makes no unique branch: the older rules hold for it too. (RFC 4475 §3.2.1)
fn is_rfc3261(branch: &str) -> bool {
    branch.get(..COOKIE.len()).is_some_and(|cookie| cookie.eq_ignore_ascii_case(COOKIE)) && branch.len() > COOKIE.len()
}

/// Finds the client transaction of a response. Branches of ours are unique; CANCEL shares its INVITE's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    branch: String,
    method: String,
}

impl ClientKey {
    pub fn new(branch: &str, method: &Method) -> Self {
        Self { branch: branch.to_ascii_lowercase(), method: method.as_str().to_owned() }
    }

    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Fails where the response cannot be one to a request of ours: it must carry our Via alone. (RFC 3261 §8.1.3.3)
    pub fn of(response: &Response) -> Result<Self, Fault> {
        let headers = &response.headers;
        if headers.all(&Name::Via).count() != 1 {
            return Err(Fault::Bad("Via"));
        }
        let via = headers.via()?;
        let branch = via.branch().ok_or(Fault::Bad("Via"))?;
        Ok(Self::new(branch, &headers.cseq()?.method))
    }
}

/// What two copies of one request share that came over different ways. (RFC 3261 §8.2.2.2)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeKey {
    call_id: String,
    from_tag: Option<String>,
    cseq: u32,
    method: String,
}

impl MergeKey {
    /// `None` for what cannot be merged: requests within a dialog, ACK and CANCEL.
    pub fn of(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        if matches!(request.method, Method::Ack | Method::Cancel) || headers.to().ok()?.tag().is_some() {
            return None;
        }
        Some(Self {
            call_id: headers.call_id().ok()?.to_owned(),
            from_tag: headers.from().ok()?.tag().map(str::to_owned),
            cseq: headers.cseq().ok()?.number,
            method: request.method.as_str().to_owned(),
        })
    }
}

/// Makes branches and tags that nobody can guess who does not know the seed.
#[derive(Clone, Debug)]
pub struct Tokens {
    seed: u64,
    made: u64,
}

impl Tokens {
    pub const fn new(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// A branch for a request of ours; never the same twice.
    pub fn branch(&mut self) -> String {
        self.made = self.made.wrapping_add(1);
        format!("{COOKIE}{:016x}{:x}", self.hash(&self.made), self.made)
    }

    /// The To tag of an answer that is given here; the same for a retransmission, so that no state is needed. (RFC 3261 §8.2.7)
    pub fn tag(&self, request: &Request) -> String {
        let call_id = request.headers.get(&Name::CallId);
        let from = request.headers.get(&Name::From);
        format!("{:016x}", self.hash(&(call_id, from)))
    }

    fn hash(&self, what: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        what.hash(&mut hasher);
        hasher.finish()
    }
}
