//! The trace: what is kept of a call, how it is shown, and what bounds it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hotline::app::trace::TraceBook;
use hotline::app::trace::record::{Record, Way};
use hotline::app::trace::ring::{self, Limits, Ring};
use hotline::call::{CallId, LegId};
use hotline::commands::trace::{Args, trace};
use hotline::net::driver::Trace;
use hotline::sip::flow::{Flow, ListenerId, Transport};
use hotline::time::Wall;

/// Invented, and not to be seen anywhere without --full.
const CITIZEN: &str = "13800000001";
const CALL: CallId = CallId(0x0199_d4c2_1a00_0001);
const CITIZEN_LEG: LegId = LegId(7);
const SEAT_LEG: LegId = LegId(1 << 63 | 7);
/// 2026-07-01 09:12:03.120 in China.
const START: i64 = 1_782_868_323_120;

#[test]
fn a_call_is_shown_as_a_ladder_with_its_reasons() {
    let data = scratch("ladder");
    record_a_call(&data);
    let shown = trace(&args(&data, "0199d4c21a000001")).expect("trace").expect("found");
    assert_eq!(shown, LADDER, "\n{shown}");
    let by_dialog = trace(&args(&data, "seat-dialog@hotline")).expect("trace").expect("found");
    assert_eq!(by_dialog, shown, "each leg's Call-ID leads to the whole call");
    assert_eq!(trace(&args(&data, "0199d4c21a000009")).expect("trace"), None);

    let alone = trace(&args(&data, "stranger@192.0.2.99")).expect("trace").expect("found");
    assert!(alone.starts_with("no call, 2026-07-01 09:12:03.121"), "{alone}");
    assert!(alone.contains("peer") && alone.contains("OPTIONS 1"), "{alone}");
    fs::remove_dir_all(&data).expect("clean up");
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

const LADDER: &str = "\
call 0199d4c21a000001, 2026-07-01 09:12:03.120 +08:00
from 138****0001 to 12331

                      trunk                      hotline                   phone 1001
               192.0.2.1:5060 udp                                    [2001:db8::21]:5062 tcp
    0.000               |------ INVITE 1 sdp ------>|                           |
    0.001               |<----- 100 INVITE 1 -------|                           |  Trying
    0.001   * 12331 → skill 12315: Request-URI reads 12331
    0.002   * seat 1001 chosen: idle longest (312 s), 138****0001 waits
    0.003               |                           |-------- INVITE 1 -------->|
    0.504               |                           |-------- INVITE 1 -------->|  again
    0.505               |                           |<----- 486 INVITE 1 -------|  Busy\u{fffd}[2J Here
    3.120               |---------- BYE 2 --------->|                           |  Reason: Q.850;cause=16;text=\"138****0001\"
";

#[test]
fn numbers_are_masked_unless_asked_for() {
    let data = scratch("privacy");
    record_a_call(&data);
    let masked = args(&data, "0199d4c21a000001");
    let json = Args { json: true, ..masked.clone() };
    for args in [&masked, &json] {
        let shown = trace(args).expect("trace").expect("found");
        // The call's own id is none of a person.
        let rest = shown.replace("0199d4c21a000001", "");
        let longest = rest.split(|char: char| !char.is_ascii_digit()).map(str::len).max();
        assert!(longest < Some(7), "{shown}");
        let full = trace(&Args { full: true, ..args.clone() }).expect("trace").expect("found");
        assert_eq!(full.matches(CITIZEN).count(), 3, "From, note and Reason:\n{full}");
    }
    let json = trace(&json).expect("trace").expect("found");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["call"], &json["to"]), (&"0199d4c21a000001".into(), &"12331".into()));
    let step = &json["steps"][6];
    assert_eq!((&step["status"], &step["method"], &step["party"]), (&486.into(), &"INVITE".into(), &1.into()));
    fs::remove_dir_all(&data).expect("clean up");
}

