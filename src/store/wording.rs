//! The words of a ticket's text, as it is searched by. Chinese is written without spaces, so a run of it is taken
//! in pairs that overlap, the last character alone behind them: 路灯不亮 is 路灯, 灯不, 不亮, 亮. What other
//! scripts write is taken as whole words.

/// Longer words are cut here, in characters: nobody types one, and an index has no use for it.
const LONGEST: usize = 64;
/// So many phrases of a search count, and so many characters of it.
const MOST_PHRASES: usize = 32;
const MOST_TYPED: usize = 1_000;

/// In the order of the text.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in runs(text) {
        match run {
            Run::Word(word) => words.push(word),
            Run::Han(run) => {
                words.extend(run.windows(2).map(|pair| pair.iter().collect()));
                words.extend(run.last().map(char::to_string));
            }
        }
    }
    words
}

/// What is searched for: phrases that must all occur, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(Vec<Phrase>);

/// These words in this order, with nothing between them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Phrase {
    words: Vec<String>,
    /// The last word need only begin so: it is the one Chinese character that was typed.
    open: bool,
}

impl Wanted {
    /// Of what somebody typed: whatever is between spaces is a phrase. None: there is not a word in it.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed: String = typed.chars().take(MOST_TYPED).collect();
        let phrases: Vec<Phrase> = typed.split_whitespace().filter_map(Phrase::of).take(MOST_PHRASES).collect();
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    /// Whether a text of these words is one that is meant.
    pub fn is_in(&self, words: &[String]) -> bool {
        self.0.iter().all(|phrase| words.windows(phrase.words.len()).any(|window| phrase.is(window)))
    }

    /// As FTS5 reads it. Letters and digits alone come into its quotes, so that nothing in them is an operator.
    pub fn as_match(&self) -> String {
        let one = |phrase: &Phrase| format!("\"{}\"{}", phrase.words.join(" "), if phrase.open { " *" } else { "" });
        self.0.iter().map(one).collect::<Vec<_>>().join(" AND ")
    }
}

impl Phrase {
    fn of(typed: &str) -> Option<Self> {
        let ends_in_han = matches!(runs(typed).last(), Some(Run::Han(_)));
        let run_of_one = matches!(runs(typed).last(), Some(Run::Han(run)) if run.len() == 1);
        let mut words = words(typed);
        // The text may go on behind the last pair.
        if ends_in_han && !run_of_one {
            words.pop();
        }
        (!words.is_empty()).then_some(Self { words, open: run_of_one })
    }

    fn is(&self, window: &[String]) -> bool {
        let last = self.words.len().saturating_sub(1);
        self.words
            .iter()
            .zip(window)
            .enumerate()
            .all(|(at, (wanted, word))| if self.open && at == last { word.starts_with(wanted) } else { word == wanted })
    }
}

enum Run {
    Han(Vec<char>),
    Word(String),
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut apart = true;
    for char in text.chars().map(narrow).flat_map(char::to_lowercase) {
        if is_han(char) {
            match runs.last_mut() {
                Some(Run::Han(run)) if !apart => run.push(char),
                _ => runs.push(Run::Han(vec![char])),
            }
        } else if char.is_alphanumeric() {
            match runs.last_mut() {
                Some(Run::Word(word)) if !apart => {
                    if word.chars().count() < LONGEST {
                        word.push(char);
                    }
                }
                _ => runs.push(Run::Word(char.to_string())),
            }
        } else {
            apart = true;
            continue;
        }
        apart = false;
    }
    runs
}

/// `１２Ａ` as `12A`: full-width forms (U+FF01 to U+FF5E) are ASCII in another dress.
fn narrow(char: char) -> char {
    match u32::from(char) {
        wide @ 0xFF01..=0xFF5E => char::from_u32(wide - 0xFEE0).unwrap_or(char),
        _ => char,
    }
}

/// Written without spaces: Han with its extensions, 々 and 〇, kana.
fn is_han(char: char) -> bool {
    matches!(u32::from(char),
        0x3005 | 0x3007 | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}
