//! What one emulated service asks of another.

use crate::Millis;
use std::net::SocketAddr;

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

    /// Whether the target is still draining (requests may still be in flight on it).
    fn is_draining(&self, target_group_arn: &str, target: &TargetAddress) -> bool;
}
