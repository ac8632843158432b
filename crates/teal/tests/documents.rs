//! Plans as text, as they may come: cut off, nested beyond reason, not documents at all. They are read or refused, never a panic, and
//! a flaw says where it is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use teal::document::Document;
use teal::plan::Plan;

const PLAN: &str = include_str!("../../../docs/examples/steps.yaml");

/// Read and checked, or refused with a place within the text.
fn is_read_or_refused(text: &str) {
    // YAML ends a line by either, or both.
    let lines = text.matches(['\n', '\r']).count() + 1;
    match Document::parse(text) {
        Ok(document) => drop(Plan::check(&document.value)),
        Err(flaws) => {
            assert!(!flaws.is_empty());
            for flaw in flaws {
                // What is missing at the end is missing behind the last line.
                assert!((1..=lines + 1).contains(&flaw.place.line), "{flaw:?} in a text of {lines} lines");
                assert!(flaw.place.column >= 1 && flaw.place.width >= 1 && !flaw.reason.is_empty(), "{flaw:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        is_read_or_refused(&text);
    }

    #[test]
    fn any_punctuation_of_yaml_is_read_or_refused(text in r#"[\[\]{}:,\-\n "'&*!|>?%@`#a-c0-2\t~<=\\]{0,80}"#) {
        is_read_or_refused(&text);
    }

    #[test]
    fn a_plan_with_something_else_in_it_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        length in 0..40usize,
        other in r#"[\[\]{}:,\-\n "'&*!|>a0é\u{0}]{0,12}"#,
    ) {
        let start = at.index(PLAN.len());
        let (start, end) = (PLAN.floor_char_boundary(start), PLAN.floor_char_boundary((start + length).min(PLAN.len())));
        is_read_or_refused(&format!("{}{other}{}", &PLAN[..start], &PLAN[end.max(start)..]));
    }
}

#[test]
fn nesting_beyond_reason_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("{\"a\":[", "]}")] {
        for depth in [1_000, 50_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let flaws = Document::parse(&text).err().unwrap_or_default();
            assert!(!flaws.is_empty(), "{depth} times {open:?} was read");
            is_read_or_refused(&open.repeat(depth));
        }
    }
}
