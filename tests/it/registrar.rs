//! The registrar from outside, with phones that answer its challenges, in virtual time.

use hotline::sip::digest::{Algorithm, Answerer};
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Message, Method, Name, Request, Response};
use hotline::sip::registrar::{Account, Binding, Change, Registrar, RegistrarLimits, Verdict};
use hotline::time::Mono;

const REALM: &str = "hotline";
const URI: &str = "sip:pbx.example";

pub(crate) fn at(seconds: u64) -> Mono {
    Mono::from_millis(1000 + seconds * 1000)
}

pub(crate) fn udp(remote: &str) -> Flow {
    Flow { listener: ListenerId(0), transport: Transport::Udp, remote: remote.parse().unwrap() }
}

pub(crate) fn registrar() -> Registrar {
    with_limits(RegistrarLimits::default())
}

pub(crate) fn with_limits(limits: RegistrarLimits) -> Registrar {
    let account = |number: u32| Account { user: number.to_string(), password: format!("secret-{number}") };
    Registrar::new((1001..1100).map(account).collect(), REALM, [9; 32], limits)
}

fn reachable(user: &str) -> Change {
    Change::Reachable { user: user.into() }
}

fn unreachable(user: &str) -> Change {
    Change::Unreachable { user: user.into() }
}

/// A phone as it would be written from the RFCs.
pub(crate) struct Phone {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) flow: Flow,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) digest_uri: String,
    pub(crate) answerer: Answerer,
}

impl Phone {
    pub(crate) fn new(user: &str, remote: &str) -> Self {
        Self {
            user: user.into(),
            password: format!("secret-{user}"),
            flow: udp(remote),
            call_id: format!("call-{user}-{remote}"),
            cseq: 0,
            digest_uri: URI.into(),
            answerer: Answerer::default(),
        }
    }

    pub(crate) fn request(&mut self, method: Method, more: &[(Name, &str)]) -> Request {
        self.cseq += 1;
        let mut request = Request::new(method.clone(), URI);
        let address = format!("<sip:{}@pbx.example>", self.user);
        request.headers.push(Name::Via, "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;rport");
        request.headers.push(Name::From, format!("{address};tag=1"));
        request.headers.push(Name::To, address);
        request.headers.push(Name::CallId, self.call_id.clone());
        request.headers.push(Name::CSeq, format!("{} {}", self.cseq, method.as_str()));
        for (name, value) in more {
            request.headers.push(name.clone(), *value);
        }
        request
    }

    pub(crate) fn prove(&mut self, request: &mut Request, challenge: &Response) {
        let Self { answerer, digest_uri, user, password, .. } = self;
        let (name, value) = answerer
            .authorize(challenge, &request.method, digest_uri, user, password, "c0ffee")
            .expect("a challenge that can be answered");
        request.headers.set(name, value);
        answerer.accepted();
    }

    /// A REGISTER with its proof, ready to be sent.
    pub(crate) fn proved(&mut self, registrar: &mut Registrar, now: Mono, more: &[(Name, &str)]) -> Request {
        let bare = self.request(Method::Register, more);
        let (challenge, _) = registrar.register(now, self.flow, &bare);
        assert_eq!(challenge.status, 401);
        let mut request = self.request(Method::Register, more);
        self.prove(&mut request, &challenge);
        request
    }

    /// Two rounds: without, then with credentials.
    fn register(&mut self, registrar: &mut Registrar, now: Mono, more: &[(Name, &str)]) -> (Response, Vec<Change>) {
        let request = self.proved(registrar, now, more);
        registrar.register(now, self.flow, &request)
    }

    pub(crate) fn contact(&mut self, registrar: &mut Registrar, now: Mono, contact: &str) -> (Response, Vec<Change>) {
        self.register(registrar, now, &[(Name::Contact, contact)])
    }
}

