//! Offer and answer: what real peers send, and what RFC 3264 wants back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hotline::audio::codec::Codec;
use hotline::sip::sdp::{self, Agreed, Description, Direction, Ours, SdpFault};

fn ours() -> Ours<'static> {
    Ours {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 20000,
        codecs: &[Codec::PCMA, Codec::PCMU],
        ordered: false,
        ptime: 20,
        session: 7,
        version: 1,
        user: "hotline",
        events: true,
        direction: Direction::SendRecv,
    }
}

fn read(text: &str) -> Description {
    sdp::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn answered(text: &str) -> (String, Agreed) {
    let (body, agreed) = sdp::answer(&read(text), &ours()).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    (String::from_utf8(body).unwrap(), agreed)
}

/// A phone's offer with these lines in its audio section.
fn audio(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{lines}")
}

#[test]
fn an_offer_is_exactly_this() {
    let text = String::from_utf8(sdp::offer(&ours())).unwrap();
    assert_eq!(
        text,
        "v=0\r\no=hotline 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn an_answer_keeps_the_offerers_order_and_numbers() {
    let (text, agreed) = answered(&audio(
        "m=audio 4000 RTP/AVP 18 0 8 96\r\na=rtpmap:18 G729/8000\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\n",
    ));
    assert!(text.contains("m=audio 20000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\n"), "{text}");
    assert!(text.contains("a=fmtp:96 0-15\r\na=ptime:30\r\na=sendrecv\r\n"), "{text}");
    assert_eq!(agreed.remote, "192.0.2.9:4000".parse().unwrap());
    assert_eq!(agreed.remote_rtcp, "192.0.2.9:4001".parse().unwrap());
    assert_eq!((agreed.codec, agreed.payload, agreed.ptime), (Codec::PCMU, 0, 30));
    assert_eq!((agreed.events_out, agreed.events_in), (Some(96), Some(96)));
    assert_eq!(agreed.origin, ("1".to_owned(), "1".to_owned()));
    assert!(!agreed.on_hold);
}

/// Without an order of our own the offerer's stays.
#[test]
fn an_order_of_ours_goes_before_the_offerers() {
    let table: [(&[Codec], bool, &str, &str); 6] = [
        (&[Codec::PCMA, Codec::PCMU], false, "0 8", "0"),
        (&[Codec::PCMA, Codec::PCMU], true, "0 8", "8"),
        (&[Codec::PCMU, Codec::PCMA], true, "8 0", "0"),
        (&[Codec::PCMU, Codec::PCMA], false, "8 0", "8"),
        (&[Codec::PCMA, Codec::PCMU], true, "18 0", "0"),
        (&[Codec::PCMA], true, "0 8", "8"),
    ];
    for (codecs, ordered, offered, expected) in table {
        let offer =
            read(&audio(&format!("m=audio 4000 RTP/AVP {offered} 101\r\na=rtpmap:101 telephone-event/8000\r\n")));
        let (body, agreed) = sdp::answer(&offer, &Ours { codecs, ordered, ..ours() }).unwrap();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(&format!("m=audio 20000 RTP/AVP {expected} 101\r\n")), "{offered} {codecs:?}: {text}");
        assert_eq!(agreed.payload.to_string(), expected);
    }
    // An answer to an offer of ours has chosen already.
    let answer = read(&audio("m=audio 4000 RTP/AVP 0 8\r\n"));
    assert_eq!(sdp::accept(&Ours { ordered: true, ..ours() }, &answer).unwrap().codec, Codec::PCMU);
}

/// The cheap ones first, unless an order is given; a phone that has nothing else gets what it has.
#[test]
fn a_wideband_codec_is_taken_where_it_is_wanted() {
    let plain = &Codec::ALL[..];
    let wide = &[Codec::G722, Codec::PCMA][..];
    let table = [
        (plain, false, "m=audio 4000 RTP/AVP 9", Some(Codec::G722), "9"),
        (plain, false, "m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 G722/8000", Some(Codec::G722), "9"),
        (plain, false, "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 g722/8000/1", Some(Codec::G722), "96"),
        (plain, false, "m=audio 4000 RTP/AVP 9 0 8", Some(Codec::PCMU), "0"),
        (wide, true, "m=audio 4000 RTP/AVP 0 8 9", Some(Codec::G722), "9"),
        (wide, true, "m=audio 4000 RTP/AVP 0 8", Some(Codec::PCMA), "8"),
        (&plain[..2], false, "m=audio 4000 RTP/AVP 9", None, ""),
        // Its clock is 8000, whatever its rate; who says another thing counts in another way.
        (plain, false, "m=audio 4000 RTP/AVP 9\r\na=rtpmap:9 G722/16000", None, ""),
    ];
    for (codecs, ordered, line, expected, number) in table {
        let ours = Ours { codecs, ordered, ..ours() };
        let answer = sdp::answer(&read(&audio(&format!("{line}\r\n"))), &ours);
        assert_eq!(answer.as_ref().ok().map(|(_, agreed)| agreed.codec), expected, "{line}");
        if let Ok((body, _)) = answer {
            assert!(String::from_utf8_lossy(&body).contains(&format!("m=audio 20000 RTP/AVP {number}\r\n")), "{line}");
        }
    }
}

#[test]
fn an_answer_to_a_wideband_offer_has_chosen_already() {
    let wide = Ours { codecs: &[Codec::G722, Codec::PCMA], ordered: true, ..ours() };
    let offer = String::from_utf8(sdp::offer(&wide)).unwrap();
    assert!(offer.contains("m=audio 20000 RTP/AVP 9 8 101\r\na=rtpmap:9 G722/8000\r\n"), "{offer}");
    for (numbers, taken) in [("9", Codec::G722), ("9 8", Codec::G722), ("8 9", Codec::PCMA)] {
        let answer = read(&audio(&format!("m=audio 4000 RTP/AVP {numbers}\r\n")));
        assert_eq!(sdp::accept(&wide, &answer).unwrap().codec, taken, "{numbers}");
    }
    let cheap = Ours { codecs: &Codec::ALL, ..ours() };
    let answer = read(&audio("m=audio 4000 RTP/AVP 9 8\r\n"));
    assert_eq!(sdp::accept(&cheap, &answer).unwrap().codec, Codec::PCMA, "both are allowed, one is cheap");
}

/// Opus has no number of its own, and keys beside it count on its clock where the phone can (RFC 4733 §2.1).
#[test]
fn opus_is_taken_with_whatever_number_and_keys_it_comes_with() {
    let ours = Ours { codecs: &[Codec::Opus, Codec::PCMA], ordered: true, ..ours() };
    let offer = String::from_utf8(sdp::offer(&ours)).unwrap();
    for line in [
        "m=audio 20000 RTP/AVP 107 8 101 102\r\na=rtpmap:107 opus/48000/2\r\na=fmtp:107 maxplaybackrate=16000;",
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtpmap:102 telephone-event/48000\r\n",
    ] {
        assert!(offer.contains(line), "{offer}");
    }
    let fast = "a=rtpmap:99 telephone-event/48000\r\n";
    let slow = "a=rtpmap:98 telephone-event/8000\r\n";
    let table = [
        (
            format!("RTP/AVP 96 98 99\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1;cbr=1\r\n{fast}{slow}"),
            96,
            99,
            true,
        ),
        (format!("RTP/AVP 96 98\r\na=rtpmap:96 OPUS/48000/2\r\n{slow}"), 96, 98, false),
        (format!("RTP/AVP 8 98 99\r\n{fast}{slow}"), 8, 98, false),
        // One channel is no Opus that any RFC knows (RFC 7587 §4.1), nor is a bare number.
        (format!("RTP/AVP 96 107 8 98\r\na=rtpmap:96 opus/48000\r\n{slow}"), 8, 98, false),
    ];
    for (lines, payload, events, is_fast) in table {
        let (body, agreed) = sdp::answer(&read(&audio(&format!("m=audio 4000 {lines}"))), &ours).unwrap();
        assert_eq!(
            (agreed.payload, agreed.events_out, agreed.events_in),
            (payload, Some(events), Some(events)),
            "{lines}"
        );
        assert_eq!(agreed.fast_events, is_fast, "{lines}");
        let text = String::from_utf8(body).unwrap();
        let clock = if is_fast { 48_000 } else { 8_000 };
        assert!(text.contains(&format!("RTP/AVP {payload} {events}\r\n")), "{text}");
        assert!(text.contains(&format!("a=rtpmap:{events} telephone-event/{clock}\r\n")), "{text}");
    }
    let answer = read(&audio(&format!("m=audio 4000 RTP/AVP 96 99\r\na=rtpmap:96 opus/48000/2\r\n{fast}")));
    let agreed = sdp::accept(&ours, &answer).unwrap();
    assert_eq!((agreed.codec, agreed.payload), (Codec::Opus, 96));
    assert_eq!((agreed.events_out, agreed.events_in), (Some(99), Some(102)), "each side its own");
}

#[test]
fn our_offer_answered_gives_each_side_its_own_event_number() {
    let answer = read(&audio("m=audio 4000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=rtcp:4009\r\n"));
    let agreed = sdp::accept(&ours(), &answer).unwrap();
    assert_eq!((agreed.events_out, agreed.events_in), (Some(97), Some(101)));
    assert_eq!(agreed.remote_rtcp, "192.0.2.9:4009".parse().unwrap());
}

#[test]
fn every_offered_line_is_answered_in_its_place() {
    let (text, agreed) = answered(&audio(
        "m=video 5000 RTP/AVP 96\r\nm=audio 4100 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8\r\n\
         m=image 6000 udptl t38\r\nm=audio 4200 RTP/AVP 8\r\n",
    ));
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 20000 RTP/AVP 8",
            "m=image 0 udptl t38",
            "m=audio 0 RTP/AVP 8"
        ]
    );
    assert_eq!(agreed.remote.port(), 4000);
}

