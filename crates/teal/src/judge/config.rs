//! What the plan sets about the judge, checked once.

use super::logs::RESTARTS;

/// A setting out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}, but must be {range}")]
pub struct ConfigError {
    /// The setting, as METHOD and the command line call it.
    pub name: &'static str,
    /// What was given.
    pub value: f64,
    /// What is allowed, in words.
    pub range: &'static str,
}

/// `value` if it is within the closed range, else an error that says so.
pub(super) fn checked(
    name: &'static str,
    value: f64,
    from: f64,
    to: f64,
    range: &'static str,
) -> Result<f64, ConfigError> {
    if value >= from && value <= to { Ok(value) } else { Err(ConfigError { name, value, range }) }
}

/// The judge's settings for one release, the same for all its metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeConfig {
    rho: f64,
    alpha: f64,
    strict: bool,
    steps: u32,
    warm_up: u32,
    min_intervals: u32,
    min_requests: u64,
}

impl Default for JudgeConfig {
    /// rho 1.1, alpha 0.01, three or more traffic steps, no warm-up; a step is clear after 3 periods and 100 requests
    /// on each colour.
    fn default() -> Self {
        Self { rho: 1.1, alpha: 0.01, strict: false, steps: 3, warm_up: 0, min_intervals: 3, min_requests: 100 }
    }
}

impl JudgeConfig {
    /// The ratio of green's rate of bad requests to blue's that is tolerated: 1 to 1,000.
    ///
    /// # Errors
    /// When `rho` is out of range.
    pub fn with_rho(self, rho: f64) -> Result<Self, ConfigError> {
        Ok(Self { rho: checked("rho", rho, 1.0, 1_000.0, "between 1 and 1000")?, ..self })
    }

    /// The share of healthy releases that may be rolled back, over a whole deployment: above 0, at most 0.5.
    ///
    /// # Errors
    /// When `alpha` is out of range.
    pub fn with_alpha(self, alpha: f64) -> Result<Self, ConfigError> {
        Ok(Self { alpha: checked("alpha", alpha, 1e-9, 0.5, "between 0.000000001 and 0.5")?, ..self })
    }

    /// With `strict`, only the robust part of the evidence counts. It does without `phi`; `cv` enters by the tolerated share of
    /// green while green is the smaller colour.
    #[must_use]
    pub fn with_strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// How many traffic steps the plan has: at least 1. The wealth is divided over them beforehand.
    ///
    /// # Errors
    /// When there is no step.
    pub fn with_steps(self, steps: u32) -> Result<Self, ConfigError> {
        if steps == 0 {
            return Err(ConfigError { name: "steps", value: 0.0, range: "at least 1" });
        }
        Ok(Self { steps, ..self })
    }

    /// How many first periods with green traffic are read but not judged (cold caches, JIT).
    #[must_use]
    pub fn with_warm_up(self, periods: u32) -> Self {
        Self { warm_up: periods, ..self }
    }

    /// What a step must have seen before it can be clear: so many periods begun after its shift, and so many requests on
    /// each colour in them.
    #[must_use]
    pub fn with_minimum(self, intervals: u32, requests: u64) -> Self {
        Self { min_intervals: intervals, min_requests: requests, ..self }
    }

    /// The tolerated ratio of bad rates.
    #[must_use]
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// The share of healthy releases that may be rolled back.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Whether only the calibration-free part of the evidence counts.
    #[must_use]
    pub fn strict(&self) -> bool {
        self.strict
    }

    /// How many first periods with green traffic are not judged.
    #[must_use]
    pub fn warm_up(&self) -> u32 {
        self.warm_up
    }

    /// Periods that a step must have seen to be clear.
    #[must_use]
    pub fn min_intervals(&self) -> u32 {
        self.min_intervals
    }

    /// Requests on each colour that a step must have seen to be clear.
    #[must_use]
    pub fn min_requests(&self) -> u64 {
        self.min_requests
    }

    /// E at which a release is rolled back: `1/alpha`.
    #[must_use]
    pub fn limit(&self) -> f64 {
        1.0 / self.alpha
    }

    /// The prior weight of each restart: a plan with fewer steps than restarts gives what is left to its last one.
    pub(super) fn restart_weights(&self) -> [f64; RESTARTS] {
        match self.steps {
            0 | 1 => [1.0, 0.0, 0.0],
            2 => [0.5, 0.5, 0.0],
            _ => [0.5, 0.25, 0.25],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let config = JudgeConfig::default;
        assert_eq!(config().with_rho(0.9).unwrap_err().to_string(), "rho is 0.9, but must be between 1 and 1000");
        for bad in [0.0, -1.0, 0.6, f64::NAN, f64::INFINITY] {
            assert_eq!(config().with_alpha(bad).unwrap_err().name, "alpha");
        }
        assert!(config().with_rho(f64::NAN).is_err());
        assert_eq!(config().with_steps(0).unwrap_err().to_string(), "steps is 0, but must be at least 1");
    }

    #[test]
    fn the_weight_of_missing_restarts_goes_to_the_last_one_that_exists() {
        let weights = |steps| JudgeConfig::default().with_steps(steps).unwrap().restart_weights();
        assert_eq!(weights(1), [1.0, 0.0, 0.0]);
        assert_eq!(weights(2), [0.5, 0.5, 0.0]);
        assert_eq!(weights(3), [0.5, 0.25, 0.25]);
        assert_eq!(weights(20), [0.5, 0.25, 0.25]);
    }
}
