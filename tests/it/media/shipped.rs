//! The shipped prompts: what the program asks for, what is compiled in, what lies in the folder and
//! what `scripts/prompts` speaks are one set.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hotline::media::prompt::FILES;
use hotline::media::shipped::PROMPTS;

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
