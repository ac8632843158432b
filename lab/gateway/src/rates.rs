//! The rates that AWS publishes for an account's calls in one Region, beside those of Elastic Load Balancing, whose emulator has its own.
//!
//! Sources: Amazon ECS Developer Guide, "Request throttling for the Amazon ECS API"; CloudWatch endpoints and quotas; AWS
//! Systems Manager endpoints and quotas (Parameter Store's default throughput); Step Functions Developer Guide, "Quotas", the table for
//! most Regions. What is not listed here is not limited.

use crate::call::Call;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A kind of calls that share a bucket: at once, and then so many in a second.
struct Kind {
    service: &'static str,
    operations: &'static [&'static str],
    at_once: f64,
    a_second: f64,
}

const fn kind(service: &'static str, operations: &'static [&'static str], [at_once, a_second]: [u32; 2]) -> Kind {
    Kind { service, operations, at_once: at_once as f64, a_second: a_second as f64 }
}

const KINDS: [Kind; 13] = [
    kind("ecs", &["CreateService", "DeleteService", "UpdateService"], [50, 5]),
    kind("ecs", &["DescribeServices", "ListServices"], [100, 20]),
    kind("ecs", &["DescribeServiceDeployments", "ListServiceDeployments"], [50, 20]),
    kind("ecs", &["DescribeServiceRevisions"], [50, 20]),
    kind("ecs", &["DescribeTaskDefinition", "ListTaskDefinitions"], [50, 20]),
    kind("ecs", &["DescribeTasks", "ListTasks"], [100, 20]),
    kind("ecs", &["TagResource", "UntagResource"], [20, 10]),
    kind("ecs", &["ListTagsForResource"], [50, 20]),
    kind("monitoring", &["DescribeAlarms"], [9, 9]),
    kind("monitoring", &["GetMetricData"], [500, 500]),
    kind("ssm", &["GetParameter", "GetParameters", "GetParametersByPath"], [40, 40]),
    kind("states", &["StartExecution"], [800, 150]),
    kind("states", &["DescribeExecution"], [250, 10]),
];

/// The buckets, full when they are switched on. They fill in real time, whatever the lab clock's scale: the callers' pauses are
/// real, too.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// By kind: how many tokens there were, and when. Nothing while calls are not limited.
    buckets: Mutex<Option<HashMap<usize, (f64, Instant)>>>,
}

impl Rates {
    pub(crate) fn limit(&self, on: bool) {
        *self.buckets.lock().unwrap_or_else(PoisonError::into_inner) = on.then(HashMap::new);
    }

    /// Whether the account has a token for a call, which is taken then.
    pub(crate) fn admits(&self, call: &Call, now: Instant) -> bool {
        let is_it = |kind: &Kind| kind.service == call.service && kind.operations.contains(&call.operation.as_str());
        let Some((index, kind)) = KINDS.iter().enumerate().find(|(_, kind)| is_it(kind)) else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(buckets) = buckets.as_mut() else { return true };
        let (left, filled) = buckets.entry(index).or_insert((kind.at_once, now));
        let gained = now.saturating_duration_since(*filled).as_secs_f64() * kind.a_second;
        (*left, *filled) = ((*left + gained).min(kind.at_once), now);
        let admitted = *left >= 1.0;
        if admitted {
            *left -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Protocol;
    use serde_json::Value;
    use std::time::Duration;

    fn call(service: &str, operation: &str) -> Call {
        let (service, operation) = (service.to_owned(), operation.to_owned());
        Call { access_key: String::new(), service, operation, protocol: Protocol::Json, input: Value::Null }
    }

    /// How many of a hundred calls are admitted at once.
    fn admitted(rates: &Rates, operation: &Call, at: Instant) -> usize {
        (0..100).filter(|_| rates.admits(operation, at)).count()
    }

    #[test]
    fn calls_of_a_kind_share_what_is_published_for_it_and_others_are_not_limited() {
        let (rates, start) = (Rates::default(), Instant::now());
        let update = call("ecs", "UpdateService");
        assert_eq!(admitted(&rates, &update, start), 100, "until it is switched on");
        rates.limit(true);
        assert_eq!(admitted(&rates, &update, start), 50);
        assert_eq!(admitted(&rates, &call("ecs", "CreateService"), start), 0, "of the same kind");
        assert_eq!(admitted(&rates, &call("monitoring", "DescribeAlarms"), start), 9);
        assert_eq!(admitted(&rates, &update, start + Duration::from_secs(2)), 10);
        assert_eq!(admitted(&rates, &call("dynamodb", "GetItem"), start), 100);
        rates.limit(true);
        assert_eq!(admitted(&rates, &update, start), 50, "full again");
        rates.limit(false);
        assert_eq!(admitted(&rates, &update, start), 100);
    }
}
