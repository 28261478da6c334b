//! The shipped prompts: what the program asks for, what is compiled in, what lies in the folder and
//! what `scripts/prompts` speaks are one set. The owner's own go before them, after a reload too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use hotline::audio::g711::Law;
use hotline::call::Prompt;
use hotline::media::prompt::{FILES, PromptShelf};
use hotline::media::shipped::PROMPTS;
use hotline::media::{Command, Limits, Report};

use super::parts::wav;
use super::peer::{CITIZEN, Hotline, Phone, V4};
use crate::facts::Folder;

#[test]
fn every_prompt_that_can_be_asked_for_is_shipped_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialplan/prompts");
    let texts = fs::read_to_string(folder.join("texts.tsv")).unwrap();
    let spoken: BTreeSet<&str> = texts.lines().filter_map(|line| line.split('\t').next()).collect();
    let shipped: BTreeSet<&str> = PROMPTS.iter().map(|(file, _)| file.strip_suffix(".wav").unwrap()).collect();
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: Vec<String> = names.filter_map(|name| name.strip_suffix(".wav").map(str::to_owned)).collect();
    assert_eq!(shipped, there.iter().map(String::as_str).collect());
    assert_eq!(shipped, spoken);
    let asked_for = |name: &&str| FILES.contains(name) || name.starts_with("greeting-");
    assert_eq!(shipped.iter().filter(|name| !asked_for(name)).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(FILES.iter().filter(|name| !shipped.contains(**name)).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn the_owners_own_prompts_go_before_the_shipped_ones() {
    let folder = Folder::new("prompts");
    fs::write(folder.join("README.md"), "no sound").unwrap();
    fs::write(folder.join("seat-prefix.wav"), wav(&[1000; 320], 8000)).unwrap();
    fs::write(folder.join("greeting-12336.wav"), wav(&[2000; 160], 8000)).unwrap();
    fs::write(folder.join("notice.wav"), wav(&[3000; 160], 16_000)).unwrap();
    let (shipped, own) = (PromptShelf::load(PROMPTS, None), PromptShelf::load(PROMPTS, Some(&folder.0)));
    assert_eq!(own.named("seat-prefix").codes(Law::A), [Law::A.encode(1000); 320]);
    assert_eq!(own.clips(&[Prompt::Greeting("12336".into())])[0].len(), 160);
    for name in FILES.into_iter().filter(|name| *name != "seat-prefix") {
        assert_eq!(own.named(name), shipped.named(name), "{name}");
    }
}

#[test]
fn a_reload_is_heard_at_the_next_prompt_and_changes_when_silence_is_told() {
    let (old, new) = (wav(&[1000; 160], 8000), wav(&[2000; 160], 8000));
    let never = Limits { silence: Duration::from_secs(3600), ..Limits::default() };
    let mut hotline = Hotline::start_with(never, 64, &[("notice.wav", &old)]);
    let citizen = Phone::new(V4, 1);
    hotline.open(CITIZEN, V4, citizen.media(Law::A, None));
    let handle = hotline.handle.clone();
    let mut heard = |token| {
        handle.send(Command::Play { leg: CITIZEN, prompts: vec![Prompt::Notice], repeat: false, token });
        let payload = citizen.hear().payload;
        assert_eq!(hotline.report(), Report::Played { leg: CITIZEN, token });
        payload
    };
    assert_eq!(heard(1), [Law::A.encode(1000); 160]);
    let shelf = PromptShelf::load(&[("notice.wav", &new)], None);
    handle.tune(shelf.clone(), never.silence);
    assert_eq!(heard(2), [Law::A.encode(2000); 160]);
    handle.tune(shelf, Duration::from_millis(1));
    assert!(matches!(hotline.report(), Report::Silent { leg: CITIZEN, .. }));
}
