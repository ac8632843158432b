//! Points in time. The core has no clock: every step is told when its run began, and asks the world what time it is by now.

use jiff::SignedDuration;

/// A point in time, written as RFC 3339 in UTC.
pub type Timestamp = jiff::Timestamp;

/// `at` plus a number of whole seconds, at most the last moment that can be written.
#[must_use]
pub fn after(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from `from` until `to`, rounded up; 0 when `to` is not later.
#[must_use]
pub fn seconds_until(from: Timestamp, to: Timestamp) -> u64 {
    let millis = to.as_millisecond().saturating_sub(from.as_millisecond());
    u64::try_from(millis).map_or(0, |millis| millis.div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_until_rounds_up_and_never_goes_below_zero() {
        let at = Timestamp::UNIX_EPOCH;
        let later = Timestamp::from_millisecond(1_001).unwrap();
        assert_eq!(seconds_until(at, later), 2);
        assert_eq!(seconds_until(later, at), 0);
        assert_eq!(after(at, u64::MAX), Timestamp::MAX);
    }
}
