//! The ranges that a plan must keep to, with where they come from.

use crate::units::{Latency, Span};

/// The shortest look interval: CloudWatch's finest alarm period.
pub const MIN_LOOK_INTERVAL: Span = Span::seconds(10);

/// The period of the load balancer's metrics.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
pub const METRIC_PERIOD: Span = Span::minutes(1);

/// The most metrics whose logs are searched: each takes up to four queries at once, and an account has 30.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>
pub const MAX_LOG_SEARCHES: usize = 5;

/// The periods of counts that are read: those of high-resolution metrics, and a minute.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>
pub const CLOUDWATCH_PERIODS: [Span; 5] =
    [Span::seconds(1), Span::seconds(5), Span::seconds(10), Span::seconds(30), METRIC_PERIOD];

/// The longest that a release may take in all, with keeping blue: the state machine times out after 30 days, and a day is
/// left for rolling back.
pub const MAX_RELEASE: Span = Span::days(29);

/// The longest that `readyWithin` may be.
pub const MAX_READY_WITHIN: Span = Span::hours(2);

/// How much of a state machine's history a release may use. Step Functions ends an execution at 25,000 events; the
/// rest is for retries and for rolling back.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
pub const MAX_HISTORY_EVENTS: u32 = 20_000;

/// How long all attempts of all checks may take together: they run in one function call, which ends after 5 minutes.
pub const VALIDATION_BUDGET: Span = Span::minutes(4);

/// The longest that a function may test green: with the checks it runs within one function call.
pub const MAX_FUNCTION_TEST: Latency = Latency::seconds(180);

/// How long a build may test green.
pub const MIN_BUILD: Span = Span::minutes(1);
/// The same, at most.
pub const MAX_BUILD: Span = Span::hours(2);

/// The pause between two attempts of a check.
pub const ATTEMPT_PAUSE: Span = Span::seconds(2);

/// The most attempts of a check.
pub const MAX_ATTEMPTS: u32 = 20;

/// The most listeners and rules of one route. Rolling back changes each of them, and ELB takes 20 such calls at once.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/load-balancer-api-throttling.html>
pub const MAX_ROUTE_PARTS: usize = 20;

/// The most alarms: one DescribeAlarms call names at most 100.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
pub const MAX_ALARMS: usize = 100;

/// The most metrics in one metric math expression, so that all metrics of a plan fit into one GetMetricData call, which
/// takes 500.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
pub const MAX_MATH_METRICS: usize = 5;

/// The most steps of a strategy.
pub const MAX_STEPS: usize = 200;

/// The longest look interval: approvals and the deadline are noticed at looks.
pub const MAX_LOOK_INTERVAL: Span = Span::hours(1);

/// The longest `settle`.
pub const MAX_SETTLE: Span = Span::minutes(15);

/// The longest `holdFor`.
pub const MAX_HOLD: Span = Span::days(1);

/// The shortest time that a gate may wait.
pub const MIN_GATE: Span = Span::minutes(1);

/// The shortest that `readyWithin` may be.
pub const MIN_READY_WITHIN: Span = Span::seconds(30);

/// The longest that one attempt of a check may take.
pub const MAX_CHECK_LATENCY: Latency = Latency::seconds(30);

/// The longest that a hook of CodeDeploy may be made to wait: it waits for an hour, in which Teal must have decided and answered.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
pub const MAX_HOOK_WAIT: Span = Span::minutes(50);
