//! Hooks of deployments: when CodeDeploy or ECS asks whether a deployment may go on, the release says so.

mod asked;

pub use asked::{Asked, EcsHook, HookAsked, HookStatus, HookTold, InstanceHook};

use crate::deployment::DeploymentId;
use crate::plan::{PlanRef, ShiftedBy};
use crate::release::{Phase, Release, ReleaseId};
use crate::time::{Timestamp, after};
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A point of a deployment at which it asks, in CodeDeploy's words.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
///
/// ECS's stages are `RECONCILE_SERVICE` and `PRE_SCALE_UP`: before installing; `POST_SCALE_UP` and `TEST_TRAFFIC_SHIFT`: after
/// installing; `POST_TEST_TRAFFIC_SHIFT`: after test traffic; `PRE_PRODUCTION_TRAFFIC_SHIFT` and `PRODUCTION_TRAFFIC_SHIFT`, which ask at every
/// step: before traffic; `POST_PRODUCTION_TRAFFIC_SHIFT`: after traffic.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HookEvent {
    BeforeInstall,
    AfterInstall,
    AfterAllowTestTraffic,
    BeforeAllowTraffic,
    AfterAllowTraffic,
}

impl HookEvent {
    /// Every event, in the order of a deployment.
    pub const ALL: [Self; 5] = [
        Self::BeforeInstall,
        Self::AfterInstall,
        Self::AfterAllowTestTraffic,
        Self::BeforeAllowTraffic,
        Self::AfterAllowTraffic,
    ];

    /// The event by CodeDeploy's name for it.
    #[must_use]
    pub fn of_code_deploy(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.to_string() == name)
    }

    /// The event that a stage of an ECS deployment comes to.
    #[must_use]
    pub fn of_ecs(stage: &str) -> Option<Self> {
        Some(match stage {
            "RECONCILE_SERVICE" | "PRE_SCALE_UP" => Self::BeforeInstall,
            "POST_SCALE_UP" | "TEST_TRAFFIC_SHIFT" => Self::AfterInstall,
            "POST_TEST_TRAFFIC_SHIFT" => Self::AfterAllowTestTraffic,
            "PRE_PRODUCTION_TRAFFIC_SHIFT" | "PRODUCTION_TRAFFIC_SHIFT" => Self::BeforeAllowTraffic,
            "POST_PRODUCTION_TRAFFIC_SHIFT" => Self::AfterAllowTraffic,
            _ => return None,
        })
    }

    /// What the deployment waits for at this point.
    const fn awaits(self) -> &'static str {
        match self {
            Self::BeforeInstall | Self::AfterInstall => "the release to be accepted",
            Self::AfterAllowTestTraffic => "green to be validated",
            Self::BeforeAllowTraffic => "green to be validated and its traffic to be judged so far",
            Self::AfterAllowTraffic => "the bake at 100%",
        }
    }
}

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A hook that waits for its answer: CodeDeploy asks once, and is told within the hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookTicket {
    pub event: HookEvent,
    pub deployment: DeploymentId,
    /// `lifecycleEventHookExecutionId`: what the answer must name.
    pub execution: String,
    /// When it asked; when Teal heard of it, where CodeDeploy does not say.
    pub asked_at: Timestamp,
}

/// How long CodeDeploy waits for an answer is an hour. An event that is undecided for this long, in seconds, rolls the release back.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
pub const HOOK_PATIENCE_SECONDS: u64 = 55 * 60;

impl HookTicket {
    /// When it is too late to decide.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        after(self.asked_at, HOOK_PATIENCE_SECONDS)
    }

    /// What it comes to for a release. CodeDeploy asks before traffic once, while its deployment has moved none: what green has then,
    /// somebody else gave it, and the hook waits all the same. One that was answered before keeps its answer.
    #[must_use]
    pub fn verdict(&self, release: &Release) -> HookVerdict {
        verdict(self.event, release, Share::NONE)
    }

    /// Why a release rolls back whose hook stayed undecided.
    #[must_use]
    pub fn expired(&self) -> String {
        format!(
            "{} has waited since {} at {} for {}, and an hour is all it waits",
            self.deployment,
            self.asked_at,
            self.event,
            self.event.awaits()
        )
    }
}

