//! Deployments of CodeDeploy and of Amazon ECS that move traffic in Teal's place.

use super::PortResult;
use crate::deployment::DeploymentId;
use crate::hook::{HookAnswer, HookTicket};
use crate::plan::ShiftedBy;
use crate::release::ReleaseId;
use crate::units::Span;

/// Whoever moves traffic in Teal's place. All of it may be called twice and killed anywhere: done twice it changes nothing.
pub trait Deployments {
    /// Begins the deployment of `by`'s AppSpec for a release and gives its id; described as [`crate::deployment::description`] has it.
    /// Called again it gives the same one, whether the first call was answered or not.
    ///
    /// # Errors
    /// [`super::PortError::Refused`] too where another deployment of the group is under way, or `by` has no AppSpec.
    async fn begin_deployment(&self, by: &ShiftedBy, release: &ReleaseId) -> PortResult<DeploymentId>;

    /// The deployment that was begun for a release, if there is one, whatever became of it.
    async fn deployment_begun_for(&self, by: &ShiftedBy, release: &ReleaseId) -> PortResult<Option<DeploymentId>>;

    /// The deployment of the group, or of the service, that is under way now: to go on, waiting for somebody, or on its way back (of
    /// CodeDeploy then the one that takes back).
    async fn deployment_under_way(&self, by: &ShiftedBy) -> PortResult<Option<DeploymentId>>;

    /// How a deployment stands, with the one that takes it back.
    ///
    /// # Errors
    /// [`super::PortError::NotFound`] where there is no such deployment of this group or service: one of another is none.
    async fn deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<DeploymentReading>;

    /// Lets a deployment go on that waits for somebody ([`DeploymentReading::waits`]); where it waits for nobody, or has ended, nothing
    /// happens. CodeDeploy: ContinueDeployment with READY_WAIT, never TERMINATION_WAIT. ECS: ContinueServiceDeployment with CONTINUE.
    /// It is not tried again within the call unless the first attempt certainly had no effect.
    async fn continue_deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<()>;

    /// Stops a deployment so that it takes all its traffic back. Where it has ended, or is on its way back, nothing happens. The traffic
    /// moves after the answer. CodeDeploy: StopDeployment with autoRollbackEnabled. ECS: StopServiceDeployment with ROLLBACK, and
    /// ContinueServiceDeployment with ROLLBACK where it waits at a pause hook.
    async fn stop_deployment(&self, by: &ShiftedBy, id: &DeploymentId) -> PortResult<()>;

    /// Answers a hook of CodeDeploy. One that was answered before keeps its answer, one that nobody waits for any more is left: both are
    /// done.
    async fn answer_hook(&self, ticket: &HookTicket, answer: HookAnswer) -> PortResult<Hearing>;
}

/// Whether a deployment waited for the answer to its hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It goes by this answer.
    Heard,
    /// It had an answer already, or waits for none any more.
    TooLate,
}

/// How a deployment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentReading {
    pub state: DeploymentState,
    /// How far it has come; of one that has ended, or is on its way back, how far it had come where that can be told.
    pub stage: DeploymentStage,
    /// Whether it waits for somebody to let it go on: CodeDeploy's status Ready, a pause hook of ECS. A hook that waits for its answer is
    /// none of these.
    pub waits: bool,
    /// Whether it may still ask somebody who answers by what is on record then: ECS asks a hook again and again, up to
    /// POST_PRODUCTION_TRAFFIC_SHIFT. CodeDeploy asks once, and what it asked is kept.
    pub asks_again: bool,
    /// The deployment that takes it back, where that is one of its own.
    pub taken_back_by: Option<DeploymentId>,
    /// How long it keeps what it replaces, once it has moved everything and was let go on; nothing where that is not said. ECS: the bake time;
    /// CodeDeploy: the termination wait.
    pub keeps_blue: Option<Span>,
    /// Why it failed, was stopped or is taken back, in its service's words.
    pub why: Option<String>,
}

impl DeploymentReading {
    /// Whether it may still change weights.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self.state {
            DeploymentState::UnderWay | DeploymentState::TakingBack => true,
            DeploymentState::Succeeded | DeploymentState::GaveUp => false,
        }
    }
}

/// What a deployment is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentState {
    /// It goes on, or waits. One that is about to stop, too: until it has stopped.
    UnderWay,
    /// It, or the deployment that takes it back, moves the traffic back.
    TakingBack,
    /// It has ended with all the traffic on green.
    Succeeded,
    /// It failed, was stopped, or has been taken back: nothing of it is under way any more, nor of what took it back. Where the traffic is,
    /// the route says. CodeDeploy begins a rollback moments after a deployment has stopped: one that is to be taken back and is not yet
    /// reads so, too.
    GaveUp,
}

/// How far a deployment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeploymentStage {
    /// Green is coming up.
    Installing,
    /// Green is up: CodeDeploy's Install has succeeded, ECS is past SCALE_UP. A version of a function is always.
    Installed,
    /// Green has all the production traffic: CodeDeploy's AllowTraffic has succeeded, ECS is past PRODUCTION_TRAFFIC_SHIFT.
    Shifted,
}
