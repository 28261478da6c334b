//! What a crash left behind: every leg that still stood gets its BYE, every answered call is closed
//! with the reason `restart`, every caller who waited is a missed one, and counted; a recording that
//! was sealed and not yet told of is linked. A call ends when it last gave a sign of life, however
//! long the server was away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::archive::PartName;
use crate::archive::keys::MasterKeys;
use crate::archive::shelf::Shelf;
use crate::archive::sidecar::{SideCar, What};
use crate::archive::stored::Stored;
use crate::audio::wav::{self, Format};
use crate::call::{
    By, CallId, CallRecord, Course, EndReason, Ended, Kind, LeaderCall, Mark, MissedCall, MissedStage, OpenTicket,
    Participant, Party, Role, Segment,
};
use crate::exchange::Input;
use crate::net::driver::Event;
use crate::rules::retention;
use crate::store::entry::{Entry, LegGone};
use crate::store::journal::{Journal, OpenCall};
use crate::time::Wall;

use super::desk::Farewell;
use super::figures::Figures;

/// What the recordings of the calls that were up say of them.
pub(super) type Told = BTreeMap<CallId, SideCar>;

pub(super) async fn close_left_behind(
    open: &[OpenCall],
    told: &Told,
    journal: &Journal,
    inbox: &Sender<Event>,
    figures: &Figures,
) {
    for call in open {
        for leg in &call.legs {
            if let Ok(farewell) = serde_json::from_str::<Farewell>(leg.dialog.reveal()) {
                let orphan = Input::Orphan { flow: farewell.flow(), bye: farewell.bye.into_bytes() };
                // The loop runs by now.
                let _ = inbox.send(Event::Input(orphan)).await;
            }
            if call.answered.is_none() {
                journal.append(Entry::LegGone(LegGone { call: call.call, leg: leg.leg }), |_| {});
            }
        }
        let entry = match call {
            OpenCall { answered: Some((_, opened)), .. } => {
                Entry::Closed(Box::new(closed(opened, call, told.get(&call.call))))
            }
            OpenCall { arrived: Some(arrived), .. } => Entry::Missed(Box::new(missed(arrived, call.seen))),
            _ => continue,
        };
        journal.append(entry, |_| {});
    }
    figures.recovered_calls.fetch_add(u64::try_from(open.len()).unwrap_or(0), Ordering::Relaxed);
    if !open.is_empty() {
        tracing::warn!(calls = open.len(), "calls of an earlier run were closed with reason=restart");
    }
}

/// Ids that no call of ours can have had are not gone on from.
pub(super) fn tell_impossible(ids: &[CallId]) {
    for call in ids {
        tracing::warn!(%call, "the journal holds a call whose id is far ahead of the clock");
    }
}

/// An answered call that was up when it was last seen: with what its side-car told, where there is one, else
/// with whom the journal knows to have been on it.
fn closed(opened: &OpenTicket, call: &OpenCall, told: Option<&SideCar>) -> CallRecord {
    let t_end = call.seen.max(opened.t_answer);
    let (participants, segments) = match told.filter(|told| !told.participants.is_empty()) {
        Some(told) => told_course(opened, t_end, told),
        None => known_course(opened, t_end),
    };
    let spent = |kinds: &[Kind]| -> u64 {
        let of = segments.iter().filter(|segment| kinds.contains(&segment.kind));
        of.map(|segment| between(segment.from, segment.to.unwrap_or(t_end))).sum()
    };
    CallRecord {
        ended: Ended {
            t_end,
            talk_ms: spent(&[Kind::Talk]),
            hold_ms: spent(&[Kind::Hold, Kind::Consult]),
            end_reason: EndReason::Restart,
            released_by: By::System,
            participants,
            segments,
            sip_call_ids: sip_call_ids(opened, call),
            notice_played: opened.notice_played,
            leaders: told.map(leaders).unwrap_or_default(),
        },
        invalid: None,
        threeway_result: None,
        opened: opened.clone(),
    }
}

/// The citizen's, then those of the other legs that stood.
fn sip_call_ids(opened: &OpenTicket, call: &OpenCall) -> Vec<String> {
    let mut all = vec![opened.sip_call_id.clone()];
    for leg in &call.legs {
        let Ok(farewell) = serde_json::from_str::<Farewell>(leg.dialog.reveal()) else { continue };
        let id = farewell.bye.lines().find_map(|line| line.strip_prefix("Call-ID: "));
        all.extend(id.filter(|id| !all.iter().any(|known| known == id)).map(str::to_owned));
    }
    all
}

/// Those who were rung, with the last that was told of each.
fn leaders(told: &SideCar) -> Vec<LeaderCall> {
    let mut all: Vec<LeaderCall> = Vec::new();
    for mark in &told.marks {
        let What::Call(Mark::Led(leader)) = &mark.what else { continue };
        let is_he = |known: &&mut LeaderCall| known.session == leader.session && known.is_rung();
        match all.iter_mut().rfind(is_he) {
            Some(known) => known.clone_from(leader),
            None => all.push(leader.clone()),
        }
    }
    for leader in all.iter_mut().filter(|leader| leader.is_rung()) {
        leader.result = EndReason::Restart.to_string();
    }
    all
}