fn contacts(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{}", response.reason);
    response.headers.all(&Name::Contact).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

pub(crate) fn challenges(response: &Response) -> Vec<String> {
    let lines = response.headers.0.iter().filter(|header| header.name == Name::WwwAuthenticate);
    lines.map(|header| String::from_utf8(header.value.clone()).unwrap()).collect()
}

pub(crate) fn is_stale(response: &Response) -> bool {
    assert_eq!(response.status, 401, "{}", response.reason);
    challenges(response).iter().all(|line| line.contains("stale=true"))
}

#[test]
fn a_phone_registers_and_can_be_reached() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let bare = phone.request(Method::Register, &[(Name::Contact, "<sip:1001@192.0.2.5>")]);
    let (challenge, changes) = registrar.register(at(0), phone.flow, &bare);
    assert_eq!((challenge.status, changes), (401, vec![]));
    let offered = challenges(&challenge);
    assert!(offered[0].contains("SHA-256") && offered[1].contains("MD5") && offered.len() == 2, "{offered:?}");
    assert!(!is_stale(&challenge));
    let (again, _) = registrar.register(at(0), phone.flow, &bare);
    let tag = challenge.headers.to().unwrap().tag().unwrap().to_owned();
    assert_eq!(again.headers.to().unwrap().tag(), Some(tag.as_str()), "a retransmission gets the same tag");

    let (response, changes) = phone.contact(&mut registrar, at(1), "<sip:1001@192.0.2.5>;expires=600");
    assert_eq!(contacts(&response), ["<sip:1001@192.0.2.5>;expires=600"]);
    assert!(response.headers.to().unwrap().tag().is_some());
    assert_eq!(changes, [reachable("1001")]);
    let bindings = registrar.bindings(at(1), "1001");
    assert_eq!((bindings.len(), bindings[0].flow), (1, phone.flow));
    assert_eq!(registrar.user_at(at(1), phone.flow), Some("1001"));
    assert_eq!(registrar.user_at(at(1), udp("192.0.2.5:5061")), None);
    assert_eq!(registrar.next_timeout(), Some(at(601)));

    let (response, changes) = phone.register(&mut registrar, at(101), &[]);
    assert_eq!(contacts(&response), ["<sip:1001@192.0.2.5>;expires=500"], "no Contact only asks");
    assert_eq!(changes, []);
    assert_eq!(registrar.handle_timeout(at(600)), []);
    assert_eq!(registrar.handle_timeout(at(601)), [unreachable("1001")]);
    assert!(registrar.bindings(at(601), "1001").is_empty());
    assert_eq!((registrar.next_timeout(), registrar.user_at(at(601), phone.flow)), (None, None));
}

#[test]
fn old_phones_without_sha_256_or_qop_register_too() {
    for (algorithms, strip) in [
        (vec![Algorithm::Md5], ""),
        (vec![Algorithm::Sha256], ""),
        (vec![Algorithm::Md5], r#", qop="auth""#),
        (vec![Algorithm::Md5], ", algorithm=MD5"),
    ] {
        let limits = RegistrarLimits { algorithms, ..RegistrarLimits::default() };
        let (mut registrar, mut phone) = (with_limits(limits), Phone::new("1001", "192.0.2.5:5060"));
        let bare = phone.request(Method::Register, &[]);
        let (mut challenge, _) = registrar.register(at(0), phone.flow, &bare);
        let seen = challenges(&challenge)[0].replace(strip, "");
        challenge.headers.set(Name::WwwAuthenticate, seen);
        let mut request = phone.request(Method::Register, &[(Name::Contact, "<sip:1001@192.0.2.5>")]);
        phone.prove(&mut request, &challenge);
        assert_eq!(registrar.register(at(0), phone.flow, &request).0.status, 200);
        // The same proof again proves nothing, with a count or without.
        assert!(is_stale(&registrar.register(at(0), phone.flow, &request).0));
    }
}

#[test]
fn the_digest_uri_may_be_spelled_otherwise_but_not_mean_another() {
    for (uri, status) in [
        ("sip:pbx.example", 200),
        ("SIP:PBX.EXAMPLE", 200),
        ("sip:pbx.example:5060", 200),
        ("sip:pbx.example;transport=udp", 200),
        ("sip:pbx.example;transport=UDP;lr", 200),
        ("sip:pbx.elsewhere", 400),
        ("sip:1001@pbx.example", 400),
        ("not a uri", 400),
    ] {
        let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
        phone.digest_uri = uri.into();
        assert_eq!(phone.contact(&mut registrar, at(0), "<sip:1001@192.0.2.5>").0.status, status, "{uri}");
    }
}

#[test]
fn every_contact_is_listed_with_what_is_left_of_it() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let two = r#""A, B" <sip:1001@192.0.2.5:5060;ob>;q=0.7;expires=100, <sip:1001@192.0.2.5:5070>;q=0.1;x-y"#;
    phone.register(&mut registrar, at(0), &[(Name::Contact, two), (Name::Expires, "300")]);
    let (response, changes) = phone.contact(&mut registrar, at(10), "<sip:1001@192.0.2.5:5080>");
    assert_eq!(
        contacts(&response),
        [
            "<sip:1001@192.0.2.5:5060;ob>;q=0.7;expires=90",
            "<sip:1001@192.0.2.5:5070>;q=0.1;x-y;expires=290",
            "<sip:1001@192.0.2.5:5080>;expires=600",
        ]
    );
    assert_eq!(changes, []);
    assert_eq!(registrar.handle_timeout(at(100)), [], "two are left");
    let (response, _) = phone.register(&mut registrar, at(100), &[]);
    assert_eq!(contacts(&response).len(), 2);
}

