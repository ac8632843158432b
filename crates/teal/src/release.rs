//! The record: the truth about a release. The state machine carries only its id.

mod hurt;
mod intent;
mod judged;
mod passed_over;
mod phase;

pub use intent::{Act, Intent};
pub use judged::Judged;
pub use passed_over::PassedOver;
pub use phase::{Event, Illegal, Phase};

use crate::compare::{Compared, judge_config};
use crate::deployment::DeploymentUnderWay;
use crate::error::{ErrorName, TealError, TealResult};
use crate::fleet::GreenOrder;
use crate::judge::JudgeConfig;
use crate::pipeline::PipelineExecutionId;
use crate::plan::Plan;
use crate::route::{Action, Colours, PartRef, RoutePart, key_in, pair_share};
use crate::state::State;
use crate::story::Announcement;
use crate::strategy::{Stage, Timeline};
use crate::time::{Timestamp, after};
use crate::units::{Share, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The format that this version writes. Older ones are read; a newer one is refused.
pub const RECORD_FORMAT: u16 = 1;

/// A release's id: the name of its execution, so that whoever has one has the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ReleaseId(String);

impl ReleaseId {
    /// Checks an id: 1 to 80 characters, none of them `#`, white space or a control character.
    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let length = text.chars().count();
        if length == 0 || length > 80 {
            return Err(format!("a release id has 1 to 80 characters, this one has {length}"));
        }
        match text.chars().find(|c| *c == '#' || c.is_whitespace() || c.is_control()) {
            Some(bad) => Err(format!("{bad:?} cannot be in a release id; use the execution's name")),
            None => Ok(Self(text)),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReleaseId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReleaseId::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Everything Teal knows about one release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    pub format: u16,
    /// Goes up by one with each write; a write with another number is refused.
    pub revision: u64,
    pub id: ReleaseId,
    /// The ARN of the execution that runs it.
    pub execution: String,
    pub plan: Plan,
    pub timeline: Timeline,
    pub phase: Phase,
    /// Since when; of a bake whose weight a deployment has yet to reach, since the last look at it.
    pub phase_since: Timestamp,
    pub started_at: Timestamp,
    /// When its execution was started: of two releases that want one route, the later one is the newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_started_at: Option<Timestamp>,
    /// The pipeline's run that started it, where a pipeline did and said which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_execution_id: Option<PipelineExecutionId>,
    /// When it rolls back by itself, wherever it is before retirement.
    pub deadline_at: Timestamp,
    pub colours: Colours,
    /// What metrics call the route: of a load balancer `app/name/id`.
    pub load_balancer: String,
    /// What splits production traffic.
    pub route: Vec<RoutePart>,
    /// What sends test traffic, where that is a part of a route too.
    pub test_route: Option<RoutePart>,
    /// Feature flags that are turned with the version: on once green has all the traffic, off again before blue gets it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<RoutePart>,
    pub green: GreenOrder,
    /// When green was ordered; from then on it is only watched, so that nothing Teal does keeps its deployment from finishing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green_ordered_at: Option<Timestamp>,
    /// When the test route was pointed at green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_route_pointed_at: Option<Timestamp>,
    /// When green was about to get production traffic for the first time, or what somebody else had given it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_shift_at: Option<Timestamp>,
    /// The deployment that moves the traffic in Teal's place, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentUnderWay>,
    /// The build that tests green, once it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildUnderWay>,
    /// Green's share of production traffic as last written and read back.
    pub green_share: Share,
    /// When that share was read back.
    pub shifted_at: Option<Timestamp>,
    /// When the flags that go with the version were turned further, at a stage of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags_turned_at: Option<Timestamp>,
    /// By what green is compared with blue, and what was seen so far.
    #[serde(default)]
    pub compared: Vec<Compared>,
    /// What the comparison came to in the steps passed so far.
    #[serde(default)]
    pub judged: Judged,
    /// Alarms that were in ALARM when the release began, and that were not OK since: `judge.startWhileAlarming`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarming_since_start: Vec<PassedOver>,
    /// Since when every look has found too little to judge by, beyond the bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insufficient_since: Option<Timestamp>,
    /// When the bake at 100 % was passed. From then on blue is merely kept: only an alarm that is raised still rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake_passed_at: Option<Timestamp>,
    /// Looks taken so far.
    pub looks: u32,
    /// Acts on the route that may still be under way.
    pub intents: Vec<Intent>,
    /// Why it rolls back, once that is decided; never changed afterwards.
    pub setback: Option<Setback>,
    /// Since when looks cannot reach the account that the service is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_reach_since: Option<Timestamp>,
    /// Since when rolling back waits for a blue that cannot serve: with the weights as they are, or after blue got them and went down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_on_green_since: Option<Timestamp>,
    /// When the route was read wholly on blue again, after the last write that gave traffic back.
    pub restored_at: Option<Timestamp>,
    /// Until when a run may have moved production traffic that has not dated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_beside_until: Option<Timestamp>,
    /// Events not yet told to the bus.
    pub outbox: Vec<Announcement>,
    pub announced: u64,
}

/// A build that tests green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildUnderWay {
    pub id: String,
    pub started_at: Timestamp,
}

/// Why and since when a release rolls back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setback {
    pub error: ErrorName,
    pub cause: String,
    /// When the run began that decided it.
    pub decided_at: Timestamp,
    /// The function that decided it.
    pub by: String,
}

