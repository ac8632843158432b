//! Durations: whole seconds for what people plan, milliseconds for how long a request may take.

use super::text::{Invalid, Text, impl_text};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A planned duration in whole seconds, 0 to 365 days; written as `90s`, `5m`, `1h30m` or `2d`.
///
/// A year is the longest that a Step Functions execution can run
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u32);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span: 365 days.
    pub const MAX: Self = Self(365 * 86_400);

    /// A span of so many seconds; what is longer than [`Span::MAX`] becomes that.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        if seconds > Self::MAX.0 { Self::MAX } else { Self(seconds) }
    }

    /// A span of so many minutes; what is longer than [`Span::MAX`] becomes that.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// A span of so many hours; what is longer than [`Span::MAX`] becomes that.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// A span of so many days; what is longer than [`Span::MAX`] becomes that.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    /// The span in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0
    }

    /// The span as the standard library has it.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    /// Whether this is no time at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; at most [`Span::MAX`].
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::seconds(self.0.saturating_add(other.0))
    }

    /// What is left after `other`; never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// How many pieces of the length `piece` cover this span; the last one may be shorter. `piece` counts as at least
    /// a second.
    #[must_use]
    pub const fn pieces(self, piece: Self) -> u32 {
        self.0.div_ceil(if piece.0 == 0 { 1 } else { piece.0 })
    }
}

impl std::iter::Sum for Span {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Self::plus)
    }
}

/// Units of a span with their seconds, from the largest: the order in which they are written.
const SPAN_UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut rest = self.0;
        for (unit, seconds) in SPAN_UNITS {
            if rest >= seconds {
                text += &format!("{}{unit}", rest / seconds);
                rest %= seconds;
            }
        }
        f.pad(if text.is_empty() { "0s" } else { &text })
    }
}

impl FromStr for Span {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let malformed = || {
            Invalid::new(
                "it is not a duration",
                "Write whole numbers with their units (d, h, m, s), the largest first, such as \"90s\" or \"1h30m\"",
            )
        };
        let too_long = || Invalid::new("it is longer than 365 days", "Write a duration of at most \"365d\"");
        let (mut total, mut rest) = (0_u64, text);
        let mut units = SPAN_UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let unit = tail.chars().next().ok_or_else(malformed)?;
            // Each unit is smaller than the one before: `units` goes on where it stopped.
            let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
            if number.is_empty() {
                return Err(malformed());
            }
            let number: u64 = number.parse().map_err(|_| too_long())?;
            total = total.saturating_add(number.saturating_mul(u64::from(*seconds)));
            rest = &tail[unit.len_utf8()..];
        }
        if text.is_empty() {
            return Err(malformed());
        }
        u32::try_from(total).ok().filter(|seconds| *seconds <= Self::MAX.0).map(Self).ok_or_else(too_long)
    }
}

impl Text for Span {
    const NAME: &'static str = "Span";
    const NOUN: &'static str = "a duration";
    const DESCRIPTION: &'static str =
        "A duration in whole seconds, at most 365d: days, hours, minutes and seconds, such as 90s, 5m, 1h30m or 2d.";
    const PATTERN: &'static str = r"^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";
    const EXAMPLES: &'static [&'static str] = &["90s", "5m", "1h30m"];
    const UNIT: Option<&'static str> = Some("s");
}

impl_text!(Span);

/// How long a request takes in milliseconds, 1 ms to 1 hour; written as `800ms`, `2s` or `1.5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Latency(u32);

impl Latency {
    /// The longest latency: one hour.
    pub const MAX: Self = Self(3_600_000);

    /// A latency of so many milliseconds, if it is one from 1 ms to 1 hour.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Option<Self> {
        if millis >= 1 && millis <= Self::MAX.0 { Some(Self(millis)) } else { None }
    }

    /// A latency of so many seconds, at least one; what is longer than [`Latency::MAX`] becomes that.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        let millis = if seconds == 0 { 1000 } else { seconds.saturating_mul(1000) };
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// The latency in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// The latency in seconds, the unit of the metric TargetResponseTime.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// The latency as the standard library has it.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.0.is_multiple_of(1000) { format!("{}s", self.0 / 1000) } else { format!("{}ms", self.0) };
        f.pad(&text)
    }
}

impl FromStr for Latency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let malformed = || {
            Invalid::new(
                "it is not a latency in whole milliseconds",
                "Write a number with its unit (ms or s), such as \"800ms\" or \"2s\"",
            )
        };
        let (number, decimals) = match text.strip_suffix("ms") {
            Some(number) => (number, 0),
            None => (text.strip_suffix('s').ok_or_else(malformed)?, 3),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let significant = fraction.trim_end_matches('0');
        if !is_digits(whole) || !is_digits(fraction) || significant.len() > decimals {
            return Err(malformed());
        }
        let millis = format!("{whole}{significant:0<decimals$}").parse::<u32>().ok();
        millis
            .and_then(Self::from_millis)
            .ok_or_else(|| Invalid::new("it is out of range", "Write a latency from \"1ms\" to \"3600s\""))
    }
}

impl Text for Latency {
    const NAME: &'static str = "Latency";
    const NOUN: &'static str = "a latency";
    const DESCRIPTION: &'static str =
        "How long a request takes: milliseconds or seconds, from 1ms to 3600s, such as 800ms, 2s or 1.5s.";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)?(ms|s)$";
    const EXAMPLES: &'static [&'static str] = &["800ms", "2s"];
    const UNIT: Option<&'static str> = Some("ms");
}

impl_text!(Latency);