#[test]
fn a_later_offer_of_ours_keeps_their_lines() {
    let theirs = read(&audio("m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8\r\n"));
    let text = String::from_utf8(sdp::offer_again(&Ours { version: 2, ..ours() }, &theirs)).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 96", "m=audio 20000 RTP/AVP 8 0 101"]);
}

/// RFC 3264 §6.1 and §8.4: what they say, what we wish, what we answer, and whether it is hold.
#[test]
fn directions() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let table = [
        ("sendrecv", SendRecv, SendRecv, false),
        ("sendrecv", SendOnly, SendOnly, false),
        ("sendrecv", Inactive, Inactive, false),
        ("sendonly", SendRecv, RecvOnly, true),
        ("sendonly", SendOnly, Inactive, true),
        ("recvonly", SendRecv, SendOnly, false),
        ("recvonly", RecvOnly, Inactive, false),
        ("inactive", SendRecv, Inactive, true),
    ];
    for (theirs, wish, expected, hold) in table {
        let offer = read(&audio(&format!("m=audio 4000 RTP/AVP 8\r\na={theirs}\r\n")));
        let (text, agreed) = sdp::answer(&offer, &Ours { direction: wish, ..ours() }).unwrap();
        assert_eq!((agreed.our_direction, agreed.on_hold), (expected, hold), "{theirs} {wish:?}");
        let attribute = format!("a={}\r\n", format!("{expected:?}").to_lowercase());
        assert!(String::from_utf8(text).unwrap().ends_with(&attribute), "{theirs} {wish:?}");
        assert_eq!(agreed.their_direction.reverse().reverse(), agreed.their_direction);
    }
}

