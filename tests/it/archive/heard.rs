//! Who was on the line, and whether anything was heard of them.

use hotline::archive::sidecar::Trouble;
use hotline::call::MediaFigures;

use super::*;

fn mark(running: &Running, at: u64, mark: Mark) {
    running.order(Order::Mark { call: CALL, at: OPENED + Duration::from_millis(at), mark });
}

/// What the archive says until the recording is sealed: who was heard, and the seal.
fn story(running: &Running) -> (Vec<(String, bool)>, Sealed) {
    let mut heard = Vec::new();
    loop {
        match running.next() {
            Done::Heard { party, trunk, heard: was, .. } => {
                heard.push((if party.role == Role::Citizen { trunk } else { party.number }, was));
            }
            Done::Sealed(sealed) => return (heard, *sealed),
            Done::Failed { error, .. } => panic!("{error}"),
        }
    }
}

struct Case {
    name: &'static str,
    /// Beside those of the citizen and of seat 1001, who join at once.
    marks: Vec<(u64, Mark)>,
    spoken: &'static [(Side, u64, u64)],
    end: u64,
    told: &'static [(&'static str, bool)],
    verdict: Verdict,
    /// Where it is marked that a side sent nothing.
    mute: &'static [(u64, Side)],
}

#[test]
fn a_side_that_could_speak_and_never_did_degrades_the_recording_and_is_told() {
    use Side::{Left, Right};
    let seat = || seat("1001");
    let table = [
        Case {
            name: "both-silent",
            marks: vec![],
            spoken: &[],
            end: 4_000,
            told: &[("city", false), ("1001", false)],
            verdict: Verdict::Degraded,
            mute: &[(0, Left), (0, Right)],
        },
        Case {
            name: "one-way",
            marks: vec![],
            spoken: &[(Left, 0, 3_000)],
            end: 4_000,
            told: &[("city", true), ("1001", false)],
            verdict: Verdict::Degraded,
            mute: &[(0, Right)],
        },
        Case {
            name: "both",
            marks: vec![],
            spoken: &[(Left, 0, 400), (Right, 0, 400)],
            end: 9_000,
            told: &[("city", true), ("1001", true)],
            verdict: Verdict::Ok,
            mute: &[],
        },
        Case { name: "too-short", marks: vec![], spoken: &[], end: 1_900, told: &[], verdict: Verdict::Ok, mute: &[] },
        Case {
            name: "held",
            marks: vec![(500, Mark::Held(seat())), (8_000, Mark::Resumed(seat()))],
            spoken: &[(Left, 0, 400)],
            end: 8_900,
            told: &[("city", true)],
            verdict: Verdict::Ok,
            mute: &[],
        },
        Case {
            name: "second-seat-mute",
            marks: vec![
                (3_000, Mark::Left { party: seat(), why: "media_lost".into() }),
                (4_000, Mark::Joined(super::seat("12"))),
            ],
            spoken: &[(Left, 0, 3_000), (Right, 0, 2_000)],
            end: 8_000,
            told: &[("1001", true), ("city", true), ("12", false)],
            verdict: Verdict::Degraded,
            mute: &[(4_000, Right)],
        },
    ];
    for Case { name, marks, spoken, end, told, verdict, mute } in table {
        let folder = Folder::new(&format!("mute-{name}"));
        let running = Running::in_format(&folder, Format::Alaw);
        running.open(CALL);
        mark(&running, 0, Mark::Joined(citizen()));
        mark(&running, 0, Mark::Joined(seat()));
        for (side, from, to) in spoken {
            running.speak(CALL, *side, *from, *to, numbered);
        }
        for (at, what) in marks {
            mark(&running, at, what);
        }
        running.seal(CALL, end);
        let (heard, sealed) = story(&running);
        let heard: Vec<_> = heard.iter().map(|(who, was)| (who.as_str(), *was)).collect();
        assert_eq!((heard.as_slice(), sealed.verdict, sealed.gaps), (told, verdict, 0), "{name}");
        let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
        let marked = side_car.marks.iter().filter_map(|mark| match mark.what {
            What::Recorder(Trouble::NoMedia(side)) => Some((mark.at_ms, side)),
            _ => None,
        });
        assert_eq!(marked.collect::<Vec<_>>(), mute, "{name}");
        running.archive.stop();
    }
}

