//! What can go wrong.

use crate::course::FaultKind;
use crate::function::Function;
use crate::place::Place;
use crate::simulation::Setting;
use fastrand::Rng;
use std::fmt;
use teal::state::State;

/// Something that happens to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disturbance {
    /// A call of a function goes wrong.
    Call(FaultKind),
    /// Something happens beside the call, or during a wait.
    World(Happening),
}

/// Something that happens in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happening {
    /// The function is invoked a second time with the same input, while it runs.
    RunTwice,
    /// Step Functions loses the invocation's answer and tries again, while the function goes on.
    InvocationLost,
    /// An alarm goes off, and its event comes soon, late, twice or never; it may recover.
    AlarmRaised,
    /// An alarm has no data for a while, or is deleted, and one of its name goes off in another account.
    AlarmSilent,
    /// Green's metrics stop for a while.
    MetricsGone,
    /// Green answers with errors from now on.
    Regression,
    /// No target of green is healthy, for a while or for good.
    GreenSick,
    /// No target of blue is healthy for a while.
    BlueSick,
    /// Checks of green fail.
    ChecksFail,
    /// Somebody stops the execution; its event comes soon, late, twice or never.
    Stopped,
    /// Somebody stops the execution, and its event never comes.
    StoppedUnheard,
    /// Somebody asks to abort.
    Aborted,
    /// Somebody says yes at every gate, before or while it is waited at.
    Approved,
    /// Somebody says no.
    Rejected,
    /// Another release of the same service starts.
    SecondRelease,
    /// Another release of the same service starts, and is to take the route over.
    NewerRelease,
    /// A raised alarm is OK for a moment, or for some minutes, and goes off again.
    AlarmFlaps,
    /// The execution takes longer than it may; its event comes soon, late, twice or never.
    TimedOut,
    /// A stack update sets every listener as it was before the first release.
    StackUpdate,
    /// Between releases somebody sends the traffic to the group that is idle.
    Drifted,
    /// Somebody takes all of blue's tasks.
    BlueTaken,
    /// Traffic is low, and automatic scaling takes tasks of blue: as many as it may.
    ScaledIn,
    /// Somebody sets other weights, perhaps those from before the release.
    WeightsChanged,
    /// Somebody adds a third target group.
    GroupAdded,
    /// Somebody adds a rule to the listener, which takes some requests before its default action.
    RuleAdded,
    /// Somebody changes the action list otherwise.
    ActionsChanged,
    /// Somebody deletes a listener.
    ListenerDeleted,
    /// Somebody takes blue out of the forward action.
    BlueRemoved,
    /// Teal loses the permission to modify listeners for a while.
    Denied,
    /// Hours pass in a moment, and running functions end: their sandboxes were frozen.
    ClockJump,
    /// A sweep comes just now.
    SweepNow,
    /// The deployment that moves the traffic fails by itself.
    DeploymentFails,
    /// Somebody stops it.
    DeploymentStopped,
    /// It does at once whatever it would have waited with.
    DeploymentHurries,
    /// It takes its traffic back slowly, or leaves it where it is.
    DeploymentSlow,
    /// Teal's role in the service's account is taken away for a while.
    RoleLost,
}

impl Happening {
    /// Everything that can happen, with how often it is drawn.
    const WEIGHTED: [(Happening, u32); 31] = [
        (Happening::RunTwice, 6),
        (Happening::InvocationLost, 6),
        (Happening::AlarmRaised, 10),
        (Happening::AlarmSilent, 3),
        (Happening::MetricsGone, 3),
        (Happening::Regression, 3),
        (Happening::GreenSick, 4),
        (Happening::BlueSick, 3),
        (Happening::ChecksFail, 3),
        (Happening::Stopped, 6),
        (Happening::StoppedUnheard, 2),
        (Happening::Aborted, 3),
        (Happening::Approved, 2),
        (Happening::Rejected, 2),
        (Happening::SecondRelease, 4),
        (Happening::NewerRelease, 5),
        (Happening::AlarmFlaps, 3),
        (Happening::TimedOut, 2),
        (Happening::StackUpdate, 3),
        (Happening::Drifted, 2),
        (Happening::BlueTaken, 3),
        (Happening::ScaledIn, 3),
        (Happening::WeightsChanged, 4),
        (Happening::GroupAdded, 3),
        (Happening::RuleAdded, 3),
        (Happening::ActionsChanged, 3),
        (Happening::ListenerDeleted, 2),
        (Happening::BlueRemoved, 2),
        (Happening::Denied, 3),
        (Happening::ClockJump, 2),
        (Happening::SweepNow, 3),
    ];

