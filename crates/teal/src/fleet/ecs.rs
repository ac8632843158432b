//! A service of Amazon ECS.

use super::{FleetFacts, PlannedGreen, RunnerFacts, RunsColour};
use crate::plan::arn;
use crate::plan::check::{Fields, Findings, check_duplicates};
use crate::plan::defaults;
use crate::plan::name::check as check_name;
use crate::plan::problem::Path;
use crate::plan::texts::kind;
use crate::route::DestinationKind;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// A service of Amazon ECS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcsService {
    /// Name or ARN.
    pub cluster: String,
    pub service: String,
}

impl PlannedGreen for EcsGreen {
    const FACTS: FleetFacts = FleetFacts {
        field: "ecs",
        version: Some("taskDefinition"),
        texts: &[kind::<Cluster>(), kind::<EcsServiceName>(), kind::<TaskDefinition>()],
        is_brought_up: true,
        behind: &[DestinationKind::TargetGroup],
        check,
    };

    fn ready_within(&self) -> Span {
        self.ready_within
    }
}

impl RunsColour for EcsService {
    fn name(&self) -> &str {
        &self.service
    }

    fn facts(&self) -> RunnerFacts {
        RunnerFacts {
            noun: "service",
            units: "tasks",
            version_noun: "task definition",
            system: "ECS",
            has_units: true,
            is_sized_by_teal: true,
            left_because: None,
            comes_in_stages: false,
        }
    }
}

fn check(green: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    check_duplicates(&fields.items::<EcsServiceName>(&green.field("services")), findings);
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
