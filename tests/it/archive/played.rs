//! A recording that is rendered while it is read: the same bytes, wherever a reader begins and ends.

use std::io::Read;

use hotline::archive::chart::{Chart, Sight};
use hotline::archive::export::{Form, Rendition};
use hotline::archive::peaks::{Recent, peaks};
use hotline::call::Kind;

use super::*;

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

const FORMS: [Form; 4] = [Form::Mix, Form::Channels, Form::Participant(1), Form::Participant(3)];

#[test]
fn any_cut_of_ranges_is_the_whole() {
    let folder = Folder::new("cuts");
    let running = Running::in_format(&folder, Format::Alaw);
    codings::talk(&running);
    let sealed = running.sealed();
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    let open = |form, private| Rendition::open(&shelf, &sealed, form, private).unwrap();
    let mut dice = Dice(7);
    for form in FORMS {
        let rendition = open(form, false);
        let bytes = rendition.bytes();
        let whole = rendition.read(0, usize::MAX).unwrap();
        assert_eq!(whole.len() as u64, bytes, "{form:?}: known before it is rendered");
        for most in [1, 3, 1_000, 20_000, 200_000] {
            // Bytes by bytes, but not through all of it.
            let mut at = if most < 1_000 { dice.below(bytes - 500) } else { 0 };
            let end = if most < 1_000 { at + 400 } else { bytes };
            while at < end {
                let len = 1 + dice.below(most);
                let piece = rendition.read(at, len as usize).unwrap();
                let same = &whole[at as usize..(at + len).min(bytes) as usize];
                assert!(piece == same, "{form:?}: {len} bytes at {at}");
                at += len;
            }
        }
        for (at, len) in [(bytes, 10), (u64::MAX, 1), (0, 0)] {
            assert!(rendition.read(at, len).unwrap().is_empty(), "{form:?}: nothing at {at}");
        }
        // As a stream.
        let (at, len) = (dice.below(bytes / 2), bytes / 3);
        let mut streamed = Vec::new();
        open(form, false).part(at, len).read_to_end(&mut streamed).unwrap();
        assert!(streamed == whole[at as usize..(at + len) as usize], "{form:?} from {at}");
    }
}

/// Ten minutes of silence, but for the second that is asked for.
#[test]
fn a_range_reads_only_what_it_covers() {
    let folder = Folder::new("far");
    let running = Running::in_format(&folder, Format::Alaw);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 200, numbered);
    running.speak(CALL, Side::Left, 600_000, 601_000, numbered);
    running.seal(CALL, 601_020);
    let sealed = running.sealed();
    running.archive.stop();
    let rendition = Rendition::open(&Shelf::new(folder.0.clone()), &sealed, Form::Mix, false).unwrap();
    assert_eq!(rendition.bytes(), 44 + 601_020 * 16);
    let before = read_by_this_thread();
    let last = rendition.read(44 + 600_020 * 16, 16_000).unwrap();
    let read = read_by_this_thread() - before;
    assert!(last.iter().any(|byte| *byte != 0));
    // Once for each of the two channels.
    assert!(read < 2 * 16_000 + 4_096, "{read} bytes for half a second");
}

/// Bytes that this thread has asked the system for. (proc(5), `io`)
fn read_by_this_thread() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn what_the_citizen_did_not_hear_is_left_out_and_said_so() {
    let folder = Folder::new("left-out");
    let running = Running::in_format(&folder, Format::Alaw);
    voices::three(&running);
    let sealed = running.sealed();
    running.archive.stop();
    assert!(sealed.tracks.iter().any(|path| path.ends_with("p3-private.wav")));
    let shelf = Shelf::new(folder.0.clone());
    for (private, left_out) in [(false, true), (true, false)] {
        assert_eq!(Rendition::open(&shelf, &sealed, Form::Mix, private).unwrap().leaves_out, left_out);
    }
}

