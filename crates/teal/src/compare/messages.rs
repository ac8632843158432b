//! Messages that green writes and blue never wrote.

use crate::credential::masked;
use crate::plan::{LogField, NewMessageAction, NewMessages};
use crate::ports::LogLine;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Messages of blue that are remembered. Where it writes more, nothing of green's can be called new.
const MOST_KNOWN: usize = 500;
/// New messages that are counted.
const MOST_NEW: usize = 20;
/// Characters of a message that tell it from others.
const TELLING: usize = 160;
/// Characters of a line that are read: more than tell, since a word of any length becomes `#`. Whole lines would fill a function's
/// memory, as each may have 1 MiB.
pub(super) const LONGEST_READ: u32 = 500;

/// What is known of the messages of one metric's bad lines: in the release's record, of bounded size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// The field that has the message.
    pub(super) field: LogField,
    /// The field that tells requests apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request_field: Option<LogField>,
    at_least: u32,
    then: NewMessageAction,
    /// Until when lines were read; nothing before the first look.
    read_until: Option<Timestamp>,
    /// What blue has written, each as the hash of its [`class`].
    known: BTreeSet<u64>,
    /// Whether blue writes so many different messages that none of green's can be called new.
    too_various: bool,
    /// What only green has written.
    new: Vec<NewMessage>,
}

/// A message that only green has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMessage {
    /// The message, with `#` for numbers and words that have digits.
    pub text: String,
    /// How many lines had it, or how many requests.
    pub count: u64,
}

/// What is to be said about new messages at a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    /// The message that green wrote most often.
    Seen { message: NewMessage, others: usize, at_least: u32, rolls_back: bool },
    /// Nothing can be said.
    TooVarious,
}

impl Messages {
    pub(super) fn of(plan: &NewMessages) -> Self {
        Self {
            field: plan.field.clone(),
            request_field: plan.request_field.clone(),
            at_least: plan.at_least,
            then: plan.then,
            read_until: None,
            known: BTreeSet::new(),
            too_various: false,
            new: Vec::new(),
        }
    }

    /// Whether blue's past is known.
    pub(super) fn has_learnt(&self) -> bool {
        self.read_until.is_some()
    }

    /// Takes in what blue and green have written until then. Done twice it changes nothing.
    ///
    /// A request that writes a message several times counts once for each time that lines are read.
    pub(super) fn take_in(&mut self, blue: &[LogLine], green: &[LogLine], until: Timestamp) {
        if self.read_until.is_some_and(|read| until <= read) {
            return;
        }
        let is_unread = |line: &&LogLine| line.at < until && self.read_until.is_none_or(|read| line.at >= read);
        // Before the first look nothing of blue was read, and its past counts too.
        let blue: BTreeSet<u64> =
            blue.iter().filter(|line| line.at < until).map(|line| hash(&class(&line.text))).collect();
        let mut seen: BTreeMap<String, (u64, BTreeSet<&str>)> = BTreeMap::new();
        for line in green.iter().filter(is_unread) {
            let (lines, requests) = seen.entry(class(&line.text)).or_default();
            match &line.request {
                Some(request) => _ = requests.insert(request),
                None => *lines += 1,
            }
        }
        self.read_until = Some(until);
        self.known.extend(blue);
        if self.known.len() > MOST_KNOWN {
            self.too_various = true;
            self.known.clear();
        }
        if self.too_various {
            self.new.clear();
            return;
        }
        self.new.retain(|message| !self.known.contains(&hash(&message.text)));
        for (text, (lines, requests)) in seen {
            if self.known.contains(&hash(&text)) {
                continue;
            }
            let count = lines.saturating_add(requests.len() as u64);
            if let Some(message) = self.new.iter_mut().find(|message| message.text == text) {
                message.count = message.count.saturating_add(count);
            } else if self.new.len() < MOST_NEW {
                self.new.push(NewMessage { text, count });
            }
        }
        self.new.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    }

    /// What is to be said now.
    pub(crate) fn novelty(&self) -> Option<Novelty> {
        if self.too_various {
            return Some(Novelty::TooVarious);
        }
        let message = self.new.first()?.clone();
        let rolls_back = self.then == NewMessageAction::RollBack && message.count >= u64::from(self.at_least);
        Some(Novelty::Seen { message, others: self.new.len() - 1, at_least: self.at_least, rolls_back })
    }
}

/// What a message has in common with others of its kind: its first line, with `#` for every word that has a digit, for long words of
/// hexadecimal letters and for what follows the name of a credential, and one blank for several.
fn class(message: &str) -> String {
    // It stands in the record and in the story.
    let line = masked(message.trim().lines().next().unwrap_or_default());
    let mut class = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let end = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            rest.find(|c: char| is_word(c)).unwrap_or(rest.len())
        };
        let (part, tail) = rest.split_at(end);
        rest = tail;
        if part.starts_with(char::is_whitespace) && part.trim().is_empty() {
            class.push(' ');
        } else if is_word(first) && is_changing(part) {
            class.push('#');
        } else {
            class.push_str(part);
        }
    }
    match class.char_indices().nth(TELLING) {
        Some((end, _)) => class[..end].to_owned(),
        None => class,
    }
}