/// (header Expires, contact's expires) → status and seconds granted.
#[test]
fn expiry_is_within_the_limits() {
    for (header, param, status, granted) in [
        (None, None, 200, Some(600)),
        (Some("600"), None, 200, Some(600)),
        (Some("500"), Some("550"), 200, Some(550)),
        (Some("600"), Some("700"), 200, Some(600)),
        (None, Some("60"), 200, Some(60)),
        (None, Some("59"), 423, None),
        (Some("1"), None, 423, None),
        (Some("1"), Some("3601"), 200, Some(600)),
        (None, Some("4294967295"), 200, Some(600)),
        (None, Some("99999999999999"), 200, Some(600)),
        (None, Some("soon"), 200, Some(600)),
        (Some("soon"), None, 200, Some(600)),
        (None, Some("0"), 200, None),
        (Some("0"), None, 200, None),
    ] {
        let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
        let contact = param.map_or("<sip:1001@h>".into(), |param| format!("<sip:1001@h>;expires={param}"));
        let mut more = vec![(Name::Contact, contact.as_str())];
        more.extend(header.map(|value| (Name::Expires, value)));
        let (response, _) = phone.register(&mut registrar, at(0), &more);
        assert_eq!(response.status, status, "{header:?} {param:?}");
        let min = response.headers.text(&Name::MinExpires).map(|text| text.into_owned());
        assert_eq!(min.as_deref(), (status == 423).then_some("60"));
        let left = registrar.bindings(at(0), "1001").first().map(|binding| binding.expires_at.since(at(0)).as_secs());
        assert_eq!(left, granted, "{header:?} {param:?}");
    }
}

#[test]
fn one_contact_or_all_can_be_taken_back() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    phone.contact(&mut registrar, at(0), "<sip:1001@a>, <sip:1001@b>");
    let (response, changes) = phone.contact(&mut registrar, at(1), "<sip:1001@A>;expires=0");
    assert_eq!((contacts(&response).len(), changes), (1, vec![]));

    for (contact, expires) in [("*", None), ("*", Some("60")), ("*, <sip:1001@b>", Some("0"))] {
        let mut more = vec![(Name::Contact, contact)];
        more.extend(expires.map(|value| (Name::Expires, value)));
        assert_eq!(phone.register(&mut registrar, at(2), &more).0.status, 400, "{contact} {expires:?}");
    }
    assert_eq!(registrar.bindings(at(2), "1001").len(), 1);
    let (response, changes) = phone.register(&mut registrar, at(3), &[(Name::Contact, "*"), (Name::Expires, "0")]);
    assert_eq!((contacts(&response).len(), changes), (0, vec![unreachable("1001")]));
}

