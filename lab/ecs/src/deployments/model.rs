//! Service deployments and service revisions.

use crate::names;
use crate::protocol::Members;
use crate::state::TaskDefinitionId;
use serde_json::Value;
use teal_lab_wire::Millis;
use tokio::sync::watch;

/// What was deployed to a service so far, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) revisions: Vec<Revision>,
    pub(crate) deployments: Vec<ServiceDeployment>,
}

impl History {
    pub(crate) fn deployment(&self, id: &str) -> Option<&ServiceDeployment> {
        self.deployments.iter().find(|it| it.id == id)
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut ServiceDeployment> {
        self.deployments.iter_mut().find(|it| it.id == id)
    }

    /// The latest one that has not ended.
    pub(crate) fn under_way(&self) -> Option<&ServiceDeployment> {
        self.deployments.iter().rev().find(|it| !it.status.is_over())
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html>
#[derive(Debug)]
pub(crate) struct Revision {
    /// 19 digits.
    pub(crate) id: String,
    pub(crate) created_at: Millis,
    pub(crate) task_definition: TaskDefinitionId,
    /// Members of the service as they were when it was made.
    pub(crate) settings: Members,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
#[derive(Debug)]
pub(crate) struct ServiceDeployment {
    pub(crate) id: String,
    /// The revision that is deployed.
    pub(crate) target: String,
    /// The revisions that had tasks when it began.
    pub(crate) sources: Vec<String>,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) stage: Option<Stage>,
    pub(crate) created_at: Millis,
    pub(crate) started_at: Option<Millis>,
    pub(crate) updated_at: Millis,
    pub(crate) finished_at: Option<Millis>,
    pub(crate) stopped_at: Option<Millis>,
    /// The service's deploymentConfiguration when it began.
    pub(crate) configuration: Value,
    pub(crate) rollback: Option<Rollback>,
    /// Those of the present stage.
    pub(crate) hooks: Vec<Hook>,
    pub(crate) alarms: Alarms,
    /// The target's share of traffic, in percent.
    pub(crate) test_share: f64,
    pub(crate) production_share: f64,
    /// Tasks that had failed to start, one after another, when it failed.
    pub(crate) failed_tasks: u32,
    /// Whether it shifts traffic, and somebody was started who does it.
    pub(crate) is_driven: bool,
    pub(crate) stop: watch::Sender<Option<Stop>>,
}

/// Who wants it to end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Why it is to roll back.
    RollBack(String),
    /// A later deployment has begun.
    Superseded,
}

#[derive(Clone, Debug)]
pub(crate) struct Rollback {
    pub(crate) reason: String,
    pub(crate) started_at: Millis,
    /// The revision that it goes back to.
    pub(crate) revision: String,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms {
    /// One was firing when the deployment began: none is looked at.
    pub(crate) ignored: bool,
    pub(crate) triggered: Vec<String>,
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHookDetail.html>
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) id: String,
    /// The function; a pause has none.
    pub(crate) function: Option<String>,
    pub(crate) status: HookStatus,
    pub(crate) expires_at: Millis,
    /// `ROLLBACK` or `CONTINUE`.
    pub(crate) timeout_action: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl HookStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AwaitingAction => "AWAITING_ACTION",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

/// In AWS's order.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    /// As hooks name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }

    /// As DescribeServiceDeployments may show it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::PreProductionTrafficShift => Self::ProductionTrafficShift.name(),
            other => other.name(),
        }
    }
}

/// The ARN of a service deployment or a service revision.
pub(crate) fn arn(kind: &str, cluster: &str, service: &str, id: &str) -> String {
    names::arn(&format!("{kind}/{cluster}/{service}/{id}"))
}

pub(crate) fn deployment_arn(cluster: &str, service: &str, id: &str) -> String {
    arn("service-deployment", cluster, service, id)
}

pub(crate) fn revision_arn(cluster: &str, service: &str, id: &str) -> String {
    arn("service-revision", cluster, service, id)
}
