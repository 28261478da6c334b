//! A disk that is slow, that takes nothing, that loses what it took: without one that really does.

use std::fs::File;
use std::io;
use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hotline::app::watch::Judged;
use hotline::app::watch::recorder::{QUIET, RecorderWatch};
use hotline::archive::disk::{Disk, System};
use hotline::archive::sidecar::Trouble;
use hotline::archive::{Figures, SLOW};

use super::*;

/// The test's disk. Its clock is the machine's, and can be put forward.
#[derive(Debug)]
struct TestDisk {
    system: System,
    forward: AtomicU64,
    fails_writes: AtomicBool,
    fails_syncs: AtomicBool,
    failed_syncs: AtomicU64,
    /// Whoever writes, or syncs data, waits while this is shut.
    writes: Gate,
    syncs: Gate,
}

#[derive(Debug, Default)]
struct Gate {
    /// Shut, and how many wait.
    state: Mutex<(bool, usize)>,
    opened: Condvar,
}

impl Gate {
    fn shut(&self) {
        self.state.lock().unwrap().0 = true;
    }

    fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.opened.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.lock().unwrap().1
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        let mut state = self.opened.wait_while(state, |(shut, _)| *shut).unwrap();
        state.1 -= 1;
    }
}

impl Disk for TestDisk {
    fn now(&self) -> Mono {
        self.system.now() + Duration::from_millis(self.forward.load(Ordering::SeqCst))
    }

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.writes.pass();
        if self.fails_writes.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.system.write_at(file, bytes, at)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.syncs.pass();
        if self.fails_syncs.load(Ordering::SeqCst) {
            self.failed_syncs.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::other("lost"));
        }
        self.system.sync_data(file)
    }
}

impl TestDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            system: System { origin: Instant::now() },
            forward: AtomicU64::new(0),
            fails_writes: AtomicBool::new(false),
            fails_syncs: AtomicBool::new(false),
            failed_syncs: AtomicU64::new(0),
            writes: Gate::default(),
            syncs: Gate::default(),
        })
    }

    fn records(self: &Arc<Self>, folder: &Folder) -> Running {
        Running::start(Settings { disk: Arc::clone(self) as Arc<dyn Disk>, ..Settings::new(folder.0.clone()) })
    }

    fn forward(&self, time: Duration) {
        self.forward.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// So slowly that the writer comes round in between.
    fn let_pass(&self, seconds: u64, figures: &Figures) {
        for _ in 0..seconds {
            for _ in 0..2 {
                self.forward(Duration::from_millis(500));
                // Read behind the step: a round that ended before it would let two steps fall into the next one.
                let since = self.now();
                until("the writer to come round", || figures.came_round_after(since));
            }
        }
    }
}

fn slow_marks(folder: &Folder, call: CallId) -> usize {
    let side_car = SideCar::read(&folder.call(call).join("call.json")).unwrap();
    side_car.marks.iter().filter(|mark| mark.what == What::Recorder(Trouble::DiskSlow)).count()
}

#[test]
fn a_slow_write_is_seen_while_it_lasts_and_marks_every_open_recording() {
    let folder = Folder::new("slow");
    let disk = TestDisk::new();
    let running = disk.records(&folder);
    let figures = Arc::clone(&running.archive.figures);
    let other = CallId(CALL.0 + 1);
    for call in [CALL, other] {
        running.open(call);
        running.speak(call, Side::Left, 0, 1_000, numbered);
    }
    until("both to be open", || figures.open.load(Ordering::SeqCst) == 2);
    assert_eq!(figures.behind(disk.now()), None);
    disk.writes.shut();
    disk.forward(Duration::from_secs(1));
    until("a write to hang", || disk.writes.waiting() > 0);
    disk.forward(Duration::from_secs(8));
    assert!(figures.behind(disk.now()).is_some_and(|since| since >= Duration::from_secs(8)));
    running.seal(other, 1_020);
    disk.writes.open();
    let sealed = running.sealed();
    assert_eq!((sealed.call, sealed.verdict, sealed.gaps), (other, Verdict::Degraded, 0));
    assert_eq!(slow_marks(&folder, other), 1);
    until("the writer to be in time again", || figures.behind(disk.now()).is_none());
    running.speak(CALL, Side::Left, 1_000, 2_000, numbered);
    running.seal(CALL, 2_020);
    let sealed = running.sealed();
    assert_eq!((sealed.verdict, sealed.gaps, sealed.duration_ms), (Verdict::Degraded, 0, 2_020), "nothing is missing");
    assert_eq!((slow_marks(&folder, CALL), figures.lags.load(Ordering::SeqCst)), (1, 1));
    // What begins later is none of it.
    let later = CallId(CALL.0 + 2);
    running.open(later);
    running.speak(later, Side::Left, 0, 1_000, numbered);
    running.seal(later, 1_020);
    assert_eq!(running.sealed().verdict, Verdict::Ok);
    running.archive.stop();
}

