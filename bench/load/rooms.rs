//! Scenario: so many calls stand at once, and in each the seat has brought a third party in by its
//! keys; all three speak, the server mixes and records. With jitter the thirds' packets come late, as from a mobile.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::closing::{self, Ending};
use super::figures::{Spread, add, round};
use super::options::Rooms;
use super::phones::{Phones, Setup};
use super::recordings::Spoken;
use super::server::Server;
use super::socket::steady;
use super::tone;
use super::two_party::{self, DRAIN, pump};
use super::voice::{Heard, PartyHeard};
use super::window::Window;
use super::{machine, outcome};

const PLACES: [&str; 3] = ["citizen", "seat", "third"];
/// Third parties brought in per second, while the rooms are made.
const RAMP: u64 = 25;
const SECOND: u64 = 1_000_000_000;
/// The server's metrics know a leg as of its last RTCP, every five seconds: what the joining cost is not of the window.
const REPORTED: Duration = Duration::from_secs(6);

pub fn run(options: &Rooms) -> io::Result<()> {
    let calls = options.calls;
    let jitter = options.jitter;
    let late = if jitter > 0 { format!(", thirds up to {jitter} ms late") } else { String::new() };
    println!("rooms: {calls} recorded three-way calls by keys of the seat, {} s{late}", options.seconds);
    let before = outcome::look_around(&options.common, options.pbx.target.is_none());
    let setup = two_party::setup(&options.pbx, options.common.rtp_port, calls, calls + 2);
    let (mut phones, mut server) = two_party::open(Setup { thirds: calls, ..setup }, &options.pbx, true)?;
    let pid = server.pid;
    pump(&mut phones, Duration::from_secs(2));
    let resident = pid.map(machine::resident);
    let calls_up = two_party::bring_up(&mut phones, calls);
    let rooms_up = bring_in(&mut phones);
    phones.voice.as_ref().expect("opened with a voice").delay_thirds(jitter);
    pump(&mut phones, REPORTED);

    let ears = Ears::of(&server);
    let window = Window::open(pid, None);
    phones.voice.as_ref().expect("opened with a voice").measure(true);
    pump(&mut phones, Duration::from_secs(options.seconds));
    phones.voice.as_ref().expect("opened with a voice").measure(false);
    let watched = window.close();
    let ears = Ears::of(&server).since(ears);
    let grown = pid.map(machine::resident).zip(resident).map(|(now, then)| now - then);
    pump(&mut phones, DRAIN);

    let ended = two_party::end(&mut phones);
    let waiting = Instant::now();
    while phones.thirds_talking() > 0 && waiting.elapsed() < Duration::from_secs(2) {
        pump(&mut phones, Duration::from_millis(20));
    }
    let thirds_left = phones.thirds_talking();
    let heard = phones.voice.take().expect("opened with a voice").stop();
    let mut result = heard_in(&heard, calls);
    add(&mut result, &outcome::costs(&heard, &watched, calls, &before));
    add(
        &mut result,
        &json!({
            "scenario": if jitter > 0 { format!("rooms-jitter-{calls}") } else { format!("rooms-{calls}") },
            "jitter_ms": jitter,
            "frames_played": ears.frames,
            "frames_concealed": ears.concealed,
            // Where only the thirds' packets are late, of their frames alone.
            "concealed_percent": ears.percent(if jitter > 0 { PLACES.len() } else { 1 }).map(round),
            "packets_too_late": ears.late,
            "run": options.common.run,
            "calls_up": calls_up,
            "rooms_up": rooms_up,
            "thirds_left_in_call": thirds_left,
            "kib_per_call": grown.map(|grown| round(grown / calls as f64)),
        }),
    );
    // All three mark each second, so two of the pieces that are listened to may have marks in them.
    let spoken = Spoken { right: &[tone::SEAT, tone::THIRD], marked: 2, tracks: 2 };
    closing::finish(
        &mut phones,
        &mut server,
        &mut result,
        Ending { spoken: Some(spoken), keep: options.pbx.keep, ended },
    );
    outcome::conclude(&mut result, &options.common)
}

/// What the server's metrics say of the voices in its rooms; None of another PBX.
#[derive(Clone, Copy)]
struct Ears {
    frames: Option<f64>,
    concealed: Option<f64>,
    late: Option<f64>,
}

impl Ears {
    fn of(server: &Server) -> Self {
        Self {
            frames: server.metric("hotline_room_frames_total"),
            concealed: server.metric("hotline_room_concealed_total"),
            late: server.metric("hotline_room_late_total"),
        }
    }

