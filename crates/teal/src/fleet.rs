//! The fleet: what runs the colours.

mod external;

pub use external::External;

use crate::ports::CapacityHold;
use crate::route::{Colour, Colours, Destination, FunctionVersion};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What runs a colour. Its size is counted in units, whatever a unit is: a task, an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Runner {
    /// A service of Amazon ECS.
    Ecs(EcsService),
    /// Whatever somebody else registers at a destination.
    External(Destination),
    /// A group of EC2 Auto Scaling.
    AutoScaling(AutoScalingGroup),
    /// An environment of Elastic Beanstalk.
    Beanstalk(BeanstalkEnvironment),
    /// A published version of a Lambda function.
    FunctionVersion(FunctionVersion),
}

/// A service of Amazon ECS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcsService {
    /// Name or ARN.
    pub cluster: String,
    pub service: String,
}

/// A group of EC2 Auto Scaling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoScalingGroup {
    pub group: String,
}

/// An environment of Elastic Beanstalk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BeanstalkEnvironment {
    pub environment: String,
    /// Whether it is left when it has no traffic any more: blue where the plan says so, green where it was there before the release.
    pub kept: bool,
}

impl Runner {
    /// What people call it, and metrics that have it as a dimension.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Runner::Ecs(ecs) => &ecs.service,
            Runner::External(destination) => destination.name(),
            Runner::AutoScaling(scaling) => &scaling.group,
            Runner::Beanstalk(beanstalk) => &beanstalk.environment,
            Runner::FunctionVersion(version) => version.as_str(),
        }
    }

    /// What kind of thing it is, in words.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Runner::Ecs(_) => "service",
            Runner::External(destination) => destination.noun(),
            Runner::AutoScaling(_) => "group",
            Runner::Beanstalk(_) => "environment",
            Runner::FunctionVersion(_) => "function version",
        }
    }

    /// What it is made of.
    #[must_use]
    pub const fn units(&self) -> &'static str {
        match self {
            Runner::Ecs(_) => "tasks",
            Runner::External(_) => "targets",
            Runner::AutoScaling(_) | Runner::Beanstalk(_) => "instances",
            Runner::FunctionVersion(_) => "execution environments",
        }
    }

    /// What a version of it is: what its units are made from.
    #[must_use]
    pub const fn version_noun(&self) -> &'static str {
        match self {
            Runner::Ecs(_) => "task definition",
            Runner::External(_) => "version",
            Runner::AutoScaling(_) => "launch template version",
            Runner::Beanstalk(_) => "application version",
            Runner::FunctionVersion(_) => "function version",
        }
    }

    /// Who brings its units up.
    #[must_use]
    pub const fn system(&self) -> &'static str {
        match self {
            Runner::Ecs(_) => "ECS",
            Runner::External(_) => "its owner",
            Runner::AutoScaling(_) => "EC2 Auto Scaling",
            Runner::Beanstalk(_) => "Elastic Beanstalk",
            Runner::FunctionVersion(_) => "Lambda",
        }
    }

    /// Whether there is anything of it to bring up and to take in.
    #[must_use]
    pub const fn has_units(&self) -> bool {
        match self {
            Runner::Ecs(_) | Runner::AutoScaling(_) | Runner::Beanstalk(_) | Runner::FunctionVersion(_) => true,
            Runner::External(destination) => destination.has_units(),
        }
    }

    /// Whether Teal brings its units up and takes them in; otherwise somebody else does.
    #[must_use]
    pub const fn is_sized_by_teal(&self) -> bool {
        match self {
            Runner::Ecs(_) | Runner::AutoScaling(_) | Runner::Beanstalk(_) => true,
            Runner::External(_) | Runner::FunctionVersion(_) => false,
        }
    }

    /// Why it is not taken in when it has no traffic any more; `None` where Teal takes it in.
    #[must_use]
    pub const fn left_because(&self) -> Option<&'static str> {
        match self {
            Runner::Beanstalk(BeanstalkEnvironment { kept: true, .. }) => Some("it is to stay"),
            Runner::Ecs(_) | Runner::AutoScaling(_) | Runner::Beanstalk(_) => None,
            Runner::External(_) => Some("Teal did not bring it up, so taking it in is its owner's"),
            Runner::FunctionVersion(_) => Some("without traffic it costs nothing"),
        }
    }

    /// Who brings it up, in words, with what it must have by then; `None` where Teal orders it.
    #[must_use]
    pub fn comes_by_itself(&self, desired: u32) -> Option<String> {
        match self {
            Runner::Ecs(_) | Runner::AutoScaling(_) | Runner::Beanstalk(_) => None,
            Runner::External(destination) if !destination.has_units() => {
                Some(format!("green is {self}: there is nothing to bring up"))
            }
            Runner::External(_) => {
                Some(format!("green is brought up by somebody else: {self} must have {desired} healthy targets"))
            }
            Runner::FunctionVersion(_) => Some(format!("green is {self}, which {} runs on demand", self.system())),
        }
    }

    /// Whether it must be brought on while it comes up: some of what is ordered can only be done when it is there.
    #[must_use]
    pub const fn comes_in_stages(&self) -> bool {
        match self {
            Runner::Beanstalk(_) => true,
            Runner::Ecs(_) | Runner::AutoScaling(_) | Runner::External(_) | Runner::FunctionVersion(_) => false,
        }
    }
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.noun(), self.name())
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
