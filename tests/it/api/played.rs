//! A recording that is played where it lies: ranges, tags, and who may hear what.

use clap::Parser;
use hotline::commands::{archive, recordings};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mix_or_a_voice_is_played_from_anywhere() {
    let call = CallId(0x0193_5d2e_8a00_0004);
    let house = House::with_recording("play", call).await;
    let path = format!("/api/recordings/{call}/play?purpose=complaint%207&form=mix");
    let whole = house.get(&path);
    assert_eq!((whole.status, whole.header("content-type"), whole.bytes.len()), (200, "audio/wav", 44 + 2 * 8_160));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert!(whole.header("content-disposition").starts_with("inline; "));
    let head = house.ask("HEAD", &path, &[], None);
    assert_eq!((head.status, head.header("content-length"), head.bytes.len()), (200, "16364", 0));
    let tag = whole.header("etag").to_owned();
    assert_eq!(head.header("etag"), tag);

    let end = whole.bytes.len();
    // Range, If-Range, status, the bytes
    for (range, if_range, status, expected) in [
        ("bytes=0-", "", 206, 0..end),
        ("bytes=0-9", "", 206, 0..10),
        ("bytes=40-50", "", 206, 40..51),
        ("bytes=1001-1001", "", 206, 1_001..1_002),
        ("bytes=16000-99999", "", 206, 16_000..end),
        ("bytes=-11", "", 206, end - 11..end),
        ("bytes=40-50", &tag, 206, 40..51),
        ("bytes=40-50", "\"another\"", 200, 0..end),
        ("bytes=0-1,5-6", "", 200, 0..end),
        ("bytes=16364-", "", 416, 0..0),
        ("bytes=-0", "", 416, 0..0),
    ] {
        let mut headers = vec![("range", range)];
        headers.extend((!if_range.is_empty()).then_some(("if-range", if_range)));
        let part = house.ask("GET", &path, &headers, None);
        assert_eq!(part.status, status, "{range} {if_range}");
        match status {
            416 => assert_eq!((part.code(), part.header("content-range")), ("range", "bytes */16364")),
            _ => assert!(part.bytes == whole.bytes[expected.clone()], "{range}"),
        }
        if status == 206 {
            let told = format!("bytes {}-{}/{end}", expected.start, expected.end - 1);
            assert_eq!(part.header("content-range"), told);
        }
    }
    let channels = house.get(&path.replace("mix", "channels"));
    assert_eq!((channels.status, channels.bytes.len()), (200, 44 + 4 * 8_160));
    assert_ne!(channels.header("etag"), tag, "other bytes");
    assert_eq!(house.get(&path.replace("mix", "channels&private=true")).header("x-left-out"), "");
    for (query, status, code) in
        [("form=mix", 400, "purpose"), ("form=participant&participant=9&purpose=x", 404, "not_found")]
    {
        let answer = house.get(&format!("/api/recordings/{call}/play?{query}"));
        assert_eq!((answer.status, answer.code()), (status, code), "{query}");
    }
    house.applied().await;
    let rows = house.server.office.store.accesses(call).await.unwrap();
    assert_eq!(rows[0].purpose, "complaint 7 (mix)");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_course_and_the_peaks_are_there_for_a_player() {
    let call = CallId(0x0193_5d2e_8a00_0005);
    let house = House::with_recording("course", call).await;
    let course = house.get(&format!("/api/recordings/{call}/timeline")).json();
    assert_eq!((&course["call"], &course["duration_ms"]), (&json!(call.to_string()), &json!(1_020)));
    assert_eq!(course["left_out"], json!([]));
    let path = format!("/api/recordings/{call}/peaks");
    let peaks = house.get(&format!("{path}?purpose=x&buckets=10")).json();
    assert_eq!((&peaks["duration_ms"], peaks["lanes"].as_array().unwrap().len()), (&json!(1_020), 2));
    assert_eq!(peaks["lanes"][1]["max"].as_array().unwrap().len(), 10);
    assert!(peaks["lanes"][0]["max"][5].as_i64() > Some(0) || peaks["lanes"][0]["min"][5].as_i64() < Some(0));
    for (query, status, code) in [
        ("buckets=10", 400, "purpose"),
        ("purpose=x&buckets=0", 400, "bad_request"),
        ("purpose=x&buckets=10001", 400, "bad_request"),
        ("purpose=x&form=participant&participant=7", 404, "not_found"),
    ] {
        let answer = house.get(&format!("{path}?{query}"));
        assert_eq!((answer.status, answer.code()), (status, code), "{query}");
    }
    house.applied().await;
    let rows = house.server.office.store.accesses(call).await.unwrap();
    assert_eq!(rows[0].purpose, "x (peaks of channels)");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_is_fetched_by_command_and_verified_from_the_file_alone() {
    let call = CallId(0x0193_5d2e_8a00_0006);
    let house = House::with_recording("package", call).await;
    let (id, data) = (call.to_string(), house.data().display().to_string());
    let out = house.data().join("X.zip").display().to_string();
    let asked = ["hotline", "package", &id, "-o", &out, "--purpose", "信访", "--masters", "--data", &data];
    let wanted = Recordings::try_parse_from(asked).expect("as the help says").args;
    let told = recordings::answer(&wanted).unwrap();
    assert!(recordings::as_text(&told).starts_with("wrote "), "{told}");
    assert!(recordings::answer(&wanted).is_err(), "nothing is overwritten");
    let verify = Archive::try_parse_from(["hotline", "verify", &out]).unwrap().args;
    let report = archive::answer(&verify).unwrap();
    assert_eq!((&report["faults"], &report["key_given"]), (&json!([]), &json!(false)));
    assert!(archive::as_text(&report).ends_with("whole"), "{}", archive::as_text(&report));
    let path = format!("/api/recordings/{call}/package");
    assert_eq!(house.get(&path).code(), "purpose");
    assert_eq!(house.get(&format!("{path}?purpose=x")).header("content-type"), "application/zip");
    house.applied().await;
    let rows = house.server.office.store.accesses(call).await.unwrap();
    assert!(rows.iter().any(|row| row.purpose == "信访 (package, with the sealed files)"), "{rows:?}");
    house.stop().await;
}

#[derive(clap::Parser)]
struct Recordings {
    #[command(flatten)]
    args: recordings::Args,
}

#[derive(clap::Parser)]
struct Archive {
    #[command(flatten)]
    args: archive::Args,
}