#[test]
fn hold_the_old_way_and_a_session_wide_direction() {
    let old = "v=0\no=- 1 2 IN IP4 192.0.2.9\ns=-\nc=IN IP4 0.0.0.0\nt=0 0\nm=audio 4000 RTP/AVP 8\n";
    let (_, agreed) = answered(old);
    assert!(agreed.on_hold && agreed.remote.ip().is_unspecified());
    let wide = "v=0\no=- 1 2 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\na=inactive\nm=audio 4000 RTP/AVP 8\n";
    assert_eq!(answered(wide).1.their_direction, Direction::Inactive);
    let (text, agreed) = answered(&audio("m=audio 0 RTP/AVP 8\r\n"));
    assert!(agreed.on_hold && agreed.remote.port() == 0 && text.contains("m=audio 0 RTP/AVP 8"));
}

#[test]
fn our_own_hold_is_not_theirs() {
    let answer = read(&audio("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n"));
    assert!(!sdp::accept(&Ours { direction: Direction::Inactive, ..ours() }, &answer).unwrap().on_hold);
    assert!(sdp::accept(&ours(), &answer).unwrap().on_hold);
}

#[test]
fn odd_but_real_descriptions_are_read() {
    let table: [(&[u8], &str); 9] = [
        (b"v=0\no=- 1 1 IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1\nm=audio 4000 RTP/AVP 8\n", "1.1.1.1:4000"),
        (b"v=0\r\no=\xd6\xd0\xce\xc4 1 1 IN IP4 x\r\ns=\xba\xf4\r\nc=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 8\r\n\0\0", "1.1.1.1:4000"),
        (b"\r\nv=0 \r\no=- 99999999999999999999999 -1 IN IP4 h\r\nc=IN IP6 2001:db8::9\r\nm=audio 4000 RTP/AVP 8", "[2001:db8::9]:4000"),
        (b"v=0\nc=IN IP4 9.9.9.9\nm=audio 4000 RTP/AVP 8\nc=IN IP4 1.1.1.1\n", "1.1.1.1:4000"),
        (b"v=0\nc=IN IP4 224.2.1.1/127/3\nm=audio 4000/2 RTP/AVP 8\n", "224.2.1.1:4000"),
        (b"v=0\nm=audio  4000  RTP/AVP   8 \nc=IN  IP4  1.1.1.1 \nbroken\nlonger=line\n", "1.1.1.1:4000"),
        (b"v=0\nc=IN IP4 1.1.1.1\nm=audio 4000 RTP/AVP 98\na=rtpmap: 98 pcma/8000/1 \n", "1.1.1.1:4000"),
        (b"v=0\nt=x\nb=AS:many\nk=\nc=IN IP4 1.1.1.1\nc=IN IP4 2.2.2.2\nm=audio 4000 rtp/avp 0\n", "1.1.1.1:4000"),
        (b"v=0\nc=IN IP4 1.1.1.1\nm=image 0\nm=audio 4000 RTP/AVPF 8\na=crypto:1 x inline:y\n", "1.1.1.1:4000"),
    ];
    for (body, remote) in table {
        let offer = sdp::parse(body).unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(body)));
        let (_, agreed) = sdp::answer(&offer, &ours()).unwrap_or_else(|fault| panic!("{fault}: {remote}"));
        assert_eq!(agreed.remote, remote.parse().unwrap());
    }
    let long = sdp::parse(table_origin()).unwrap();
    assert_eq!(long.origin(), ("99999999999999999999999", "3"));
}

