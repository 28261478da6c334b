//! What ticket and side-car say of a call: who was there, and who spoke with whom.

use std::time::Duration;

use hotline::call::*;
use hotline::time::Wall;

use crate::call::{Hall, SECOND, brief, closed};

fn party(role: Role, leg: u64) -> Party {
    Party { role, number: leg.to_string(), name: String::new(), leg: Some(LegId(leg)) }
}

/// `kind: parties from-to` in seconds.
fn told(segments: &[Segment]) -> Vec<String> {
    let one = |segment: &Segment| {
        let parties: Vec<String> = segment.parties.iter().map(|party| format!("{:?}", party.role)).collect();
        let to = segment.to.map_or(String::new(), |to| (to.0 / 1_000).to_string());
        format!("{:?}: {} {}-{to}", segment.kind, parties.join("+"), segment.from.0 / 1_000)
    };
    segments.iter().map(one).collect()
}

#[test]
fn a_course_says_hold_consult_conference_and_transfer() {
    let (citizen, seat) = (party(Role::Citizen, 1), party(Role::Seat, 2));
    let (unit, leader) = (party(Role::Unit, 3), party(Role::Leader, 4));
    let left = |party: &Party, why: &str| Mark::Left { party: party.clone(), why: why.into() };
    let mut course = Course::default();
    for (second, mark) in [
        (0, Mark::Joined(citizen.clone())),
        (5, Mark::Joined(seat.clone())),
        (10, Mark::Held(seat.clone())),
        (12, Mark::Consulted(unit.clone())),
        (12, Mark::Joined(unit.clone())),
        (20, Mark::Resumed(seat.clone())),
        (25, Mark::Moved(unit.clone())),
        (30, Mark::Joined(leader.clone())),
        (40, left(&unit, "normal")),
        (50, left(&seat, "transferred")),
        // Held by a party that leaves: nobody holds any more.
        (60, Mark::Held(leader.clone())),
        (61, Mark::Held(leader.clone())),
        (70, left(&leader, "media_lost")),
        (80, Mark::Joined(seat.clone())),
        (80, left(&seat, "hung_up")),
    ] {
        course.mark(Wall(second * 1_000), &mark);
    }
    course.end(Wall(90_000), "normal");
    assert_eq!(
        told(course.segments()),
        [
            "Waiting: Citizen 0-5",
            "Talk: Citizen+Seat 5-10",
            "Hold: Citizen+Seat 10-12",
            "Consult: Seat+Unit 12-20",
            "Talk: Citizen+Seat+Unit 20-30",
            "Talk: Citizen+Seat+Unit+Leader 30-40",
            "Talk: Citizen+Seat+Leader 40-50",
            "Talk: Citizen+Leader 50-60",
            "Hold: Citizen+Leader 60-70",
            "Waiting: Citizen 70-80",
            "Waiting: Citizen 80-90",
        ]
    );
    let stays: Vec<String> = course
        .participants()
        .iter()
        .map(|who| {
            format!("{:?} {}-{} {}", who.party.role, who.joined.0 / 1_000, who.left.unwrap().0 / 1_000, who.result)
        })
        .collect();
    assert_eq!(
        stays,
        [
            "Citizen 0-90 normal",
            "Seat 5-50 transferred",
            "Unit 12-40 normal",
            "Leader 30-70 media_lost",
            "Seat 80-80 hung_up",
        ]
    );
}

