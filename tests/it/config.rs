//! The configuration: the shipped examples hold, and every fault is told by file, line and reason.

use std::path::Path;
use std::time::Duration;

use hotline::audio::codec::Codec;
use hotline::call::QueueAnswer;
use hotline::config::{Config, Night, PortRange, Require, SeatKind, Source, Texts, ports};
use hotline::sip::flow::Transport;
use jiff::civil::time;

#[test]
fn the_embedded_default_is_whole_and_trusts_loopback_only() {
    let config = Config::embedded();
    let seats: Vec<&str> = config.seats.iter().map(|seat| seat.no.0.as_str()).collect();
    assert_eq!(seats, ["1001", "1002", "1003"]);
    assert!(config.seats.iter().all(|seat| seat.password.is_none()), "passwords are made at first start");
    for trunk in &config.trunks {
        assert!(trunk.sources.iter().all(|source| source.address.is_loopback() && source.prefix_len >= 8));
        assert_eq!(trunk.queue_answer, QueueAnswer::EarlyThenConnect(Duration::from_secs(45)));
        assert_eq!((trunk.overload_status, trunk.overload_retry_after), (503, None));
        assert_eq!(trunk.reserved_channels, 2, "R31");
        assert_eq!((trunk.codecs.as_slice(), trunk.ptime), (&Codec::ALL[..], 20));
    }
    assert!(config.listens.iter().all(|listen| listen.bind.ip().is_loopback() && listen.media_bind.is_loopback()));
    assert_eq!(
        config.listens.iter().map(|listen| listen.transport).collect::<Vec<_>>(),
        [Transport::Udp, Transport::Tcp]
    );
    assert_eq!(config.centres[0].ticket_prefix, "JDZ");
    assert_eq!(config.server.ring_no_answer, Duration::from_secs(12));
    assert_eq!(config.server.http.to_string(), "127.0.0.1:8080");
    let group = config.queue("12315").expect("group");
    assert_eq!(
        (group.overflow.as_slice(), group.overflow_after),
        (&["general".to_owned()][..], Duration::from_secs(8))
    );
    assert_eq!(config, Config::load(None).expect("load"));
}

/// A folder of before there were classes goes on: three years hold for all.
#[test]
fn a_folder_without_retention_toml_is_whole() {
    let folder = crate::facts::Folder::new("without-retention");
    hotline::commands::init::write(&folder.0).expect("written");
    std::fs::remove_file(folder.join("dialplan/retention.toml")).expect("removed");
    let config = Config::load(Some(&folder.0)).expect("whole");
    assert_eq!(config.retention, Config::embedded().retention);
    assert_eq!(config.retention.schedule.shortest(), 36);
}

/// The knobs that the comments of the examples promise, taken at their word.
#[test]
fn the_commented_examples_are_true() {
    let uncomment = |text: &str, from: &str| -> String {
        let at = text.find(from).expect("the commented rows");
        text[at..]
            .lines()
            .map_while(|line| line.strip_prefix('#'))
            .map(|line| format!("{}\n", line.trim_start()))
            .collect()
    };
    let mut texts = Texts::embedded();
    let class = uncomment(&texts.retention.text, "# [[class]]");
    let class = class.split("\n\n").next().unwrap_or_default().to_owned();
    texts.retention.text.push_str(&class);
    let listens = uncomment(&texts.server.text, "# [[listen]]");
    texts.server.text.push_str(&listens);
    let trunk = uncomment(&texts.trunks.text, "# [[trunk]]").replace("register = false", "register = true");
    let trunk = trunk.replace("default_code = \"12345\" ", "default_code = \"12331\" ");
    // Its IPv6 source belongs to a listener of that version.
    texts.trunks.text.push_str(&trunk.replace(", \"[2001:db8:5::1]:5060\"", ""));
    let english = uncomment(&texts.queues.text, "# [[group]]");
    texts.queues.text.push_str(&english);
    texts.seats.text = texts.seats.text.replacen("skills = [", "skills = [\"english\", ", 1);
    let config = Config::read(&texts).unwrap_or_else(|faults| panic!("{faults:#?}\n{trunk}"));
    let class = &config.retention.schedule.classes[0];
    assert_eq!((class.id.as_str(), class.months), ("report", 120));
    assert_eq!(config.languages().collect::<Vec<_>>(), [("en", "english")]);
    let trunk = config.trunk("carrier-a").expect("carrier-a");
    assert_eq!((trunk.channels, trunk.reserved_channels, trunk.register), (30, 2, true));
    assert_eq!(trunk.hosts, ["203.0.113.1:5060", "sbc.example.net"]);
    assert_eq!(
        (trunk.pilots.as_slice(), trunk.default_code.as_deref()),
        (&["0798-8220000".to_owned(), "07988220000".to_owned()][..], Some("12331")),
        "where we register, the account's user is a pilot too"
    );
    assert_eq!((trunk.reliable_provisionals, trunk.ring_with_180), (Require::Supported, false));
    assert_eq!(trunk.platform.as_deref(), Some("110"));
    assert_eq!(trunk.password.as_ref().map(|secret| secret.reveal()), Some("invented"));
    assert!(!format!("{trunk:?}").contains("invented"), "a password is never printed");
    let listen = config.listen("carrier").expect("carrier");
    assert_eq!(listen.sip_address.to_string(), "198.51.100.7:5060");
    assert_eq!(
        (listen.media_address.to_string(), listen.media_bind.to_string()),
        ("198.51.100.7".into(), "192.0.2.10".into())
    );
    assert_eq!(listen.rtp_ports, PortRange { first: 20000, last: 24999 });
}