/// A release in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub id: ReleaseId,
    pub service: String,
    pub version: String,
    pub phase: Phase,
    pub started_at: Timestamp,
    pub green_share: Share,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorName>,
}

impl Release {
    /// The stage after which green has everything, its flags, too.
    #[must_use]
    pub fn last_stage(&self) -> usize {
        self.timeline.stages().len().saturating_sub(1)
    }

    /// A stage of the timeline.
    ///
    /// # Errors
    /// `Teal.Internal` when the timeline has no such stage.
    pub fn stage(&self, index: usize) -> TealResult<&Stage> {
        self.timeline.stages().get(index).ok_or_else(|| {
            TealError::new(
                ErrorName::Internal,
                format!("release {} has no stage {index}; its timeline has {}", self.id, self.timeline.stages().len()),
            )
        })
    }

    /// Goes to the phase that the event leads to and notes the change for the bus.
    ///
    /// # Errors
    /// `Teal.IllegalTransition` when the phase does not know the event.
    pub fn apply(&mut self, event: &Event, now: Timestamp) -> TealResult<()> {
        let next = self.phase.next(event, &self.timeline).map_err(|illegal| {
            TealError::new(ErrorName::IllegalTransition, format!("release {}: {illegal}", self.id))
        })?;
        if next == self.phase {
            return Ok(());
        }
        self.phase = next;
        self.phase_since = now;
        self.announced += 1;
        self.outbox.push(Announcement {
            error: self.setback.as_ref().map(|setback| setback.error),
            cause: self.setback.as_ref().map(|setback| setback.cause.clone()),
            judged: (next == Phase::Promoted).then(|| self.judged.clone()),
            summary: (next == Phase::Promoted).then(|| self.judged.to_string()),
            ..self.announcement(format!("{}-{}", self.id, self.announced), now)
        });
        Ok(())
    }

    /// Has the bus told of something that ends nothing, in the phase in which the release is.
    pub fn tell_of(&mut self, id: String, error: ErrorName, cause: String, now: Timestamp) {
        if self.outbox.iter().any(|known| known.id == id) {
            return;
        }
        let told = Announcement { error: Some(error), cause: Some(cause), ..self.announcement(id, now) };
        self.outbox.push(told);
    }

    fn announcement(&self, id: String, now: Timestamp) -> Announcement {
        Announcement {
            id,
            release: self.id.clone(),
            service: self.plan.service.to_string(),
            version: self.plan.version.to_string(),
            at: now,
            state: self.phase.state(),
            green_share: self.green_share,
            flags_share: self.flags_share(),
            error: None,
            cause: None,
            judged: None,
            summary: None,
        }
    }

    /// Decides to roll back. The first decision stands: later ones change nothing. Past the point of no return it changes
    /// nothing either.
    ///
    /// # Errors
    /// `Teal.IllegalTransition` when the release is past rolling back.
    pub fn set_back(&mut self, error: ErrorName, cause: impl Into<String>, by: &str, now: Timestamp) -> TealResult<()> {
        let cause: String = cause.into();
        if self.setback.is_none() && self.phase.can_roll_back() {
            self.setback = Some(Setback { error, cause, decided_at: now, by: by.to_owned() });
        }
        self.apply(&Event::RollBackDecided, now)
    }

    /// Nothing of the route is green's any more.
    pub fn expect_original(&mut self) {
        for part in self.route.iter_mut().chain(&mut self.test_route).chain(&mut self.flags) {
            part.expected = part.original.clone();
        }
        self.green_share = Share::NONE;
        self.kept_on_green_since = None;
    }

    /// Everything that an act of this release may still be changing is settled: no `actBy` lies ahead.
    #[must_use]
    pub fn settled_at(&self) -> Option<Timestamp> {
        self.intents.iter().map(|intent| intent.act_by).max()
    }

    /// Keeps until when other runs may have moved production traffic that have not said how that ended: as late as their `actBy`, or `now`.
    ///
    /// `run` is this run's own intent, whose invocation an earlier attempt has, too.
    pub fn note_moved_beside(&mut self, run: (&str, Timestamp), now: Timestamp) {
        let moves = |intent: &&Intent| matches!(intent.act, Act::Shift { .. } | Act::Restore);
        let others = self.intents.iter().filter(moves).filter(|intent| (&*intent.invocation, intent.act_by) != run);
        self.moved_beside_until = others.map(|intent| intent.act_by.min(now)).max().max(self.moved_beside_until);
    }

    /// Forgets intents whose time has passed.
    pub fn drop_past_intents(&mut self, now: Timestamp) {
        self.intents.retain(|intent| intent.act_by > now);
    }