/// Whether a word is a number, a time, or an identifier.
fn is_changing(word: &str) -> bool {
    let is_hexadecimal = word.len() >= 8 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_hexadecimal || word.contains(|c: char| c.is_ascii_digit())
}

/// FNV-1a: the same in every version of Teal that may read the record.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lines(lines: &[(i64, &str)]) -> Vec<LogLine> {
        lines.iter().map(|(second, text)| line(*second, text, None)).collect()
    }

    fn line(second: i64, text: &str, request: Option<&str>) -> LogLine {
        LogLine { at: at(second), text: text.to_owned(), request: request.map(str::to_owned) }
    }

    fn messages(settings: serde_json::Value) -> Messages {
        Messages::of(&serde_json::from_value(settings).unwrap())
    }

    #[test]
    fn numbers_and_identifiers_make_no_other_message() {
        let same = [
            "order 4711 of 2026-11-22T10:00:01.250Z  failed: 10.0.3.7:443 refused (6f1e-0a, deadbeef)\n  at line 9",
            "order 12 of 2026-11-22T10:07:59Z failed: 10.1.0.99:8443 refused (77, 0badcafe)",
        ];
        assert_eq!(class(same[0]), "order # of #:#:#.# failed: #.#.#.#:# refused (#, #)");
        assert_eq!(class(&same[0].replace(".250Z", "Z").replace("6f1e-0a", "5")), class(same[1]));
        assert_ne!(class("card refused"), class("card accepted"));
        assert_eq!(class("no login: password=hunter, token: \"ab cd\""), "no login: password=#, token: #");
        assert_eq!(class(&"é".repeat(500)).chars().count(), TELLING);
        assert_eq!(class(""), "");
    }

    #[test]
    fn a_message_is_new_if_blue_wrote_it_neither_before_nor_meanwhile() {
        let mut known = messages(json!({"atLeast": 3, "then": "rollBack"}));
        let blue = lines(&[(10, "timeout after 5 ms"), (605, "pool 3 is empty")]);
        let green = lines(&[(600, "timeout after 7 ms"), (601, "pool 9 is empty"), (602, "price 4 is negative")]);
        known.take_in(&blue, &green, at(660));
        let seen = |count, rolls_back| {
            let message = NewMessage { text: "price # is negative".to_owned(), count };
            Some(Novelty::Seen { message, others: 0, at_least: 3, rolls_back })
        };
        assert_eq!(known.novelty(), seen(1, false));
        let before = known.clone();
        known.take_in(&blue, &green, at(660));
        assert_eq!(known, before, "a look that is run twice");
        known.take_in(&[], &lines(&[(659, "price 1 is negative"), (660, "price 2 is negative")]), at(720));
        assert_eq!(known.novelty(), seen(2, false), "what was read is not counted again");
        known.take_in(&[], &lines(&[(720, "price 3 is negative"), (780, "price 8 is negative")]), at(780));
        assert_eq!(known.novelty(), seen(3, true), "what lies beyond what was asked for is not counted");
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Messages>(&text).unwrap(), known);
        known.take_in(&lines(&[(800, "price 77 is negative")]), &[], at(840));
        assert_eq!(known.novelty(), None, "blue writes it, too");
    }

    #[test]
    fn requests_are_counted_where_they_can_be_told_apart() {
        let mut known = messages(json!({"atLeast": 2, "requestField": "id", "then": "rollBack"}));
        let green = [line(1, "no card", Some("a")), line(2, "no card", Some("a")), line(3, "no card", Some("b"))];
        known.take_in(&[], &green, at(60));
        let message = NewMessage { text: "no card".to_owned(), count: 2 };
        assert_eq!(known.novelty(), Some(Novelty::Seen { message, others: 0, at_least: 2, rolls_back: true }));
    }

    #[test]
    fn reports_do_not_roll_back_and_a_talkative_blue_says_nothing() {
        let mut known = messages(json!({"atLeast": 1}));
        known.take_in(&[], &lines(&[(1, "one"), (1, "other"), (2, "one")]), at(60));
        let message = NewMessage { text: "one".to_owned(), count: 2 };
        assert_eq!(known.novelty(), Some(Novelty::Seen { message, others: 1, at_least: 1, rolls_back: false }));
        let words: Vec<String> = (0..=MOST_KNOWN).map(|n| "x".repeat(n % 100 + 1) + &"y".repeat(n / 100)).collect();
        let blue: Vec<LogLine> = words.iter().map(|word| line(61, word, None)).collect();
        known.take_in(&blue, &lines(&[(61, "one")]), at(120));
        assert_eq!(known.novelty(), Some(Novelty::TooVarious));
        known.take_in(&[], &lines(&[(121, "one")]), at(180));
        assert_eq!(known.novelty(), Some(Novelty::TooVarious));
        assert!(serde_json::to_string(&known).unwrap().len() < 300);
    }
}
