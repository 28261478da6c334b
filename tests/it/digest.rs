//! Digest from outside: the examples of the RFCs, what phones really write, and nonces over time.

use std::time::Duration;

use hotline::sip::digest::{Algorithm, Answerer, Credentials, Freshness, Nonces, challenge_headers};
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Headers, Method, Name, Request, Response};
use hotline::time::Mono;

const BOTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

fn only(value: &str) -> Credentials {
    let mut found = Credentials::parse(value.as_bytes());
    assert_eq!(found.len(), 1, "{value}");
    found.remove(0)
}

fn flow(remote: &str) -> Flow {
    Flow { listener: ListenerId(0), transport: Transport::Udp, remote: remote.parse().unwrap() }
}

fn challenged(status: u16, lines: &[&str]) -> Response {
    let mut response = Request::new(Method::Register, "sip:pbx").respond(status);
    let name = if status == 407 { Name::ProxyAuthenticate } else { Name::WwwAuthenticate };
    for line in lines {
        response.headers.push(name.clone(), *line);
    }
    response
}

fn param(header: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8(header.to_vec()).unwrap();
    let start = text.find(&format!(" {name}="))? + name.len() + 2;
    Some(text[start..].split(',').next().unwrap().trim_matches('"').to_owned())
}

const RFC_2617: &str = r#"Digest username="Mufasa", realm="testrealm@host.com",
 nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001,
 cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
const RFC_2069: &str = r#"Digest username="Mufasa", realm="testrealm@host.com",
 nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea""#;
const RFC_7616_MD5: &str = r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
 algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
 cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,
 response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
const RFC_7616_SHA_256: &str = r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
 algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
 cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,
 response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1""#;

/// RFC 2617 §3.5; RFC 2069 §2.4 with its erratum; RFC 7616 §3.9.1.
#[test]
fn the_examples_of_the_rfcs_verify() {
    for (value, password) in [
        (RFC_2617, "Circle Of Life"),
        (RFC_2069, "CircleOfLife"),
        (RFC_7616_MD5, "Circle of Life"),
        (RFC_7616_SHA_256, "Circle of Life"),
    ] {
        let credentials = only(value);
        assert!(credentials.verify(&Method::parse("GET"), password), "{value}");
        assert!(!credentials.verify(&Method::parse("GET"), "circle of life"), "{value}");
        assert!(!credentials.verify(&Method::parse("POST"), password), "{value}");
    }
}

/// rsip and rsipstack refuse most of these, because they re-print the URI before they hash it.
#[test]
fn what_was_signed_is_the_uri_as_it_arrived() {
    for (uri, md5, sha_256) in [
        (
            "sip:127.0.0.1;transport=udp",
            "c1f8d903780d3b61e1facf13feb67d0a",
            "a4532ac74f5456063d6f969379acb4ed19a78eff61b0dde20dd0cbeecc97f829",
        ),
        (
            "SIP:pbx",
            "24df394eaeffba4a2aea9ac5ca8d580e",
            "2367ccdcfa613baee6a6b6ae1fa6036b5686d01d27952b12928ae81042eb652c",
        ),
        (
            "sip:%31@h",
            "c19c930b4aef16291294a1699fd973e0",
            "7b9d9219ad409c546937a5a37c39efd80bafa19a5d04ec64ed5b3d0f245ff3c7",
        ),
        (
            "sip:[2001:db8::1]:5060",
            "d748231d863a8533a848ca3708320fa1",
            "c1228f607bca599905d5af775a446ef98263a59f7ca3fd028cff8fbefcc599f1",
        ),
        (
            "tel:+8679812345",
            "49745153f1e0f6ac5dc42a1d09328954",
            "47ebeb267e7eeb727c91c2fc81a61e4a82edeb082268a2a19da773e074d005a6",
        ),
        (
            "sip:中@pbx",
            "ea3548481a96dce5da33ef73240d3036",
            "10e7958a7910775f4ae7ddb93c1692c703c8bf67ada088aca944feac77966eac",
        ),
    ] {
        for (algorithm, response) in [("MD5", md5), ("SHA-256", sha_256)] {
            let credentials = only(&format!(
                r#"Digest username="1001", realm="hotline", nonce="n0", uri="{uri}", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="c0", response="{response}""#
            ));
            assert!(credentials.verify(&Method::Register, "geheim"), "{uri} {algorithm}");
        }
    }
}