fn table_origin() -> &'static [u8] {
    b"v=0\no=carrier 99999999999999999999999 3 IN IP4 h\nc=IN IP4 1.1.1.1\nm=audio 4000 RTP/AVP 8\n"
}

#[test]
fn a_name_is_no_address_yet_and_no_hold() {
    for name in ["phone.example", "sbc-1.carrier.example.", "gateway"] {
        let (_, agreed) = answered(&format!("v=0\nc=IN IP4 {name}\nm=audio 4000 RTP/AVP 8\n"));
        assert!(agreed.remote.ip().is_unspecified() && !agreed.on_hold, "{name}");
        assert_eq!((agreed.remote.port(), agreed.our_direction), (4000, Direction::SendRecv), "{name}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    let fault = |text: &str| sdp::answer(&read(text), &ours()).unwrap_err();
    assert!(matches!(sdp::parse(b""), Err(SdpFault::Syntax(_))));
    assert!(matches!(sdp::parse(b"<xml/>"), Err(SdpFault::Syntax(_))));
    assert!(matches!(sdp::parse(b"v=0\nm=audio 99999 RTP/AVP 8\n"), Err(SdpFault::Syntax(_))));
    assert_eq!(fault(&audio("")), SdpFault::NoAudio);
    assert_eq!(fault(&audio("m=image 4000 udptl t38\r\n")), SdpFault::NoAudio);
    assert_eq!(fault(&audio("m=audio 4000 RTP/SAVP 8\r\n")), SdpFault::NoAudio);
    assert_eq!(fault(&audio("m=audio 4000 RTP/AVP 18 9\r\n")), SdpFault::NoCommonCodec("18 9".into()));
    assert_eq!(
        fault(&audio("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 opus/48000/2\r\n")),
        SdpFault::NoCommonCodec("8".into())
    );
    assert_eq!(fault("v=0\nc=IN IP4 192.0.2.999\nm=audio 4000 RTP/AVP 8\n"), SdpFault::Address("192.0.2.999".into()));
    assert_eq!(fault("v=0\nm=audio 4000 RTP/AVP 8\n"), SdpFault::Address(String::new()));
    let refused = read(&audio("m=audio 0 RTP/AVP 8\r\n"));
    assert_eq!(sdp::accept(&ours(), &refused), Err(SdpFault::NoAudio));
}

#[test]
fn an_ipv6_listener_is_printed_as_such() {
    let ours = Ours { address: IpAddr::V6(Ipv6Addr::LOCALHOST), events: false, codecs: &[Codec::PCMU], ..ours() };
    let text = String::from_utf8(sdp::offer(&ours)).unwrap();
    assert!(text.contains("o=hotline 7 1 IN IP6 ::1\r\n") && text.contains("c=IN IP6 ::1\r\n"));
    assert!(text.contains("m=audio 20000 RTP/AVP 0\r\n") && !text.contains("telephone-event"));
}

#[test]
fn what_we_print_we_read() {
    let offer = sdp::parse(&sdp::offer(&ours())).unwrap();
    let (answer, theirs) = sdp::answer(&offer, &Ours { port: 30000, codecs: &[Codec::PCMU], ..ours() }).unwrap();
    let agreed = sdp::accept(&ours(), &sdp::parse(&answer).unwrap()).unwrap();
    assert_eq!((agreed.codec, theirs.codec), (Codec::PCMU, Codec::PCMU));
    assert_eq!((agreed.remote.port(), theirs.remote.port()), (30000, 20000));
}

#[test]
fn mutations_do_no_harm() {
    let seeds = [
        audio("m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:4001 IN IP4 1.1.1.1\r\n"),
        audio("m=video 5000 RTP/AVP 96\r\na=inactive\r\nm=audio 4000/2 RTP/AVP 8\r\nc=IN IP6 ::1\r\na=ptime:20\r\n"),
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    for round in 0..40_000 {
        let mut body = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..1 + next() % 4 {
            if body.is_empty() {
                break;
            }
            let at = next() % body.len();
            match next() % 4 {
                0 => body[at] = u8::try_from(next() % 256).unwrap(),
                1 => drop(body.remove(at)),
                2 => body.insert(at, b"\r\n:= /0"[next() % 7]),
                _ => body.truncate(at.max(1)),
            }
        }
        if let Ok(offer) = sdp::parse(&body) {
            let _ = sdp::accept(&ours(), &offer);
            let again = sdp::offer_again(&ours(), &offer);
            sdp::parse(&again).expect("our own offer");
            if let Ok((answer, _)) = sdp::answer(&offer, &ours()) {
                assert_eq!(sdp::parse(&answer).expect("our own answer").media_lines(), offer.media_lines());
            }
        }
    }
}
