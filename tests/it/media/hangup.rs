//! The desk between media and recorder. The end of a call: what was said up to it is on the recording,
//! whichever thread is quicker.

mod hanging_disk;
mod journalled;

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use hotline::app::alarms::Alarms;
use hotline::app::desk::Desk;
use hotline::app::trace::TraceBook;
use hotline::archive::{self, Archive, Done, Order, Sealed, Verdict, Voice};
use hotline::audio::g711::Law;
use hotline::audit::Audit;
use hotline::call::{CallId, Hearing, LegId, Output as Wish, SeatNo};
use hotline::exchange::Output;
use hotline::media::prompt::PromptShelf;
use hotline::media::{self, Command, Limits, Setup};
use hotline::net::clock::Clock;
use hotline::net::driver::{Carry, Event};
use hotline::store::journal::{self, Journal};
use hotline::store::sqlite::Sqlite;
use hotline::time::Wall;

use super::peer::{CALL, CITIZEN, Hotline, Phone, SEAT, V4};

const TONE: u8 = 0x34;
/// What a citizen says last.
const LAST: u8 = 0x25;
const SILENCE: u8 = 0xD5;
const PACKET: Duration = Duration::from_millis(20);

/// The desk with real media threads and a real recorder behind it.
struct House {
    folder: PathBuf,
    clock: Clock,
    desk: Desk,
    archive: Archive,
    done: mpsc::Receiver<Done>,
    runtime: tokio::runtime::Runtime,
    /// Of the signalling loop; it has room for one.
    inbox: tokio::sync::mpsc::Receiver<Event>,
    _reports: tokio::sync::mpsc::Receiver<media::Report>,
}

impl House {
    fn open(name: &str) -> Self {
        Self::open_with(name, |settings| settings)
    }

