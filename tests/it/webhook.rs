//! Alarms reach the owner's address in their order, and none stands for ever after a crash.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use hotline::app::alarms::Alarms;
use hotline::app::manifest::Outside;
use hotline::app::webhook::Webhook;
use hotline::archive::manifest::Link;
use hotline::net::clock::Clock;
use hotline::store::entry::AlarmChange;
use hotline::store::journal::{Journal, Options, Recovered};
use serde_json::Value;

use crate::facts::{self, Folder};

const NO_PAUSE: [Duration; 3] = [Duration::ZERO; 3];

/// Answers each post with the next of these, then with 204 for ever; tells what was posted.
fn receiver(answers: &'static [&'static str]) -> (SocketAddr, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut answers = answers.iter();
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).unwrap() > 2 {
                let line = head.lines().last().unwrap().to_ascii_lowercase();
                length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = answers.next().unwrap_or(&"204 No Content");
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // "" hangs up without a word.
            reader.get_mut().write_all(if status.is_empty() { b"" } else { answer.as_bytes() }).unwrap();
            if tell.send(((*status).to_owned(), serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, told)
}

fn open(folder: &Folder) -> (Journal, Recovered, Clock) {
    let clock = Clock::start();
    let wall = Arc::new(move || clock.wall());
    let (journal, recovered) = Journal::open(&folder.join("journal"), wall, Options::default()).unwrap();
    (journal, recovered, clock)
}

#[test]
fn alarms_are_posted_in_their_order_and_again_where_they_were_refused() {
    let folder = Folder::new("webhook");
    let (journal, _, clock) = open(&folder);
    let (address, told) = receiver(&["503 Busy", "", "204 No Content", "500 No", "500 No", "500 No", "500 No"]);
    let alarms = Alarms::posting(clock, journal, Webhook::start(Some(format!("http://{address}/hook")), NO_PAUSE));
    alarms.set(facts::MORNING, "disk_low", "recordings", true, Some("9 GiB free".into()));
    for (subject, active) in [("given-up", true), ("west", true), ("west", false)] {
        alarms.set(facts::MORNING, "trunk_down", subject, active, None);
    }
    let posts: Vec<_> = (0..9).map(|_| told.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
    let shown: Vec<_> = posts
        .iter()
        .map(|(status, body)| format!("{} {} {status}", body["subject"].as_str().unwrap(), body["active"]))
        .collect();
    assert_eq!(
        shown,
        [
            "recordings true 503 Busy",
            "recordings true ",
            "recordings true 204 No Content",
            "given-up true 500 No",
            "given-up true 500 No",
            "given-up true 500 No",
            "given-up true 500 No",
            "west true 204 No Content",
            "west false 204 No Content",
        ]
    );
    let first = &posts[2].1;
    assert_eq!(
        (&first["name"], &first["severity"], &first["detail"]),
        (&"disk_low".into(), &"major".into(), &"9 GiB free".into())
    );
}

/// A head that is not taken is sent again, over a restart too, and one that was taken is sent no more.
#[tokio::test]
async fn the_head_of_the_archive_is_sent_until_it_is_taken() {
    let folder = Folder::new("heads");
    let (journal, _, clock) = open(&folder);
    let (address, told) = receiver(&["503 Busy", "", "204 No Content"]);
    let alarms = Alarms::new(clock, journal, None);
    let outside = || Outside::new(Some(format!("http://{address}/head")), folder.join("archive-head"));
    let head = |number: u64| Link { number, day: "2026-11-24".parse().unwrap(), sha256: format!("{number:064}") };
    let stands = || alarms.standing().iter().any(|alarm| alarm.name == "archive_head");
    for expected in [true, true, false, false] {
        outside().send("12345", &head(7), &alarms).await;
        assert_eq!(stands(), expected);
    }
    outside().send("12345", &head(8), &alarms).await;
    Outside::new(None, folder.join("archive-head")).send("12345", &head(9), &alarms).await;
    let posts: Vec<_> = told.try_iter().collect();
    let shown: Vec<_> =
        posts.iter().map(|(status, body)| (status.as_str(), body["number"].as_u64().unwrap())).collect();
    assert_eq!(shown, [("503 Busy", 7), ("", 7), ("204 No Content", 7), ("204 No Content", 8)]);
    let body = serde_json::json!({
        "hotline": "12345", "day": "2026-11-24", "number": 7, "sha256": format!("{:064}", 7),
    });
    assert_eq!(posts[2].1, body);
}

#[test]
fn an_alarm_that_stood_at_the_end_of_a_run_is_cleared_by_the_next() {
    let folder = Folder::new("left-alarms");
    let (journal, recovered, clock) = open(&folder);
    assert_eq!(recovered.alarms, []);
    let alarms = Alarms::new(clock, journal.clone(), None);
    // Ahead of the clock, as if that had been set back since.
    let raised = clock.wall() + Duration::from_secs(3600);
    alarms.set(raised, "no_seat", "general", true, None);
    alarms.set(raised, "trunk_down", "west", true, None);
    alarms.set(raised, "trunk_down", "west", false, None);
    journal.close();

    let (journal, recovered, clock) = open(&folder);
    let stood = |alarm: &AlarmChange| format!("{} {}", alarm.name, alarm.subject);
    assert_eq!(recovered.alarms.iter().map(stood).collect::<Vec<_>>(), ["no_seat general"]);
    let (address, told) = receiver(&[]);
    let alarms = Alarms::posting(clock, journal.clone(), Webhook::start(Some(format!("http://{address}")), NO_PAUSE));
    alarms.clear_left_behind(&recovered.alarms);
    let (_, heard) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!((&heard["name"], &heard["active"]), (&"no_seat".into(), &false.into()));
    assert!(heard["at"].as_i64() >= Some(raised.0), "a clearing is never before its raise");
    // Its cause may be there still: it is raised like any other.
    alarms.now("no_seat", "general", true, None);
    assert_eq!(alarms.standing().len(), 1);
    alarms.now("no_seat", "general", false, None);
    journal.close();
    assert_eq!(open(&folder).1.alarms, []);
}
