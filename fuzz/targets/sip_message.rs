//! A datagram of any content: never a panic, and what is printed is read again as the same.

#![no_main]

use hotline::sip::message::Message;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/it/wire/stability.rs"]
mod stability;

fuzz_target!(|bytes: &[u8]| {
    match Message::parse(bytes) {
        Ok(message) => stability::assert_printed_as_read(&message),
        Err(unreadable) => {
            if let Some(request) = unreadable.answerable {
                let answer = request.respond_because(400, &unreadable.fault.to_string());
                assert_eq!(Message::parse(&answer.to_bytes()), Ok(Message::Response(answer)));
            }
        }
    }
});
