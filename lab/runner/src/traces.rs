//! AWS X-Ray, as far as the lab has it: what its groups publish to CloudWatch.
//!
//! Every answer of a target is one trace. For each target group there are two X-Ray groups: one with its name, whose filter is
//! the service behind it, and one with `-faults` after it, whose filter is that service's faults. X-Ray publishes how many
//! traces a group has as the metric ApproximateTraceCount, and nothing else about them:
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-console-groups.html>.
//!
//! Known differences to AWS: nothing is sampled, and there are no operations and no traces to look at.

use std::sync::Arc;
use teal_lab_wire::{MetricSample, MetricSink};

/// Answers of targets, by the class of their status.
const ANSWERS: [&str; 4] =
    ["HTTPCode_Target_2XX_Count", "HTTPCode_Target_3XX_Count", "HTTPCode_Target_4XX_Count", FAULTS];
/// Those that X-Ray calls faults.
const FAULTS: &str = "HTTPCode_Target_5XX_Count";

/// Passes on what load balancers publish, and publishes the traces of the same requests.
pub(crate) struct Traces(pub(crate) Arc<dyn MetricSink>);

impl MetricSink for Traces {
    fn record(&self, sample: MetricSample) {
        if let Some(group) = traced_group(&sample) {
            self.publish(group.to_owned(), &sample);
            if sample.name == FAULTS {
                self.publish(format!("{group}-faults"), &sample);
            }
        }
        self.0.record(sample);
    }
}

impl Traces {
    fn publish(&self, group: String, answers: &MetricSample) {
        let dimensions = vec![("GroupName", group)];
        let traces =
            MetricSample { namespace: "AWS/X-Ray", name: "ApproximateTraceCount", dimensions, ..answers.clone() };
        self.0.record(traces);
    }
}

/// The name of the target group whose answers a sample counts, each answer once: those of the whole group, not of its zones.
fn traced_group(sample: &MetricSample) -> Option<&str> {
    if !ANSWERS.contains(&sample.name) || sample.dimensions.len() != 2 {
        return None;
    }
    let (_, group) = sample.dimensions.iter().find(|(name, _)| *name == "TargetGroup")?;
    group.split('/').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Kept(Mutex<Vec<MetricSample>>);

    impl MetricSink for Kept {
        fn record(&self, sample: MetricSample) {
            self.0.lock().unwrap().push(sample);
        }
    }

    #[test]
    fn each_answer_of_a_group_is_a_trace_and_a_5xx_a_fault() {
        let kept = Arc::new(Kept::default());
        let sink = Traces(Arc::clone(&kept) as Arc<dyn MetricSink>);
        let scopes = [
            vec![("LoadBalancer", "app/x/1")],
            vec![("LoadBalancer", "app/x/1"), ("TargetGroup", "targetgroup/shop-a/2")],
            vec![("LoadBalancer", "app/x/1"), ("TargetGroup", "targetgroup/shop-a/2"), ("AvailabilityZone", "z")],
        ];
        for (name, count) in [("HTTPCode_Target_2XX_Count", 90.0), (FAULTS, 10.0), ("RequestCount", 100.0)] {
            for scope in &scopes {
                let dimensions = scope.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
                let namespace = "AWS/ApplicationELB";
                sink.record(MetricSample { namespace, name, dimensions, at: 0, value: 1.0, count });
            }
        }
        let samples = kept.0.lock().unwrap();
        let traces = samples.iter().filter(|sample| sample.namespace == "AWS/X-Ray");
        let told: Vec<_> = traces.map(|sample| (sample.name, sample.dimensions[0].1.as_str(), sample.count)).collect();
        let name = "ApproximateTraceCount";
        assert_eq!(told, [(name, "shop-a", 90.0), (name, "shop-a", 10.0), (name, "shop-a-faults", 10.0)]);
        assert_eq!(samples.len(), 9 + 3, "and everything is passed on");
    }
}