#[test]
fn a_capture_file_is_read_by_wireshark() {
    let data = scratch("pcap");
    record_a_call(&data);
    let file = data.join("call.pcap");
    let args = Args { pcap: Some(file.clone()), ..args(&data, "0199d4c21a000001") };
    trace(&args).expect("trace").expect("found");
    assert_eq!(mode(&file), 0o600);
    assert!(trace(&args).expect_err("a second time").to_string().contains("call.pcap"), "nothing is overwritten");

    let read = |more: &[&str]| {
        let output = Command::new("tshark").arg("-r").arg(&file).args(more).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let fields = ["-e", "sip.Method", "-e", "sip.Status-Code", "-e", "ip.src", "-e", "ipv6.dst", "-e", "udp.dstport"];
    let Some(lines) = read(&[&["-Y", "sip", "-T", "fields", "-E", "separator=,"], &fields[..]].concat()) else {
        crate::facts::leave_out("tshark is not here; the capture file is not looked at");
        return;
    };
    let wanted = "INVITE,,192.0.2.1,,5080\n,100,192.0.2.10,,5060\nINVITE,,,2001:db8::21,5062\n\
        INVITE,,,2001:db8::21,5062\n,486,,2001:db8::10,5070\nBYE,,192.0.2.1,,5080\n";
    assert_eq!(lines, wanted);
    let checked = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y"];
    let wrong = "ip.checksum.status == 0 || udp.checksum.status == 0 || _ws.malformed";
    assert_eq!(read(&[&checked[..], &[wrong]].concat()).as_deref(), Some(""));
    fs::remove_dir_all(&data).expect("clean up");
}

#[test]
fn the_ring_stays_within_its_bound_and_numbers_on() {
    let dir = scratch("ring").join("trace");
    let limits = Limits { total: 64 << 10, segment: 4 << 10 };
    let write = |from: u64, to: u64| {
        let mut ring = Ring::open(&dir, limits).expect("open");
        for serial in from..to {
            let text = format!("{serial} {}", "x".repeat(100));
            ring.push(&Record::Note { at: Wall(0), call: CallId(serial), text: &text }.to_bytes()).expect("push");
            let size: u64 = files(&dir).iter().map(|path| fs::metadata(path).expect("size").len()).sum();
            assert!(size <= limits.total, "{size}");
        }
        ring.flush().expect("flush");
    };
    let kept = || {
        let mut calls = Vec::new();
        ring::read(&dir, |record| match record {
            Record::Note { call, .. } => calls.push(call.0),
            other => panic!("{other:?}"),
        })
        .expect("read");
        calls
    };
    write(0, 2000);
    let first = kept();
    assert!(first.len() > 300, "{}", first.len());
    assert_eq!(first.last(), Some(&1999));
    assert!(first.windows(2).all(|pair| pair[1] == pair[0] + 1), "the newest, without a gap");
    let last_file = files(&dir).pop().expect("files");
    write(2000, 2001);
    assert!(files(&dir).pop() > Some(last_file), "a restart begins the next segment");
    assert_eq!(kept().last(), Some(&2000));
    assert_eq!(mode(&dir), 0o700);
    assert!(files(&dir).iter().all(|file| mode(file) == 0o600));
    fs::remove_dir_all(dir.parent().expect("parent")).expect("clean up");
}

#[test]
fn a_torn_end_and_strange_files_hide_nothing_else() {
    let data = scratch("torn");
    let dir = data.join("trace");
    let notes = |from: i64| {
        let book = TraceBook::start(&dir, Limits::default(), Vec::new()).expect("start");
        (from..from + 3).for_each(|at| book.note(Wall(at), CALL, format!("note {at}")));
        book.stop();
    };
    notes(0);
    let torn = files(&dir).pop().expect("a segment");
    let whole = fs::read(&torn).expect("read");
    notes(3);
    fs::write(dir.join("readme.txt"), "not a segment").expect("write");
    fs::write(dir.join("000900.trace"), "not one of ours").expect("write");
    let kept = || {
        let mut seen = Vec::new();
        ring::read(&dir, |record| {
            if let Record::Note { at, .. } = record {
                seen.push(at.0);
            }
        })
        .expect("read");
        seen
    };
    for cut in 0..whole.len() {
        fs::write(&torn, &whole[..cut]).expect("cut");
        let seen = kept();
        assert!(seen.ends_with(&[3, 4, 5]) && seen.len() < 6, "{cut}: {seen:?}");
    }
    fs::write(&torn, [&whole[..], &[0; 512]].concat()).expect("zeros, as after a power failure");
    assert_eq!(kept(), [0, 1, 2, 3, 4, 5]);
    notes(6);
    assert_eq!(kept(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(files(&dir).pop().expect("files").ends_with("000901.trace"));
    fs::remove_dir_all(&data).expect("clean up");
}

#[test]
fn what_is_not_kept_is_counted() {
    let data = scratch("lost");
    let dir = data.join("trace");
    let mut book = TraceBook::start(&dir, Limits::default(), Vec::new()).expect("start");
    let (flow, big) = (carrier(), vec![b'x'; 60_000]);
    (0..2_000).for_each(|at| book.received(Wall(at), flow, &big));
    book.stop();
    let (mut kept, mut told) = (0, 0);
    ring::read(&dir, |record| match record {
        Record::Message { .. } => kept += 1,
        Record::Lost { records } => told += records,
        other => panic!("{other:?}"),
    })
    .expect("read");
    assert_eq!((kept + told, told), (2_000, book.lost()));
    book.note(Wall(0), CALL, "too late".into());
    assert_eq!(book.lost(), told + 1);

    let nothing = TraceBook::default();
    nothing.note(Wall(0), CALL, "kept nowhere".into());
    nothing.stop();
    assert_eq!(nothing.lost(), 0);
    fs::remove_dir_all(&data).expect("clean up");
}

#[test]
fn every_record_is_read_as_it_was_written() {
    let (local, remote) = ("[2001:db8::1]:5060".parse().expect("address"), "192.0.2.1:1".parse().expect("address"));
    let (at, bytes) = (Wall(-1), &b"\0\xff"[..]);
    let records = [
        Record::Message { at, way: Way::Received, transport: Transport::Tcp, local, remote, bytes },
        Record::Message { at, way: Way::Sent, transport: Transport::Udp, local: remote, remote: local, bytes: b"" },
        Record::Placed { call: CALL, leg: SEAT_LEG, sip_call_id: "a@b" },
        Record::Note { at, call: CALL, text: "工号 1001" },
        Record::Lost { records: u64::MAX },
    ];
    for record in records {
        let bytes = record.to_bytes();
        let (length, body) = bytes.split_first_chunk().expect("a length");
        assert_eq!(u32::from_le_bytes(*length) as usize, body.len());
        assert_eq!(Record::read(body), Some(record));
        for cut in 0..body.len() {
            let _ = Record::read(&body[..cut]);
        }
    }
    assert_eq!(Record::read(&[99, 1, 2]), None, "of a later version");
}

fn record_a_call(data: &Path) {
    let own = ["192.0.2.10:5080", "[2001:db8::10]:5070"].map(|text| text.parse().expect("address"));
    let mut book = TraceBook::start(&data.join("trace"), Limits::default(), own.to_vec()).expect("start");
    let (carrier, phone) = (carrier(), flow(1, Transport::Tcp, "[2001:db8::21]:5062"));
    let stranger = flow(0, Transport::Udp, "192.0.2.99:5060");
    let at = |ms: i64| Wall(START + ms);
    let from = format!("\"{CITIZEN}\" <sip:{CITIZEN}@192.0.2.1>;tag=a");

    let invite = sip("INVITE sip:12331@192.0.2.10 SIP/2.0", &from, "citizen-dialog@192.0.2.1", "1 INVITE", SDP);
    book.received(at(0), carrier, &invite);
    book.sent(at(1), carrier, &sip("SIP/2.0 100 Trying", &from, "citizen-dialog@192.0.2.1", "1 INVITE", ""));
    let options = sip("OPTIONS sip:192.0.2.10 SIP/2.0", "<sip:x@y>;tag=b", "stranger@192.0.2.99", "1 OPTIONS", "");
    book.received(at(1), stranger, &options);
    book.received(at(1), stranger, b"\r\n\r\n");
    book.placed(CALL, CITIZEN_LEG, "citizen-dialog@192.0.2.1");
    book.note(at(1), CALL, "12331 → skill 12315: Request-URI reads 12331".into());
    book.note(at(1), CallId(CALL.0 + 1), "another call".into());
    book.note(at(2), CALL, format!("seat 1001 chosen: idle longest (312 s), {CITIZEN} waits"));
    book.placed(CALL, SEAT_LEG, "seat-dialog@hotline");
    let ring = sip("INVITE sip:x7@[2001:db8::21]:5062 SIP/2.0", &from, "seat-dialog@hotline", "1 INVITE", "");
    book.sent(at(3), phone, &ring);
    book.sent(at(504), phone, &ring);
    let busy = sip("SIP/2.0 486 Busy\u{1b}[2J Here", &from, "seat-dialog@hotline", "1 INVITE", "");
    book.received(at(505), phone, &busy);
    let reason = format!("2 BYE\r\nReason: Q.850;cause=16;text=\"{CITIZEN}\"");
    let bye = sip("BYE sip:hotline@192.0.2.10 SIP/2.0", &from, "citizen-dialog@192.0.2.1", &reason, "");
    book.received(at(3120), carrier, &bye);
    book.stop();
    assert_eq!(book.lost(), 0);
}

fn sip(start: &str, from: &str, call_id: &str, cseq: &str, body: &str) -> Vec<u8> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: {from}\r\nTo: <sip:1001@192.0.2.21>\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn carrier() -> Flow {
    flow(0, Transport::Udp, "192.0.2.1:5060")
}

fn flow(listener: u16, transport: Transport, remote: &str) -> Flow {
    Flow { listener: ListenerId(listener), transport, remote: remote.parse::<SocketAddr>().expect("address") }
}

fn args(data: &Path, call: &str) -> Args {
    Args { call: call.into(), data: data.to_owned(), pcap: None, full: false, json: false }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "trace"));
    files.sort();
    files
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

fn scratch(what: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hotline-trace-{what}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("folder");
    dir
}
