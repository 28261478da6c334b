//! Deterministic mutation of all messages of the suite: nothing panics, and what is printed is
//! read again as the same.

use super::stability::{assert_printed_as_read, assert_same_in_pieces};
use super::*;
use crate::torture;

/// Enough to meet each kind of damage at each kind of place; HOTLINE_MUTATIONS asks for more.
const ROUNDS: u64 = 60_000;

/// Marsaglia's xorshift64*: the same run on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = torture::corpus();
    seeds.push(INVITE.as_bytes().to_vec());
    seeds.push(changed("From:", "From: \"a \\\"b\\\" <b>, c\" <tel:+8613800000001;phone-context=+86>;TAG=x;q=\"2;3\""));
    let gbk = String::from_utf8(changed("From:", "From: \"{GBK}\\\"\" <sip:1@192.0.2.1>;tag=a")).unwrap();
    let (before, after) = gbk.split_once("{GBK}").unwrap();
    seeds.push([before.as_bytes(), b"\xd5\xc5\x81\\\x81\x30\x89\x38", after.as_bytes()].concat());
    seeds
}

const PIECES: [&[u8]; 30] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b"@",
    b"%",
    b"[",
    b"]",
    b"?",
    b"SIP/2.0",
    b"l: 3\r\n",
    b"tag=",
    b"sip:",
    b"tel:",
    b"\x81",
    b"\xe4\xb8\xad",
    b"\xff",
    b"99999999999999999999",
];

pub fn mutate(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(24)).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] = dice.roll() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..end, dice.pick(&PIECES).iter().copied())),
            4 => drop(bytes.splice(at..at, dice.pick(&PIECES).iter().copied())),
            5 => {
                let copy = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            6 if dice.below(4) == 0 => bytes.truncate(at),
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len());
                let piece = &other[from..(from + dice.below(60)).min(other.len())];
                bytes.splice(at..end, piece.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn mutated_messages_never_panic_and_print_as_they_were_read() {
    let rounds = std::env::var("HOTLINE_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let seeds = seeds();
    let mut dice = Dice(0x0798_12345);
    let (mut read, mut answerable) = (0, 0);
    for round in 0..rounds {
        let bytes = mutate(&mut dice, &seeds);
        match Message::parse(&bytes) {
            Ok(message) => {
                read += 1;
                assert_printed_as_read(&message);
            }
            Err(unreadable) => {
                if let Some(request) = unreadable.answerable {
                    answerable += 1;
                    let answer = request.respond_because(400, &unreadable.fault.to_string());
                    assert_eq!(Message::parse(&answer.to_bytes()), Ok(Message::Response(answer)), "round {round}");
                }
            }
        }
        if round % 8 == 0 {
            assert_same_in_pieces(&bytes, || 1 + dice.below(80));
        }
    }
    assert!(read > rounds / 4 && answerable > rounds / 50, "the mutations hit too hard: {read} and {answerable}");
}

/// What the fuzzers found or should start from, read again on every run.
#[test]
fn the_corpora_of_the_fuzz_targets_hold() {
    for path in files("sip_message") {
        if let Ok(message) = Message::parse(&std::fs::read(&path).unwrap()) {
            assert_printed_as_read(&message);
        }
    }
    for path in files("sip_stream") {
        if let Some((&size, stream)) = std::fs::read(&path).unwrap().split_first() {
            assert_same_in_pieces(stream, || usize::from(size).max(1));
        }
    }
}

fn files(target: &str) -> Vec<std::path::PathBuf> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    files
}
