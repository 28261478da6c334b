//! What the loop is told once an answer is on disk, or is not: the caller's 200 waits for it. R33.

use hotline::exchange::Input;

use super::*;
use crate::facts;

const PATIENCE: Duration = Duration::from_secs(10);

/// The loop has something else to do, and no room for more.
fn busy(name: &str) -> House {
    let house = House::open(name);
    house.desk.inbox.try_send(Event::Input(Input::Tick)).ok().unwrap();
    house
}

fn next(house: &mut House) -> Option<Event> {
    let House { runtime, inbox, .. } = house;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, inbox.recv()).await }).ok().flatten()
}

fn opened(house: &mut House) -> Option<String> {
    match next(house) {
        Some(Event::Input(Input::TicketOpened { call: CallId(1), number })) => number,
        _ => panic!("the loop is told nothing of the answer"),
    }
}

fn answered() -> Wish {
    Wish::OpenTicket(Box::new(facts::opened(1)))
}

#[test]
fn an_answer_that_is_on_disk_waits_for_the_loop_to_have_room() {
    let mut house = busy("full");
    house.wish(answered());
    facts::soon(|| house.desk.journal.health().entries == 1);
    assert!(matches!(next(&mut house), Some(Event::Input(Input::Tick))));
    assert_eq!(opened(&mut house).as_deref(), Some("JDZ-20261124-000001"));
}

#[test]
fn an_answer_that_the_disk_refuses_is_told_without_a_number() {
    let mut house = busy("refuses");
    let journal = house.folder.join("journal");
    fs::remove_dir_all(&journal).unwrap();
    fs::write(&journal, "").unwrap();
    house.wish(answered());
    facts::soon(|| house.desk.journal.health().failing.is_some());
    assert!(matches!(next(&mut house), Some(Event::Input(Input::Tick))));
    assert_eq!(opened(&mut house), None);
}

/// A journal that takes nothing says so on the loop itself, which must not wait for itself: the switchboard's
/// patience is what answers the caller then.
#[test]
fn the_loop_never_waits_for_its_own_inbox() {
    let mut house = busy("closed");
    house.desk.journal.close();
    let House { runtime, desk, clock, .. } = &mut house;
    runtime.block_on(async { desk.carry(clock.now(), Output::Call(answered())) });
    assert!(matches!(house.inbox.try_recv(), Ok(Event::Input(Input::Tick))));
    assert!(house.inbox.try_recv().is_err());
    // With room it is told at once.
    let House { runtime, desk, clock, .. } = &mut house;
    runtime.block_on(async { desk.carry(clock.now(), Output::Call(answered())) });
    assert_eq!(opened(&mut house), None);
}
