//! The counts of one metric period, and how CloudWatch's data become counts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Requests that one colour served in some time, and how many of them were bad. Never more bad ones than requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    total: u64,
    bad: u64,
}

/// A datum that is no count: NaN, infinite or negative.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a count")]
pub struct NotACount(pub f64);

impl Counts {
    /// `bad` of `total`. Where the two come from different metrics, a request may be counted as bad in one period and as
    /// served in the next: with more bad ones than requests, `total` is raised to `bad`.
    #[must_use]
    pub fn new(total: u64, bad: u64) -> Self {
        Self { total: total.max(bad), bad }
    }

    /// Counts from two CloudWatch sums. CloudWatch publishes no datum where nothing happened: without `total` nothing was
    /// served, without `bad` nothing was bad.
    ///
    /// # Errors
    /// When a datum is NaN, infinite or negative; the period is then to be skipped ([`super::MetricState::skip`]).
    pub fn from_data(total: Option<f64>, bad: Option<f64>) -> Result<Self, NotACount> {
        let total = count(total.unwrap_or(0.0))?;
        let bad = count(bad.unwrap_or(0.0))?;
        Ok(if total == 0 { Self::default() } else { Self::new(total, bad) })
    }

    /// Requests served.
    #[must_use]
    pub fn total(self) -> u64 {
        self.total
    }

    /// The bad ones among them.
    #[must_use]
    pub fn bad(self) -> u64 {
        self.bad
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { total: self.total.saturating_add(other.total), bad: self.bad.saturating_add(other.bad) }
    }
}

fn count(datum: f64) -> Result<u64, NotACount> {
    if datum.is_finite() && datum >= 0.0 { Ok(datum.round() as u64) } else { Err(NotACount(datum)) }
}

/// One finalised metric period of both colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The traffic step that it belongs to, counted from 1.
    pub step: u32,
    /// When the period ended: its identity, and what puts periods in order.
    pub period_end: Timestamp,
    /// Whether the period began after the step's weight was set. One that straddles the shift is judged all the same
    /// (only realised counts enter), but does not count towards a clear step.
    pub begun_after_shift: bool,
    /// What green served.
    pub green: Counts,
    /// What blue served.
    pub blue: Counts,
}

/// Whether a period that ended at `period_end` can still change: metrics are complete only some time after, `settle`
/// (120 s is right for what load balancers publish).
#[must_use]
pub fn is_final(period_end: Timestamp, settle: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(period_end) >= settle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_are_zero_and_nonsense_is_refused() {
        assert_eq!(Counts::from_data(Some(10.0), None), Ok(Counts::new(10, 0)));
        assert_eq!(Counts::from_data(None, Some(3.0)), Ok(Counts::default()));
        assert_eq!(Counts::from_data(None, None), Ok(Counts::default()));
        assert_eq!(Counts::from_data(Some(2.0), Some(3.0)), Ok(Counts::new(3, 3)));
        assert_eq!(Counts::from_data(Some(1e30), Some(0.6)), Ok(Counts::new(u64::MAX, 1)));
        for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(Counts::from_data(Some(nonsense), None).is_err());
            assert!(Counts::from_data(Some(5.0), Some(nonsense)).is_err());
        }
    }

    #[test]
    fn a_period_is_final_once_it_has_settled() {
        let end = Timestamp::UNIX_EPOCH;
        let settle = SignedDuration::from_secs(120);
        assert!(!is_final(end, settle, Timestamp::from_second(119).unwrap()));
        assert!(is_final(end, settle, Timestamp::from_second(120).unwrap()));
        assert!(!is_final(Timestamp::MAX, settle, Timestamp::MIN));
    }
}
