//! Placing packets on the call's clock, in virtual time: drift, jitter, loss, silence, restarts.

use std::time::Duration;

use hotline::audio::g711::Law;
use hotline::audio::timeline::{Heard, Missing, Placement, Timeline};
use hotline::time::Mono;

const OPENED: Mono = Mono::from_millis(5_000);
const HOUR: u64 = 3_600_000;

/// A sender with its own crystal; what it says is numbered by the true time, in milliseconds.
struct Sender {
    ssrc: u32,
    sequence: u16,
    /// RTP timestamp of true time 0.
    timestamp: u32,
    ppm: f64,
    ptime: u16,
}

impl Sender {
    fn new() -> Self {
        Self { ssrc: 0xabcd, sequence: 65_500, timestamp: 0xffff_f000, ppm: 0.0, ptime: 20 }
    }

    /// The packet spoken from `at` ms on, which arrives `delay` ms after it was complete. The
    /// sender's clock counts `ppm` too many samples.
    fn packet(&mut self, at: f64, delay: f64) -> Heard {
        let counted = (at * 8.0 * (1.0 + self.ppm / 1e6)).round() as u32;
        self.sequence = self.sequence.wrapping_add(1);
        let arrival = (at + f64::from(self.ptime) + delay) * 1e6;
        Heard {
            arrival: OPENED + Duration::from_nanos(arrival as u64),
            ssrc: self.ssrc,
            sequence: self.sequence,
            timestamp: self.timestamp.wrapping_add(counted),
            law: Law::A,
            len: self.ptime * 8,
        }
    }

    /// Packet after packet from `from` to `to` ms by the sender's clock, on a path without jitter.
    fn talk(&mut self, from: u64, to: u64) -> Vec<Heard> {
        (from..to).step_by(usize::from(self.ptime)).map(|at| self.packet(at as f64, 0.0)).collect()
    }
}

fn place(timeline: &mut Timeline, heard: &[Heard]) -> Vec<Placement> {
    let mut placed = Vec::new();
    for (index, batch) in heard.chunks(10).enumerate() {
        timeline.place(batch, |placement| {
            placed.push(Placement { packet: placement.packet + 10 * index, ..placement });
        });
    }
    placed
}

/// Milliseconds at which each was placed.
fn millis(placed: &[Placement]) -> Vec<u64> {
    placed.iter().map(|placement| placement.at / 8).collect()
}

