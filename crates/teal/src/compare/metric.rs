//! One compared metric in a release's record.

use super::CountSource;
use super::messages::Messages;
use super::source::Place;
use crate::judge::{
    Calibration, CalibrationBasis, ConfigError, EDGE_PERCENTILES, Evidence, JudgeConfig, MetricState, Reading, Weight,
};
use crate::plan::{CloudWatchPair, LogSource, Metric, MetricSource};
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
    /// What blue writes into its log, where the plan asks for messages that it never wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Messages>,
}

impl Compared {
    /// A metric of the plan as the judge compares it: latency is three, one for each edge, which share its weight. What the route counts is
    /// named as it is for either colour, of which `place` is one.
    pub(crate) fn of(metric: &Metric, edges: [f64; 3], place: &Place<'_>) -> Vec<Self> {
        let weight = f64::from(metric.weight);
        // A checked plan's noise is within its ranges.
        let calibration = metric
            .noise
            .and_then(|noise| Calibration::given(noise.phi.as_f64(), noise.cv.as_f64()).ok())
            .unwrap_or_else(Calibration::without_history);
        let one = |name: String, bad_means: &str, weight: f64, source: CountSource| Self {
            name,
            bad_means: bad_means.to_owned(),
            weight,
            source,
            calibration,
            state: MetricState::default(),
            messages: None,
        };
        let name = metric.name.to_string();
        match &metric.source {
            MetricSource::Errors => vec![one(name, "failed", weight, CountSource::Errors)],
            MetricSource::CloudWatch(pair) => {
                vec![one(name, "were bad", weight, CountSource::CloudWatch(pair.clone()))]
            }
            MetricSource::Logs(LogSource::Query(query)) => {
                let messages = query.new_messages.as_ref().map(Messages::of);
                let source = CountSource::Logs(query.clone());
                vec![Self { messages, ..one(name, "left such a line in the log", weight, source) }]
            }
            MetricSource::Logs(LogSource::Filter(metric)) => {
                // A plan that counts lines where the route counts no requests is refused.
                let requests = place.meter.of_requests.map_or("", |metrics| metrics.requests);
                let dimensions = place.meter.dimensions(place.load_balancer, "${targetGroup}");
                let pair = CloudWatchPair::of_log(metric, place.meter.namespace, requests, &dimensions);
                vec![one(name, "left such a line in the log", weight, CountSource::CloudWatch(Box::new(pair)))]
            }
            MetricSource::XRay(groups) => {
                let pair = CloudWatchPair::of_groups(groups);
                vec![one(name, "were faulted", weight, CountSource::CloudWatch(Box::new(pair)))]
            }
            MetricSource::Latency => EDGE_PERCENTILES
                .into_iter()
                .zip(edges)
                .map(|(percentile, edge)| {
                    let bad_means = format!("took longer than {} ms", (edge * 1e6).round() / 1e3);
                    one(
                        format!("{name} p{percentile}"),
                        &bad_means,
                        weight / 3.0,
                        CountSource::Slower { than_seconds: edge },
                    )
                })
                .collect(),
        }
    }

    /// Whether its noise is to be learnt from what blue served in each Availability Zone.
    pub(crate) fn learns_by_zone(&self) -> bool {
        self.source.is_of_load_balancer() && self.calibration.basis() != CalibrationBasis::Given
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Colour, Meter};
    use serde_json::json;

    #[test]
    fn noise_set_by_hand_is_not_learnt() {
        let place = Place {
            colour: Colour::Blue,
            meter: Meter::APPLICATION_LOAD_BALANCER,
            load_balancer: "app/shop/1",
            target_group: "targetgroup/a/1",
            service: "checkout-a",
            zone: None,
        };
        let compared = |metric| Compared::of(&serde_json::from_value(metric).unwrap(), [0.1, 0.2, 0.3], &place);
        let by_hand = compared(json!({"latency": {}, "noise": {"phi": 1.5, "cv": 0.2}}));
        let given = Calibration::given(1.5, 0.2).unwrap();
        assert!(by_hand.iter().all(|metric| metric.calibration == given && !metric.learns_by_zone()));
        let learnt = compared(json!("latency"));
        let assumed = Calibration::without_history();
        assert!(learnt.iter().all(|metric| metric.calibration == assumed && metric.learns_by_zone()));
    }
}