#[test]
fn a_write_that_fails_is_told_and_made_good() {
    let folder = Folder::new("refuses");
    let disk = TestDisk::new();
    let running = disk.records(&folder);
    running.open(CALL);
    until("the file", || folder.call(CALL).join("call.wav.part").exists());
    disk.fails_writes.store(true, Ordering::SeqCst);
    running.speak(CALL, Side::Left, 0, 2_000, numbered);
    let Done::Failed { call, error } = running.next() else { panic!("not told") };
    assert!(call == CALL && error.contains("cannot write"), "{error}");
    disk.fails_writes.store(false, Ordering::SeqCst);
    running.speak(CALL, Side::Left, 2_000, 3_000, numbered);
    running.seal(CALL, 3_020);
    let sealed = running.sealed();
    assert_eq!((sealed.verdict, sealed.gaps, sealed.duration_ms), (Verdict::Ok, 0, 3_020));
    let left = channel_of(&folder.0.join(&sealed.path), 0);
    assert_eq!((left[LEEWAY_MS as usize * 8], left[3_019 * 8]), (numbered(0), numbered(2_980)));
    running.archive.stop();
}

#[test]
fn an_end_that_never_came_to_disk_is_a_failed_recording() {
    let folder = Folder::new("cut");
    let disk = TestDisk::new();
    let running = disk.records(&folder);
    let figures = Arc::clone(&running.archive.figures);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    until("the file", || fs::metadata(folder.call(CALL).join("call.wav.part")).is_ok_and(|file| file.len() > 16_000));
    disk.fails_writes.store(true, Ordering::SeqCst);
    running.speak(CALL, Side::Left, 1_000, 2_000, numbered);
    running.seal(CALL, 2_020);
    let Done::Failed { .. } = running.next() else { panic!("not told") };
    until("the end to be given up", || {
        disk.forward(Duration::from_millis(300));
        std::thread::yield_now();
        figures.open.load(Ordering::SeqCst) == 0
    });
    disk.fails_writes.store(false, Ordering::SeqCst);
    let sealed = running.sealed();
    assert_eq!((sealed.verdict, sealed.gaps), (Verdict::Failed, 1));
    running.archive.stop();
}

#[test]
fn a_sync_that_failed_is_remembered_to_the_seal() {
    let folder = Folder::new("loses");
    let disk = TestDisk::new();
    let running = disk.records(&folder);
    let figures = Arc::clone(&running.archive.figures);
    running.open(CALL);
    running.speak(CALL, Side::Left, 0, 1_000, numbered);
    until("it to be open", || figures.open.load(Ordering::SeqCst) == 1);
    disk.fails_syncs.store(true, Ordering::SeqCst);
    disk.let_pass(13, &figures);
    until("a sync that fails", || disk.failed_syncs.load(Ordering::SeqCst) > 0);
    // Whoever syncs after that is told that all is well.
    disk.fails_syncs.store(false, Ordering::SeqCst);
    running.seal(CALL, 1_020);
    let sealed = running.sealed();
    assert_eq!((sealed.verdict, sealed.gaps), (Verdict::Failed, 0));
    assert_eq!(slow_marks(&folder, CALL), 0, "it was lost, not slow");
    running.archive.stop();
}

#[test]
fn syncs_that_are_left_out_mark_the_recordings() {
    let folder = Folder::new("behind");
    let disk = TestDisk::new();
    let running = disk.records(&folder);
    let figures = Arc::clone(&running.archive.figures);
    let calls: Vec<CallId> = (0..70).map(|number| CallId(CALL.0 + number)).collect();
    for call in &calls {
        running.open(*call);
        running.speak(*call, Side::Left, 0, 1_000, numbered);
    }
    until("all to be open", || figures.open.load(Ordering::SeqCst) == 70);
    disk.syncs.shut();
    disk.let_pass(21, &figures);
    assert!(figures.syncs_skipped.load(Ordering::SeqCst) > 0);
    disk.syncs.open();
    for call in &calls {
        running.seal(*call, 1_020);
    }
    let verdicts: Vec<Verdict> = calls.iter().map(|_| running.sealed().verdict).collect();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Degraded), "{verdicts:?}");
    running.archive.stop();
}

#[test]
fn alarms_of_the_recorder_stand_until_a_minute_was_quiet() {
    let (figures, overflow) = (Figures::default(), AtomicU64::new(0));
    let mut watch = RecorderWatch::default();
    let start = Mono::from_millis(1_000_000);
    let mut stand = |at: Duration| -> Vec<&'static str> {
        let found = watch.look(start + at, &figures, &overflow);
        found.into_iter().filter(|found| found.active).map(|Judged { subject, .. }| subject).collect()
    };
    let second = Duration::from_secs(1);
    assert_eq!(stand(second), [""; 0], "no call is recorded: the writer sleeps");
    figures.write_errors.fetch_add(1, Ordering::SeqCst);
    assert_eq!(stand(2 * second), ["disk"]);
    assert_eq!(stand(3 * second), ["disk"], "it does not flap");
    figures.write_errors.fetch_add(1, Ordering::SeqCst);
    overflow.fetch_add(1, Ordering::SeqCst);
    assert_eq!(stand(30 * second), ["disk", "queue"]);
    assert_eq!(stand(30 * second + QUIET - second), ["disk", "queue"]);
    assert_eq!(stand(30 * second + QUIET), [""; 0]);
    for counter in [&figures.syncs_skipped, &figures.dropped, &figures.lags] {
        counter.fetch_add(1, Ordering::SeqCst);
        assert_eq!(stand(200 * second), ["slow"]);
        assert_eq!(stand(300 * second), [""; 0]);
    }
    // A call is open, and nobody has come round since the start of time.
    figures.open.fetch_add(1, Ordering::SeqCst);
    assert_eq!(stand(400 * second), ["slow"]);
    assert!(
        figures.behind(Mono::default() + SLOW).is_none() && figures.behind(Mono::default() + SLOW + second).is_some()
    );
}