/// The answer to a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookAnswer {
    /// The deployment goes on.
    Succeeded,
    /// The deployment takes everything back.
    Failed,
}

/// What a release says of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum HookVerdict {
    /// It is not decided yet: the hook waits, or asks again.
    Pending,
    Succeeded,
    Failed {
        why: String,
    },
}

impl HookVerdict {
    /// The answer, once it is decided.
    #[must_use]
    pub const fn answer(&self) -> Option<HookAnswer> {
        match self {
            HookVerdict::Pending => None,
            HookVerdict::Succeeded => Some(HookAnswer::Succeeded),
            HookVerdict::Failed { .. } => Some(HookAnswer::Failed),
        }
    }
}

/// A hook that asks, whatever dialect it speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct HookCall {
    pub event: HookEvent,
    pub deployment: DeploymentId,
    /// Whether the deployment takes another one back, or is taken back itself: then nobody stands in its way.
    pub is_rollback: bool,
    /// The release that Teal began the deployment for ([`crate::deployment::described_release`]); nothing where somebody else began it.
    pub begun_for: Option<ReleaseId>,
    /// Where the plan is kept, for a deployment that somebody else began: [`plan_of_code_deploy`], [`plan_of_ecs`], or what the hook's
    /// details name.
    pub plan: PlanRef,
    /// What takes the place of the plan's version. Without it the deployment's id does.
    pub version: Option<String>,
    /// The version of a Lambda function that is deployed.
    pub function_version: Option<String>,
    /// Where the hook is answered by a call of its own; nothing where it asks again.
    pub waits: Option<HookWait>,
}

/// A hook that is answered by a call of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookWait {
    /// What the answer must name.
    pub execution: String,
    /// Since when it waits, by CodeDeploy's clock. The event may have been on its way for long: Lambda keeps what it has no room for.
    pub since: Option<Timestamp>,
}

impl HookWait {
    /// What is kept of it until it is answered. What has not begun yet by Teal's clock begins now.
    #[must_use]
    pub fn ticket(&self, event: HookEvent, deployment: &DeploymentId, now: Timestamp) -> HookTicket {
        let (deployment, execution) = (deployment.clone(), self.execution.clone());
        HookTicket { event, deployment, execution, asked_at: self.since.map_or(now, |since| since.min(now)) }
    }
}

/// What `event` comes to for a release whose green has `share` of the traffic now.
///
/// Before traffic a deployment goes on as long as it is to bring green more than it has: until the stage is reached that the release is
/// in, and not while green is judged there.
#[must_use]
pub fn verdict(event: HookEvent, release: &Release, share: Share) -> HookVerdict {
    use HookVerdict::{Failed, Pending, Succeeded};
    if let Some(setback) = &release.setback {
        return Failed { why: format!("{}: {}", setback.error, setback.cause) };
    }
    let accepted = !matches!(release.phase, Phase::Accept | Phase::Refused);
    let validated = accepted && !matches!(release.phase, Phase::PrepareGreen | Phase::ValidateGreen);
    let says = |holds: bool| if holds { Succeeded } else { Pending };
    match event {
        HookEvent::BeforeInstall | HookEvent::AfterInstall => says(accepted),
        HookEvent::AfterAllowTestTraffic => says(validated),
        HookEvent::BeforeAllowTraffic => {
            says(validated && (release.wants_more_than(share) || release.bake_passed_at.is_some()))
        }
        HookEvent::AfterAllowTraffic => says(release.bake_passed_at.is_some()),
    }
}

impl Release {
    /// Whether a deployment is to bring green more traffic than this.
    #[must_use]
    pub fn wants_more_than(&self, share: Share) -> bool {
        match self.phase {
            Phase::Accept | Phase::PrepareGreen | Phase::ValidateGreen | Phase::AwaitApproval { .. } => false,
            Phase::ShiftTraffic { stage } | Phase::Bake { stage } => {
                self.timeline.stages().get(stage).is_some_and(|stage| share < stage.weight)
            }
            Phase::Promote => share < Share::ALL,
            Phase::RetireBlue | Phase::Promoted => true,
            Phase::RollBack | Phase::RolledBack | Phase::RollbackNeedsHuman | Phase::Refused => false,
        }
    }
}