#[test]
fn an_older_request_changes_nothing() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let late = phone.proved(&mut registrar, at(0), &[(Name::Contact, "<sip:1001@new>, <sip:1001@a>;expires=0")]);
    let late_star = phone.proved(&mut registrar, at(0), &[(Name::Contact, "*"), (Name::Expires, "0")]);
    phone.contact(&mut registrar, at(1), "<sip:1001@a>, <sip:1001@b>");
    for request in [&late, &late_star] {
        let (response, changes) = registrar.register(at(2), phone.flow, request);
        assert_eq!((response.status, changes), (500, vec![]), "{}", response.reason);
        assert_eq!(registrar.bindings(at(2), "1001").len(), 2, "all or nothing");
    }
    // Another Call-ID is another sequence: a phone that has restarted.
    phone.call_id = "after-restart".into();
    phone.cseq = 0;
    assert_eq!(phone.contact(&mut registrar, at(3), "<sip:1001@a>").0.status, 200);
    // The same contact twice in one request is no disorder.
    assert_eq!(contacts(&phone.contact(&mut registrar, at(3), "<sip:1001@c>, <sip:1001@c>").0).len(), 3);
}

#[test]
fn a_phone_behind_a_nat_is_reached_where_it_came_from() {
    for (contact, remote, transport, uri) in [
        ("<sip:1001@10.0.0.5:5060>", "203.0.113.9:61234", Transport::Udp, "sip:1001@203.0.113.9:61234"),
        (
            "<sip:1001-0x7f@10.0.0.5:5060;transport=UDP;ob;line=abc>",
            "203.0.113.9:61234",
            Transport::Udp,
            "sip:1001-0x7f@203.0.113.9:61234;ob;line=abc",
        ),
        (
            "<sip:1001@10.0.0.5:49152;transport=tcp>",
            "203.0.113.9:40000",
            Transport::Tcp,
            "sip:1001@203.0.113.9:40000;transport=tcp",
        ),
        ("<sip:%E4%B8%AD@phone.local>", "[2001:db8::5]:5060", Transport::Udp, "sip:%E4%B8%AD@[2001:db8::5]:5060"),
        ("<sip:10.0.0.5>", "203.0.113.9:5060", Transport::Tcp, "sip:203.0.113.9:5060;transport=tcp"),
        ("<sip:1001@10.0.0.5;maddr=10.9.9.9>", "203.0.113.9:5060", Transport::Udp, "sip:1001@203.0.113.9:5060"),
    ] {
        let (mut registrar, mut phone) = (registrar(), Phone::new("1001", remote));
        phone.flow.transport = transport;
        let (response, _) = phone.contact(&mut registrar, at(0), contact);
        assert_eq!(contacts(&response), [format!("{contact};expires=600")], "the phone finds its own contact");
        let binding = &registrar.bindings(at(0), "1001")[0];
        assert_eq!(binding.request_uri().to_string(), uri);
        assert_eq!(binding.request_uri().socket_addr(), Some(phone.flow.remote));
        assert_eq!(binding.flow, phone.flow);
    }
}

#[test]
fn a_new_flow_or_a_restart_replaces_the_binding() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "203.0.113.9:61234"));
    phone.contact(&mut registrar, at(0), "<sip:1001@10.0.0.5>");
    phone.flow = udp("203.0.113.9:50000");
    let (_, changes) = phone.contact(&mut registrar, at(10), "<sip:1001@10.0.0.5>");
    assert_eq!(changes, []);
    let bindings = registrar.bindings(at(10), "1001");
    assert_eq!((bindings.len(), bindings[0].flow), (1, phone.flow));

    // A phone that names itself replaces its own old contact, and nobody else's.
    let named = |port: u16, id: &str| format!(r#"<sip:1001@10.0.0.6:{port}>;+sip.instance="<urn:uuid:{id}>""#);
    phone.contact(&mut registrar, at(20), &named(1, "a"));
    phone.contact(&mut registrar, at(20), &named(2, "b"));
    phone.contact(&mut registrar, at(20), &named(3, "a"));
    let left: Vec<String> =
        registrar.bindings(at(20), "1001").iter().map(|binding| binding.contact.to_string()).collect();
    assert_eq!(left, ["sip:1001@10.0.0.5", "sip:1001@10.0.0.6:3", "sip:1001@10.0.0.6:2"]);
    // Two contacts of one device in one request are meant as two.
    let both = format!("{}, {}", named(8, "c"), named(9, "c"));
    assert_eq!(contacts(&phone.contact(&mut registrar, at(20), &both).0).len(), 5);
}