fn random(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

/// Two hours of one side: talk and pauses, 30 ms of jitter, and what `turn` does to the sender after
/// an hour. The furthest that speech was placed from its true place, early and late, in ms.
fn two_hours(ppm: f64, turn: impl Fn(&mut Sender)) -> (f64, f64) {
    let (mut sender, mut seed) = (Sender { ppm, ..Sender::new() }, 0x9e37_79b9_7f4a_7c15);
    let mut heard: Vec<(Heard, f64)> = Vec::new();
    let mut at = 0.0;
    let mut turned = false;
    // A packet is 20 ms by the sender's clock; between two sentences it is silent for a while.
    let step = 20.0 / (1.0 + ppm / 1e6);
    while at < 2.0 * HOUR as f64 {
        if at > HOUR as f64 && !turned {
            turned = true;
            turn(&mut sender);
        }
        let talk = (random(&mut seed) * 400.0) as u32;
        for _ in 0..talk {
            heard.push((sender.packet(at, 40.0 + 30.0 * random(&mut seed)), at));
            at += step;
        }
        at += (random(&mut seed) * 1500.0).round() * step;
    }
    heard.sort_by_key(|(packet, _)| packet.arrival);
    let (packets, truth): (Vec<Heard>, Vec<f64>) = heard.into_iter().unzip();
    let mut timeline = Timeline::new(OPENED);
    let (mut early, mut late) = (0f64, 0f64);
    for placed in place(&mut timeline, &packets) {
        // 40 ms for the path at least and 20 ms of leeway, the same for all that is said.
        let off = placed.at as f64 / 8.0 - (truth[placed.packet] + 60.0);
        early = early.min(off);
        late = late.max(off);
    }
    assert!(timeline.gaps().is_empty(), "{:?}", timeline.gaps().first());
    (early, late)
}

#[test]
fn both_sides_stay_together_for_two_hours_whatever_their_clocks_do() {
    let fast = two_hours(100.0, |sender| sender.timestamp = sender.timestamp.wrapping_add(0x1234_5678));
    let slow = two_hours(-100.0, |sender| (sender.ssrc, sender.sequence, sender.timestamp) = (77, 9, 1));
    println!("early and late, ms: fast {fast:?}, slow {slow:?}");
    let apart = (fast.1 - slow.0).max(slow.1 - fast.0);
    assert!(apart <= 40.0, "{apart} ms apart: fast {fast:?}, slow {slow:?}");
}

#[test]
fn uninterrupted_speech_keeps_its_samples_and_follows_the_drift() {
    for ppm in [100.0, -100.0] {
        let mut sender = Sender { ppm, ..Sender::new() };
        let step = 20.0 / (1.0 + ppm / 1e6);
        let heard: Vec<Heard> = (0..60_000).map(|packet| sender.packet(f64::from(packet) * step, 0.0)).collect();
        let mut timeline = Timeline::new(OPENED);
        let placed = place(&mut timeline, &heard);
        assert_eq!(placed.len(), 60_000);
        for pair in placed.windows(2) {
            let hole = pair[1].at as i64 - (pair[0].at + 160) as i64;
            assert!((-1..=1).contains(&hole), "{hole} samples at once in the middle of a word");
            assert_eq!(pair[1].lead as i64, hole.max(0), "a hole is filled");
        }
        let last = placed.last().unwrap().at as f64 / 8.0;
        assert!((last - 59_999.0 * step - 20.0).abs() < 3.0, "{last}");
        // 20 minutes at 100 ppm are 120 ms, listed in steps of 20 ms, all in one direction.
        let listed: Vec<i64> = timeline.corrections().iter().map(|line| line.shift).collect();
        assert!((5..=6).contains(&listed.len()), "{listed:?}");
        assert!(listed.iter().all(|shift| shift.signum() as f64 == -ppm.signum()), "{listed:?}");
    }
}

#[test]
fn each_packet_lies_where_the_one_before_ends() {
    let mut timeline = Timeline::new(OPENED);
    let heard = Sender::new().talk(0, 10_000);
    let placed = place(&mut timeline, &heard);
    assert_eq!(placed.len(), 500);
    for (index, placement) in placed.iter().enumerate() {
        assert_eq!(*placement, Placement { packet: index, at: index as u64 * 160 + 160, skip: 0, len: 160, lead: 0 });
    }
}

#[test]
fn speech_from_before_the_opening_is_cut_off_and_the_packet_of_the_opening_is_whole() {
    let mut timeline = Timeline::new(OPENED + Duration::from_millis(50));
    let placed = place(&mut timeline, &Sender::new().talk(0, 200));
    let first = placed[0];
    assert_eq!((first.packet, first.at, first.skip, first.len), (1, 0, 80, 80));
}

#[test]
fn what_is_missing_is_silence_and_a_line() {
    // packets that come (of 20 ms each, 50 in all), gaps as (start ms, length ms, packets)
    type Case = (&'static str, fn(usize) -> bool, &'static [(u64, u64, u32)]);
    let cases: [Case; 4] = [
        ("none", |_| true, &[]),
        ("one", |packet| packet != 10, &[(220, 20, 1)]),
        ("a burst", |packet| !(10..17).contains(&packet), &[(220, 140, 7)]),
        ("two", |packet| packet != 10 && packet != 12, &[(220, 20, 1), (260, 20, 1)]),
    ];
    for (what, comes, expected) in cases {
        let mut timeline = Timeline::new(OPENED);
        let heard = Sender::new().talk(0, 1_000);
        let heard: Vec<Heard> =
            heard.into_iter().enumerate().filter(|(at, _)| comes(*at)).map(|(_, packet)| packet).collect();
        let placed = place(&mut timeline, &heard);
        assert_eq!(millis(&placed).last(), Some(&1_000), "{what}: later packets stay where they were");
        let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.start / 8, gap.len / 8, gap.packets)).collect();
        assert_eq!(gaps, expected, "{what}");
    }
}

#[test]
fn a_sender_that_is_silent_leaves_no_gap() {
    let mut timeline = Timeline::new(OPENED);
    let mut sender = Sender::new();
    let mut heard = sender.talk(0, 1_000);
    // Comfort noise once, then nothing for a minute, then speech.
    heard.push(Heard { len: 0, ..sender.packet(1_000.0, 0.0) });
    heard.extend(sender.talk(61_000, 62_000));
    let placed = place(&mut timeline, &heard);
    assert_eq!(millis(&placed)[49..52], [1_000, 61_020, 61_040]);
    assert!(timeline.gaps().is_empty() && timeline.corrections().is_empty());
}

