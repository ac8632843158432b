//! What runs the new version.

mod auto_scaling;
mod beanstalk;
mod lambda;

pub use auto_scaling::{AutoScalingGreen, AutoScalingGroupName, LaunchTemplateVersion};
pub use beanstalk::{BeanstalkGreen, EnvironmentDomain, EnvironmentName, FormerBlue, VersionLabel};
pub use lambda::{FunctionVersionNumber, LambdaGreen};

use super::arn::{self, Home};
use super::defaults;
use super::name::check as check_name;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs the new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Green {
    /// A pair of ECS services, one behind each target group.
    Ecs(EcsGreen),
    /// Whatever somebody else brings up: Teal waits until enough of green's targets are healthy, shifts the traffic, and neither brings up
    /// nor takes in anything. What is registered for green when the release starts must be of the new version.
    External(ExternalGreen),
    /// A pair of EC2 Auto Scaling groups, one behind each target group.
    AutoScaling(AutoScalingGreen),
    /// A pair of Elastic Beanstalk environments, which swap their domain names or stand behind each target group.
    Beanstalk(BeanstalkGreen),
    /// A published version of a Lambda function.
    Lambda(LambdaGreen),
}

impl Cluster {
    /// Where the cluster is, if the plan gives its ARN.
    pub(super) fn home(&self) -> Option<Home<'_>> {
        arn::home_of(self.as_str())
    }
}

impl TaskDefinition {
    /// Where the task definition is, if the plan gives its ARN.
    pub(super) fn home(&self) -> Option<Home<'_>> {
        arn::home_of(self.as_str())
    }
}

impl Green {
    /// Where the plan says it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Green::Ecs(_) => "green.ecs",
            Green::External(_) => "green.external",
            Green::AutoScaling(_) => "green.autoScaling",
            Green::Beanstalk(_) => "green.beanstalk",
            Green::Lambda(_) => "green.lambda",
        }
    }

    /// How long green may take until all its targets are healthy.
    #[must_use]
    pub const fn ready_within(&self) -> Span {
        match self {
            Green::Ecs(ecs) => ecs.ready_within,
            Green::External(external) => external.ready_within,
            Green::AutoScaling(groups) => groups.ready_within,
            Green::Beanstalk(environments) => environments.ready_within,
            Green::Lambda(lambda) => lambda.ready_within,
        }
    }
}

/// A pair of ECS services of which one runs blue. Teal finds out which; the other becomes green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EcsGreen {
    /// The cluster of both services.
    pub cluster: Cluster,
    /// The two services that take turns. The one that does not serve is created like the other if it does not exist.
    pub services: [EcsServiceName; 2],
    /// The task definition of the new version.
    pub task_definition: TaskDefinition,
    /// How long green may take until all its targets are healthy. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

/// Green that somebody else brings up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalGreen {
    /// How many targets of green must be healthy. Without this: as many as blue has when the release starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_healthy: Option<u32>,
    /// How long they may take. From 30s to 2h.
    #[serde(default = "defaults::ready_within")]
    pub ready_within: Span,
}

text_newtype! {
    /// An ECS cluster: its name, or its ARN.
    Cluster {
        noun: "an ECS cluster",
        pattern: r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$",
        examples: &["prod"],
        check: check_cluster,
    }
}

text_newtype! {
    /// The name of an ECS service: 1 to 255 letters, digits, hyphens and underscores.
    EcsServiceName {
        noun: "the name of an ECS service",
        pattern: r"^[A-Za-z0-9_-]{1,255}$",
        examples: &["checkout-a"],
        check: check_ecs_service,
    }
}

text_newtype! {
    /// An ECS task definition with its revision: family:revision, or its ARN.
    TaskDefinition {
        noun: "an ECS task definition",
        pattern: r"^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}:[1-9][0-9]*$",
        examples: &["checkout:42"],
        check: check_task_definition,
    }
}

fn check_ecs_name(text: &str) -> Result<(), Invalid> {
    check_name(text, 255, "-_", "letters, digits, hyphens and underscores")
}

fn check_cluster(text: &str) -> Result<(), Invalid> {
    check_ecs_name(arn::resource_or_name(text, "ecs", "cluster/")?)
}

fn check_ecs_service(text: &str) -> Result<(), Invalid> {
    if text.starts_with("arn:") {
        return Err(Invalid::new("it is an ARN", "Write the service's name only; the cluster is given beside it"));
    }
    check_ecs_name(text)
}

fn check_task_definition(text: &str) -> Result<(), Invalid> {
    let reference = arn::resource_or_name(text, "ecs", "task-definition/")?;
    let Some((family, revision)) = reference.rsplit_once(':') else {
        return Err(Invalid::new(
            "it names no revision, so that what is released could change under way",
            format!("Add the revision, such as \"{reference}:42\""),
        ));
    };
    check_ecs_name(family)?;
    match revision.parse::<u32>() {
        Ok(number) if number >= 1 && !revision.starts_with(['0', '+']) => Ok(()),
        _ => Err(Invalid::new(format!("{revision:?} is not a revision"), format!("Write it as \"{family}:42\""))),
    }
}