/// The side-car begins with the answer; the citizen was there before.
fn told_course(opened: &OpenTicket, t_end: Wall, told: &SideCar) -> (Vec<Participant>, Vec<Segment>) {
    let (mut participants, mut segments) = (told.participants.clone(), told.segments.clone());
    for who in &mut participants {
        if who.left.is_none() {
            who.left = Some(t_end);
            who.result = EndReason::Restart.to_string();
        }
    }
    if let Some(last) = segments.last_mut() {
        last.to.get_or_insert(t_end);
    }
    if let Some(citizen) = participants.iter_mut().find(|who| who.party.role == Role::Citizen) {
        citizen.joined = opened.t_arrive;
        let (from, to) = (opened.t_arrive, segments.first().map_or(t_end, |first| first.from));
        if from < to {
            let parties = vec![citizen.party.clone()];
            segments.insert(0, Segment { kind: Kind::Waiting, parties, from, to: Some(to) });
        }
    }
    (participants, segments)
}

fn known_course(opened: &OpenTicket, t_end: Wall) -> (Vec<Participant>, Vec<Segment>) {
    let mut course = Course::default();
    let number = opened.caller.number.as_ref().map(ToString::to_string).unwrap_or_default();
    let seat = (opened.seat.0.clone(), format!("{} {}", opened.seat.0, opened.seat_name));
    let stays = [(opened.t_arrive, Role::Citizen, (number, String::new())), (opened.t_answer, Role::Seat, seat)];
    // A leader may have answered before a seat was free.
    let without_seat = opened.seat.0.is_empty();
    for (joined, role, (number, name)) in stays.into_iter().filter(|(_, role, _)| *role != Role::Seat || !without_seat)
    {
        course.mark(joined, &Mark::Joined(Party { role, number, name, leg: None }));
    }
    course.end(t_end, &EndReason::Restart.to_string());
    course.into_parts()
}

fn missed(arrived: &MissedCall, seen: Wall) -> MissedCall {
    let t_end = seen.max(arrived.t_arrive);
    let wait_ms = between(arrived.t_arrive, t_end);
    MissedCall { t_end, wait_ms, stage: MissedStage::Queue, reason: EndReason::Restart.to_string(), ..arrived.clone() }
}

fn between(from: Wall, to: Wall) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}

/// A call lived at least as long as its recording goes on, which began with its answer, and as its side-car
/// tells of it. To be asked before the archive starts, which repairs and renames the files.
pub(super) fn hear_recordings(open: &mut [OpenCall], recordings: &Path, keys: &MasterKeys) -> Told {
    let mut all = Told::new();
    for call in open {
        let Some((_, opened)) = &call.answered else { continue };
        let day = retention::local_day(opened.t_answer);
        let day = format!("{:04}/{:02}/{:02}", day.year(), day.month(), day.day());
        let folder = recordings.join(day).join(call.call.to_string());
        call.seen = call.seen.max(opened.t_answer + recorded(&folder, keys));
        if let Some(told) = SideCar::in_folder(&folder) {
            let stays = told.participants.iter().map(|who| who.left.unwrap_or(who.joined));
            let begun = told.segments.iter().map(|segment| segment.from);
            call.seen = stays.chain(begun).fold(call.seen, Wall::max);
            all.insert(call.call, told);
        }
    }
    all
}

/// How long the primary file in a call's folder is, all its parts together.
fn recorded(folder: &Path, keys: &MasterKeys) -> Duration {
    let Ok(entries) = fs::read_dir(folder) else { return Duration::ZERO };
    let frames = |path: &Path| -> std::io::Result<u64> {
        let stored = Stored::of_crash(path, keys)?;
        let mut head = [0; Format::Alaw.header_len()];
        let known = stored.read_at(&mut head, 0)?;
        let head = head.get(..known).unwrap_or_default();
        Ok(wav::repair(head, stored.len(), Format::Alaw.stereo()).frames)
    };
    let sound = entries
        .flatten()
        .filter(|entry| PartName::parse(&entry.file_name().to_string_lossy()).is_some_and(|part| part.is_primary()));
    // A part that cannot be read tells nothing.
    let whole: u64 = sound.map(|entry| frames(&entry.path()).unwrap_or(0)).sum();
    Duration::from_millis(whole.saturating_mul(1000) / u64::from(wav::RATE))
}

/// The crash came after the seal and before the journal knew of it. What was not sealed either is
/// found by the archive's sweep.
pub(super) fn link_sealed(unsealed: &[(CallId, Wall)], shelf: &Shelf, journal: &Journal) {
    for (call, answered) in unsealed {
        if let Some(sealed) = shelf.find(*call, Some(*answered)) {
            journal.append(Entry::Sealed(Box::new(sealed)), |_| {});
        }
    }
}