#[test]
fn parameters_come_in_any_order_case_and_quoting() {
    let response = "c1f8d903780d3b61e1facf13feb67d0a";
    for value in [
        r#"Digest response="@@", cnonce="c0", nc=00000001, qop=auth, uri="sip:127.0.0.1;transport=udp", nonce="n0", realm="hotline", username="1001""#,
        r#"DIGEST USERNAME="1001",REALM="hotline",NONCE="n0",URI="sip:127.0.0.1;transport=udp",QOP="auth",NC=00000001,CNONCE="c0",RESPONSE="@@",ALGORITHM="md5""#,
        r#"digest   username = "1001" , realm = "hotline" ,, nonce="n0", uri=sip:127.0.0.1;transport=udp, qop=auth , nc="00000001", cnonce=c0, response=@@, algorithm=MD5,"#,
        r#"Basic Zm9vOmJhcg==, Digest username="1001", realm="hotline", nonce="n0", uri="sip:127.0.0.1;transport=udp", x-unknown="a, b=\"c\"", qop=auth, nc=00000001, cnonce="c0", response="@@""#,
    ] {
        assert!(only(&value.replace("@@", response)).verify(&Method::Register, "geheim"), "{value}");
        let upper = value.replace("@@", &response.to_uppercase());
        assert!(only(&upper).verify(&Method::Register, "geheim"), "{upper}");
    }
}

