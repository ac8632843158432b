//! Chance that repeats: what happens to request n depends on seed and n only, not on how requests interleave.

use crate::Latency;
use std::time::Duration;

/// The standard normal distribution's 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

/// The draws for one request.
pub(crate) struct Draws {
    state: u64,
}

impl Draws {
    pub(crate) fn new(seed: u64, request: u64) -> Self {
        Self { state: mix(seed).wrapping_add(mix(request ^ 0x5851_F42D_4C95_7F2D)) }
    }

    /// Evenly distributed in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether an event of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    pub(crate) fn latency(&mut self, latency: Latency) -> Duration {
        match latency {
            Latency::Constant(latency) => latency,
            Latency::Uniform { min, max } => min + max.saturating_sub(min).mul_f64(self.uniform()),
            Latency::Lognormal { median, p99 } => {
                let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / Z99;
                let seconds = median.as_secs_f64() * (sigma * self.standard_normal()).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(p99)
            }
        }
    }

    /// By the method of Box and Muller.
    fn standard_normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: u64 = 20_000;

    #[test]
    fn the_same_request_meets_the_same_fate() {
        let fates = |seed| (0..100).map(|n| Draws::new(seed, n).happens(0.5)).collect::<Vec<_>>();
        assert_eq!(fates(1), fates(1));
        assert_ne!(fates(1), fates(2));
    }

    #[test]
    fn a_rate_is_met_over_many_requests() {
        for rate in [0.0, 0.02, 0.5, 1.0] {
            let hits = (0..REQUESTS).filter(|n| Draws::new(9, *n).happens(rate)).count();
            let share = hits as f64 / REQUESTS as f64;
            assert!((share - rate).abs() < 0.01, "{rate}: {share}");
        }
    }

    #[test]
    fn lognormal_latency_has_the_median_and_p99_it_was_given() {
        let (median, p99) = (Duration::from_millis(20), Duration::from_millis(200));
        let mut latencies: Vec<_> =
            (0..REQUESTS).map(|n| Draws::new(4, n).latency(Latency::Lognormal { median, p99 }).as_secs_f64()).collect();
        latencies.sort_by(f64::total_cmp);
        let at = |percent: usize| latencies[latencies.len() * percent / 100];
        assert!((at(50) / 0.020 - 1.0).abs() < 0.05, "median {}", at(50));
        assert!((at(99) / 0.200 - 1.0).abs() < 0.15, "p99 {}", at(99));
    }

    proptest::proptest! {
        #[test]
        fn uniform_latency_stays_within_its_bounds(seed: u64, request: u64, min in 0_u64..1000, span in 0_u64..1000) {
            let (min, max) = (Duration::from_millis(min), Duration::from_millis(min + span));
            let latency = Draws::new(seed, request).latency(Latency::Uniform { min, max });
            proptest::prop_assert!((min..=max).contains(&latency));
        }
    }
}