#[test]
fn peaks_are_the_lowest_and_the_highest_sample_of_each_bucket() {
    let folder = Folder::new("peaks");
    let running = Running::in_format(&folder, Format::Alaw);
    voices::three(&running);
    let sealed = running.sealed();
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    for form in FORMS {
        let rendition = Rendition::open(&shelf, &sealed, form, false).unwrap();
        let count = rendition.participants.len();
        let sound = rendition.read(if count > 2 { 68 } else { 44 }, usize::MAX).unwrap();
        let samples: Vec<i16> = sound.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
        let frames = samples.len() / count;
        for buckets in [1, 7, 100, 9_999] {
            let lanes = peaks(&rendition, buckets).unwrap();
            assert_eq!(lanes.len(), count);
            for (channel, lane) in lanes.iter().enumerate() {
                assert_eq!((lane.min.len(), lane.max.len()), (buckets, buckets));
                for bucket in [0, buckets / 3, buckets - 1] {
                    let of = frames * bucket / buckets..frames * (bucket + 1) / buckets;
                    let own = || samples[of.start * count..of.end * count].iter().skip(channel).step_by(count);
                    let found = (lane.min[bucket], lane.max[bucket]);
                    assert_eq!(
                        found,
                        (*own().min().unwrap(), *own().max().unwrap()),
                        "{form:?}: {bucket} of {buckets}"
                    );
                }
            }
        }
    }
    let lanes = peaks(&Rendition::open(&shelf, &sealed, Form::Channels, false).unwrap(), 4).unwrap();
    let participants: Vec<_> = lanes.iter().map(|lane| lane.participant).collect();
    assert_eq!(participants, [Some(1), Some(2), Some(3)]);
}

/// A picture of a long call is drawn once. One so fine that it would be the sound is never kept.
#[test]
fn coarse_peaks_are_kept_and_fine_ones_are_not() {
    let folder = Folder::new("peaks-kept");
    let running = Running::in_format(&folder, Format::Alaw);
    voices::three(&running);
    let sealed = running.sealed();
    running.archive.stop();
    let shelf = Shelf::new(folder.0.clone());
    let rendition = Rendition::open(&shelf, &sealed, Form::Mix, false).unwrap();
    let recent = Recent::default();
    let look = |name: &str, buckets| recent.peaks(name, &rendition, buckets).unwrap().to_vec();
    let drawn = [100, 200].map(|buckets| look("mix", buckets));
    assert_eq!(drawn, [100, 200].map(|buckets| peaks(&rendition, buckets).unwrap()));
    let file = folder.call(CALL).join("call.wav");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::File::options().write(true).open(&file).unwrap().write_all_at(&vec![0xd5; 150_000], 58).unwrap();
    assert_eq!(look("mix", 100), drawn[0], "kept");
    assert_ne!(look("mix", 200), drawn[1], "read anew: a bucket is 60 ms");
    assert_ne!(look("other", 100), drawn[0], "another's");
}

#[test]
fn the_course_shows_what_its_reader_may_see() {
    let folder = Folder::new("chart");
    let running = Running::in_format(&folder, Format::Alaw);
    voices::three(&running);
    running.sealed();
    running.archive.stop();
    let mut side_car = SideCar::read(&folder.call(CALL).join("call.json")).unwrap();
    let consulted = &mut side_car.segments[1];
    consulted.kind = Kind::Consult;
    consulted.parties.retain(|party| party.role != Role::Citizen);
    let all = Chart::of(&side_car, Sight { private: true, leader: true });
    assert_eq!(all.duration_ms, 12_020);
    let stays: Vec<_> = all.participants.iter().map(|stay| (stay.participant, stay.from_ms, stay.to_ms)).collect();
    assert_eq!(stays, [(1, 0, 12_020), (2, 0, 12_020), (3, 4_000, 10_000)]);
    let private: Vec<_> = all.private.iter().map(|line| (line.participant, line.from_ms, line.to_ms)).collect();
    assert_eq!(private, [(2, 4_020, 6_020), (3, 4_020, 6_020)]);
    let consult = |chart: &Chart| {
        let found = chart.stretches.iter().find(|stretch| stretch.kind == Kind::Consult).cloned();
        let found = found.expect("they consulted");
        (found.parties.len(), found.from_ms, found.to_ms)
    };
    assert_eq!((consult(&all).0, all.left_out.len()), (1, 0));
    // Without the right it is told that there was one, and when, and no more.
    let less = Chart::of(&side_car, Sight { private: false, leader: true });
    assert_eq!((consult(&less).0, less.left_out.as_slice(), less.private.len()), (0, &["private"][..], 0));
    assert_eq!(consult(&less).2, consult(&all).2);

    side_car.leader = true;
    side_car.participants[2].party.role = Role::Leader;
    let no_leader = Chart::of(&side_car, Sight { private: true, leader: false });
    assert_eq!((no_leader.participants[2].party.name.as_str(), no_leader.left_out.as_slice()), ("", &["leader"][..]));
    let leader = Chart::of(&side_car, Sight { private: true, leader: true });
    assert_eq!(leader.participants[2].party.name, "乙");
}
