//! How noisy a metric is, learnt from blue against blue before the release.

use super::Counts;
use super::config::{ConfigError, checked};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Points of history without which nothing is learnt.
const MIN_POINTS: u64 = 60;
/// Bad requests in the history without which what was learnt only raises the assumptions below.
const MIN_BAD: u64 = 60;
/// What is assumed of a metric without history.
const ASSUMED_PHI: f64 = 8.0;
const ASSUMED_CV: f64 = 0.5;
/// The range that a learnt cv is held in. What is above it is told: [`CalibrationBasis::TooNoisy`].
const LEARNT_CV: (f64, f64) = (0.1, 1.0);

/// One minute of blue against blue: its requests split in two, by Availability Zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPoint {
    /// What one half of the zones served.
    pub a: Counts,
    /// What the other half served.
    pub b: Counts,
}

/// How noisy a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Unchecked")]
pub struct Calibration {
    phi: f64,
    cv: f64,
    basis: CalibrationBasis,
}

/// What a calibration rests on. Its `Display` is a sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum CalibrationBasis {
    /// Set by hand.
    Given,
    /// Learnt from enough history.
    Measured {
        /// Points with requests on both halves.
        points: u64,
        /// Bad requests in them.
        bad: u64,
    },
    /// Enough points, but too few bad requests in them: no less noise is assumed than without history.
    TooFewBad {
        /// Points with requests on both halves.
        points: u64,
        /// Bad requests in them.
        bad: u64,
    },
    /// Noise above what the judge allows for: cv was cut at 1, so that the bound on false rollbacks does not hold of long bakes.
    TooNoisy {
        /// Points with requests on both halves.
        points: u64,
        /// Bad requests in them.
        bad: u64,
    },
    /// Fewer than 60 points: as good as none.
    NoHistory {
        /// Points with requests on both halves.
        points: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unchecked {
    phi: f64,
    cv: f64,
    basis: CalibrationBasis,
}

impl TryFrom<Unchecked> for Calibration {
    type Error = ConfigError;

    fn try_from(unchecked: Unchecked) -> Result<Self, ConfigError> {
        Ok(Self { basis: unchecked.basis, ..Self::given(unchecked.phi, unchecked.cv)? })
    }
}

impl Calibration {
    /// Noise set by hand: `phi`, the mean size of a clump of bad requests (at least 1), and `cv`, the relative noise
    /// between the two colours in one period (above 0, at most 10).
    ///
    /// # Errors
    /// When one is out of range.
    pub fn given(phi: f64, cv: f64) -> Result<Self, ConfigError> {
        let phi = checked("phi", phi, 1.0, f64::MAX, "a number of at least 1")?;
        let cv = checked("cv", cv, f64::MIN_POSITIVE.sqrt(), 10.0, "above 0 and at most 10")?;
        Ok(Self { phi, cv, basis: CalibrationBasis::Given })
    }

    /// What is assumed without history: phi 8, cv 0.5.
    #[must_use]
    pub fn without_history() -> Self {
        Self { phi: ASSUMED_PHI, cv: ASSUMED_CV, basis: CalibrationBasis::NoHistory { points: 0 } }
    }

    /// Learns phi and cv from blue against blue, one point a minute, at least 60 of them. A point with requests on one
    /// half only compares nothing and is left out. Too little history falls back to cautious assumptions: see
    /// [`CalibrationBasis`].
    #[must_use]
    pub fn from_history(history: &[HistoryPoint]) -> Self {
        let (mut points, mut bad) = (0u64, 0u64);
        // Sums over the points: squared deviation from the expected split, its binomial variance, bad and bad squared.
        let (mut deviation, mut variance, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for HistoryPoint { a, b } in history.iter().filter(|point| point.a.total() > 0 && point.b.total() > 0) {
            points += 1;
            bad = bad.saturating_add(a.bad()).saturating_add(b.bad());
            let all = a.total() as f64 + b.total() as f64;
            let (share, rest) = (a.total() as f64 / all, b.total() as f64 / all);
            let m = a.bad() as f64 + b.bad() as f64;
            deviation += (a.bad() as f64 - m * share).powi(2);
            variance += m * share * rest;
            sum += m;
            squares += m * m;
        }
        if points < MIN_POINTS {
            return Self { basis: CalibrationBasis::NoHistory { points }, ..Self::without_history() };
        }
        if variance <= 0.0 {
            return Self { basis: CalibrationBasis::TooFewBad { points, bad }, ..Self::without_history() };
        }
        // The estimate's own relative error is about sqrt(2/H): assume it erred on the low side.
        let phi = deviation / variance * (1.0 + (2.0 / points as f64).sqrt());
        let measured = (2.0 * (phi - 1.0).max(0.0) * sum / squares).sqrt();
        let (phi, cv) = (phi.max(1.0), measured.clamp(LEARNT_CV.0, LEARNT_CV.1));
        if bad < MIN_BAD {
            let basis = CalibrationBasis::TooFewBad { points, bad };
            return Self { phi: phi.max(ASSUMED_PHI), cv: cv.max(ASSUMED_CV), basis };
        }
        let is_cut = measured > LEARNT_CV.1;
        let basis = if is_cut {
            CalibrationBasis::TooNoisy { points, bad }
        } else {
            CalibrationBasis::Measured { points, bad }
        };
        Self { phi, cv, basis }
    }

    /// The mean size of a clump of bad requests, at least 1.
    #[must_use]
    pub fn phi(&self) -> f64 {
        self.phi
    }

    /// The relative noise between the two colours in one period, above 0.
    #[must_use]
    pub fn cv(&self) -> f64 {
        self.cv
    }

    /// What it rests on.
    #[must_use]
    pub fn basis(&self) -> CalibrationBasis {
        self.basis
    }
}

impl fmt::Display for CalibrationBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => write!(f, "noise as set by hand"),
            Self::Measured { points, bad } => {
                write!(f, "noise measured on {points} points of blue against blue with {bad} bad requests")
            }
            Self::TooNoisy { points, bad } => write!(
                f,
                "{points} points of blue against blue with {bad} bad requests have more noise than the judge allows for: cv is cut \
                 at {}, and the bound on false rollbacks does not hold of long bakes",
                LEARNT_CV.1
            ),
            Self::TooFewBad { points, bad } => write!(
                f,
                "only {bad} bad requests in {points} points of blue against blue: much noise is assumed, which usually makes \
                 the judge slower"
            ),
            Self::NoHistory { points: 0 } => {
                write!(
                    f,
                    "no history of blue against blue: much noise is assumed, which usually makes the judge slower"
                )
            }
            Self::NoHistory { points } => write!(
                f,
                "{points} points of blue against blue are too few (at least {MIN_POINTS}): much noise is assumed, which \
                 usually makes the judge slower"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(a: (u64, u64), b: (u64, u64)) -> HistoryPoint {
        HistoryPoint { a: Counts::new(a.0, a.1), b: Counts::new(b.0, b.1) }
    }

    #[test]
    fn noise_is_measured_as_specified() {
        // Alternately 7:3 and 3:7 of 10 bad ones on equal halves: deviation 4 and variance 2.5 a point.
        let history: Vec<_> =
            (0..100).map(|i| if i % 2 == 0 { point((500, 7), (500, 3)) } else { point((500, 3), (500, 7)) }).collect();
        let calibration = Calibration::from_history(&history);
        let phi = 1.6 * (1.0 + 0.02f64.sqrt());
        assert!((calibration.phi() - phi).abs() < 1e-12);
        assert!((calibration.cv() - (2.0 * (phi - 1.0) / 10.0).sqrt()).abs() < 1e-12);
        assert_eq!(calibration.basis(), CalibrationBasis::Measured { points: 100, bad: 1_000 });
    }

    #[test]
    fn quiet_history_is_held_at_the_floors_and_wild_history_at_the_ceiling() {
        let quiet = Calibration::from_history(&[point((500, 5), (500, 5)); 60]);
        assert!((quiet.phi(), quiet.cv()) == (1.0, 0.1));
        let wild = Calibration::from_history(&[point((500, 50), (500, 0)); 60]);
        assert!(wild.phi() > 50.0 && (wild.cv() - 1.0).abs() < 1e-12);
        assert_eq!(wild.basis(), CalibrationBasis::TooNoisy { points: 60, bad: 3_000 });
        let told = wild.basis().to_string();
        assert!(told.contains("more noise than the judge allows for: cv is cut at 1, and the bound"), "{told}");
    }

    #[test]
    fn little_history_is_never_less_cautious_than_none() {
        let none = Calibration::from_history(&[point((500, 5), (500, 5)); 59]);
        assert!((none.phi(), none.cv()) == (8.0, 0.5));
        assert_eq!(none.basis(), CalibrationBasis::NoHistory { points: 59 });
        let mut few = vec![point((500, 0), (500, 0)); 70];
        few[0] = point((500, 30), (500, 0));
        let few = Calibration::from_history(&few);
        assert!(few.phi() > 30.0 && few.cv() >= 0.5);
        assert_eq!(few.basis(), CalibrationBasis::TooFewBad { points: 70, bad: 30 });
        assert!((Calibration::from_history(&[point((5, 0), (5, 0)); 60]).phi() - 8.0).abs() < 1e-12);
        assert_eq!(
            Calibration::from_history(&[point((5, 5), (0, 0)); 90]).basis(),
            CalibrationBasis::NoHistory { points: 0 }
        );
    }

    #[test]
    fn a_calibration_is_checked_however_it_comes() {
        for (phi, cv) in [(0.9, 0.1), (f64::NAN, 0.1), (f64::INFINITY, 0.1), (1.0, 0.0), (1.0, f64::NAN), (1.0, 11.0)] {
            assert!(Calibration::given(phi, cv).is_err(), "{phi} {cv}");
        }
        let text = serde_json::to_string(&Calibration::given(1.5, 0.25).unwrap()).unwrap();
        assert_eq!(text, r#"{"phi":1.5,"cv":0.25,"basis":{"kind":"given"}}"#);
        assert!(serde_json::from_str::<Calibration>(&text).is_ok());
        assert!(serde_json::from_str::<Calibration>(&text.replace("1.5", "0.5")).is_err());
    }
}
