//! What proves that a peer is still there: its RTP, or its RTCP alone.

use std::net::SocketAddr;
use std::time::Duration;

use hotline::audio::codec::Codec;
use hotline::audio::g711::Law;
use hotline::call::{CallId, LegId};
use hotline::media::leg::Leg;
use hotline::media::rtp::{self, Header};
use hotline::media::{LegMedia, Limits, Report, rtcp};
use hotline::time::Mono;

use super::peer::{CITIZEN, Hotline, Phone, V4};

const LIMIT: Duration = Duration::from_secs(30);

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn agreed() -> Leg {
    let mut leg = Leg::new(LegId(1), CallId(1), Mono::default(), Duration::from_secs(2), || 7);
    let media = LegMedia {
        remote: Some(at("192.0.2.1:4000")),
        remote_rtcp: Some(at("192.0.2.1:4001")),
        codec: Codec::PCMA,
        payload: 8,
        events_out: None,
        events_in: None,
        fast_events: false,
        ptime: 20,
        send: true,
        receive: true,
        generation: 1,
    };
    leg.agree(Mono::default(), media, Duration::from_secs(5));
    leg
}

fn report() -> Vec<u8> {
    let mut bytes = [0; 200];
    let ours = rtcp::Ours { ssrc: 9, cname: "peer", sent: None, block: None, bye: false };
    rtcp::write(&ours, &mut bytes).unwrap().to_vec()
}

fn voice(sequence: u16) -> Vec<u8> {
    let header = Header { payload_type: 8, marker: false, sequence, timestamp: 0, ssrc: 9 };
    let mut bytes = [0; 200];
    rtp::write(&header, &[0xD5; 160], &mut bytes).unwrap().to_vec()
}

/// What comes every five seconds for a minute, from where, and whether the leg falls silent.
#[test]
fn rtp_or_rtcp_of_the_peer_keeps_a_leg_alive_and_nothing_else_does() {
    let peer = at("192.0.2.1:4000");
    let peer_rtcp = at("192.0.2.1:4001");
    let stranger = at("203.0.113.1:4001");
    let rows = [
        ("nothing", None, peer, false, true),
        ("voice", Some(voice(1)), peer, false, false),
        ("reports on their port", Some(report()), peer_rtcp, false, false),
        ("reports among the voice", Some(report()), peer, true, false),
        ("a stranger's reports", Some(report()), stranger, false, true),
        ("a stranger's reports among the voice", Some(report()), stranger, true, true),
        ("what is no report", Some(vec![0x80, 200, 0, 99]), peer_rtcp, false, true),
    ];
    for (what, datagram, from, multiplexed, silent) in rows {
        let mut leg = agreed();
        let mut fell = None;
        for second in (5..=60).step_by(5) {
            let now = Mono::from_millis(second * 1000);
            match &datagram {
                Some(bytes) if rtp::is_rtcp(bytes) => drop(leg.hear_rtcp(now, from, multiplexed, bytes)),
                Some(bytes) => drop(leg.hear(now, from, bytes)),
                None => {}
            }
            fell = fell.or(leg.fell_silent(now, LIMIT));
        }
        assert_eq!(fell, silent.then(Mono::default), "{what}");
    }
    // The first report after a silence that was told ends it.
    let mut leg = agreed();
    assert!(leg.fell_silent(Mono::from_millis(31_000), LIMIT).is_some());
    let mut heard = |second: u64| {
        leg.hear_rtcp(Mono::from_millis(second * 1000), peer_rtcp, false, &report()).map(|heard| heard.back)
    };
    assert_eq!((heard(40), heard(45)), (Some(true), Some(false)));
}

#[test]
fn a_silent_phone_whose_reports_come_is_back() {
    for multiplexed in [false, true] {
        let limits = Limits { silence: Duration::from_millis(200), ..Limits::default() };
        let mut hotline = Hotline::start_with(limits, 10, &[]);
        let citizen = Phone::new(V4, 1);
        let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
        assert!(matches!(hotline.report(), Report::Silent { leg: CITIZEN, .. }));
        if multiplexed {
            citizen.rtp.send_to(&report(), port).unwrap();
        } else {
            citizen.rtcp.send_to(&report(), SocketAddr::new(port.ip(), port.port() + 1)).unwrap();
        }
        assert_eq!(hotline.report(), Report::Back { leg: CITIZEN }, "{multiplexed}");
    }
}
