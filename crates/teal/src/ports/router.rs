//! What splits traffic.

use super::PortResult;
use crate::route::{Action, Destination, PartReading, PartRef};
use std::collections::BTreeMap;

/// What splits traffic, and the destinations that it is split between.
pub trait Router {
    /// The action list of one part of a route: one request.
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>>;

    /// One part of a route with the rules that are tried before it: one request. The actions are those of [`Router::actions`], told by
    /// another call of the same service.
    async fn reading(&self, part: &PartRef) -> PortResult<PartReading>;

    /// Replaces the whole action list of one part of a route: one request. It is not tried again within the call unless the
    /// first attempt certainly had no effect: a second one that succeeds would say that all is done while the first may
    /// still happen.
    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()>;

    /// The same for giving a part back to blue: what others have under way there and what would stand in the way is ended first. Gives what
    /// that was, in words.
    async fn restore_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<Option<String>> {
        self.set_actions(part, actions).await.map(|()| None)
    }

    /// What others have under way that keeps a part from being written to for now, in words. Giving it back to blue ends that.
    async fn in_the_way(&self, part: &PartRef) -> PortResult<Option<String>> {
        let _ = part;
        Ok(None)
    }

    /// How many requests wait for the parts that are given back from now on ([`Release::on_green`](crate::release::Release::on_green)).
    /// Where a service turns calls away, those go first for which most are waiting.
    fn restoring_for(&self, requests: u64) {
        let _ = requests;
    }

    /// A destination with its settings.
    async fn destination(&self, destination: &Destination) -> PortResult<DestinationReading>;

    /// What answers at a destination, with its health.
    async fn targets(&self, destination: &Destination) -> PortResult<Vec<Target>>;

    /// The way into a destination past the route, and what metrics call it there; `None` where the route is the only one.
    async fn entrance(&self, destination: &Destination) -> PortResult<Option<Entrance>>;

    /// The Availability Zones that this part of a route is in, as metrics name them; none where metrics are not told apart by zone.
    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>>;

    /// Where a request must go to reach this part of a route.
    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint>;
}

/// A way into a destination that does not lead through the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// Scheme, host and, where it is not the scheme's own, port.
    pub url: String,
    /// Of an Application Load Balancer that is the destination's own `app/name/id`, as metrics have it.
    pub load_balancer: Option<String>,
}

/// A destination as it is set up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DestinationReading {
    /// Whether it keeps the clients that it answered once, whatever the weights say.
    pub sticky: bool,
    /// Everything a person may have set on it (of a target group port, protocol, health check, attributes), under the service's own names.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What answers at a destination: of a target group a registered target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: String,
    pub port: Option<u16>,
    pub health: TargetHealth,
    /// Why, where the service says so: of a target group ELB's reason code and description.
    pub reason: Option<String>,
}

/// A target's state, in the words of Elastic Load Balancing.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetHealth {
    Healthy,
    Initial,
    Unhealthy,
    Unused,
    Draining,
    /// Health checks are off, or ELB cannot tell.
    Unavailable,
}

/// Where requests to a part of a route go, and what they must carry to match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port, without a path.
    pub url: String,
    /// Headers that the rule's conditions ask for.
    pub headers: Vec<(String, String)>,
    /// The path patterns of the rule's conditions, of which a request must match one; none where any path does. `*` stands for any
    /// characters, `?` for one.
    pub paths: Vec<String>,
}
