//! Reading, refusing and writing quantities.

use super::*;
use proptest::prelude::*;
use std::fmt::Debug;
use std::str::FromStr;

/// Checks what a text is read as and written back as; `None` if it is refused.
#[track_caller]
fn check<T: FromStr<Err = Invalid> + ToString + Debug>(text: &str, expect: Option<&str>) {
    assert_eq!(text.parse::<T>().ok().map(|value| value.to_string()).as_deref(), expect, "{text:?}");
}

#[test]
fn shares() {
    for (text, expect) in [
        ("0%", Some("0%")),
        ("5%", Some("5%")),
        ("05%", Some("5%")),
        ("2.5%", Some("2.5%")),
        ("2.50%", Some("2.5%")),
        ("0.1%", Some("0.1%")),
        ("100%", Some("100%")),
        ("100.0%", Some("100%")),
        ("2.55%", None),
        ("100.1%", None),
        ("101%", None),
        ("99999999999999999999999%", None),
        ("-1%", None),
        ("+1%", None),
        ("5", None),
        ("5 %", None),
        (" 5%", None),
        ("5.%", None),
        (".5%", None),
        ("%", None),
        ("", None),
        ("1e1%", None),
        ("5%%", None),
        ("٥%", None),
    ] {
        check::<Share>(text, expect);
    }
}

#[test]
fn percents_are_finer_than_shares() {
    check::<Percent>("0.0001%", Some("0.0001%"));
    check::<Percent>("12.3400%", Some("12.34%"));
    check::<Percent>("0.00001%", None);
    assert_eq!("0.05%".parse::<Percent>().unwrap().fraction(), 0.0005);
}

#[test]
fn spans() {
    for (text, expect) in [
        ("0s", Some("0s")),
        ("90s", Some("1m30s")),
        ("5m", Some("5m")),
        ("1h30m", Some("1h30m")),
        ("60m", Some("1h")),
        ("2d", Some("2d")),
        ("1d1h1m1s", Some("1d1h1m1s")),
        ("365d", Some("365d")),
        ("365d1s", None),
        ("18446744073709551616s", None),
        ("4294967296d", None),
        ("1m1h", None),
        ("1m1m", None),
        ("5", None),
        ("m", None),
        ("", None),
        ("5 m", None),
        ("1.5h", None),
        ("-5m", None),
        ("5M", None),
        ("5ms", None),
        ("5µ", None),
    ] {
        check::<Span>(text, expect);
    }
}

#[test]
fn latencies() {
    for (text, expect) in [
        ("800ms", Some("800ms")),
        ("1000ms", Some("1s")),
        ("1.5s", Some("1500ms")),
        ("0.001s", Some("1ms")),
        ("3600s", Some("3600s")),
        ("3601s", None),
        ("0s", None),
        ("0.0001s", None),
        ("1.5ms", None),
        ("2m", None),
        ("s", None),
        ("ms", None),
        (".5s", None),
        ("99999999999s", None),
    ] {
        check::<Latency>(text, expect);
    }
}

#[test]
fn spans_stay_in_their_range() {
    assert_eq!(Span::MAX.plus(Span::seconds(1)), Span::MAX);
    assert_eq!(Span::days(u32::MAX), Span::MAX);
    assert_eq!(Span::seconds(1).minus(Span::seconds(2)), Span::ZERO);
    assert_eq!(Span::seconds(61).pieces(Span::minutes(1)), 2);
    assert_eq!(Span::seconds(60).pieces(Span::minutes(1)), 1);
    assert_eq!(Span::seconds(3).pieces(Span::ZERO), 3);
}

#[test]
fn an_error_says_why_and_what_to_write() {
    let error = "0.25%".parse::<Share>().unwrap_err();
    assert_eq!(error.reason, "a load balancer cannot split traffic finer than 0.1%");
    let error = "5".parse::<Span>().unwrap_err();
    assert!(error.remedy.contains("\"90s\""), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        permille in 0_u16..=1000,
        millionths in 0_u32..=1_000_000,
        seconds in 0_u32..=Span::MAX.as_seconds(),
        millis in 1_u32..=3_600_000,
    ) {
        let share = Share::from_permille(permille).unwrap();
        prop_assert_eq!(share.to_string().parse(), Ok(share));
        let percent = Percent::from_millionths(millionths).unwrap();
        prop_assert_eq!(percent.to_string().parse(), Ok(percent));
        let span = Span::seconds(seconds);
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        let latency = Latency::from_millis(millis).unwrap();
        prop_assert_eq!(latency.to_string().parse(), Ok(latency));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,12}|[0-9dhms.%]{0,24}") {
        let _ = text.parse::<Share>();
        let _ = text.parse::<Percent>();
        let _ = text.parse::<Span>();
        let _ = text.parse::<Latency>();
    }
}