#[test]
fn the_side_car_names_those_who_took_part_and_how_their_media_did() {
    let folder = Folder::new("course");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    mark(&running, 0, Mark::Joined(citizen()));
    mark(&running, 0, Mark::Joined(seat("1001")));
    running.speak(CALL, Side::Left, 0, 3_000, numbered);
    running.speak(CALL, Side::Right, 0, 1_000, numbered);
    mark(&running, 1_000, Mark::Held(seat("1001")));
    mark(&running, 2_000, Mark::Resumed(seat("1001")));
    mark(&running, 2_500, Mark::Moved(citizen()));
    mark(&running, 3_000, Mark::Left { party: seat("1001"), why: "media_lost".into() });
    let figures = MediaFigures { received: 150, lost: 3, jitter_ms: 1.5, source_changes: 1 };
    running.order(Order::Figures { call: CALL, leg: LegId(1), figures });
    running.seal(CALL, 4_000);
    let (_, sealed) = story(&running);
    let text = fs::read_to_string(folder.0.join(sealed.path.with_extension("json"))).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |ms: i64| STARTED.0 + ms;
    let party = |party: Party| serde_json::json!({ "role": party.role, "number": party.number, "name": party.name });
    let (seat, citizen) = (party(seat("1001")), party(citizen()));
    assert_eq!(
        json["participants"],
        serde_json::json!([
            { "role": "citizen", "number": "138****5678", "name": "", "joined": at(0), "left": at(4_000), "result": "end",
              "media": { "received": 150, "lost": 3, "jitter_ms": 1.5, "source_changes": 1 } },
            { "role": "seat", "number": "1001", "name": "1001 甲", "joined": at(0), "left": at(3_000),
              "result": "media_lost" },
        ])
    );
    let segment = |kind: &str, parties: &[&serde_json::Value], from, to| serde_json::json!({ "kind": kind, "parties": parties, "from": at(from), "to": at(to) });
    assert_eq!(
        json["segments"],
        serde_json::json!([
            segment("talk", &[&citizen, &seat], 0, 1_000),
            segment("hold", &[&citizen, &seat], 1_000, 2_000),
            segment("talk", &[&citizen, &seat], 2_000, 3_000),
            segment("waiting", &[&citizen], 3_000, 4_000),
        ])
    );
    assert_eq!(
        json["marks"][5],
        serde_json::json!({ "at_ms": 3_000, "what": { "left": { "party": seat, "why": "media_lost" } } })
    );
    running.archive.stop();
}

#[test]
fn an_older_side_car_is_still_read() {
    let folder = Folder::new("older");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.seal(CALL, 1_000);
    let _ = story(&running);
    running.archive.stop();
    let text = fs::read_to_string(folder.call(CALL).join("call.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json.as_object_mut().unwrap().retain(|key, _| !["participants", "segments"].contains(&key.as_str()));
    json["marks"] = serde_json::json!([{ "at_ms": 7, "what": "seat_joined 1001" }]);
    let path = folder.0.join("older.json");
    fs::write(&path, json.to_string()).unwrap();
    let side_car = SideCar::read(&path).unwrap();
    assert_eq!(side_car.marks[0].what, What::Text("seat_joined 1001".into()));
    assert!(side_car.participants.is_empty() && side_car.segments.is_empty());
}

#[test]
fn a_side_car_with_the_end_of_a_longer_one_behind_it_is_read() {
    let folder = Folder::new("tail");
    fs::create_dir_all(folder.call(CALL)).unwrap();
    let running = Running::in_format(&folder, Format::Alaw);
    let whole = CallId(CALL.0 + 1);
    running.open(whole);
    mark(&running, 0, Mark::Joined(seat("1001")));
    running.speak(whole, Side::Left, 0, 1_000, numbered);
    running.seal(whole, 1_000);
    let _ = story(&running);
    running.archive.stop();
    // What the death of a server between write and cut leaves: the new text and the end of the old one.
    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.call(whole).join("call.json")).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("seal");
    json["call"] = CALL.to_string().into();
    let text = format!("{json:#}\n");
    fs::write(folder.call(CALL).join("call.json.part"), format!("{text}{}", &text[text.len() / 2..])).unwrap();
    let mut audio = hotline::audio::wav::header(Format::Alaw.stereo(), 8_000);
    audio.resize(58 + 16_000, 0xd5);
    fs::write(folder.call(CALL).join("call.wav.part"), audio).unwrap();

    let running = Running::in_format(&folder, Format::Alaw);
    let (_, sealed) = story(&running);
    assert_eq!((sealed.call, sealed.recovered, sealed.started), (CALL, true, STARTED));
    let side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    assert_eq!((side_car.meta.seat.as_str(), side_car.meta.trunk.as_str()), ("1001", "city"));
    assert_eq!(side_car.marks.last().unwrap().what, What::Recorder(Trouble::Crash));
    running.archive.stop();
}
