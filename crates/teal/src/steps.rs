//! The steps of a release: what each function does, over the ports. A step may be run twice, killed anywhere, or run
//! late; the record says what is left to do.

mod accept;
mod alarm;
mod capacity;
mod deployment;
mod evaluate_health;
mod give_up;
mod intents;
mod lifecycle_hook;
mod look;
mod moving;
mod out_of_reach;
mod pipeline_job;
mod prepare_green;
mod publish_weights;
mod recover;
mod retire_blue;
mod roll_back;
mod shift_traffic;
mod validate_green;

pub use accept::{AcceptInput, accept};
pub use alarm::{AlarmEffect, AlarmOutcome, RaisedAlarm, on_alarm};
pub use evaluate_health::evaluate_health;
pub use lifecycle_hook::lifecycle_hook;
pub use pipeline_job::{JobTold, PipelineTold, StageTold, pipeline_call};
pub use prepare_green::prepare_green;
pub use publish_weights::{PublishedWeights, publish_all_weights, publish_weights};
pub use recover::{Swept, on_execution_end, sweep};
pub use retire_blue::retire_blue;
pub use roll_back::{RollBackInput, roll_back};
pub use shift_traffic::{promote, shift_traffic};
pub use validate_green::validate_green;

use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::Account;
use crate::ports::{Held, PortError, PortResult, World};
use crate::release::{Phase, Release, ReleaseId};
use crate::request::{Request, Requests};
use crate::route::{PartRef, key_in};
use crate::state::State;
use crate::story::{Fact, StoryEntry};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One run of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Unique for each run; the request id on AWS.
    pub id: String,
    /// The function's name, for the record and the story.
    pub function: String,
    pub now: Timestamp,
    /// After this moment nothing that this run began can happen any more: its deadline plus a margin.
    pub act_by: Timestamp,
    /// The number of the account that the function runs in: Teal's own. Unknown where the platform does not say.
    pub account: Option<String>,
}

/// What the state machine hands from state to state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInput {
    pub release: ReleaseId,
}

/// The same for a function that serves two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateInput {
    pub state: State,
    #[serde(flatten)]
    pub step: StepInput,
}

/// What a function answers: where to go next, and how long to wait there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub release: ReleaseId,
    pub step: usize,
    pub next: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// The longest cause that travels in the state machine's payload, in characters: the payload stays under 1 KB.
const CAUSE_LIMIT: usize = 400;

impl Answer {
    /// On to the state of the release's phase.
    pub(crate) fn at(release: &Release) -> Self {
        Self {
            release: release.id.clone(),
            step: release.step(),
            next: release.state(),
            wait_seconds: None,
            error: release.setback.as_ref().map(|setback| setback.error),
            cause: release.setback.as_ref().map(|setback| shorten(&setback.cause)),
        }
    }

    pub(crate) fn to(release: &Release, next: State) -> Self {
        Self { next, ..Self::at(release) }
    }

    pub(crate) fn waiting(release: &Release, next: State, seconds: u64) -> Self {
        Self { wait_seconds: Some(seconds.max(1)), ..Self::to(release, next) }
    }
}

pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(CAUSE_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One step under way: the world, the invocation, and what there is to tell.
pub struct Step<'a, W> {
    world: &'a W,
    call: &'a Invocation,
    unsaved: Vec<StoryEntry>,
    told: Vec<(ReleaseId, StoryEntry)>,
    failed: Option<ReleaseId>,
    /// Releases for which a write to the route got no answer: it may still have its effect, so that this run's intent stays on record.
    unanswered: BTreeSet<ReleaseId>,
    /// Releases whose traffic this run has written back to blue, and that are not dated so yet.
    given_back: BTreeSet<ReleaseId>,
}

impl<'a, W: World> Step<'a, W> {
    /// Begins a step.
    pub fn new(world: &'a W, call: &'a Invocation) -> Self {
        Self {
            world,
            call,
            unsaved: Vec::new(),
            told: Vec::new(),
            failed: None,
            unanswered: BTreeSet::new(),
            given_back: BTreeSet::new(),
        }
    }

    /// What happened in this step and is on record, with the release it happened to: for logs and metrics.
    #[must_use]
    pub fn into_story(self) -> Vec<(ReleaseId, StoryEntry)> {
        self.told
    }

    /// The release that the error of a run through several is about.
    #[must_use]
    pub fn failed(&self) -> Option<&ReleaseId> {
        self.failed.as_ref()
    }

