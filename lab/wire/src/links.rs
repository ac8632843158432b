//! What one emulated service asks of another.

use crate::Millis;
use serde_json::Value;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

/// One sample of a CloudWatch metric, as a service publishes it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSample {
    pub namespace: &'static str,
    pub name: &'static str,
    /// Name and value, in any order; the store sorts them.
    pub dimensions: Vec<(&'static str, String)>,
    pub at: Millis,
    pub value: f64,
    /// How often `value` was seen (1 for a single observation).
    pub count: f64,
}

/// Where services publish metrics. Cheap: called on every request of the data plane.
pub trait MetricSink: Send + Sync {
    fn record(&self, sample: MetricSample);
}

/// Where containers' lines go, as by the `awslogs` driver.
pub trait LogSink: std::fmt::Debug + Send + Sync {
    /// Makes a log group; one that exists stays as it is.
    fn create_group(&self, group: &str);

    /// Writes one line to a stream of a group, both made if they do not exist.
    fn write(&self, group: &str, stream: &str, line: &str);
}

/// A target as the lab's load balancers know it: a real loopback address, and the Availability Zone it claims.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetAddress {
    pub address: SocketAddr,
    pub zone: String,
}

/// How the fleets of the lab (ECS, Auto Scaling) put their processes into target groups.
pub trait TargetRegistry: Send + Sync {
    /// Registers a target; health checks start when the group is used by a listener.
    ///
    /// # Errors
    /// A sentence if the target group is not known.
    fn register(&self, target_group_arn: &str, target: TargetAddress) -> Result<(), String>;

    /// Starts draining a target: no new requests; it is gone after the group's deregistration delay.
    ///
    /// # Errors
    /// A sentence if the target group is not known.
    fn deregister(&self, target_group_arn: &str, target: &TargetAddress) -> Result<(), String>;

    /// Whether the load balancer has found the target unhealthy.
    fn is_unhealthy(&self, target_group_arn: &str, target: &TargetAddress) -> bool;

    /// Whether the load balancer has found the target healthy, or checks none of this group's targets because no listener uses it.
    fn is_healthy_or_unused(&self, target_group_arn: &str, target: &TargetAddress) -> bool {
        !self.is_unhealthy(target_group_arn, target)
    }

    /// Whether the target is still draining (requests may still be in flight on it).
    fn is_draining(&self, target_group_arn: &str, target: &TargetAddress) -> bool;

    /// The port of a group's targets that are registered without one, as instances are; `None` if the group is not known.
    fn port(&self, _target_group_arn: &str) -> Option<u16> {
        None
    }
}

/// What a function answered: its document, or a sentence that says why there is none.
pub type FunctionAnswer = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// How a service of AWS invokes its users' functions.
pub trait FunctionInvoker: Send + Sync {
    /// Invokes a function, by its name or ARN (of a version or an alias, too), and waits for its answer. A function that fails by itself
    /// gives a sentence as well.
    fn invoke(&self, function: &str, payload: &Value) -> FunctionAnswer;

    /// Has a function invoked asynchronously. The answer is null as soon as Lambda has taken the event.
    fn invoke_later(&self, function: &str, payload: &Value) -> FunctionAnswer;
}

/// How a service of AWS that shifts traffic by itself (ECS, CodeDeploy) sets weights.
pub trait TrafficShifter: Send + Sync {
    /// Makes the forward action behind a listener's or a rule's ARN (a default rule's, too) one to these target groups, with weights of
    /// 0-999. Its stickiness and the other actions stay. `by` is told as who did it: a service principal such as `ecs.amazonaws.com`.
    ///
    /// # Errors
    /// A sentence, if there is no such listener, rule, action or target group.
    fn shift(&self, arn: &str, weights: &[(String, u16)], by: &str) -> Result<(), String>;

    /// Weight (0-999) by target group of the forward action behind a listener's or a rule's ARN.
    ///
    /// # Errors
    /// A sentence, if there is no such listener, rule or action.
    fn weights(&self, arn: &str) -> Result<Vec<(String, u16)>, String>;
}

/// How a service of AWS watches its users' alarms.
pub trait AlarmReader: Send + Sync {
    /// Those of these alarms that are in the state ALARM.
    fn in_alarm(&self, names: &[String]) -> Vec<String>;
}
