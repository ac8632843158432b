//! The sequential test that the judge builds on, without its guard against noise.

use super::Rule;
use crate::service::{MINUTES, Release, STEP_MINUTES};

/// Lindon & Malek's anytime-valid test of green's share of the bad requests, one-sided, begun afresh at each step, whose
/// weight it takes as the null; alpha 0.01. Valid while errors fall independently of each other.
pub struct LindonMalek;

impl LindonMalek {
    const CONCENTRATION: f64 = 4.0;
    const LIMIT: f64 = 100.0;
}

impl Rule for LindonMalek {
    fn name(&self) -> &'static str {
        "Lindon & Malek"
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        let mut earlier = 0.0;
        for step in (0..MINUTES).step_by(STEP_MINUTES) {
            let (mut green, mut blue, mut green_total, mut total) = (0, 0, 0, 0);
            let mut now = 0.0;
            for (minute, counts) in release.minutes.iter().enumerate().skip(step).take(STEP_MINUTES) {
                green += counts.green.bad();
                blue += counts.blue.bad();
                green_total += counts.green.total();
                total += counts.green.total() + counts.blue.total();
                let share = green_total as f64 / total as f64;
                now = if green_total > 0 && green_total < total {
                    ln_bayes_factor(green, blue, share, Self::CONCENTRATION)
                } else {
                    0.0
                };
                if earlier + now >= Self::LIMIT.ln() {
                    return Some(minute + 1);
                }
            }
            earlier += now;
        }
        None
    }
}

/// `ln` of the Bayes factor of "green's share of the bad requests is above `share`" against "it is `share`", with a
/// Beta(k share, k (1 - share)) prior cut off below `share`.
fn ln_bayes_factor(green: u64, blue: u64, share: f64, k: f64) -> f64 {
    let (a, b) = (k * share, k * (1.0 - share));
    let (x, y) = (green as f64, blue as f64);
    // ln B(a + x, b + y) - ln B(a, b)
    let beta =
        ln_gamma(a + x) + ln_gamma(b + y) - ln_gamma(a + b + x + y) - ln_gamma(a) - ln_gamma(b) + ln_gamma(a + b);
    let above = |a, b| incomplete_beta(1.0 - share, b, a).max(f64::MIN_POSITIVE).ln();
    beta - x * share.ln() - y * (1.0 - share).ln() + above(a + x, b + y) - above(a, b)
}

/// `ln` of the gamma function for positive arguments: Stirling's series, after shifting the argument above 10.
fn ln_gamma(mut z: f64) -> f64 {
    let mut shift = 0.0;
    while z < 10.0 {
        shift += z.ln();
        z += 1.0;
    }
    let w = 1.0 / (z * z);
    let series = (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1_260.0 - w * (1.0 / 1_680.0 - w / 1_188.0)))) / z;
    (z - 0.5) * z.ln() - z + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

/// The regularised incomplete beta function `I_p(a, b)`, by its continued fraction (NIST Digital Library of Mathematical
/// Functions, 8.17.22), evaluated by Lentz's method.
fn incomplete_beta(p: f64, a: f64, b: f64) -> f64 {
    if p > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - p, b, a);
    }
    let front = a * p.ln() + b * (1.0 - p).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) - a.ln();
    let nonzero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * p / (a + 1.0));
    let mut fraction = d;
    for i in 1..10_000 {
        let m = f64::from(i);
        let even = m * (b - m) * p / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * p / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / nonzero(1.0 + term * d);
            c = nonzero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front.exp() * fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Reference {
        lm_beta: Vec<Value>,
    }

    #[derive(Deserialize)]
    struct Value {
        x_green: u64,
        y_blue: u64,
        w: String,
        k: f64,
        ln_e: String,
    }

    #[test]
    fn the_reference_values_are_met() {
        let text = include_str!("../../../crates/teal/tests/data/judge-vectors.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        assert_eq!(reference.lm_beta.len(), 3);
        for value in reference.lm_beta {
            let actual = ln_bayes_factor(value.x_green, value.y_blue, value.w.parse().unwrap(), value.k);
            let expected: f64 = value.ln_e.parse().unwrap();
            assert!((actual - expected).abs() < 1e-12 * expected.abs(), "{actual} is not {expected}");
        }
    }
}