#[test]
fn contacts_per_user_are_limited() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "203.0.113.9:61234"));
    let eleven: Vec<String> = (1..=11).map(|port| format!("<sip:1001@h:{port}>")).collect();
    assert_eq!(phone.contact(&mut registrar, at(0), &eleven.join(",")).0.status, 403);
    assert!(registrar.bindings(at(0), "1001").is_empty());
    for (second, contact) in (0..).zip(&eleven) {
        assert_eq!(phone.contact(&mut registrar, at(second), contact).0.status, 200);
    }
    let left = registrar.bindings(at(11), "1001");
    assert_eq!(left.len(), 10, "a phone that restarts under new ports is never shut out");
    assert_eq!(left[0].contact.port, Some(2), "the oldest gave way");
}

#[test]
fn a_seat_that_answers_no_keep_alive_gets_no_calls_until_it_does() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "203.0.113.9:61234"));
    let mut other = Phone::new("1001", "203.0.113.9:61235");
    phone.contact(&mut registrar, at(0), "<sip:1001@a>");
    other.contact(&mut registrar, at(0), "<sip:1001@b>");
    assert_eq!(registrar.unreachable(phone.flow), []);
    assert_eq!(registrar.bindings(at(1), "1001").len(), 1);
    assert_eq!(registrar.unreachable(other.flow), [unreachable("1001")]);
    assert_eq!(registrar.unreachable(other.flow), []);
    assert_eq!(registrar.all_bindings(at(1)).count(), 2, "still asked");
    assert_eq!(registrar.reachable(other.flow), [reachable("1001")]);
    assert_eq!(phone.contact(&mut registrar, at(2), "<sip:1001@a>").1, []);
    assert_eq!(registrar.bindings(at(2), "1001").len(), 2, "a REGISTER revives");
}

#[test]
fn only_ones_own_address_of_record_can_be_changed() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let mut request = phone.proved(&mut registrar, at(0), &[(Name::Contact, "<sip:thief@192.0.2.5>")]);
    request.headers.set(Name::To, "<sip:1002@pbx.example>");
    let (response, changes) = registrar.register(at(0), phone.flow, &request);
    assert_eq!((response.status, changes), (403, vec![]));
    assert!(registrar.bindings(at(0), "1002").is_empty());
}

#[test]
fn what_cannot_be_bound_is_named() {
    for (name, value) in [
        (Name::Contact, "<tel:1001>"),
        (Name::Contact, "<sips:1001@h>"),
        (Name::Contact, "<<"),
        (Name::CSeq, "x REGISTER"),
        (Name::CallId, ""),
    ] {
        let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
        let mut request = phone.proved(&mut registrar, at(0), &[(Name::Contact, "<sip:1001@h>")]);
        request.headers.set(name, value);
        assert_eq!(registrar.register(at(0), phone.flow, &request).0.status, 400, "{value}");
    }
}

#[test]
fn a_nonce_serves_again_while_its_count_rises_and_its_time_lasts() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let again = |phone: &mut Phone, registrar: &mut Registrar, method: Method| {
        let mut request = phone.request(method, &[]);
        let (name, value) = phone.answerer.again(&request.method, URI, "1001", "secret-1001", "c").unwrap();
        request.headers.push(name, value);
        (registrar.register(at(299), phone.flow, &request).0, request)
    };
    phone.contact(&mut registrar, at(0), "<sip:1001@h>");
    let (response, request) = again(&mut phone, &mut registrar, Method::Register);
    assert_eq!(response.status, 200, "no second challenge");
    assert!(is_stale(&registrar.register(at(299), phone.flow, &request).0), "a repeated count");
    assert!(is_stale(&registrar.register(at(299), udp("192.0.2.6:5060"), &request).0), "from elsewhere");

    let late = phone.proved(&mut registrar, at(300), &[]);
    assert!(is_stale(&registrar.register(at(600), phone.flow, &late).0), "expired");
    assert!(is_stale(&with_limits(RegistrarLimits::default()).register(at(0), phone.flow, &late).0), "too early");
    let mut restarted = Registrar::new(vec![], REALM, [1; 32], RegistrarLimits::default());
    assert!(is_stale(&restarted.register(at(300), phone.flow, &late).0), "after our restart");
}