/// The release about a deployment that somebody else began: the same for every hook of it, so that a hook that comes twice starts nothing
/// twice.
///
/// # Errors
/// Why the deployment's id cannot be part of a name.
pub fn release_of(deployment: &DeploymentId) -> Result<ReleaseId, String> {
    let system = if deployment.is_of_ecs() { "ecs" } else { "codedeploy" };
    ReleaseId::new(format!("{system}-{}", deployment.short()))
}

/// Below which paths of the Parameter Store hooks look for their plans.
const CODE_DEPLOY_PLANS: &str = "/teal/codedeploy/";
const ECS_PLANS: &str = "/teal/ecs/";

/// Whether hooks of deployments look for plans there.
#[must_use]
pub fn is_where_hooks_look(reference: &PlanRef) -> bool {
    let PlanRef::Parameter { name, .. } = reference else { return false };
    [CODE_DEPLOY_PLANS, ECS_PLANS].iter().any(|folder| name.starts_with(folder))
}

/// Where the plan is kept for deployments of a group: `/teal/codedeploy/<application>/<deployment group>`.
///
/// # Errors
/// Why there can be no such parameter: SSM takes fewer characters than CodeDeploy.
pub fn plan_of_code_deploy(application: &str, group: &str) -> Result<PlanRef, String> {
    plan_at(&format!("{CODE_DEPLOY_PLANS}{application}/{group}"))
}

/// Where the plan is kept for deployments of an ECS service: `/teal/ecs/<cluster>/<service>`, both by their names.
///
/// # Errors
/// Why there can be no such parameter.
pub fn plan_of_ecs(cluster: &str, service: &str) -> Result<PlanRef, String> {
    plan_at(&format!("{ECS_PLANS}{cluster}/{service}"))
}

fn plan_at(parameter: &str) -> Result<PlanRef, String> {
    format!("ssm:{parameter}").parse().map_err(|_| {
        format!("no plan can be kept at {parameter}: an SSM parameter's name has letters, digits, \"_.-\" and slashes. Name the plan otherwise, or rename what it is for")
    })
}

impl ShiftedBy {
    /// Whether a deployment of this id can be one of its deployments.
    #[must_use]
    pub fn may_have(&self, deployment: &DeploymentId) -> bool {
        matches!(self, ShiftedBy::Ecs(_)) == deployment.is_of_ecs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_both_services_words() {
        for event in HookEvent::ALL {
            assert_eq!(HookEvent::of_code_deploy(&event.to_string()), Some(event));
        }
        assert_eq!(HookEvent::of_ecs("POST_TEST_TRAFFIC_SHIFT"), Some(HookEvent::AfterAllowTestTraffic));
        assert_eq!((HookEvent::of_code_deploy("AllowTraffic"), HookEvent::of_ecs("BAKE_TIME")), (None, None));
    }

    #[test]
    fn the_release_and_the_plan_are_named_after_what_is_deployed() {
        let arn = "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/checkout/9I4IlcQ5Z2JTUvV2XD4Rp";
        let release = |id: &str| release_of(&id.parse().unwrap()).unwrap().to_string();
        assert_eq!(release("d-ABC123XYZ"), "codedeploy-d-ABC123XYZ");
        assert_eq!(release(arn), "ecs-9I4IlcQ5Z2JTUvV2XD4Rp");
        assert_eq!(plan_of_code_deploy("shop", "live").unwrap().to_string(), "ssm:/teal/codedeploy/shop/live");
        assert_eq!(plan_of_ecs("prod", "checkout").unwrap().to_string(), "ssm:/teal/ecs/prod/checkout");
        let looked_for = |text: &str| is_where_hooks_look(&text.parse().unwrap());
        assert!(
            is_where_hooks_look(&plan_of_ecs("prod", "checkout").unwrap()) && looked_for("ssm:/teal/codedeploy/a/b")
        );
        assert!(!looked_for("ssm:/teal/plans/checkout") && !looked_for("ssm:/teal/ecsother/a/b"));
        assert!(plan_of_code_deploy("shop+1", "live").unwrap_err().contains("/teal/codedeploy/shop+1/live"));
    }
}
