//! How each guard is taken out.

use super::Mutation;
use crate::function::Function;
use crate::link::{Link, later};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use teal::fleet::GreenOrder;
use teal::hook::HookTicket;
use teal::ports::{
    BuildState, DeploymentReading, DeploymentState, PortError, PortResult, Progress, Scaling, Target, TargetHealth,
};
use teal::release::{Act, Intent, Phase, Release, ReleaseId};
use teal::request::{Ask, Request};
use teal::route::{Action, Destination, PartRef, RuleAhead};
use teal::time::{Timestamp, after};
use teal::units::Span;

/// How old an entry is before the index shows it, in seconds.
const INDEX_LAG_SECONDS: u64 = 20;

/// What a run of a mutated function keeps in mind.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    targets: BTreeMap<String, Vec<Target>>,
    pub(crate) scaling: BTreeMap<String, Scaling>,
    pub(crate) written: BTreeMap<String, Vec<Action>>,
    pub(crate) lost_a_race: bool,
    /// Groups whose health was asked for.
    health_asked: BTreeSet<String>,
    /// A write to a listener got no answer.
    lost_write: bool,
    /// The listener was read after that.
    read_since: bool,
}

impl Link<'_> {
    fn is(&self, mutation: Mutation) -> bool {
        self.world.mutation == Some(mutation)
    }

    /// What time it is for a mutated function.
    pub(crate) fn mutated_time(&self, time: Timestamp) -> Timestamp {
        let shifts = matches!(self.who.function, Function::ShiftTraffic | Function::Promote);
        let stands_still =
            (self.is(Mutation::ClockStandsStill) && self.restores()) || (self.is(Mutation::ShiftDatedEarly) && shifts);
        if stands_still { later(self.who.started, self.clock_ahead) } else { time }
    }

    /// The record as a mutated function reads it.
    pub(crate) fn mutated_load(&self, mut record: Release) -> Release {
        let me = &self.who.invocation;
        if self.is(Mutation::OthersNotWaitedFor) {
            record.intents.retain(|intent| intent.invocation == *me);
        }
        if self.is(Mutation::SetbackOverwritten)
            && matches!(self.who.function, Function::OnAlarm | Function::OnExecutionEnd | Function::Sweep)
        {
            record.setback = None;
        }
        if self.is(Mutation::OlderTakesOver) && self.who.function == Function::Accept {
            record.execution_started_at = None;
        }
        if self.is(Mutation::NothingPassedOver) && self.who.function == Function::OnAlarm {
            record.alarming_since_start.clear();
        }
        if self.is(Mutation::OldAlarmsTakenForNew) && self.who.function == Function::OnAlarm {
            record.started_at = Timestamp::UNIX_EPOCH;
        }
        if self.is(Mutation::AlarmOnlyRecorded) && self.who.function == Function::OnAlarm {
            // There is nothing to give back.
            (record.route, record.test_route, record.flags) = (Vec::new(), None, Vec::new());
        }
        if self.is(Mutation::DeadlineForgotten) {
            record.deadline_at = after(record.started_at, 10_000_000);
        }
        if self.who.function == Function::EvaluateHealth {
            self.mutate_clocks(&mut record);
        }
        if self.is(Mutation::HookAnsweredEarly) && self.who.function == Function::OnLifecycleHook {
            record.phase = Phase::ShiftTraffic { stage: 0 };
        }
        if self.is(Mutation::CompensationWithoutIntent) && self.remembered.borrow().lost_a_race {
            let (invocation, act_by) = (me.clone(), after(self.who.started, 30));
            record.intents.push(Intent { invocation, act: Act::Restore, act_by });
        }
        record
    }

    /// What a look reads of the time that its phase has lasted, and is to last.
    fn mutate_clocks(&self, record: &mut Release) {
        match record.phase {
            Phase::Bake { stage } if self.is(Mutation::BakeSkipped) && record.bake_passed_at.is_none() => {
                let bake = record.timeline.stages().get(stage).map_or(0, |stage| stage.bake.as_seconds());
                record.phase_since = later(record.phase_since, -1000 * i64::from(bake));
            }
            Phase::Bake { .. } if self.is(Mutation::BlueNotKept) => record.plan.afterwards.keep_blue = Span::ZERO,
            Phase::AwaitApproval { .. } if self.is(Mutation::GateNeverExpires) => record.phase_since = self.world.now(),
            _ => {}
        }
    }

    /// Whether a write meets its condition.
    pub(crate) fn may_save(&self, stored: &Release, release: &Release) -> bool {
        let retires = release.phase == Phase::RetireBlue;
        stored.revision == release.revision
            || self.is(Mutation::SaveWithoutCondition)
            || (self.is(Mutation::RetirementWithoutCondition) && retires)
    }

    /// Whether a write is swallowed.
    pub(crate) fn loses(&self, release: &Release) -> bool {
        let tells_accept = self.who.function == Function::OnAlarm && release.phase == Phase::Accept;
        self.is(Mutation::AcceptNotTold) && tells_accept
    }

    pub(crate) fn mutated_save(&self, stored: &Release, mut record: Release) -> Release {
        if self.is(Mutation::NoIntent) {
            record.intents.clear();
        }
        if self.is(Mutation::OldAlarmsTakenForNew) {
            record.started_at = stored.started_at;
        }
        if self.is(Mutation::AlarmOnlyRecorded) && self.who.function == Function::OnAlarm {
            let Release { route, test_route, flags, .. } = stored.clone();
            record = Release { route, test_route, flags, restored_at: stored.restored_at, ..record };
        }
        if [Mutation::BakeSkipped, Mutation::GateNeverExpires].iter().any(|mutation| self.is(*mutation))
            && record.phase == stored.phase
        {
            record.phase_since = stored.phase_since;
        }
        if self.is(Mutation::BlueNotKept) {
            record.plan.afterwards.keep_blue = stored.plan.afterwards.keep_blue;
        }
        if self.is(Mutation::EventsForgotten) {
            record.outbox.clear();
        }
        if self.is(Mutation::SharesPresumed)
            && record.plan.traffic.shifted_by.is_some()
            && let Phase::Bake { stage } = record.phase
            && let Some(stage) = record.timeline.stages().get(stage)
        {
            record.green_share = stage.weight;
        }
        let remembered = self.remembered.borrow();
        if self.is(Mutation::LostWriteForgotten) && remembered.lost_write && remembered.read_since {
            record.intents.retain(|intent| intent.invocation != self.who.invocation);
        }
        if self.is(Mutation::PassedOverForGood) && !stored.alarming_since_start.is_empty() {
            record.alarming_since_start.clone_from(&stored.alarming_since_start);
        }
        record
    }

    /// Keeps in mind how a write to a listener went.
    pub(crate) fn remember_write(&self, written: &PortResult<()>) {
        let mut remembered = self.remembered.borrow_mut();
        remembered.lost_write |= matches!(written, Err(PortError::Unavailable { .. }));
        remembered.read_since = false;
    }

    /// Keeps in mind that a listener was read.
    pub(crate) fn remember_read(&self) {
        self.remembered.borrow_mut().read_since = true;
    }

    /// Whether releases that watch an alarm of this name in any account are told of it.
    pub(crate) fn mixes_accounts(&self) -> bool {
        self.is(Mutation::OthersAlarmsTakenForOwn)
    }

    /// What sweep is told of, or nothing.
    pub(crate) fn mutated_list<T>(&self, mutation: Mutation, found: Vec<T>) -> Vec<T> {
        if self.is(mutation) && self.who.function == Function::Sweep { Vec::new() } else { found }
    }

    /// Whether blue's capacity is held, and green is taken in.
    pub(crate) fn holds_capacity(&self) -> bool {
        !self.is(Mutation::BlueNotHeld)
    }

    pub(crate) fn takes_green_in(&self) -> bool {
        !(self.is(Mutation::GreenNotTakenIn) && self.who.function == Function::RollBack)
    }

    /// Whether a listener that was written is read twice.
    pub(crate) fn reads_twice(&self, part: &PartRef) -> bool {
        self.is(Mutation::RequestsRepeated) && self.remembered.borrow().written.contains_key(part.key())
    }

    pub(crate) fn mutated_failure(&self, written: PortResult<()>) -> PortResult<()> {
        match written {
            Err(PortError::Unavailable { call, message })
                if self.is(Mutation::FailuresTakenForRefusals) && self.restores() =>
            {
                Err(PortError::Denied { call, message })
            }
            other => other,
        }
    }

    pub(crate) fn mutated_role(&self, assumed: PortResult<()>) -> PortResult<()> {
        match assumed {
            Err(PortError::NotAssumed { message, .. }) if self.is(Mutation::RoleLossTakenForRefusal) => {
                Err(PortError::Denied { call: "AssumeRole", message })
            }
            other => other,
        }
    }

    /// How far green has come, as a mutated function is told.
    pub(crate) fn mutated_progress(&self, found: Progress, order: &GreenOrder) -> Progress {
        if !self.takes_green_for_ready() {
            return found;
        }
        Progress { desired: order.desired, running: order.desired, current: true, ..found }
    }

    fn takes_green_for_ready(&self) -> bool {
        self.is(Mutation::GreenTakenForReady) && self.who.function == Function::PrepareGreen
    }

    pub(crate) fn mutated_build(&self, found: BuildState) -> BuildState {
        if self.is(Mutation::BuildNotAwaited) && found == BuildState::Running { BuildState::Succeeded } else { found }
    }

    pub(crate) fn mutated_hooks(&self, found: Vec<HookTicket>) -> Vec<HookTicket> {
        if self.is(Mutation::HooksForgotten) { Vec::new() } else { found }
    }

    pub(crate) fn mutated_deployment(&self, mut found: DeploymentReading) -> DeploymentReading {
        if self.is(Mutation::TakingBackOverlooked) && found.state == DeploymentState::TakingBack {
            found.state = DeploymentState::GaveUp;
        }
        found
    }

    pub(crate) fn mutated_requests(&self, release: &ReleaseId, mut found: Vec<Request>) -> Vec<Request> {
        let phase = self.world.state().records.get(release).map(|record| record.phase);
        if let Some(Phase::AwaitApproval { stage }) = phase.filter(|_| self.is(Mutation::GatesApproved)) {
            let (ask, by) = (Ask::Approve { stage }, "nobody".to_owned());
            found.push(Request { ask, by, at: self.world.now(), note: None });
        }
        if self.is(Mutation::RejectUnheard) {
            found.retain(|request| !matches!(request.ask, Ask::Reject { .. }));
        }
        if self.is(Mutation::AbortUnheard) {
            found.retain(|request| request.ask != Ask::Abort);
        }
        found
    }

    /// The release that holds a lock. Sweep asks for it where a route has drifted.
    pub(crate) fn mutated_holder(&self, found: Option<ReleaseId>) -> Option<ReleaseId> {
        let overlooks = self.is(Mutation::HeldRouteDrifts) && self.who.function == Function::Sweep;
        if overlooks { None } else { found }
    }

    pub(crate) fn mutated_scaling(&self, service: &str, found: Option<Scaling>) -> Option<Scaling> {
        if self.is(Mutation::HoldNotSet) {
            return None;
        }
        let before = self.remembered.borrow().scaling.get(service).copied();
        if self.is(Mutation::ScalingReadBeforeLock) { before.or(found) } else { found }
    }

    pub(crate) fn gives_up_locks(&self, record: &Release) -> bool {
        record.phase.is_terminal() || (self.is(Mutation::LockFreedEarly) && record.phase == Phase::RollBack)
    }

    /// Whether an index that lags shows a release already.
    pub(crate) fn index_shows(&self, state: &State, id: &ReleaseId) -> bool {
        let shown_at = |record: &Release| after(record.started_at, INDEX_LAG_SECONDS);
        !self.is(Mutation::WatchersFromIndex)
            || state.records.get(id).is_some_and(|record| self.world.now() >= shown_at(record))
    }

    pub(crate) fn mutated_actions(&self, part: &PartRef, found: Vec<Action>) -> Vec<Action> {
        let written = self.remembered.borrow().written.get(part.key()).cloned();
        if self.is(Mutation::RouteNotReadBack) && written.is_some() {
            return written.unwrap_or_default();
        }
        if self.is(Mutation::SecondPartOverlooked) && self.restores() {
            let state = self.world.state();
            let under_way = state.records.values().filter(|record| !record.phase.is_terminal());
            let mut others = under_way.flat_map(|record| record.route.iter().skip(1));
            return others.find(|known| known.part == *part).map_or(found, |known| known.original.clone());
        }
        if self.is(Mutation::FlagsLeftOn) && self.restores() && matches!(part, PartRef::Flag(_)) {
            let state = self.world.state();
            let mut flags = state.records.values().flat_map(|record| &record.flags);
            return flags.find(|known| known.part == *part).map_or(found, |known| known.original.clone());
        }
        if self.overlooks_route() && written.is_none() {
            let state = self.world.state();
            let parts = state.records.values().filter(|record| !record.phase.is_terminal());
            let mut expected = parts.flat_map(|record| record.route.iter().chain(&record.test_route));
            return expected.find(|known| known.part == *part).map_or(found, |known| known.expected.clone());
        }
        found
    }

    /// Whether what others changed is not noticed by this function.
    fn overlooks_route(&self) -> bool {
        let function = self.who.function;
        match self.world.mutation {
            Some(Mutation::OutsideChangeOverlooked) => {
                matches!(function, Function::ShiftTraffic | Function::Promote | Function::EvaluateHealth)
            }
            Some(Mutation::RouteUnreadAtRetirement) => function == Function::RetireBlue,
            _ => false,
        }
    }

    /// Whether this function takes a group for healthy without having asked.
    fn overlooks_health(&self, group: &Destination) -> bool {
        let function = self.who.function;
        let of_green = match self.world.mutation {
            Some(Mutation::HealthUnreadBeforeWeight) => {
                let shifts = matches!(function, Function::ShiftTraffic | Function::Promote);
                return shifts && self.remembered.borrow_mut().health_asked.insert(group.to_string());
            }
            Some(Mutation::HealthUnreadAtRetirement) => function == Function::RetireBlue,
            Some(Mutation::HealthUnreadWhenTested) => function == Function::ValidateGreen,
            Some(Mutation::HealthUnreadAtLooks) => function == Function::EvaluateHealth,
            _ => false,
        };
        of_green && !self.is_blue(group)
    }

    pub(crate) fn mutated_rules(&self, found: Vec<RuleAhead>) -> Vec<RuleAhead> {
        if self.is(Mutation::RulesOverlooked) { Vec::new() } else { found }
    }

    pub(crate) fn mutated_write(&self, part: &PartRef, actions: Vec<Action>) -> Vec<Action> {
        if self.is(Mutation::RestoresWholeList) && self.restores() {
            let state = self.world.state();
            let records = state.records.values().filter(|record| !record.phase.is_terminal());
            let mut parts = records.flat_map(|record| record.route.iter().chain(&record.test_route));
            return parts.find(|known| known.part == *part).map_or(actions, |known| known.original.clone());
        }
        actions
    }

    fn restores(&self) -> bool {
        matches!(self.who.function, Function::RollBack | Function::OnAlarm | Function::OnExecutionEnd | Function::Sweep)
    }

    fn is_blue(&self, group: &Destination) -> bool {
        let state = self.world.state();
        state.records.values().any(|record| !record.phase.is_terminal() && record.colours.blue == *group)
    }

    pub(crate) fn mutated_targets(&self, group: &Destination, found: Vec<Target>) -> Vec<Target> {
        if self.is(Mutation::BlueHealthNotRead) && self.restores() && self.is_blue(group) {
            return vec![healthy_target(0)];
        }
        if self.overlooks_health(group) {
            return vec![healthy_target(0)];
        }
        if self.takes_green_for_ready() {
            // More than anybody orders.
            return (0..100).map(healthy_target).collect();
        }
        if !self.is(Mutation::HealthNotReadBack) {
            return found;
        }
        self.remembered.borrow_mut().targets.entry(group.to_string()).or_insert(found).clone()
    }
}

fn healthy_target(number: u32) -> Target {
    Target { id: format!("t-{number}"), port: Some(8080), health: TargetHealth::Healthy, reason: None }
}