#[test]
fn an_invite_of_a_seat_is_challenged_with_401_and_known_by_its_proof() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let bare = phone.request(Method::Invite, &[]);
    let Verdict::Challenge(challenge) = registrar.authenticate(at(0), phone.flow, &bare) else {
        panic!("no challenge")
    };
    assert_eq!(challenge.status, 401);
    let mut invite = phone.request(Method::Invite, &[]);
    phone.prove(&mut invite, &challenge);
    // Credentials for a proxy on the way do not disturb.
    invite.headers.push(Name::ProxyAuthorization, r#"Digest username="x", realm="elsewhere""#);
    assert_eq!(registrar.authenticate(at(0), phone.flow, &invite), Verdict::Ok("1001".into()));
    let Verdict::Challenge(replayed) = registrar.authenticate(at(0), phone.flow, &invite) else { panic!("a replay") };
    assert!(is_stale(&replayed));

    // One nonce serves REGISTER and INVITE.
    phone.contact(&mut registrar, at(1), "<sip:1001@h>");
    let mut invite = phone.request(Method::Invite, &[]);
    let (name, value) = phone.answerer.again(&Method::Invite, URI, "1001", "secret-1001", "c").unwrap();
    invite.headers.push(name, value);
    assert_eq!(registrar.authenticate(at(2), phone.flow, &invite), Verdict::Ok("1001".into()));

    phone.digest_uri = "sip:elsewhere".into();
    let mut invite = phone.request(Method::Invite, &[]);
    let Verdict::Challenge(challenge) = registrar.authenticate(at(5), phone.flow, &bare) else {
        panic!("no challenge")
    };
    phone.prove(&mut invite, &challenge);
    assert!(
        matches!(registrar.authenticate(at(5), phone.flow, &invite), Verdict::Bad(response) if response.status == 400)
    );
}

#[test]
fn accounts_can_be_replaced_while_running() {
    let mut registrar = registrar();
    let mut phones = ["1001", "1002"].map(|user| Phone::new(user, &format!("192.0.2.5:{}", user)));
    for phone in &mut phones {
        phone.contact(&mut registrar, at(0), "<sip:s@h>");
    }
    let kept = Account { user: "1002".into(), password: "new".into() };
    assert!(!format!("{kept:?}").contains("new"), "no password in a log");
    assert_eq!(registrar.set_accounts(vec![kept]), [unreachable("1001")]);
    assert!(!registrar.has_account("1001") && registrar.has_account("1002"));
    assert_eq!(registrar.bindings(at(1), "1002").len(), 1);
    let mut phone = Phone::new("1002", "192.0.2.6:1");
    phone.password = "new".into();
    assert_eq!(phone.contact(&mut registrar, at(1), "<sip:s@h>").0.status, 200);
}

