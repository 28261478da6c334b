//! `/metrics`: figures that need a day, a backlog or a bad message to show.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hotline::app::rate::Rate;
use hotline::archive;
use hotline::exchange::Input;
use hotline::net::clock::Clock;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::store::entry::Entry;
use hotline::time::Wall;
use hotline::web::metrics::figures;

use super::house::{House, samples};
use crate::facts;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connect_rate_is_that_of_the_last_24_hours() {
    let house = House::start("rate").await;
    let office = &house.server.office;
    let now = office.clock.wall();
    for call in 1..=3 {
        house.record(facts::answered_at(call, now)).await;
    }
    let long_ago = Wall(now.0 - 25 * 3_600_000);
    house.record(facts::answered_at(4, long_ago)).await;
    house.record(Entry::Missed(Box::new(facts::missed_call(5, 5, now)))).await;
    house.record(Entry::Missed(Box::new(facts::missed_call(6, 6, long_ago)))).await;
    // Nobody has asked it before.
    let mut office = office.clone();
    office.rate = Arc::new(Rate::new(Arc::clone(&office.store), office.clock));
    let samples = samples(&figures(&office).await);
    assert_eq!(samples["hotline_day_offered"], 4.0);
    assert_eq!(samples["hotline_day_answered"], 3.0);
    assert_eq!(samples["hotline_day_answered_15s"], 3.0);
    assert_eq!(samples["hotline_connect_rate_24h"], 0.75);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorders_backlog_and_the_days_of_disk_are_told() {
    let house = House::start("backlog").await;
    let mut office = house.server.office.clone();
    // A recorder that had seven orders before it when it looked last, which was a day ago.
    let archive = archive::Figures::default();
    for (figure, value) in [(&archive.open, 2), (&archive.sealing, 5), (&archive.waiting, 7)] {
        figure.store(value, Ordering::Relaxed);
    }
    office.archive = Arc::new(archive);
    office.clock = Clock::of(Instant::now() - DAY);
    office.figures.recorded_bytes.store(1 << 30, Ordering::Relaxed);
    let samples = samples(&figures(&office).await);
    for (name, value) in
        [("hotline_recordings_open", 2.0), ("hotline_recordings_sealing", 5.0), ("hotline_recorder_queue", 7.0)]
    {
        assert_eq!(samples[name], value, "{name}");
    }
    let behind = samples["hotline_recorder_behind_seconds"];
    assert!((86_400.0..86_460.0).contains(&behind), "{behind}");
    // A GiB a day.
    let days = samples["hotline_disk_free_bytes"] / f64::from(1 << 30);
    let told = samples["hotline_disk_days_left"];
    assert!((told / days - 1.0).abs() < 0.01, "{told} for {days}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_can_be_answered_for_are_counted() {
    let house = House::start("unreadable").await;
    // Any port: what is sent back is of no concern here.
    let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, remote: "127.0.0.1:9".parse().unwrap() };
    let options = "OPTIONS sip:12345@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-m\r\n\
                   From: <sip:13800005678@127.0.0.1>;tag=a\r\nTo: <sip:12345@127.0.0.1>\r\nCall-ID: m\r\n\
                   CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let stray = options.replacen("OPTIONS sip:12345@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    for message in [
        options.replacen("SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-m", "nonsense", 1),
        options.replacen("Call-ID: m\r\n", "", 1),
        options.replacen("CSeq: 1 OPTIONS", "CSeq: 1 BYE", 1),
        stray.clone(),
        stray.replacen("SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-m", "nonsense", 1),
        "garbage\r\n\r\n".to_owned(),
    ] {
        house.server.office.tell(Input::Received { flow, bytes: message.into() }).await;
    }
    let samples = samples(&house.get("/metrics").text);
    for (name, value) in [
        ("hotline_sip_received_total", 6.0),
        ("hotline_sip_unreadable_total", 1.0),
        ("hotline_sip_unanswerable_total", 2.0),
        ("hotline_sip_malformed_total", 2.0),
        ("hotline_sip_bad_responses_total", 1.0),
        ("hotline_sip_stray_responses_total", 1.0),
        ("hotline_sip_over_limit_total", 0.0),
    ] {
        assert_eq!(samples[name], value, "{name}");
    }
    house.stop().await;
}