    /// Keeps the first error of a run through several releases, and which of them it is about.
    fn keep_first(&mut self, failure: &mut Option<TealError>, release: &ReleaseId, error: TealError) {
        if failure.is_none() {
            self.failed = Some(release.clone());
            *failure = Some(error);
        }
    }

    /// When the run began.
    fn now(&self) -> Timestamp {
        self.call.now
    }

    /// What time it is by now. What has just happened, and is waited from, is dated with it: a run may take minutes.
    fn moment(&self) -> Timestamp {
        self.world.time().max(self.call.now)
    }

    /// Whether an account is Teal's own, as far as can be told.
    fn is_own(&self, account: &str) -> bool {
        self.call.account.as_deref() == Some(account)
    }

    /// What belongs to the service that a release is about.
    async fn side(&self, release: &Release) -> PortResult<Held<'a, W::Side>> {
        self.side_of(release.plan.account.as_ref(), &release.id).await
    }

    /// The same before there is a record, or when it is gone.
    async fn side_of(&self, account: Option<&Account>, release: &ReleaseId) -> PortResult<Held<'a, W::Side>> {
        self.world.side(account, release).await
    }

    fn note(&mut self, fact: Fact) {
        self.unsaved.push(StoryEntry { at: self.moment(), by: self.call.function.clone(), fact });
    }

    async fn load(&self, id: &ReleaseId) -> TealResult<Release> {
        self.world.load(id).await?.ok_or_else(|| {
            TealError::new(ErrorName::ReleaseUnknown, format!("no release {id} is on record; was it ever accepted?"))
        })
    }

    /// Writes the record with what is to be told.
    async fn save(&mut self, release: &mut Release) -> TealResult<()> {
        self.world.save(release, &self.unsaved).await?;
        self.told.extend(self.unsaved.drain(..).map(|entry| (release.id.clone(), entry)));
        Ok(())
    }

    /// Writes the record and tells the bus what it has not been told. Told at least once: an event that could not be told
    /// stays in the record for the next step, or for sweep.
    async fn save_and_announce(&mut self, release: &mut Release) -> TealResult<()> {
        self.save(release).await?;
        self.announce(release).await
    }

    /// Tells the bus what it has not been told.
    async fn announce(&mut self, release: &mut Release) -> TealResult<()> {
        if release.outbox.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.world.announce(&release.outbox).await {
            // Only for the log: the record keeps the events.
            self.tell_only(&release.id, Fact::Noted { note: format!("the event bus could not be told: {error}") });
            return Ok(());
        }
        release.outbox.clear();
        match self.world.save(release, &[]).await {
            // Another function wrote meanwhile and will tell the same events again, under the same ids.
            Ok(()) | Err(PortError::Stale { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells logs and metrics of something that is not on record.
    fn tell_only(&mut self, release: &ReleaseId, fact: Fact) {
        let entry = StoryEntry { at: self.moment(), by: self.call.function.clone(), fact };
        self.told.push((release.clone(), entry));
    }

    /// What people asked of a release. What cannot be read of it is told and passed over: one who may write there keeps nobody else from
    /// being heard.
    async fn requests_to(&mut self, release: &ReleaseId) -> TealResult<Vec<Request>> {
        let Requests { read, unread } = self.world.requests(release).await?;
        for why in unread {
            self.tell_only(release, Fact::Noted { note: format!("{why}. Nobody acts on it: ask again with `teal`") });
        }
        Ok(read)
    }

    /// Whether a release that is under way may act on a part of a route in an account, Teal's own or the one with this number.
    async fn is_held(&self, account: Option<&str>, part: &PartRef) -> TealResult<bool> {
        Ok(self.world.holder(&key_in(account, part.key())).await?.is_some())
    }

    /// Notes the phase that the release has entered.
    fn note_phase(&mut self, release: &Release) {
        self.note(Fact::Entered { phase: release.phase });
    }
}

/// If the release has gone elsewhere (somebody decided to roll back, a state ran twice), the state machine follows the record.
fn elsewhere(release: &Release, expected: impl Fn(Phase) -> bool) -> TealResult<()> {
    if expected(release.phase) {
        return Ok(());
    }
    Err(match &release.setback {
        Some(setback) => TealError::new(setback.error, setback.cause.clone()),
        None => TealError::new(
            ErrorName::IllegalTransition,
            format!("release {} is in phase {}; this step does not apply there", release.id, release.phase),
        ),
    })
}
