//! The fleet: what runs the colours.
//!
//! A kind of fleet is a file here and a line of [`fleets!`]; its adapter is a file of its own.

mod auto_scaling;
mod beanstalk;
mod ecs;
mod external;
mod kind;
mod lambda;

pub use auto_scaling::{AutoScalingGreen, AutoScalingGroup, AutoScalingGroupName, LaunchTemplateVersion};
pub use beanstalk::{BeanstalkEnvironment, BeanstalkGreen, EnvironmentName, FormerBlue, VersionLabel};
pub use ecs::{Cluster, EcsGreen, EcsService, EcsServiceName, TaskDefinition};
pub use external::{External, ExternalGreen};
pub use kind::RunnerFacts;
pub(crate) use kind::{FleetFacts, PlannedGreen, RunsColour};
pub use lambda::{FunctionVersionNumber, LambdaGreen};

use crate::ports::CapacityHold;
use crate::route::{Colour, Colours, Destination, FunctionVersion};
use serde::{Deserialize, Serialize};
use std::fmt;

kind::fleets! { ($)
    /// A pair of ECS services, one behind each target group.
    Ecs(EcsGreen) run by Ecs(EcsService);
    /// Whatever somebody else brings up: Teal waits until enough of green's targets are healthy, shifts the traffic, and neither brings up
    /// nor takes in anything. What is registered for green when the release starts must be of the new version.
    External(ExternalGreen) run by External(Destination);
    /// A pair of EC2 Auto Scaling groups, one behind each target group.
    AutoScaling(AutoScalingGreen) run by AutoScaling(AutoScalingGroup);
    /// A pair of Elastic Beanstalk environments, which swap their domain names or stand behind each target group.
    Beanstalk(BeanstalkGreen) run by Beanstalk(BeanstalkEnvironment);
    /// A published version of a Lambda function.
    Lambda(LambdaGreen) run by FunctionVersion(FunctionVersion);
}

impl Runner {
    /// What people call it, and metrics that have it as a dimension.
    #[must_use]
    pub fn name(&self) -> &str {
        for_runner!(self, it => it.name())
    }

    /// What the rest of Teal must know of it.
    #[must_use]
    pub fn facts(&self) -> RunnerFacts {
        for_runner!(self, it => it.facts())
    }

    /// Who brings it up, in words, with what it must have by then; `None` where Teal orders it.
    #[must_use]
    pub fn comes_by_itself(&self, desired: u32) -> Option<String> {
        for_runner!(self, it => it.comes_by_itself(desired))
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.facts().noun, self.name())
    }
}

/// What green is to be, beside the blue that it is made like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OrderForm", into = "OrderForm")]
pub struct GreenOrder {
    pub blue: Runner,
    pub green: Runner,
    /// What green is to run: of an ECS service the task definition, of a group its launch template and the version, `name:7`, of an
    /// environment the label of the application version.
    pub runs: String,
    /// Where blue and green take their traffic.
    pub colours: Colours,
    /// Units: blue's size when the release began.
    pub desired: u32,
    /// What automatic scaling may not take; nothing where blue is not scaled automatically.
    pub hold: Option<CapacityHold>,
}

impl GreenOrder {
    /// What runs a colour.
    #[must_use]
    pub fn runner(&self, colour: Colour) -> &Runner {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }
}

/// An order as records have it. A pair of ECS services is written as it was when there was nothing else: functions of an older version
/// go on with records that newer ones have written.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderForm {
    #[serde(flatten)]
    runners: RunnersForm,
    #[serde(rename = "taskDefinition")]
    runs: String,
    green_group: Destination,
    blue_group: Destination,
    desired: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<CapacityHold>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum RunnersForm {
    EcsPair { cluster: String, blue_service: String, green_service: String },
    Any { blue: Runner, green: Runner },
}

impl From<OrderForm> for GreenOrder {
    fn from(form: OrderForm) -> Self {
        let (blue, green) = match form.runners {
            RunnersForm::Any { blue, green } => (blue, green),
            RunnersForm::EcsPair { cluster, blue_service, green_service } => (
                Runner::Ecs(EcsService { cluster: cluster.clone(), service: blue_service }),
                Runner::Ecs(EcsService { cluster, service: green_service }),
            ),
        };
        let colours = Colours { blue: form.blue_group, green: form.green_group };
        Self { blue, green, runs: form.runs, colours, desired: form.desired, hold: form.hold }
    }
}

impl From<GreenOrder> for OrderForm {
    fn from(order: GreenOrder) -> Self {
        let runners = match (order.blue, order.green) {
            (Runner::Ecs(blue), Runner::Ecs(green)) if blue.cluster == green.cluster => {
                RunnersForm::EcsPair { cluster: blue.cluster, blue_service: blue.service, green_service: green.service }
            }
            (blue, green) => RunnersForm::Any { blue, green },
        };
        let Colours { blue: blue_group, green: green_group } = order.colours;
        Self { runners, runs: order.runs, green_group, blue_group, desired: order.desired, hold: order.hold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
    const B: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/83e2d6bc24d8a068";

    #[test]
    fn an_order_of_ecs_services_stands_in_records_as_it_always_did() {
        let written = json!({
            "cluster": "prod",
            "blueService": "checkout-a",
            "greenService": "checkout-b",
            "taskDefinition": "checkout:42",
            "greenGroup": B,
            "blueGroup": A,
            "desired": 4,
        });
        let order: GreenOrder = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(order.runner(Colour::Green).to_string(), "service checkout-b");
        assert_eq!(order.colours.blue.as_str(), A);
        assert_eq!(serde_json::to_value(&order).unwrap(), written);
    }

    #[test]
    fn other_runners_are_written_one_by_one() {
        let ecs = |cluster: &str| Runner::Ecs(EcsService { cluster: cluster.into(), service: "checkout".into() });
        let order = GreenOrder {
            blue: ecs("old"),
            green: ecs("new"),
            runs: "checkout:42".into(),
            colours: Colours { blue: A.parse().unwrap(), green: B.parse().unwrap() },
            desired: 1,
            hold: None,
        };
        let written = serde_json::to_value(&order).unwrap();
        assert_eq!(written["green"], json!({"ecs": {"cluster": "new", "service": "checkout"}}));
        assert_eq!(serde_json::from_value::<GreenOrder>(written).unwrap(), order);
    }
}
