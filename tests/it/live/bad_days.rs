//! The journal's disk fails under a running server. R33.

use std::fs;

use serde_json::json;

use super::town::Town;
use crate::facts::soon;

const HOST: [u8; 4] = [127, 0, 0, 1];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_answered_while_the_journals_disk_fails_and_the_ticket_follows() {
    let town = Town::open("journal", HOST.into(), |_| {}).await;
    let office = &town.house.server.office;
    let standing = || office.alarms.standing().into_iter().filter(|alarm| alarm.name == "journal");
    let stands = || standing().any(|alarm| alarm.subject.is_empty());
    // A file stands where the folder was: nothing can be written.
    let journal = town.house.data().join("journal");
    fs::remove_dir_all(&journal).unwrap();
    fs::write(&journal, "").unwrap();
    let mut talk = town.talk();
    talk.exchange();
    soon(stands);
    assert!(standing().any(|alarm| alarm.subject == "answers"), "a call was answered without its number");
    assert!(town.house.get("/metrics").text.contains("hotline_journal_up 0\n"));
    assert_eq!(town.house.get("/api/calls").json()["rows"][0]["stage"], "talking");

    fs::remove_file(&journal).unwrap();
    soon(|| !stands());
    town.hang_up(&mut talk);
    let tickets = || town.house.get("/api/tickets").json()["rows"].clone();
    town.house.settle(|| tickets()[0]["t_end"].is_i64()).await;
    assert_eq!((tickets().as_array().map(Vec::len), &tickets()[0]["end_reason"]), (Some(1), &json!("normal")));
    town.house.stop().await;
}
