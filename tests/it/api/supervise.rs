//! `POST /api/calls/{call}/supervise` and `hotline calls CALL --listen SEAT`: a shift leader on a live call.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hotline::commands::calls;
use hotline::exchange::Input;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::sip::message::{Message, Method};
use hotline::store::Store;
use serde_json::{Value, json};

use super::commands::typed;
use super::house::{self, House};
use crate::exchange::peers::{reply, sdp};

/// A seat's phone at a fixed address, which picks up whenever it rings.
struct Phone(SocketAddr);

impl Phone {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // The thread ends when nobody has asked it anything for a while: the server is gone.
        socket.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let at = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4000];
            while let Ok((size, from)) = socket.recv_from(&mut bytes) {
                let Ok(Message::Request(request)) = Message::parse(&bytes[..size]) else { continue };
                let body = sdp("127.0.0.1", 40_100, "sendrecv");
                let answer = match request.method {
                    Method::Ack => continue,
                    Method::Invite => reply(&request, 200, "phone", &[format!("Contact: <sip:phone@{at}>")], &body),
                    _ => reply(&request, 200, "phone", &[], ""),
                };
                socket.send_to(answer.as_bytes(), from).unwrap();
            }
        });
        Self(at)
    }

    fn contact(&self, no: &str) -> String {
        format!("sip:{no}@{}", self.0)
    }
}

/// Seat 1001 talks with a citizen; 1002 is the shift leader's, and free.
async fn talking(name: &str) -> (House, String) {
    let (seat, leader) = (Phone::new(), Phone::new());
    let files = House::prepare(name);
    // Its own address stands in Via, to which phones answer.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bind = |port: u16| format!("bind = \"127.0.0.1:{port}\"\ntransport = \"udp\"");
    files.edit("sip-configs/server.toml", &bind(0), &bind(port));
    let of = |no: &str| format!("no = \"{no}\"");
    let with = |no: &str, more: &str| format!("no = \"{no}\"\n{more}");
    let fixed = |phone: &Phone, no: &str| format!("contact = \"{}\"", phone.contact(no));
    files.edit("sip-configs/seats.toml", &of("1001"), &with("1001", &fixed(&seat, "1001")));
    let supervisor = format!("supervisor = true\n{}", fixed(&leader, "1002"));
    files.edit("sip-configs/seats.toml", &of("1002"), &with("1002", &supervisor));
    let house = House::run(files, None).await;
    house.settle(|| reachable(&house, "1001") && reachable(&house, "1002")).await;
    house.post("/api/seats/1002/ask", json!({ "ask": "busy" }));
    let flow = Flow { listener: ListenerId(0), transport: Transport::Udp, remote: "127.0.0.1:9".parse().unwrap() };
    house.server.office.tell(Input::Received { flow, bytes: house::INVITE.replace('\n', "\r\n").into() }).await;
    house.settle(|| house.get("/api/calls").json()["rows"][0]["connected"] == json!(true)).await;
    house.post("/api/seats/1002/ask", json!({ "ask": "free" }));
    let call = house.get("/api/calls").json()["rows"][0]["call"].as_str().expect("a call").to_owned();
    (house, call)
}

fn reachable(house: &House, no: &str) -> bool {
    let seats = house.get("/api/seats").json();
    seats["rows"].as_array().unwrap().iter().any(|seat| seat["seat"] == no && seat["reachable"] == true)
}

fn state(house: &House, no: &str) -> Value {
    let seats = house.get("/api/seats").json();
    let rows = seats["rows"].as_array().unwrap();
    rows.iter().find(|seat| seat["seat"] == no).map(|seat| seat["state"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shift_leader_is_rung_and_each_step_is_written_down() {
    let (house, call) = talking("supervise").await;
    let ask = |call: &str, wish: Value| house.post(&format!("/api/calls/{call}/supervise"), wish);
    for (by, how, status, code) in [
        ("9999", "listen", 404, "unknown_seat"),
        ("1003", "listen", 403, "no_supervisor"),
        ("1002", "dance", 422, "bad_request"),
    ] {
        let refused = ask(&call, json!({ "by": by, "how": how }));
        assert_eq!((refused.status, refused.code()), (status, code), "{by} {how}");
    }
    let nowhere = ask("00000000000000aa", json!({ "by": "1002", "how": "listen" }));
    assert_eq!((nowhere.status, nowhere.code()), (404, "no_call"));
    assert_eq!(ask("xyz", json!({ "by": "1002", "how": "listen" })).status, 400);

    let listens = ask(&call, json!({ "by": "1002", "how": "listen" }));
    assert_eq!((listens.status, listens.json()["seat"].clone()), (200, json!("1001")), "{}", listens.text);
    house.settle(|| state(&house, "1002") == "talking").await;
    assert_eq!(state(&house, "1001"), "talking", "it does not notice");
    let command = |words: &[&str]| {
        calls::answer(&typed(&house, words)).map(|answer| calls::as_text(&answer, hotline::time::Wall(0)))
    };
    let shown = command(&[&call, "--whisper", "1002"]).unwrap();
    assert!(shown.contains(&call) && shown.contains("1001"), "{shown}");
    assert!(command(&[&call, "--barge", "1002"]).unwrap().contains("three_way"));
    assert!(command(&[&call, "--barge", "1003"]).unwrap_err().to_string().contains("shift leader"));
    house.applied().await;
    let accesses = house.server.office.store.accesses(call.parse().unwrap()).await.unwrap();
    let purposes: Vec<&str> = accesses.iter().map(|access| access.purpose.as_str()).collect();
    let by_1002 = ["listen", "whisper", "barge"].map(|how| format!("supervise: {how} by seat 1002"));
    assert_eq!(purposes, by_1002, "and nothing that was refused");
    house.stop().await;
}