/// R66: only what the citizen does not hear is a consultation.
#[test]
fn others_who_go_on_with_the_citizen_make_no_consultation() {
    let (citizen, seat) = (party(Role::Citizen, 1), party(Role::Seat, 2));
    let (unit, leader) = (party(Role::Unit, 3), party(Role::Leader, 4));
    let mut course = Course::default();
    for (second, mark) in [
        (0, Mark::Joined(citizen.clone())),
        (5, Mark::Joined(seat.clone())),
        (10, Mark::Joined(unit.clone())),
        // The seat asks the leader while the unit talks with the citizen, and brings him in.
        (20, Mark::Held(seat.clone())),
        (30, Mark::Consulted(leader.clone())),
        (30, Mark::Joined(leader.clone())),
        // The citizen's phone holds meanwhile.
        (34, Mark::Held(citizen.clone())),
        (36, Mark::Resumed(citizen.clone())),
        (40, Mark::Resumed(seat.clone())),
        // It holds by its phone; then the unit goes, and the leader.
        (50, Mark::Held(seat.clone())),
        (60, Mark::Left { party: unit.clone(), why: "normal".into() }),
        (70, Mark::Left { party: leader.clone(), why: "normal".into() }),
        (80, Mark::Resumed(seat.clone())),
    ] {
        course.mark(Wall(second * 1_000), &mark);
    }
    course.end(Wall(90_000), "normal");
    assert_eq!(
        told(course.segments()),
        [
            "Waiting: Citizen 0-5",
            "Talk: Citizen+Seat 5-10",
            "Talk: Citizen+Seat+Unit 10-20",
            "Talk: Citizen+Unit 20-34",
            "Consult: Seat+Unit+Leader 34-36",
            "Talk: Citizen+Unit 36-40",
            "Talk: Citizen+Seat+Unit+Leader 40-50",
            "Talk: Citizen+Unit+Leader 50-60",
            "Talk: Citizen+Leader 60-70",
            "Hold: Citizen+Seat 70-80",
            "Talk: Citizen+Seat 80-90",
        ]
    );
}

#[test]
fn a_phone_that_holds_without_end_fills_no_ticket() {
    let mut course = Course::default();
    course.mark(Wall(0), &Mark::Joined(party(Role::Citizen, 1)));
    course.mark(Wall(0), &Mark::Joined(party(Role::Seat, 2)));
    for at in 0..10_000 {
        course.mark(Wall(2 * at + 1), &Mark::Held(party(Role::Seat, 2)));
        course.mark(Wall(2 * at + 2), &Mark::Resumed(party(Role::Seat, 2)));
    }
    assert_eq!(course.segments().len(), 1_000);
}

#[test]
fn the_ticket_tells_segments_and_the_media_of_each_party() {
    let mut hall = Hall::talking();
    let seat = hall.seat_leg();
    hall.pass(10 * SECOND);
    hall.send(Input::Held { leg: seat });
    hall.pass(5 * SECOND);
    hall.send(Input::Resumed { leg: seat });
    let figures = MediaFigures { received: 500, lost: 4, jitter_ms: 2.5, source_changes: 1 };
    assert_eq!(hall.tell(Input::Media { leg: seat, figures }), [""; 0]);
    let newer = MediaFigures { received: 750, ..figures };
    hall.send(Input::Media { leg: seat, figures: newer });
    hall.send(Input::Media { leg: LegId(99), figures });
    assert_eq!(hall.tell(Input::SourceMoved { leg: LegId(1) }), ["Mark moved Citizen"]);
    assert_eq!(hall.tell(Input::SourceMoved { leg: LegId(99) }), [""; 0]);
    hall.pass(20 * SECOND);
    let end = hall.send(Input::HungUp { leg: LegId(1) });
    assert!(brief(&end).contains(&"SealRecording".to_owned()));
    let record = closed(&end);
    let media: Vec<_> = record.ended.participants.iter().map(|who| who.media).collect();
    assert_eq!(media, [None, Some(newer)]);
    let kinds: Vec<_> = record.ended.segments.iter().map(|segment| segment.kind).collect();
    assert_eq!(
        kinds.split_first().map(|(first, rest)| (*first, rest)),
        Some((Kind::Waiting, &[Kind::Talk, Kind::Hold, Kind::Talk][..]))
    );
    for pair in record.ended.segments.windows(2) {
        assert_eq!(pair[0].to, Some(pair[1].from), "without a hole");
    }
    let hold = &record.ended.segments[2];
    assert_eq!(hold.to, Some(hold.from + Duration::from_secs(5)));
    assert_eq!(record.ended.segments.last().unwrap().to, Some(record.ended.t_end));
}

#[test]
fn a_move_before_the_answer_is_noted_and_marks_nothing() {
    let mut hall = Hall::open();
    hall.invite(1, "12345");
    let outputs = hall.send(Input::SourceMoved { leg: LegId(1) });
    assert!(matches!(&outputs[..], [Output::Note { text, .. }] if text.contains("the citizen")), "{outputs:?}");
}
