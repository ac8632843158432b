//! ECS's own blue/green, canary and linear deployments.
//!
//! UpdateService begins one: the new revision's tasks come up in the other target group of each load balancer while the old ones serve, the
//! weights of the test and production listeners or rules are shifted, hooks are asked at each stage, and once the bake time is over the
//! old tasks are taken in. What goes wrong on the way rolls it back.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
//!
//! Where AWS's pages leave a question open, the lab answers it so:
//!
//! * A TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT hook is invoked when the weights have been set; the deployment waits for it there.
//! * In a roll-back the weights are set first; then the hooks of these two stages are invoked, production's first, whether or not that
//!   traffic had been shifted. One that fails there ends in ROLLBACK_FAILED, with the traffic on blue.
//! * A service's first deployment passes every stage, too, with all traffic in one step and without a bake: there is no blue.
//! * DescribeServiceDeployments shows PRE_PRODUCTION_TRAFFIC_SHIFT as PRODUCTION_TRAFFIC_SHIFT: the service's model does not have it among
//!   the stages that it may show.

pub(crate) mod api;
mod describe;
mod hooks;
mod model;
mod notes;
mod roll_back;
mod run;
pub(crate) mod settings;
mod shift;
mod steps;

pub(crate) use describe::current;
pub(crate) use model::History;
pub(crate) use notes::{began, completed, failed, revised};
pub(crate) use run::start_pending;
pub(crate) use shift::same_groups;

/// ECS's principal, which is told as who set weights.
const PRINCIPAL: &str = "ecs.amazonaws.com";