#[test]
fn sources_hold_what_they_say() {
    let cases = [
        ("192.0.2.1", "192.0.2.1", 5060, true),
        ("192.0.2.1", "::ffff:192.0.2.1", 5060, true),
        ("192.0.2.1", "192.0.2.2", 5060, false),
        ("192.0.2.0/24", "192.0.2.255", 1, true),
        ("192.0.2.0/24:5060", "192.0.2.9", 5060, true),
        ("192.0.2.0/24:5060", "192.0.2.9", 5061, false),
        ("0.0.0.0/0", "203.0.113.7", 1, true),
        ("0.0.0.0/0", "2001:db8::1", 1, false),
        ("2001:db8::/32", "2001:db8:ffff::1", 1, true),
        ("2001:db8::/32", "2001:db9::1", 1, false),
        ("[2001:db8::1]:5060", "2001:db8::1", 5060, true),
        ("[2001:db8::1]:5060", "2001:db8::1", 5062, false),
        ("[2001:db8::/64]:5060", "2001:db8::5", 5060, true),
        ("::/0", "2001:db8::5", 5060, true),
    ];
    for (source, address, port, held) in cases {
        let source = Source::parse(source).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(source.contains(address.parse().expect("address"), port), held, "{source} {address}:{port}");
        assert_eq!(Source::parse(&source.to_string()), Ok(source), "what is printed can be read");
    }
    for text in [
        "",
        "x",
        "192.0.2.1/33",
        "192.0.2.1:0",
        "192.0.2.1:x",
        "[2001:db8::1",
        "[2001:db8::1]5060",
        "2001:db8::/129",
        "192.0.2.1/",
        "/",
        "[]",
        "[]:1",
    ] {
        assert!(Source::parse(text).is_err(), "{text}");
    }
}

#[test]
fn night_may_run_over_midnight() {
    let night = Night { from: time(20, 0, 0, 0), to: time(8, 0, 0, 0) };
    let held = [time(20, 0, 0, 0), time(23, 59, 0, 0), time(0, 0, 0, 0), time(7, 59, 59, 0)];
    assert!(held.into_iter().all(|at| night.holds(at)));
    assert!(![time(8, 0, 0, 0), time(19, 59, 0, 0)].into_iter().any(|at| night.holds(at)));
    let nap = Night { from: time(12, 0, 0, 0), to: time(14, 0, 0, 0) };
    assert!(nap.holds(time(13, 0, 0, 0)) && !nap.holds(time(14, 0, 0, 0)));
}

#[test]
fn a_limit_that_cannot_carry_the_ports_is_refused() {
    let config = Config::embedded();
    let needed = ports::open_files(&config);
    assert!(needed > 10_000, "every port of the range is a socket: {needed}");
    assert_eq!(ports::check_open_files(&config, None, needed), []);
    let found = ports::check_open_files(&config, None, needed - 1);
    assert!(found[0].reason.contains(&format!("rtp_ports need {needed} open files, the limit is {}", needed - 1)));
}

#[test]
fn a_seat_kind_is_written_as_in_the_file() {
    for kind in [SeatKind::Local, SeatKind::Remote, SeatKind::Expert, SeatKind::Branch, SeatKind::Leader] {
        assert_eq!(serde_json::to_value(kind).expect("json"), kind.to_string());
    }
}

#[test]
fn every_prompt_is_spoken_and_fits_the_telephone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan/prompts");
    let texts = std::fs::read_to_string(folder.join("texts.tsv")).expect("texts.tsv");
    let names: Vec<&str> = texts.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name).collect();
    for name in &names {
        let prompt = hound::WavReader::open(folder.join(format!("{name}.wav"))).expect(name);
        let spec = prompt.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 8000, 16), "{name}");
        let samples: Vec<i32> = prompt.into_samples::<i16>().map(|sample| i32::from(sample.expect(name))).collect();
        assert!((1600..10 * 8000).contains(&samples.len()), "{name}: {} samples", samples.len());
        let peak = samples.iter().map(|sample| sample.abs()).max().unwrap_or_default();
        assert!((6000..24000).contains(&peak), "{name}: neither faint nor clipped, {peak}");
    }
    for row in Config::embedded().numbers.rows() {
        if let Some(code) = &row.greeting {
            assert!(names.contains(&format!("greeting-{code}").as_str()), "{code} has no greeting");
        }
    }
}