#[test]
fn keys_pressed_are_silence_without_a_gap() {
    let mut timeline = Timeline::new(OPENED);
    let mut sender = Sender::new();
    let mut heard = sender.talk(0, 1_000);
    // RFC 4733: all packets of one event carry the timestamp of its beginning.
    let event = sender.timestamp.wrapping_add(8_000);
    heard.extend((1_000..1_400).step_by(20).map(|at| Heard {
        len: 0,
        timestamp: event,
        ..sender.packet(at as f64, 0.0)
    }));
    heard.extend(sender.talk(1_400, 2_000));
    let placed = place(&mut timeline, &heard);
    assert_eq!(millis(&placed)[49..51], [1_000, 1_420]);
    assert!(timeline.gaps().is_empty() && timeline.corrections().is_empty());
}

#[test]
fn overtaken_packets_find_their_place_and_copies_do_not_count() {
    let mut timeline = Timeline::new(OPENED);
    let mut heard = Sender::new().talk(0, 1_000);
    heard.swap(20, 23);
    heard.insert(31, heard[30]);
    heard.insert(45, heard[20]);
    let placed = place(&mut timeline, &heard);
    let mut at = millis(&placed);
    assert_eq!(at.len(), 50);
    at.sort_unstable();
    assert_eq!(at, (1..=50).map(|packet| packet * 20).collect::<Vec<_>>());
    assert!(timeline.gaps().is_empty(), "{:?}", timeline.gaps());
}

#[test]
fn a_packet_that_comes_late_shortens_its_gap() {
    let mut timeline = Timeline::new(OPENED);
    let mut heard = Sender::new().talk(0, 2_000);
    // 10..15 are missing; 12 comes a second later.
    let late = Heard { arrival: heard[62].arrival, ..heard[12] };
    heard.drain(10..15);
    heard.insert(58, late);
    place(&mut timeline, &heard);
    let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.start / 8, gap.len / 8, gap.packets)).collect();
    assert_eq!(gaps, [(220, 40, 2), (280, 40, 2)]);
}