    /// The number of the stage that the payload of the state machine shows.
    #[must_use]
    pub fn step(&self) -> usize {
        match self.phase {
            Phase::AwaitApproval { stage } | Phase::ShiftTraffic { stage } | Phase::Bake { stage } => stage,
            Phase::Accept | Phase::PrepareGreen | Phase::ValidateGreen | Phase::Refused => 0,
            Phase::Promote
            | Phase::RetireBlue
            | Phase::Promoted
            | Phase::RollBack
            | Phase::RolledBack
            | Phase::RollbackNeedsHuman => self.last_stage(),
        }
    }

    /// What two releases may not both act on: every part of the route, the two destinations, flags, and whose deployment moves the traffic.
    #[must_use]
    pub fn lock_keys(&self) -> Vec<String> {
        let account = self.plan.account_number();
        let parts = self.parts().map(|part| key_in(account, part.key()));
        let destinations = [&self.colours.blue, &self.colours.green].map(|one| key_in(account, one.as_str()));
        let shifted_by = self.plan.traffic.shifted_by.iter().map(|by| key_in(account, &by.key()));
        let mut keys: Vec<String> = parts.chain(destinations).chain(shifted_by).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Whether green gets all the traffic at once.
    #[must_use]
    pub fn begins_with_everything(&self) -> bool {
        self.timeline.stages().first().is_none_or(|stage| stage.weight == Share::ALL)
    }

    /// The pair that shares a part that Teal may write to: of a flag that goes with the version its own two states, of everything else blue
    /// and green.
    #[must_use]
    pub fn colours_at(&self, part: &PartRef) -> Option<Colours> {
        match self.flags.iter().find(|flag| flag.part == *part) {
            Some(flag) => flag.own_colours(),
            None => Some(self.colours.clone()),
        }
    }

    /// For what share of the users the flags that go with the version are turned, as last written and read back; `None` without such flags.
    #[must_use]
    pub fn flags_share(&self) -> Option<Share> {
        self.flags.iter().map(|flag| pair_share(&flag.expected, &flag.own_colours()?)).min().flatten()
    }

    /// Whether flags that go with the version are turned, or a run may be turning one: that is announced, with all traffic on green.
    #[must_use]
    pub fn may_have_turned_flags(&self) -> bool {
        let shifts = self.intents.iter().any(|intent| matches!(intent.act, Act::Shift { .. }));
        self.flags_share().is_some_and(|share| share > Share::NONE) || (self.green_share == Share::ALL && shifts)
    }

    /// Every part of a route that Teal may write to: production first, then test, then flags that go with the version.
    pub fn parts(&self) -> impl Iterator<Item = &PartRef> {
        self.route.iter().chain(&self.test_route).chain(&self.flags).map(|part| &part.part)
    }

    /// The bake of the stage that green has reached ends then, if one runs.
    #[must_use]
    pub fn bake_ends_at(&self) -> Option<Timestamp> {
        let Phase::Bake { stage } = self.phase else { return None };
        let bake = self.timeline.stages().get(stage)?.bake;
        Some(after(self.phase_since, bake.as_seconds().into()))
    }

    /// The settings of the comparison of green with blue.
    ///
    /// # Errors
    /// `Teal.Internal` when one is out of its range, which a checked plan's are not.
    pub fn judge_config(&self) -> TealResult<JudgeConfig> {
        judge_config(&self.plan.judge, &self.timeline)
            .map_err(|error| TealError::new(ErrorName::Internal, format!("the judge of release {}: {error}", self.id)))
    }

    /// How long after a shift its weight may not be in force everywhere.
    #[must_use]
    pub fn propagation(&self) -> Span {
        self.timeline.pace().propagation
    }

    /// How long after traffic was given to one colour some requests may still go to the other.
    #[must_use]
    pub fn known_within(&self) -> Span {
        self.propagation().max(self.plan.traffic.route.kind().facts().given_back_within)
    }

    /// Whether the route keeps clients on the destination that answered them first.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        self.route.iter().flat_map(|part| &part.original).any(Action::is_sticky)
    }

    /// The stage whose weight is in force; nothing while green has no traffic.
    #[must_use]
    pub fn stage_in_force(&self) -> Option<usize> {
        match self.phase {
            _ if self.green_share == Share::NONE => None,
            Phase::AwaitApproval { stage } | Phase::ShiftTraffic { stage } => stage.checked_sub(1),
            Phase::Promote => self.last_stage().checked_sub(1),
            _ => Some(self.step()),
        }
    }

    /// When evidence that green is good enough may end the bake, where the plan allows it.
    #[must_use]
    pub fn bake_may_end_at(&self) -> Option<Timestamp> {
        let Phase::Bake { stage } = self.phase else { return None };
        let earliest = self.timeline.stages().get(stage)?.earliest?;
        Some(after(self.phase_since, earliest.as_seconds().into()))
    }

    /// The release in a list.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            id: self.id.clone(),
            service: self.plan.service.to_string(),
            version: self.plan.version.to_string(),
            phase: self.phase,
            started_at: self.started_at,
            green_share: self.green_share,
            error: self.setback.as_ref().map(|setback| setback.error),
        }
    }

    /// The state machine's state that this release is in.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }
}