/// Whatever a REGISTER is turned into, there is an answer and no panic.
#[test]
fn mutated_registers_are_answered() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    let more = [(
        Name::Contact,
        r#""A" <sip:1001@[2001:db8::1]:5060;transport=udp?x=y>;q=0.5;expires=60;+sip.instance="<u>""#,
    )];
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let pieces: [&[u8]; 8] = [b"\"", b"\\", b",", b"=", b"Digest ", b"\r\n ", b"*", b"\xff\xfe"];
    let mut answered = 0;
    for round in 0..5_000_u64 {
        let now = at(round);
        if round % 50 == 0 {
            phone.answerer = Answerer::default();
        }
        let bare = phone.request(Method::Register, &more);
        let (challenge, _) = registrar.register(now, phone.flow, &bare);
        let mut bytes = if challenge.status == 401 {
            let mut request = phone.request(Method::Register, &more);
            phone.answerer = Answerer::default();
            phone.prove(&mut request, &challenge);
            request.to_bytes()
        } else {
            bare.to_bytes()
        };
        for _ in 0..=random(3) {
            let place = random(bytes.len());
            match random(3) {
                0 => bytes[place] = u8::try_from(random(256)).unwrap(),
                1 => drop(bytes.splice(place..place, pieces[random(8)].iter().copied())),
                _ => drop(bytes.drain(place..(place + random(20)).min(bytes.len()))),
            }
        }
        let request = match Message::parse(&bytes) {
            Ok(Message::Request(request)) => request,
            Ok(Message::Response(_)) => continue,
            Err(unreadable) => match unreadable.answerable {
                Some(request) => *request,
                None => continue,
            },
        };
        let (response, _) = registrar.register(now, phone.flow, &request);
        assert!(matches!(response.status, 200 | 400 | 401 | 403 | 423 | 500), "{}", response.status);
        answered += 1;
    }
    assert!(answered > 3_000, "{answered}");
}

#[test]
fn new_terms_challenge_anew_and_leave_everybody_registered() {
    let (mut registrar, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    phone.contact(&mut registrar, at(0), "<sip:1001@192.0.2.5>");
    let mut refresh = phone.proved(&mut registrar, at(1), &[(Name::Contact, "<sip:1001@192.0.2.5>")]);
    registrar.set_terms("city".into(), vec![Algorithm::Md5]);
    assert_eq!(registrar.bindings(at(1), "1001").len(), 1);
    let (challenge, changes) = registrar.register(at(1), phone.flow, &refresh);
    assert_eq!((challenge.status, changes), (401, vec![]), "the old realm proves nothing now");
    let offered = challenges(&challenge);
    assert!(offered[0].contains("realm=\"city\"") && offered[0].contains("MD5") && offered.len() == 1, "{offered:?}");
    phone.cseq += 1;
    refresh.headers.set(Name::CSeq, format!("{} REGISTER", phone.cseq));
    phone.prove(&mut refresh, &challenge);
    assert_eq!(registrar.register(at(1), phone.flow, &refresh).0.status, 200);
}

#[test]
fn bindings_of_an_earlier_run_are_found_again_before_they_are_used() {
    let (mut before, mut phone) = (registrar(), Phone::new("1001", "192.0.2.5:5060"));
    phone.contact(&mut before, at(0), "<sip:1001@192.0.2.5;ob>;q=0.5;expires=500");
    let kept = before.bindings(at(0), "1001").pop().unwrap();
    let mut registrar = registrar();
    let revision = registrar.revision();
    let far = Binding { expires_at: at(9_000), ..kept.clone() };
    registrar.restore(
        at(100),
        vec![("1001".into(), kept), ("1002".into(), far), ("4711".into(), before.bindings(at(0), "1001").remove(0))],
    );
    assert_ne!(registrar.revision(), revision);
    assert_eq!(registrar.bindings(at(100), "1001"), [], "nobody knows whether it is still there");
    assert_eq!(registrar.all_bindings(at(100)).count(), 2, "who has no account has no binding");
    assert_eq!(registrar.reachable(phone.flow), [reachable("1001"), reachable("1002")]);
    let binding = registrar.bindings(at(100), "1001").pop().unwrap();
    assert_eq!(
        (binding.request_uri().to_string().as_str(), binding.expires_at),
        ("sip:1001@192.0.2.5:5060;ob", at(500))
    );
    assert_eq!(registrar.handle_timeout(at(500)), [unreachable("1001")]);
    assert_eq!(registrar.handle_timeout(at(700)), [unreachable("1002")], "no longer than any binding");

    // The phone goes on as if nothing had happened.
    phone.contact(&mut before, at(500), "<sip:1001@192.0.2.5;ob>;expires=500");
    let revision = registrar.revision();
    let (response, changes) = phone.contact(&mut registrar, at(501), "<sip:1001@192.0.2.5;ob>;expires=500");
    assert_eq!((response.status, changes), (200, vec![reachable("1001")]));
    assert_ne!(registrar.revision(), revision);
}
