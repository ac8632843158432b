//! One compared metric in a release's record.

use super::CountSource;
use crate::judge::{Calibration, ConfigError, Evidence, JudgeConfig, MetricState, Reading, Weight};
use serde::{Deserialize, Serialize};

/// A metric by which green is compared with blue: what it is, how noisy, and what was seen of it so far. Of constant size,
/// about 1 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Its name in reasons.
    pub name: String,
    /// What a bad request did: "failed".
    pub bad_means: String,
    /// How much it counts beside the others.
    pub weight: f64,
    pub source: CountSource,
    /// What is known of its noise, from before the release.
    pub calibration: Calibration,
    /// What was seen so far.
    pub state: MetricState,
}

impl Compared {
    /// The metric as the judge reads it.
    ///
    /// # Errors
    /// When its weight is out of range, which a checked plan's are not.
    pub fn reading(&self) -> Result<Reading<'_>, ConfigError> {
        Ok(Reading {
            name: &self.name,
            bad_means: &self.bad_means,
            weight: Weight::new(self.weight)?,
            state: &self.state,
        })
    }
}

/// What each metric says by itself, with what is known of its noise: for reports.
#[must_use]
pub fn evidence(config: &JudgeConfig, compared: &[Compared]) -> Vec<(Evidence, Calibration)> {
    let of = |metric: &Compared| Some((metric.reading().ok()?.evidence(config), metric.calibration));
    compared.iter().filter_map(of).collect()
}