    /// What happens to deployments that move the traffic, besides.
    const OF_DEPLOYMENTS: [(Happening, u32); 4] = [
        (Happening::DeploymentFails, 3),
        (Happening::DeploymentStopped, 3),
        (Happening::DeploymentHurries, 2),
        (Happening::DeploymentSlow, 4),
    ];
    /// What happens to services in other accounts, besides.
    const OF_ACCOUNTS: [(Happening, u32); 1] = [(Happening::RoleLost, 1)];

    /// Whether it happens to deployments alone.
    pub(crate) fn is_of_deployments(self) -> bool {
        Self::OF_DEPLOYMENTS.iter().any(|(happening, _)| *happening == self)
    }

    /// Everything that can happen.
    pub fn all() -> impl Iterator<Item = Happening> {
        Self::WEIGHTED.iter().chain(&Self::OF_DEPLOYMENTS).chain(&Self::OF_ACCOUNTS).map(|(happening, _)| *happening)
    }

    /// Whether it happens to a running function rather than to the world.
    pub(crate) const fn is_of_a_run(self) -> bool {
        matches!(self, Happening::RunTwice | Happening::InvocationLost)
    }
}

/// Faults of a call, with how often each is drawn.
const CALL_FAULTS: [(FaultKind, u32); 10] = [
    (FaultKind::CrashBefore, 4),
    (FaultKind::CrashAfter, 4),
    (FaultKind::Throttle, 2),
    (FaultKind::LostAnswer, 3),
    (FaultKind::NoEffect, 2),
    (FaultKind::LateEffect, 4),
    (FaultKind::Hang, 2),
    (FaultKind::HangAfter, 2),
    (FaultKind::HangUntilLate, 3),
    (FaultKind::StaleRead, 2),
];

/// One of several, by its weight.
fn drawn<T: Copy>(rng: &mut Rng, weighted: &[(T, u32)]) -> T {
    let total: u32 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.u32(0..total);
    let is_it = |(_, weight): &&(T, u32)| {
        let found = left < *weight;
        left = left.saturating_sub(*weight);
        found
    };
    weighted.iter().find(is_it).map_or(weighted[0].0, |(one, _)| *one)
}

impl Disturbance {
    pub(crate) fn draw(rng: &mut Rng, setting: Setting) -> Self {
        let besides: &[(Happening, u32)] = match (setting.is_deployed(), setting.in_account) {
            (true, _) => &Happening::OF_DEPLOYMENTS,
            (false, true) => &Happening::OF_ACCOUNTS,
            (false, false) => &[],
        };
        if !besides.is_empty() && rng.u8(0..4) == 0 {
            return Disturbance::World(drawn(rng, besides));
        }
        if rng.bool() {
            Disturbance::Call(drawn(rng, &CALL_FAULTS))
        } else {
            Disturbance::World(drawn(rng, &Happening::WEIGHTED))
        }
    }

    /// Everything that can go wrong.
    pub fn all() -> impl Iterator<Item = Disturbance> {
        let calls = CALL_FAULTS.iter().map(|(kind, _)| Disturbance::Call(*kind));
        calls.chain(Happening::all().map(Disturbance::World))
    }

    /// Whether it can ever happen in a place.
    #[must_use]
    pub fn can_happen_in(self, place: Place) -> bool {
        match (self, place) {
            (Disturbance::Call(_), Place::Waits(_)) => false,
            // A rollback has stopped its deployment before it waits.
            (
                Disturbance::World(
                    Happening::DeploymentFails | Happening::DeploymentStopped | Happening::DeploymentHurries,
                ),
                Place::Waits(State::WaitForRollBack),
            ) => false,
            (Disturbance::World(happening), Place::Waits(_)) => !happening.is_of_a_run(),
            // What changes neither a listener nor a service has no late effect; what reads no listener reads nothing old. on-lifecycle-hook reads
            // one where ECS asks, which no schedule draws.
            (Disturbance::Call(FaultKind::LateEffect), Place::Runs(function)) => function.acts(),
            (Disturbance::Call(FaultKind::StaleRead), Place::Runs(function)) => {
                !matches!(function, Function::ValidateGreen | Function::OnLifecycleHook)
            }
            // No state machine waits for an answer of these.
            (
                Disturbance::World(Happening::InvocationLost),
                Place::Runs(Function::OnAlarm | Function::OnExecutionEnd | Function::Sweep | Function::OnLifecycleHook),
            ) => false,
            // Where a deployment's hooks ask, the service is in Teal's own account and is not scaled.
            (Disturbance::World(Happening::RoleLost | Happening::ScaledIn), Place::Runs(Function::OnLifecycleHook)) => {
                false
            }
            (_, Place::Runs(_)) => true,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Call(kind) => write!(f, "{kind:?}"),
            Disturbance::World(happening) => write!(f, "{happening:?}"),
        }
    }
}