    fn since(self, before: Self) -> Self {
        let less = |now: Option<f64>, then: Option<f64>| now.zip(then).map(|(now, then)| now - then);
        Self {
            frames: less(self.frames, before.frames),
            concealed: less(self.concealed, before.concealed),
            late: less(self.late, before.late),
        }
    }

    /// Concealed frames against those of one voice in so many.
    fn percent(self, voices: usize) -> Option<f64> {
        let (frames, concealed) = self.frames.zip(self.concealed)?;
        (frames > 0.0).then(|| 100.0 * concealed * voices as f64 / frames)
    }
}

/// Every seat presses its keys; how many third parties have answered.
fn bring_in(phones: &mut Phones) -> usize {
    let start = steady();
    for at in 0..phones.calls.len() {
        phones.run_until(start + at as u64 * SECOND / RAMP);
        phones.bring_in(at);
    }
    let pressed = Instant::now();
    while phones.thirds_talking() < phones.calls.len() && pressed.elapsed() < Duration::from_secs(15) {
        pump(phones, Duration::from_millis(20));
    }
    phones.thirds_talking()
}

/// Who heard whom, how late and how well.
fn heard_in(heard: &Heard, rooms: usize) -> Value {
    let legs = &heard.parties;
    let delay = Spread::new(heard.directions.iter().flatten().flatten().copied());
    println!("  delay in the mix             {}", delay.text());
    let mut by_direction = Map::new();
    let mut worst: Option<f64> = None;
    for (from, row) in heard.directions.iter().enumerate() {
        for (to, times) in row.iter().enumerate().filter(|(to, _)| *to != from) {
            let spread = Spread::new(times.iter().copied());
            let name = format!("{} to {}", PLACES[from], PLACES[to]);
            println!("    {name:<26} {}", spread.text());
            let (half, most) = (spread.at(0.5).map(round), spread.at(0.99).map(round));
            worst = worst.into_iter().chain(most).reduce(f64::max);
            by_direction.insert(name, json!([half, most]));
        }
    }
    let sum = |of: fn(&PartyHeard) -> u64| legs.iter().map(of).sum::<u64>();
    let marks = 2 * sum(|leg| leg.marks);
    let came = sum(|leg| leg.ear.marks.values().sum());
    let wrong = legs.iter().filter(|leg| leg.ear.tone_bad > 0 || leg.ear.tone_good == 0).count();
    let deaf = legs.iter().filter(|leg| leg.ear.received == 0).count() + (3 * rooms).saturating_sub(legs.len());
    json!({
        "delay_p50_ms": delay.at(0.5).map(round),
        "delay_p99_ms": delay.at(0.99).map(round),
        "delay_p999_ms": delay.at(0.999).map(round),
        "delay_max_ms": delay.at(1.0).map(round),
        "direction_p50_p99_ms": by_direction,
        "worst_direction_p99_ms": worst,
        "marks": marks,
        "marks_not_heard": marks.saturating_sub(came),
        "packets_spoken": sum(|leg| leg.spoken),
        "packets": sum(|leg| leg.ear.received),
        "lost": sum(|leg| leg.ear.lost),
        "disordered": sum(|leg| leg.ear.disordered),
        "foreign": sum(|leg| leg.ear.foreign),
        "ssrc_changes": sum(|leg| leg.ear.ssrc_changes),
        "deaf_legs": deaf,
        "legs_in_wrong_company": legs.iter().filter(|leg| !is_in_its_room(leg, legs)).count(),
        "legs_with_wrong_tone": wrong,
        "tones_right": sum(|leg| leg.ear.tone_good),
        "tones_wrong": sum(|leg| leg.ear.tone_bad),
        "loudest_own_tone_db": round(legs.iter().map(|leg| leg.ear.loudest_own).fold(-200.0, f64::max)),
        "farthest_other_tone_db": round(legs.iter().map(|leg| leg.ear.farthest_other).fold(0.0, f64::max)),
    })
}

/// It hears two others, and each of them hears it and the other one, nobody else.
fn is_in_its_room(leg: &PartyHeard, legs: &[PartyHeard]) -> bool {
    let room = |leg: &PartyHeard| -> BTreeSet<u16> { leg.ear.marks.keys().copied().chain([leg.leg]).collect() };
    let own = room(leg);
    own.len() == 3
        && legs.iter().filter(|other| own.contains(&other.leg)).filter(|other| room(other) == own).count() == 3
}
