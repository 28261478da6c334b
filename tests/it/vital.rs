//! A server that has lost a thread does not go on as if nothing had happened.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use hotline::vital::vital;

/// Run by the test below as a process of its own.
#[test]
#[ignore = "a process for another test"]
fn a_vital_thread_panics() {
    let _ = vital("archive-writer", || panic!("of no use")).unwrap().join();
    println!("went on");
}

#[test]
fn the_panic_of_a_vital_thread_ends_the_process() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vital::a_vital_thread_panics", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("running 1 test") && !said.contains("went on"), "{said}");
    assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{:?}", child.status);
    assert!(String::from_utf8_lossy(&child.stderr).contains("of no use"), "it says why");
}

#[test]
fn a_vital_thread_that_comes_to_its_end_ends_nothing_else() {
    assert_eq!(vital("journal", || 7).unwrap().join().unwrap(), 7);
}