    fn open_with(name: &str, change: impl FnOnce(archive::Settings) -> archive::Settings) -> Self {
        let folder = std::env::temp_dir().join(format!("hotline-hangup-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let clock = Clock::start();
        let (tell, done) = mpsc::channel();
        let tell = Mutex::new(tell);
        let tell = Arc::new(move |what| drop(tell.lock().unwrap().send(what)));
        let archive = archive::start(change(archive::Settings::new(folder.join("recordings"))), tell).unwrap();
        let (reports, _reports) = tokio::sync::mpsc::channel(4096);
        let media = media::start(Setup {
            threads: 2,
            prompts: PromptShelf::load(&[], None),
            tap: archive.orders.clone(),
            reports,
            clock: clock.origin(),
            seed: 42,
            limits: Limits::default(),
        })
        .unwrap();
        let wall: journal::Clock = Arc::new(move || clock.wall());
        let (journal, _) = Journal::open(&folder.join("journal"), wall, journal::Options::default()).unwrap();
        let disk = Arc::new(archive::disk::System { origin: clock.origin() });
        let (audit, _) = Audit::open(&folder.join("audit"), Arc::new(move || clock.wall()), disk).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (to_loop, inbox) = tokio::sync::mpsc::channel(1);
        let desk = Desk {
            media,
            archive: archive.orders.clone(),
            journal: journal.clone(),
            audit,
            alarms: Alarms::new(clock, journal, None),
            figures: Arc::default(),
            trace: TraceBook::default(),
            inbox: to_loop,
            store: Arc::new(Sqlite::new(&folder.join("hotline.sqlite"))),
            runtime: runtime.handle().clone(),
            held_back: VecDeque::new(),
        };
        Self { folder, clock, desk, archive, done, runtime, inbox, _reports }
    }

    fn wish(&mut self, wish: Wish) {
        self.desk.carry(self.clock.now(), Output::Call(wish));
        self.desk.rest();
    }

    fn media(&mut self, command: Command) {
        self.desk.carry(self.clock.now(), Output::Media(command));
        self.desk.rest();
    }

    fn answer(&mut self, call: CallId) -> Talk {
        let (mut citizen, seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
        let (left, right) = (LegId(call.0 * 2), LegId(call.0 * 2 + 1));
        let started = self.clock.wall();
        let (hotline, trunk) = ("12345".to_string(), "city".to_string());
        self.wish(Wish::OpenRecording { call, started, hotline, seat: SeatNo("1001".into()), trunk });
        let mut ports = Vec::new();
        for (leg, phone) in [(left, &citizen), (right, &seat)] {
            let local = Phone::new(V4, 0).address();
            self.media(Command::Open { leg, call, local });
            self.media(Command::Agree { leg, media: phone.media(Law::A, None) });
            ports.push(local);
        }
        self.media(Command::Mix { call, citizen: left, hearings: Hearing::all(&[left, right]), record: true });
        // What comes before the media thread knows of the call is nobody's: they talk once they are joined.
        // Each at its time: packets faster than speech would be taken for a fast clock, and squeezed.
        loop {
            citizen.say(ports[0], 8, &[SILENCE; 160]);
            thread::sleep(PACKET);
            if !seat.hears_nothing() {
                break;
            }
        }
        Talk { call, legs: [left, right], citizen, seat, said: 0, port: ports[0] }
    }

    /// What the exchange puts out when a side hangs up.
    fn hang_up(&mut self, talk: &Talk) {
        for leg in talk.legs {
            self.media(Command::Close { leg });
        }
        let ended = self.clock.wall();
        self.wish(Wish::SealRecording { call: talk.call, ended });
    }

    fn sealed(&self) -> Sealed {
        match self.done.recv_timeout(Duration::from_secs(20)).expect("a seal") {
            Done::Sealed(sealed) => *sealed,
            Done::Heard { .. } => panic!("nobody joined"),
            Done::Failed { error, .. } => panic!("{error}"),
        }
    }

    /// How often the citizen's side of the recording has this code.
    fn recorded(&self, sealed: &Sealed, code: u8) -> usize {
        let file = fs::read(self.folder.join("recordings").join(&sealed.path)).unwrap();
        file[58..].iter().step_by(2).filter(|it| **it == code).count()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Talk {
    call: CallId,
    legs: [LegId; 2],
    citizen: Phone,
    seat: Phone,
    said: usize,
    port: SocketAddr,
}

#[test]
fn the_last_word_before_a_hang_up_is_on_the_recording() {
    let mut house = House::open("tail");
    let mut talks: Vec<(u64, Talk)> = (0..50).map(|n| (25 + n % 25, house.answer(CallId(1000 + n)))).collect();
    let start = Instant::now();
    let mut said = std::collections::BTreeMap::new();
    // Each packet at its time, as a phone sends; two calls end after each of the later ones.
    for turn in 0..50 {
        thread::sleep((start + PACKET * turn).saturating_duration_since(Instant::now()));
        let is_over = |last: u64| last <= u64::from(turn);
        let word = |last: u64| if is_over(last) { LAST } else { TONE };
        for (last, talk) in &mut talks {
            talk.citizen.say(talk.port, 8, &[word(*last); 160]);
            talk.said += 1;
        }
        for (last, talk) in &talks {
            // The seat has heard it: it is with the media thread, and not yet with the recorder.
            while talk.seat.hear().payload[0] != word(*last) {}
        }
        let (over, on) = talks.into_iter().partition(|(last, _)| is_over(*last));
        talks = on;
        let over: Vec<(u64, Talk)> = over;
        for (_, talk) in &over {
            said.insert(talk.call, talk.said);
            house.hang_up(talk);
        }
    }
    let short: Vec<_> = (0..50)
        .map(|_| house.sealed())
        .map(|sealed| (sealed.call, sealed.verdict, house.recorded(&sealed, TONE), house.recorded(&sealed, LAST)))
        // Of a phone that a busy machine keeps waiting the clock is corrected, by a part of one packet.
        .filter(|(call, verdict, tone, last)| {
            *verdict != Verdict::Ok || *last != 160 || *tone <= (said[call] - 2) * 160
        })
        .collect();
    assert!(short.is_empty(), "{} of 50: {short:?}", short.len());
    assert_eq!(house.archive.figures.stray.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn a_seal_waits_for_room_behind_the_last_that_was_heard() {
    let mut hotline = Hotline::start_with(Limits::default(), 1, &[]);
    let (mut citizen, mut seat) = (Phone::new(V4, 1), Phone::new(V4, 2));
    let port = hotline.open(CITIZEN, V4, citizen.media(Law::A, Some(101)));
    let seat_port = hotline.open(SEAT, V4, seat.media(Law::A, None));
    hotline.mix(&[SEAT], true);
    // Left fills the recorder's only place with a batch of 24, and both sides have more to hand over.
    for _ in 0..30 {
        citizen.say(port, 8, &[1; 160]);
        seat.hear();
    }
    seat.say(seat_port, 8, &[2; 160]);
    citizen.hear();
    hotline.close(SEAT);
    hotline.close(CITIZEN);
    hotline.handle.send(Command::Seal { call: CALL, ended: Wall(9), at: hotline::time::Mono(5) });
    let (mut heard, mut told) = ([0, 0], 0);
    loop {
        match hotline.order() {
            Order::Audio { voice, batch, .. } => heard[usize::from(voice != Voice::Citizen)] += batch.heard.len(),
            Order::Dropped { voice, packets, .. } => heard[usize::from(voice != Voice::Citizen)] += packets as usize,
            Order::Figures { leg, figures, .. } => {
                assert_eq!(figures.received, if leg == CITIZEN { 30 } else { 1 });
                told += 1;
            }
            Order::Seal { call, ended, at } => {
                assert_eq!((call, ended, at.0, told), (CALL, Wall(9), 5, 2));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, [30, 1], "each packet is handed over or told to be missing, before the seal");
}

#[test]
fn a_call_without_media_is_sealed_and_stopping_loses_no_seal() {
    let hotline = Hotline::start_with(Limits::default(), 1, &[]);
    let calls: Vec<CallId> = (100..120).map(CallId).collect();
    for call in &calls {
        assert!(hotline.handle.send(Command::Seal { call: *call, ended: Wall(0), at: hotline::time::Mono(0) }));
    }
    let handle = hotline.handle.clone();
    let stopping = thread::spawn(move || handle.stop());
    let mut sealed: Vec<CallId> = calls
        .iter()
        .map(|_| match hotline.order() {
            Order::Seal { call, .. } => call,
            other => panic!("{other:?}"),
        })
        .collect();
    sealed.sort_unstable();
    assert_eq!(sealed, calls);
    stopping.join().unwrap();
    let late = Command::Seal { call: CALL, ended: Wall(0), at: hotline::time::Mono(0) };
    assert!(!hotline.handle.send(late), "nobody is left to carry it");
}
