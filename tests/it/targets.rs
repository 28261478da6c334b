//! RFC 3263 and RFC 2782: where a host is looked for, and which of its servers goes first.

use std::collections::BTreeMap;

use hotline::sip::flow::Transport;
use hotline::sip::targets::{Host, Server, in_order};

fn server(priority: u16, weight: u16, name: &str) -> Server {
    Server { priority, weight, port: 5060, name: name.into() }
}

fn names(servers: &[Server]) -> Vec<&str> {
    servers.iter().map(|server| server.name.as_str()).collect()
}

#[test]
fn a_host_is_an_address_or_a_name_with_or_without_port() {
    let address = |text: &str| Some(Host::Address(text.parse().unwrap()));
    let name = |name: &str, port| Some(Host::Name { name: name.into(), port });
    for (text, host) in [
        ("192.0.2.1", address("192.0.2.1:5060")),
        ("192.0.2.1:5080", address("192.0.2.1:5080")),
        ("2001:db8::1", address("[2001:db8::1]:5060")),
        ("[2001:db8::1]", address("[2001:db8::1]:5060")),
        ("[2001:db8::1]:5080", address("[2001:db8::1]:5080")),
        ("sbc.carrier.example", name("sbc.carrier.example", None)),
        ("sbc.carrier.example:5080", name("sbc.carrier.example", Some(5080))),
        ("", None),
        (":5060", None),
        ("sbc.carrier.example:sip", None),
        ("sbc.carrier.example:99999", None),
        ("sip:sbc.carrier.example", None),
        ("two words", None),
    ] {
        assert_eq!(Host::parse(text), host, "{text}");
    }
    let service = |text: &str, transport| Host::parse(text).unwrap().service(transport);
    assert_eq!(service("carrier.example", Transport::Udp).as_deref(), Some("_sip._udp.carrier.example"));
    assert_eq!(service("carrier.example", Transport::Tcp).as_deref(), Some("_sip._tcp.carrier.example"));
    assert_eq!(service("carrier.example:5060", Transport::Udp), None, "a port says that there is nothing to ask");
    assert_eq!(service("192.0.2.1", Transport::Udp), None);
}

#[test]
fn the_lowest_priority_goes_first_whatever_the_weights() {
    let servers = vec![server(20, 100, "late"), server(10, 0, "early"), server(30, 65_535, "last")];
    for seed in 0..100 {
        assert_eq!(names(&in_order(servers.clone(), seed)), ["early", "late", "last"]);
    }
    assert!(in_order(Vec::new(), 1).is_empty());
}

#[test]
fn weights_share_out_the_first_place() {
    let servers = vec![server(1, 60, "sixty"), server(1, 30, "thirty"), server(1, 10, "ten"), server(1, 0, "never")];
    let mut first: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..10_000 {
        let ordered = in_order(servers.clone(), seed);
        assert_eq!(ordered.len(), 4, "none is lost");
        *first.entry(ordered[0].name.clone()).or_default() += 1;
    }
    let share = |name: &str| first.get(name).copied().unwrap_or(0);
    assert!((5_700..6_300).contains(&share("sixty")), "{first:?}");
    assert!((2_700..3_300).contains(&share("thirty")), "{first:?}");
    assert!((800..1_200).contains(&share("ten")), "{first:?}");
    assert!(share("never") < 250, "weight 0 has a very small chance: {first:?}");
}

#[test]
fn one_seed_gives_one_order_whatever_order_the_records_came_in() {
    let servers = vec![server(1, 5, "a"), server(1, 5, "b"), server(1, 5, "c"), server(2, 0, "d")];
    let mut turned = servers.clone();
    turned.reverse();
    for seed in 0..50 {
        assert_eq!(in_order(servers.clone(), seed), in_order(turned.clone(), seed));
    }
}
