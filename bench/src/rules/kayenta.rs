//! Kayenta's judge: Mann and Whitney's test on the minutes' error shares.

use super::Rule;
use crate::service::{Minute, Release, STEP_MINUTES};

/// Normal quantile of its confidence level, 0.98 on two sides.
const Z: f64 = 2.326_347_874_040_841;
/// The share of the estimated difference that its confidence interval must exceed.
const TOLERANCE: f64 = 0.25;

/// Kayenta's judge over all minutes of the release so far ("growing" lookback), on the error share.
pub enum Kayenta {
    /// At the end of each step.
    StepEnds,
    /// After every minute, from the fifth on: with fewer points its interval cannot reach its confidence.
    EveryMinute,
}

impl Rule for Kayenta {
    fn name(&self) -> &'static str {
        match self {
            Self::StepEnds => "Kayenta, step ends",
            Self::EveryMinute => "Kayenta, every minute",
        }
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        let every = match self {
            Self::StepEnds => STEP_MINUTES,
            Self::EveryMinute => 1,
        };
        (STEP_MINUTES..=release.minutes.len()).step_by(every).find(|end| is_high(&release.minutes[..*end]))
    }
}

/// Whether green's error shares are classified as "High".
fn is_high(minutes: &[Minute]) -> bool {
    let shares = |counts: fn(&Minute) -> teal::judge::Counts| -> Vec<f64> {
        let served = minutes.iter().map(counts).filter(|counts| counts.total() > 0);
        served.map(|counts| counts.bad() as f64 / counts.total() as f64).collect()
    };
    let (experiment, control) = (shares(|minute| minute.green), shares(|minute| minute.blue));
    let Some((lower, estimate)) = difference(&experiment, &control) else { return false };
    lower > TOLERANCE * estimate.abs()
}

/// The lower confidence bound and the Hodges-Lehmann estimate of how much `x` lies above `y`: the normal approximation
/// with continuity and tie correction. `None` without data or where all of it is the same.
fn difference(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let mut differences: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| x - y)).collect();
    differences.sort_by(f64::total_cmp);
    let (n, m) = (x.len() as f64, y.len() as f64);
    let ties = tie_term(x) + tie_term(y);
    let sigma = (n * m / 12.0 * (n + m + 1.0 - ties / ((n + m) * (n + m - 1.0)))).sqrt();
    let (first, last) = (*differences.first()?, *differences.last()?);
    if first == last || sigma.is_nan() || sigma <= 0.0 {
        return None;
    }
    // The bound is where the number of differences above it falls below this.
    let above = n * m / 2.0 + Z * sigma + 0.5;
    let below = (n * m - above).max(0.0).floor() as usize;
    let middle = differences.len() / 2;
    let median = if differences.len() % 2 == 1 {
        differences[middle]
    } else {
        f64::midpoint(differences[middle - 1], differences[middle])
    };
    Some((differences[below.min(differences.len() - 1)], median))
}

/// The sum of `t^3 - t` over groups of `t` equal values.
fn tie_term(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|group| (group.len() as f64).powi(3) - group.len() as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_rank_sum_test() {
        // R: wilcox.test(x, y, conf.int = TRUE, conf.level = 0.98, exact = FALSE) on two separated samples of 10 has its
        // lower bound at the 20th of the 100 differences: 100 - (50 + 2.3263 * 13.2288 + 0.5) = 18.7.
        let x: Vec<f64> = (0..10).map(|i| 5.0 + f64::from(i) * 0.1).collect();
        let y: Vec<f64> = (0..10).map(|i| f64::from(i) * 0.37).collect();
        let (lower, estimate) = difference(&x, &y).unwrap();
        let mut all: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| x - y)).collect();
        all.sort_by(f64::total_cmp);
        assert!(lower == all[18] && (estimate - f64::midpoint(all[49], all[50])).abs() < 1e-12);
    }

    #[test]
    fn equal_data_are_not_high() {
        assert!(difference(&[0.0; 5], &[0.0; 5]).is_none());
        assert!(difference(&[], &[1.0]).is_none());
        assert!((tie_term(&[1.0, 2.0, 1.0, 1.0, 2.0]) - 30.0).abs() < 1e-12);
    }
}
