//! How production traffic is shifted: which share of it the new revision has, for how long.

use serde_json::Value;
use std::time::Duration;

/// The largest weight of a target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>
const LARGEST_WEIGHT: f64 = 999.0;

/// A share of production traffic, in percent, and how long it bakes before the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) share: f64,
    pub(crate) bake: Duration,
}

/// The steps of a deploymentConfiguration, whose defaults are filled in. The last one is everything, and its own bake is none: what follows
/// is the deployment's bake time.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-linear.html>
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/canary-deployment.html>
pub(crate) fn steps(configuration: &Value) -> Vec<Step> {
    let all = Step { share: 100.0, bake: Duration::ZERO };
    let mut steps = Vec::new();
    match configuration["strategy"].as_str() {
        Some("CANARY") => {
            let canary = &configuration["canaryConfiguration"];
            let share = canary["canaryPercent"].as_f64().unwrap_or(100.0);
            steps.push(Step { share, bake: minutes(&canary["canaryBakeTimeInMinutes"]) });
        }
        Some("LINEAR") => {
            let linear = &configuration["linearConfiguration"];
            // In tenths of a percent, which is what AWS takes: adding fractions up would drift.
            let step = (linear["stepPercent"].as_f64().unwrap_or(100.0) * 10.0).round().max(1.0) as u32;
            let bake = minutes(&linear["stepBakeTimeInMinutes"]);
            let shares = (1..).map(|number| number * step).take_while(|tenths| *tenths < 1000);
            steps.extend(shares.map(|tenths| Step { share: f64::from(tenths) / 10.0, bake }));
        }
        _ => {}
    }
    steps.retain(|step| step.share < 100.0);
    steps.push(all);
    steps
}

/// A duration that AWS gives in minutes.
pub(crate) fn minutes(value: &Value) -> Duration {
    Duration::from_secs(60 * value.as_u64().unwrap_or(0))
}

/// The weights of the old and the new revision's target groups for a share of the new one, in percent.
pub(crate) fn weights(share: f64) -> (u16, u16) {
    let share = share.clamp(0.0, 100.0);
    let scale = if share.fract() == 0.0 { 1.0 } else { 10.0 };
    let weight = |share: f64| (share * scale).round().min(LARGEST_WEIGHT) as u16;
    (weight(100.0 - share), weight(share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shares(configuration: &Value) -> Vec<(f64, u64)> {
        steps(configuration).iter().map(|step| (step.share, step.bake.as_secs() / 60)).collect()
    }

    #[test]
    fn blue_green_is_one_step() {
        assert_eq!(shares(&json!({"strategy": "BLUE_GREEN"})), [(100.0, 0)]);
    }

    #[test]
    fn a_canary_is_a_small_step_and_the_rest() {
        let canary = |percent: f64| json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": percent, "canaryBakeTimeInMinutes": 10}});
        assert_eq!(shares(&canary(0.5)), [(0.5, 10), (100.0, 0)]);
        assert_eq!(shares(&canary(100.0)), [(100.0, 0)]);
    }

    #[test]
    fn linear_steps_are_equal_but_the_last_and_only_those_before_it_bake() {
        let linear = |percent: f64| json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": percent, "stepBakeTimeInMinutes": 6}});
        assert_eq!(shares(&linear(25.0)), [(25.0, 6), (50.0, 6), (75.0, 6), (100.0, 0)]);
        assert_eq!(shares(&linear(40.0)), [(40.0, 6), (80.0, 6), (100.0, 0)]);
        assert_eq!(shares(&linear(100.0)), [(100.0, 0)]);
        let tenths: Vec<_> = shares(&linear(3.3)).into_iter().map(|(share, _)| share).collect();
        assert_eq!((tenths.len(), tenths[2], tenths[29]), (31, 9.9, 99.0));
    }

    #[test]
    fn weights_are_percents_or_tenths_of_them_within_what_a_target_group_takes() {
        for (share, expected) in
            [(0.0, (100, 0)), (10.0, (90, 10)), (100.0, (0, 100)), (2.5, (975, 25)), (0.1, (999, 1)), (99.9, (1, 999))]
        {
            assert_eq!(weights(share), expected, "{share} %");
        }
    }
}