#[test]
fn a_restart_is_placed_by_its_arrival_and_listed() {
    // what the sender does, reason listed
    type Case = (fn(&mut Sender), &'static str);
    let cases: [Case; 9] = [
        (|sender| sender.ssrc = 5, "new SSRC"),
        (|sender| sender.timestamp = sender.timestamp.wrapping_add(1 << 30), "timestamp jumped"),
        (|sender| sender.timestamp = sender.timestamp.wrapping_sub(1 << 30), "timestamp jumped"),
        (|sender| sender.timestamp = sender.timestamp.wrapping_sub(4_000), "timestamp jumped"),
        (|sender| sender.timestamp = sender.timestamp.wrapping_add(4_000), "timestamp jumped"),
        (|sender| sender.sequence = sender.sequence.wrapping_sub(9_000), "sequence restarted"),
        (|sender| sender.sequence = sender.sequence.wrapping_sub(300), "sequence restarted"),
        (|sender| sender.sequence = sender.sequence.wrapping_sub(40), "sequence restarted"),
        (|sender| sender.sequence = sender.sequence.wrapping_sub(1), "sequence restarted"),
    ];
    for (turn, why) in cases {
        let mut timeline = Timeline::new(OPENED);
        let mut sender = Sender::new();
        let mut heard = sender.talk(0, 1_000);
        turn(&mut sender);
        heard.extend(sender.talk(1_000, 2_000));
        let placed = place(&mut timeline, &heard);
        assert_eq!(millis(&placed), (1..=100).map(|packet| packet * 20).collect::<Vec<_>>(), "{why}");
        let lines: Vec<_> = timeline.corrections().iter().map(|line| (line.at / 8, line.why)).collect();
        assert_eq!(lines, [(1_020, why)]);
        assert!(timeline.gaps().is_empty());
    }
}

#[test]
fn a_new_party_is_placed_by_its_arrival_and_listed_with_the_reason_told() {
    let mut timeline = Timeline::new(OPENED);
    let mut sender = Sender::new();
    place(&mut timeline, &sender.talk(0, 1_000));
    timeline.new_source("another seat");
    (sender.ssrc, sender.timestamp, sender.sequence) = (6, 12, 3);
    let placed = place(&mut timeline, &sender.talk(3_000, 4_000));
    assert_eq!(millis(&placed)[0], 3_020);
    let lines: Vec<_> = timeline.corrections().iter().map(|line| (line.at / 8, line.why, line.shift)).collect();
    assert_eq!(lines, [(3_020, "another seat", 0)]);
}

#[test]
fn a_path_that_stalls_and_delivers_all_at_once_moves_nothing() {
    let mut timeline = Timeline::new(OPENED);
    let mut heard = Sender::new().talk(0, 10_000);
    let arrives = heard[199].arrival;
    for packet in &mut heard[100..200] {
        packet.arrival = packet.arrival.max(arrives);
    }
    let placed = place(&mut timeline, &heard);
    assert_eq!(millis(&placed), (1..=500).map(|packet| packet * 20).collect::<Vec<_>>());
    assert!(timeline.gaps().is_empty() && timeline.corrections().is_empty());
}

#[test]
fn a_sender_whose_clock_stood_still_on_hold_is_placed_by_its_arrival() {
    let mut timeline = Timeline::new(OPENED);
    let mut sender = Sender::new();
    let mut heard = sender.talk(0, 1_000);
    sender.timestamp = sender.timestamp.wrapping_sub(60_000 * 8);
    heard.extend(sender.talk(61_000, 62_000));
    let placed = place(&mut timeline, &heard);
    assert_eq!(millis(&placed)[49..51], [1_000, 61_020]);
    assert_eq!(timeline.corrections()[0].shift, 60_000 * 8);
    assert!(timeline.gaps().is_empty());
}

#[test]
fn a_late_first_packet_does_not_set_the_clock() {
    let mut timeline = Timeline::new(OPENED);
    let mut sender = Sender::new();
    let mut heard = sender.talk(0, 1_000);
    heard[0].arrival = heard[5].arrival;
    heard[..6].rotate_left(1);
    let mut at = millis(&place(&mut timeline, &heard));
    at.sort_unstable();
    assert_eq!(at, (1..=50).map(|packet| packet * 20).collect::<Vec<_>>());
}

#[test]
fn sender_reports_hold_the_clock_through_half_a_minute_of_delay() {
    let drift = 50.0;
    for reports in [true, false] {
        let mut timeline = Timeline::new(OPENED);
        let mut sender = Sender { ppm: drift, ..Sender::new() };
        let mut worst = 0f64;
        for second in 0..300u32 {
            let delay = if (200..240).contains(&second) { 200.0 } else { 0.0 };
            let step = 20.0 / (1.0 + drift / 1e6);
            for batch in 0..5 {
                let first = f64::from(second * 50 + batch * 10) * step;
                let heard: Vec<Heard> =
                    (0..10).map(|packet| sender.packet(first + f64::from(packet) * step, delay)).collect();
                let mut truth = (0..10).map(|packet| first + f64::from(packet) * step + 20.0);
                timeline.place(&heard, |placed| {
                    worst = worst.max((placed.at as f64 / 8.0 - truth.next().unwrap()).abs());
                });
            }
            if reports && second % 5 == 0 {
                let at = f64::from(second) * 50.0 * step;
                let ntp = (at / 1e3 * 4_294_967_296.0) as u64 + (3_900_000_000u64 << 32);
                let timestamp = sender.timestamp.wrapping_add((at * 8.0 * (1.0 + drift / 1e6)) as u32);
                timeline.sender_report(sender.ssrc, ntp, timestamp);
            }
        }
        assert_eq!(worst < 20.0, reports, "{worst} ms");
    }
}

#[test]
fn what_the_recorder_dropped_is_listed_once_and_as_its_own_fault() {
    let mut timeline = Timeline::new(OPENED);
    let heard = Sender::new().talk(0, 3_000);
    place(&mut timeline, &heard[..50]);
    timeline.dropped(heard[50].arrival, 30);
    place(&mut timeline, &heard[80..100]);
    // At the very end no later packet shows the hole.
    timeline.dropped(heard[100].arrival, 10);
    timeline.finish();
    let gaps: Vec<_> = timeline.gaps().iter().map(|gap| (gap.start / 8, gap.len / 8, gap.packets, gap.why)).collect();
    assert_eq!(gaps, [(1_020, 600, 30, Missing::Dropped), (2_020, 200, 10, Missing::Dropped)]);
}

#[test]
fn nonsense_neither_panics_nor_leads_far_away() {
    let mut seed = 0x1234_5678_9abc_def1;
    let mut timeline = Timeline::new(OPENED);
    let mut now = 0;
    for _ in 0..20_000 {
        let heard: Vec<Heard> = (0..5)
            .map(|_| {
                now += (random(&mut seed) * 40.0) as u64;
                let wild = random(&mut seed) < 0.3;
                let number = |seed: &mut u64, small: f64| random(seed) * if wild { 4_294_967_295.0 } else { small };
                Heard {
                    arrival: OPENED + Duration::from_millis(now),
                    ssrc: number(&mut seed, 2.0) as u32,
                    sequence: number(&mut seed, 200.0) as u32 as u16,
                    timestamp: number(&mut seed, 30_000.0) as u32,
                    law: Law::A,
                    len: (random(&mut seed) * if wild { 65_535.0 } else { 320.0 }) as u16,
                }
            })
            .collect();
        timeline
            .place(&heard, |placed| assert!(placed.at + placed.len as u64 <= (now + 2_000) * 8, "{placed:?} at {now}"));
    }
}
