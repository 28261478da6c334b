//! Requests from nobody we know: answered within a budget, then dropped and counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use hotline::sip::sources::{Judge, Rate, SourceLimits, UnknownSources, source_of};
use hotline::time::Mono;

fn answers(sources: &mut UnknownSources, now: Mono, address: IpAddr, requests: usize) -> usize {
    (0..requests).filter(|_| sources.judge(now, address) == Judge::Answer403).count()
}

fn second(seconds: u64) -> Mono {
    Mono::from_millis(seconds * 1000)
}

#[test]
fn one_source_has_a_burst_and_then_a_rate() {
    let mut sources = UnknownSources::new(SourceLimits::default());
    let somebody = "198.51.100.7".parse().unwrap();
    assert_eq!(answers(&mut sources, second(0), somebody, 1000), 5);
    assert_eq!(answers(&mut sources, second(0) + Duration::from_millis(999), somebody, 10), 0);
    assert_eq!(answers(&mut sources, second(1), somebody, 10), 1);
    assert_eq!(answers(&mut sources, second(4), somebody, 10), 3);
    assert_eq!(answers(&mut sources, second(600), somebody, 10), 5, "never more than the burst");
    assert_eq!((sources.answered(), sources.dropped()), (14, 1026));
}

#[test]
fn a_loud_source_leaves_the_others_their_answers() {
    let mut sources = UnknownSources::new(SourceLimits::default());
    assert_eq!(answers(&mut sources, second(0), "198.51.100.7".parse().unwrap(), 100_000), 5);
    for last in 1..=19 {
        assert_eq!(answers(&mut sources, second(0), Ipv4Addr::new(203, 0, 113, last).into(), 5), 5, "{last}");
    }
    assert_eq!(answers(&mut sources, second(0), "203.0.113.99".parse().unwrap(), 5), 0, "the common budget is used");
    assert_eq!(answers(&mut sources, second(1), "203.0.113.99".parse().unwrap(), 10), 5, "and comes back");
}

#[test]
fn a_million_spoofed_addresses_cost_a_bounded_memory_and_few_answers() {
    let mut sources = UnknownSources::new(SourceLimits::default());
    let mut most = 0;
    let mut answered = 0;
    // A hundred thousand a second, for ten seconds.
    for number in 0..1_000_000_u32 {
        let now = Mono(u64::from(number) * 10_000);
        answered += answers(&mut sources, now, Ipv4Addr::from_bits(0x0b00_0000 + number * 7).into(), 1);
        most = most.max(sources.remembered());
    }
    assert!((590..=600).contains(&answered), "100 at once and 50 a second: {answered}");
    assert!(most <= 160, "{most} remembered");
    assert_eq!(sources.answered() + sources.dropped(), 1_000_000);
}

#[test]
fn a_full_memory_forgets_the_source_that_is_nearest_to_a_full_bucket() {
    let limits = SourceLimits {
        each: Rate { burst: 2, per_second: 1 },
        all: Rate { burst: 1_000_000, per_second: 1 },
        capacity: 3,
    };
    let mut sources = UnknownSources::new(limits);
    let worst = "198.51.100.7".parse().unwrap();
    assert_eq!(answers(&mut sources, second(1), worst, 5), 2);
    for last in 0..200 {
        assert_eq!(answers(&mut sources, second(1), Ipv4Addr::new(203, 0, 113, last).into(), 1), 1);
        assert!(sources.remembered() <= 3);
    }
    assert_eq!(answers(&mut sources, second(1), worst, 5), 0);
}

#[test]
fn an_ipv6_source_is_its_64() {
    let mut sources = UnknownSources::new(SourceLimits::default());
    let host = |interface: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, interface));
    assert_eq!((0..100).map(|number| answers(&mut sources, second(0), host(number), 1)).sum::<usize>(), 5);
    assert_eq!(source_of("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
    assert_eq!(source_of(host(9)), "2001:db8:0:1::".parse::<IpAddr>().unwrap());
}

#[test]
fn a_budget_of_nothing_answers_nobody() {
    let limits = SourceLimits { all: Rate { burst: 0, per_second: 0 }, ..SourceLimits::default() };
    let mut sources = UnknownSources::new(limits);
    assert_eq!(answers(&mut sources, second(9), "198.51.100.7".parse().unwrap(), 10), 0);
}
