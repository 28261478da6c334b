//! A disk that hangs for a while: people go on talking, and nothing older is touched.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use hotline::archive::disk::{Disk, System};
use hotline::archive::shelf::{Condition, Shelf};
use hotline::time::Mono;

use super::*;

#[derive(Debug)]
struct HangingDisk {
    system: System,
    hangs: AtomicBool,
    /// The recorder waits for it.
    waited_for: AtomicBool,
}

impl HangingDisk {
    fn wait(&self) {
        while self.hangs.load(Ordering::SeqCst) {
            self.waited_for.store(true, Ordering::SeqCst);
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

impl Disk for HangingDisk {
    fn now(&self) -> Mono {
        self.system.now()
    }

    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.wait();
        self.system.write_at(file, bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.wait();
        self.system.sync(file)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.wait();
        self.system.sync_data(file)
    }

    fn sync_file_system(&self, folder: &Path) -> io::Result<()> {
        self.wait();
        self.system.sync_file_system(folder)
    }
}

fn talk(talk: &mut Talk, packets: usize) {
    for _ in 0..packets {
        talk.citizen.say(talk.port, 8, &[TONE; 160]);
        while talk.seat.hear().payload[0] != TONE {}
    }
}

#[test]
fn a_call_goes_on_while_the_disk_hangs_and_nothing_older_is_touched() {
    let (system, hangs) = (System { origin: Instant::now() }, AtomicBool::new(false));
    let disk = Arc::new(HangingDisk { system, hangs, waited_for: AtomicBool::new(false) });
    let on = Arc::clone(&disk);
    let mut house = House::open_with("hangs", |settings| archive::Settings { queue: 8, disk: on, ..settings });
    let mut older = house.answer(CallId(1));
    talk(&mut older, 100);
    house.hang_up(&older);
    let older = house.sealed();
    let recordings = house.folder.join("recordings");
    let as_it_is = || {
        let files = older.parts.iter().map(|part| recordings.join(part));
        let all = files.chain([recordings.join(older.path.with_file_name("call.json"))]);
        all.map(|file| (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap())).collect::<Vec<_>>()
    };
    let before = as_it_is();

    let mut live = house.answer(CallId(2));
    disk.hangs.store(true, Ordering::SeqCst);
    while !disk.waited_for.load(Ordering::SeqCst) {
        talk(&mut live, 1);
    }
    // Many times what the recorder's queue has room for; each packet is heard.
    talk(&mut live, 2_000);
    disk.hangs.store(false, Ordering::SeqCst);
    house.hang_up(&live);
    let sealed = house.sealed();
    assert_eq!((sealed.call, sealed.verdict), (CallId(2), Verdict::Degraded), "and the recording says so");
    assert!(sealed.gaps > 0, "what had no room is missing, and listed");
    assert!(as_it_is() == before);
    assert_eq!(Shelf::new(recordings.clone()).verify(&older).unwrap(), Condition::Verified);
}
