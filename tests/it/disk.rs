//! What earlier runs have written down is read as it was meant, and written the same again.

use hotline::store::entry::Entry;
use serde_json::Value;

const LINES: [&str; 9] = [
    r#"{"answered":{"call":"0193abcd00000001","prefix":"JDZ","centre":"city","sip_call_id":"1@192.0.2.1","kind":"public_in","source":null,"caller":{"number":"13800000001","raw":[["From","<sip:13800000001@192.0.2.1>;tag=a"]],"platform":null},"dialed_raw":"sip:12345@192.0.2.2","original_code":"12345","hotline_primary":"12345","mode":"own","skill":"general","trunk":"carrier","t_arrive":1795478397000,"t_queue":1795478397000,"t_ring":1795478398000,"t_answer":1795478401000,"wait_ms":4000,"within_15s":true,"seat":"1001","seat_name":"甲","seat_kind":"local","notice_played":"partial"}}"#,
    r#"{"closed":{"opened":{"call":"0193abcd00000001","prefix":"JDZ","centre":"city","sip_call_id":"1@192.0.2.1","kind":"missed_out","source":null,"caller":{"number":"13800000001","raw":[],"platform":null},"dialed_raw":"sip:12345@192.0.2.2","original_code":"12331","hotline_primary":"12315","mode":"dual","skill":"12315","trunk":"","t_arrive":1795478397000,"t_queue":1795478397000,"t_ring":1795478398000,"t_answer":1795478401000,"wait_ms":4000,"within_15s":true,"seat":"1001","seat_name":"甲","seat_kind":"remote","notice_played":"none"},"t_end":1795478461000,"talk_ms":55000,"hold_ms":5000,"end_reason":"media_lost","released_by":"trunk","participants":[{"role":"citizen","name":"","joined":1795478397000,"left":1795478461000,"result":"media_lost"},{"role":"seat","name":"1001 甲","joined":1795478401000,"left":1795478461000,"result":"media_lost"}],"invalid":"silent","notice_played":"full"}}"#,
    r#"{"missed":{"call":"0193abcd00000002","sip_call_id":"2@192.0.2.1","caller":{"number":null,"raw":[],"platform":"110"},"dialed_raw":"sip:12345@192.0.2.2","original_code":"12345","trunk":"carrier","t_arrive":1795478391000,"t_end":1795478400000,"wait_ms":9000,"stage":"queue","position_in_queue":2,"reason":"caller_gone"}}"#,
    r#"{"missed":{"call":"0193abcd00000003","sip_call_id":"3@192.0.2.1","caller":{"number":"13800000001","raw":[],"platform":null},"dialed_raw":"sip:12346@192.0.2.2","original_code":null,"trunk":"carrier","t_arrive":1795478391000,"t_end":1795478391000,"wait_ms":0,"stage":"refused","position_in_queue":null,"reason":"`sip:12346@192.0.2.2` is no hotline number"}}"#,
    r#"{"leg":{"call":"0193abcd00000001","leg":9223372036854775810,"at":1795478400000,"dialog":"{}"}}"#,
    r#"{"leg_gone":{"call":"0193abcd00000001","leg":7}}"#,
    r#"{"seat":{"seat":"1001","state":"busy","reason":"no_answer","at":5}}"#,
    r#"{"seat":{"seat":"1001","state":"break","reason":"午饭","at":6}}"#,
    r#"{"called_back":{"task":"0193abcd00000002","at":6,"reached":true}}"#,
];

#[test]
fn what_was_written_is_written_the_same_again() {
    for line in LINES {
        let entry: Entry = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let (old, new) = (serde_json::from_str(line).unwrap(), serde_json::to_value(&entry).unwrap());
        assert!(keeps(&old, &new), "{line}\nbecame\n{new}");
    }
}

/// Whatever the old value says, the new one says too.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(key, value)| new.get(key).is_some_and(|new| keeps(value, new)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| keeps(old, new))
        }
        (old, new) => old == new,
    }
}