#[test]
fn quoted_strings_are_unescaped_before_they_are_hashed() {
    let credentials = only(
        r#"Digest username="a\"b\\c", realm="hotline", nonce="n0", uri="sip:pbx", response="4c12a1e649c98c350a03e6cf05c8d01f""#,
    );
    assert_eq!(credentials.user(), Some(r#"a"b\c"#));
    assert!(credentials.verify(&Method::Register, "geheim"));
}

#[test]
fn what_is_incomplete_is_no_credentials() {
    let whole = RFC_2617.replace('\n', "");
    assert_eq!(Credentials::parse(whole.as_bytes()).len(), 1);
    for (part, instead) in [
        (r#"username="Mufasa", "#, ""),
        (r#"realm="testrealm@host.com","#, ""),
        (r#"nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", "#, ""),
        (r#"uri="/dir/index.html", "#, ""),
        ("nc=00000001,", ""),
        ("nc=00000001,", "nc=xyz,"),
        ("nc=00000001,", "nc=0000000001234567890,"),
        (r#"cnonce="0a4f113b", "#, ""),
        ("qop=auth", "qop=auth-int"),
        (r#"response="6629fae49393a05397450978507c4ef1", "#, ""),
        ("qop=auth", "qop=auth, algorithm=SHA-512-256"),
        ("qop=auth", "qop=auth, algorithm=MD5-sess"),
        ("Digest", "Basic"),
        ("Digest", ""),
        ("Mufasa", &"x".repeat(300)),
    ] {
        let value = whole.replace(part, instead);
        assert_ne!(value, whole);
        assert!(Credentials::parse(value.as_bytes()).is_empty(), "{value}");
    }
    for junk in [&b""[..], b"Digest", b"\"", b"Digest username=\"", b"=,=,\\\"", b"Digest a=\"\\", &[0xff; 40]] {
        assert!(Credentials::parse(junk).is_empty());
    }
}

#[test]
fn ours_is_found_among_several_authorizations() {
    let line = |realm: &str, algorithm: &str, user: &str| {
        format!(
            r#"Digest username="{user}", realm="{realm}", nonce="n", uri="sip:h", response="00", algorithm={algorithm}"#
        )
    };
    let mut headers = Headers::default();
    headers.push(Name::ProxyAuthorization, line("hotline", "SHA-256", "proxy"));
    headers.push(Name::Authorization, line("elsewhere", "SHA-256", "other"));
    headers.push(Name::Authorization, "Basic Zm9vOmJhcg==");
    headers.push(Name::Authorization, line("hotline", "SHA-512-256", "unknown"));
    headers.push(Name::Authorization, line("hotline", "MD5", "weak"));
    let found = |headers: &Headers, known: &[Algorithm]| {
        Credentials::find(headers, "hotline", known).and_then(|found| found.user().map(str::to_owned))
    };
    assert_eq!(found(&headers, &BOTH).as_deref(), Some("weak"));
    headers.push(Name::Authorization, line("hotline", "SHA-256", "strong"));
    assert_eq!(found(&headers, &BOTH).as_deref(), Some("strong"));
    assert_eq!(found(&headers, &[Algorithm::Md5]).as_deref(), Some("weak"));
}

#[test]
fn both_algorithms_are_offered_the_stronger_first() {
    let headers = challenge_headers("12345 \"hotline\"", "abc", true, &BOTH);
    assert_eq!(
        headers,
        [
            r#"Digest realm="12345 \"hotline\"", nonce="abc", stale=true, algorithm=SHA-256, qop="auth""#,
            r#"Digest realm="12345 \"hotline\"", nonce="abc", stale=true, algorithm=MD5, qop="auth""#,
        ]
    );
    assert!(!challenge_headers("r", "n", false, &BOTH)[0].contains("stale"));
}

/// RFC 2617 §3.5, RFC 2069 §2.4, RFC 7616 §3.9.1, from the client's side.
#[test]
fn the_challenges_of_the_rfcs_are_answered() {
    let long = r#"realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", qop="auth, auth-int", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
    let short = r#"realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
    let md5 = format!("Digest {long}, algorithm=MD5");
    let sha_256 = format!("Digest {long}, algorithm=SHA-256");
    let with_qop = format!(r#"Digest {short}, qop="auth,auth-int""#);
    let without = format!("Digest {short}");
    let long_cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (lines, password, cnonce, response) in [
        (vec![&md5], "Circle of Life", long_cnonce, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            vec![&md5, &sha_256],
            "Circle of Life",
            long_cnonce,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (vec![&with_qop], "Circle Of Life", "0a4f113b", "6629fae49393a05397450978507c4ef1"),
        (vec![&without], "CircleOfLife", "unused", "1949323746fe6a43ef61f9606e7febea"),
    ] {
        let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
        let (name, header) = Answerer::default()
            .authorize(&challenged(401, &lines), &Method::parse("GET"), "/dir/index.html", "Mufasa", password, cnonce)
            .unwrap();
        assert_eq!(name, Name::Authorization);
        assert_eq!(param(&header, "response").as_deref(), Some(response));
        let named = lines[0].contains("algorithm");
        assert_eq!(param(&header, "algorithm").is_some(), named, "the algorithm is told back only where it was told");
        assert_eq!(param(&header, "nc").is_some(), cnonce != "unused");
        let read = only(std::str::from_utf8(&header).unwrap());
        assert!(read.verify(&Method::parse("GET"), password));
    }
}

#[test]
fn a_proxy_is_answered_in_its_own_header_and_gets_its_bytes_back() {
    let mut response = challenged(407, &[]);
    // A realm in GBK, as older carriers send it.
    response
        .headers
        .push(Name::ProxyAuthenticate, b"Digest realm=\"\xd6\xd0\", nonce=\"a\\\"b\", opaque=\"o\"".to_vec());
    let (name, header) = Answerer::default().authorize(&response, &Method::Invite, "sip:h", "u", "p", "c").unwrap();
    assert_eq!(name, Name::ProxyAuthorization);
    let holds = |part: &[u8]| header.windows(part.len()).any(|window| window == part);
    assert!(holds(b"realm=\"\xd6\xd0\"") && holds(b"nonce=\"a\\\"b\"") && holds(b"opaque=\"o\""));
    assert!(!holds(b"qop") && !holds(b"algorithm"));
}

#[test]
fn a_challenge_that_cannot_be_met_is_not_answered() {
    for line in [
        r#"Digest realm="r", nonce="n", qop="auth-int""#,
        r#"Digest realm="r", nonce="n", algorithm=SHA-512-256"#,
        r#"Digest realm="r""#,
        r#"Basic realm="r""#,
        "",
    ] {
        let answer = Answerer::default().authorize(&challenged(401, &[line]), &Method::Invite, "sip:h", "u", "p", "c");
        assert_eq!(answer, None, "{line}");
    }
}

#[test]
fn the_count_rises_while_a_nonce_is_used_again() {
    let mut answerer = Answerer::default();
    let ask = |answerer: &mut Answerer, nonce: &str, stale: bool| {
        let line = format!(r#"Digest realm="r", nonce="{nonce}", qop="auth", stale={stale}"#);
        answerer.authorize(&challenged(401, &[&line]), &Method::Register, "sip:h", "u", "p", "c")
    };
    let again = |answerer: &mut Answerer| answerer.again(&Method::Register, "sip:h", "u", "p", "c");
    let nc = |answer: Option<(Name, Vec<u8>)>| answer.and_then(|(_, header)| param(&header, "nc"));

    assert_eq!(again(&mut answerer), None, "nothing to use yet");
    assert_eq!(nc(ask(&mut answerer, "n1", false)).as_deref(), Some("00000001"));
    answerer.accepted();
    assert_eq!(nc(again(&mut answerer)).as_deref(), Some("00000002"));
    answerer.accepted();
    assert_eq!(nc(again(&mut answerer)).as_deref(), Some("00000003"));
    // Not every server says stale when a nonce has run out.
    assert_eq!(nc(ask(&mut answerer, "n2", false)).as_deref(), Some("00000001"));
    // But who refuses the answer to its own challenge refuses the password.
    assert_eq!(ask(&mut answerer, "n3", false), None);
}

#[test]
fn a_stale_nonce_is_answered_but_not_for_ever() {
    let mut answerer = Answerer::default();
    let line = r#"Digest realm="r", nonce="n", qop="auth", stale=TRUE"#;
    let mut answers = 0;
    while answerer.authorize(&challenged(401, &[line]), &Method::Register, "sip:h", "u", "p", "c").is_some() {
        answers += 1;
        assert!(answers < 10, "a loop");
    }
    assert_eq!(answers, 3);
}

const LIFE: Duration = Duration::from_secs(300);

#[test]
fn a_nonce_is_good_for_its_time_and_its_address() {
    let mut nonces = Nonces::new([7; 32], LIFE, 100);
    let (start, home) = (Mono::from_millis(5_000), flow("192.0.2.1:5060"));
    let nonce = nonces.issue(start, &home);
    let check = |seconds: u64, flow: &Flow, nonce: &str| {
        nonces.check(start + Duration::from_secs(seconds), flow, nonce.as_bytes(), Some(1))
    };
    assert_eq!(check(0, &home, &nonce), Freshness::Fresh);
    assert_eq!(check(299, &flow("192.0.2.1:61000"), &nonce), Freshness::Fresh, "a NAT changes ports");
    assert_eq!(check(299, &flow("[::ffff:192.0.2.1]:5060"), &nonce), Freshness::Fresh, "a dual-stack socket");
    assert_eq!(check(300, &home, &nonce), Freshness::Stale);
    assert_eq!(check(0, &flow("192.0.2.2:5060"), &nonce), Freshness::Forged);
    assert_eq!(nonces.check(Mono::from_millis(0), &home, nonce.as_bytes(), Some(1)), Freshness::Stale);

    let mut last = nonce.clone().into_bytes();
    *last.last_mut().unwrap() ^= 1;
    let mut later = nonce.clone().into_bytes();
    later[10] = if later[10] == b'f' { b'0' } else { b'f' };
    for forged in [&last[..], &later, b"", b"0", &nonce.as_bytes()[1..], &[0xff; 56], &[b'0'; 200]] {
        assert_eq!(nonces.check(start, &home, forged, Some(1)), Freshness::Forged);
    }
    assert_eq!(Nonces::new([8; 32], LIFE, 100).check(start, &home, nonce.as_bytes(), Some(1)), Freshness::Forged);
}

#[test]
fn the_count_of_a_nonce_must_rise() {
    let mut nonces = Nonces::new([7; 32], LIFE, 100);
    let (now, home) = (Mono::from_millis(1), flow("192.0.2.1:5060"));
    let (first, second) = (nonces.issue(now, &home), nonces.issue(now, &home));
    assert_ne!(first, second, "two of one instant");
    for (count, expected) in [
        (Some(0), Freshness::Stale),
        (Some(1), Freshness::Fresh),
        (Some(1), Freshness::Stale),
        (Some(2), Freshness::Fresh),
        (Some(9), Freshness::Fresh),
        (Some(5), Freshness::Stale),
        (None, Freshness::Fresh),
        (None, Freshness::Stale),
        (Some(10), Freshness::Stale),
    ] {
        assert_eq!(nonces.check(now, &home, first.as_bytes(), count), expected, "{count:?}");
        if expected == Freshness::Fresh {
            nonces.spend(now, first.as_bytes(), count);
        }
    }
    assert_eq!(nonces.check(now, &home, second.as_bytes(), Some(1)), Freshness::Fresh);
}

#[test]
fn the_memory_of_nonces_is_bounded_and_what_is_forgotten_is_stale() {
    let mut nonces = Nonces::new([7; 32], LIFE, 10);
    let home = flow("192.0.2.1:5060");
    let issued: Vec<(Mono, String)> =
        (0..100).map(Mono::from_millis).map(|now| (now, nonces.issue(now, &home))).collect();
    for (now, nonce) in &issued {
        nonces.spend(*now, nonce.as_bytes(), Some(1));
        assert!(nonces.remembered() <= 10);
    }
    let now = Mono::from_millis(200);
    for (_, nonce) in &issued {
        assert_eq!(nonces.check(now, &home, nonce.as_bytes(), Some(1)), Freshness::Stale, "no replay");
    }
    let (_, newest) = issued.last().unwrap();
    assert_eq!(nonces.check(now, &home, newest.as_bytes(), Some(2)), Freshness::Fresh);
    // What has run out makes room by itself.
    let later = now + LIFE;
    let fresh = nonces.issue(later, &home);
    nonces.spend(later, fresh.as_bytes(), Some(1));
    assert_eq!(nonces.remembered(), 1);
}
