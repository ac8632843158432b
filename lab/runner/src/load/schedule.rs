//! When requests are due.

use std::time::Duration;

/// How requests are spread within a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Arrivals {
    /// As independent users send them: exponential gaps.
    #[default]
    Poisson,
    /// At equal distances.
    Constant,
}

/// A rate from some moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RampPoint {
    /// Real time since the load began.
    pub from: Duration,
    /// Requests per real second, 0 or more.
    pub rate: f64,
}

/// The rate over time: each point holds until the next one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ramp {
    points: Vec<RampPoint>,
}

impl Ramp {
    /// A ramp from points in the order of time. Before the first one nothing is sent.
    #[must_use]
    pub(crate) fn new(mut points: Vec<RampPoint>) -> Self {
        points.sort_by_key(|point| point.from);
        Self { points }
    }

    /// The rate at a moment.
    #[must_use]
    pub(crate) fn rate_at(&self, at: Duration) -> f64 {
        self.points.iter().rev().find(|point| point.from <= at).map_or(0.0, |point| point.rate)
    }

    /// When the rate changes next.
    fn next_change(&self, after: Duration) -> Option<Duration> {
        self.points.iter().map(|point| point.from).find(|from| *from > after)
    }
}

/// The endless sequence of due times, the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    ramp: Ramp,
    arrivals: Arrivals,
    random: fastrand::Rng,
    last: Duration,
}

impl Schedule {
    pub(super) fn new(ramp: Ramp, arrivals: Arrivals, seed: u64) -> Self {
        Self { ramp, arrivals, random: fastrand::Rng::with_seed(seed), last: Duration::ZERO }
    }

    /// The next due time, or `None` if the rate is 0 for good.
    pub(super) fn next(&mut self) -> Option<Duration> {
        loop {
            let rate = self.ramp.rate_at(self.last);
            let change = self.ramp.next_change(self.last);
            if rate <= 0.0 {
                self.last = change?;
                continue;
            }
            let gap = match self.arrivals {
                Arrivals::Constant => 1.0 / rate,
                // f64() is in [0, 1): its complement is never 0, so the logarithm is finite.
                Arrivals::Poisson => -(1.0 - self.random.f64()).ln() / rate,
            };
            let due = self.last + Duration::from_secs_f64(gap);
            match change {
                // Exponential gaps have no memory: at a change of rate a new one may be drawn.
                Some(change) if due >= change => self.last = change,
                _ => {
                    self.last = due;
                    return Some(due);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(points: &[(u64, f64)]) -> Ramp {
        Ramp::new(points.iter().map(|&(s, rate)| RampPoint { from: Duration::from_secs(s), rate }).collect())
    }

    fn count_between(schedule: &mut Schedule, until: u64) -> usize {
        std::iter::from_fn(|| schedule.next()).take_while(|due| *due < Duration::from_secs(until)).count()
    }

    #[test]
    fn constant_arrivals_are_exactly_as_many_as_the_rate_says() {
        let mut schedule = Schedule::new(ramp(&[(0, 100.0)]), Arrivals::Constant, 1);
        assert!((999..=1000).contains(&count_between(&mut schedule, 10)));
    }

    #[test]
    fn poisson_arrivals_follow_the_rate_and_repeat_with_the_seed() {
        let counts: Vec<_> = [7, 7, 8]
            .map(|seed| count_between(&mut Schedule::new(ramp(&[(0, 500.0)]), Arrivals::Poisson, seed), 20))
            .into();
        assert_eq!(counts[0], counts[1]);
        assert_ne!(counts[0], counts[2]);
        // 10,000 expected, standard deviation 100.
        assert!((9_500..=10_500).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn a_pause_is_a_pause_and_a_final_zero_ends_the_schedule() {
        let mut schedule = Schedule::new(ramp(&[(0, 10.0), (1, 0.0), (3, 10.0), (4, 0.0)]), Arrivals::Constant, 1);
        let due: Vec<_> = std::iter::from_fn(|| schedule.next()).collect();
        assert!(due.iter().all(|d| *d < Duration::from_secs(1) || *d >= Duration::from_secs(3)), "{due:?}");
        assert!((16..=20).contains(&due.len()), "{due:?}");
    }
}
