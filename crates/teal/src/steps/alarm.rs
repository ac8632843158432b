//! An alarm went off: the releases that watch it are put back on blue at once, without waiting for the state machine.

use super::Step;
use super::give_up::or_give_up;
use super::moving::RestoreError;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::AlarmName;
use crate::ports::{AlarmState, World};
use crate::release::{PassedOver, Phase, Release, ReleaseId};
use crate::story::Fact;
use crate::time::{Timestamp, after};
use serde::Serialize;

/// An alarm's change to ALARM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedAlarm {
    /// The number of the account that it is in, where the event says so.
    pub account: Option<String>,
    pub name: AlarmName,
    /// CloudWatch's reason.
    pub reason: String,
    /// When it changed, by CloudWatch's clock, where the event says so.
    pub at: Option<Timestamp>,
    /// Whether the event says that it was OK before.
    pub was_ok: bool,
}

/// What an alarm did to one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmEffect {
    pub release: ReleaseId,
    pub outcome: AlarmOutcome,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AlarmOutcome {
    /// Its route is wholly on blue.
    Restored,
    /// It began while the alarm was in ALARM, as its plan allows, and the alarm was not OK since.
    PassedOver,
    /// The alarm went off before it began, and its event comes late, or once more.
    BeforeItBegan,
    /// It had ended, or was past the point of no return: it is only told.
    TooLate,
    /// The deployment that moves its traffic was stopped, and takes it back.
    TakingBack,
    /// It is to go back to blue, which cannot serve now: the state machine restores it when blue can.
    KeptOnGreen,
    /// A person is needed; the record says what for.
    NeedsHuman,
}

/// Puts every release that watches the alarm back on blue, those first whose green answers most requests ([`Release::on_green`]). The state machine finds
/// that done, verifies it and ends the release.
///
/// # Errors
/// The first error, after every release was tried: the event is to be delivered again.
pub async fn on_alarm<W: World>(step: &mut Step<'_, W>, alarm: &RaisedAlarm) -> TealResult<Vec<AlarmEffect>> {
    let mut releases = Vec::new();
    // Another account may have an alarm of the same name. Where nobody says whose it is, it counts as Teal's own.
    let other = alarm.account.as_deref().filter(|account| !step.is_own(account));
    let mut ids = match other {
        Some(account) => step.world.watching(Some(account), &alarm.name).await?,
        None => Vec::new(),
    };
    if other.is_none() || step.call.account.is_none() {
        ids.extend(step.world.watching(None, &alarm.name).await?);
    }
    let mut failure = None;
    for id in ids {
        match step.world.load(&id).await {
            Ok(found) => releases.extend(found),
            // No reason to leave the others on green.
            Err(error) => step.keep_first(&mut failure, &id, error.into()),
        }
    }
    releases.sort_by_key(|release| std::cmp::Reverse(release.on_green()));
    let mut effects = Vec::new();
    for release in releases {
        let id = release.id.clone();
        // What could not be written of another release is none of this one's story.
        step.unsaved.clear();
        let RaisedAlarm { name, reason, .. } = alarm;
        let error = TealError::new(ErrorName::AlarmRaised, format!("alarm {name} is in ALARM ({reason})"));
        match step.restore_despite_races(release, alarm, error).await {
            Ok(outcome) => effects.push(AlarmEffect { release: id, outcome }),
            Err(error) => step.keep_first(&mut failure, &id, error),
        }
    }
    failure.map_or(Ok(effects), Err)
}

/// How often an alarm tries again at once when other functions write the record meanwhile. Looks, and whoever else rolls back,
/// write a few times a second at most.
const RACES: usize = 10;

/// How often an alarm begins anew at once because a call failed or its answer was lost. It repeats nothing but traffic towards blue.
const FAILED_CALLS: usize = 2;

/// How long before a release an alarm went off at least whose event cannot be about it, in seconds: more than the clocks of CloudWatch and of
/// functions differ.
const BEFORE_SECONDS: u64 = 10;

/// Whether an alarm went off before a release began. The event comes late, then, or once more: EventBridge tries for an hour to hand it to Lambda,
/// whose queue keeps it for six where on-alarm is not let in, and calls again where it fails. Accept has read the alarm since, or is to read it yet, and looks read it again.
fn is_before(alarm: &RaisedAlarm, release: &Release) -> bool {
    alarm.at.is_some_and(|raised_at| after(raised_at, BEFORE_SECONDS) <= release.started_at)
}

impl<W: World> Step<'_, W> {
    /// Puts a release back on blue even while other functions write its record, or where a call fails: waiting for the next delivery of the
    /// event would leave users on green for a minute.
    async fn restore_despite_races(
        &mut self,
        release: Release,
        alarm: &RaisedAlarm,
        error: TealError,
    ) -> TealResult<AlarmOutcome> {
        let id = release.id.clone();
        let (mut races, mut failed_calls) = (0, 0);
        let mut found = Ok(release);
        loop {
            let outcome = match found {
                Ok(release) => self.restore_or_pass_over(release, alarm, error.clone()).await,
                Err(unread) => Err(unread),
            };
            match outcome {
                Err(error) if error.name == ErrorName::RecordChanged && races < RACES => races += 1,
                Err(error) if error.name == ErrorName::Unavailable && failed_calls < FAILED_CALLS => failed_calls += 1,
                other => return other,
            }
            self.unsaved.clear();
            found = self.load(&id).await;
        }
    }

    /// Passes over a release that began after the alarm went off; and one that began, or begins, while the alarm was in ALARM, as its plan
    /// allows, unless the alarm must have been OK in between, since it was raised anew.
    async fn restore_or_pass_over(
        &mut self,
        mut release: Release,
        alarm: &RaisedAlarm,
        error: TealError,
    ) -> TealResult<AlarmOutcome> {
        if is_before(alarm, &release) {
            let note = format!("{}, since before the release began: passed over", error.message);
            self.tell_only(&release.id, Fact::Noted { note });
            return Ok(AlarmOutcome::BeforeItBegan);
        }
        let begins = release.phase == Phase::Accept && release.plan.judge.start_while_alarming;
        let known = release.alarming_since_start.iter().find(|known| known.alarm == alarm.name);
        let is_same_change =
            |known: &PassedOver| alarm.at.is_none_or(|raised_at| !known.is_before(raised_at, alarm.was_ok));
        if begins || known.is_some_and(is_same_change) {
            // Accept, or a look, may have read that all is well just before. With the record changed it reads the alarms
            // again, and then knows this one.
            self.save(&mut release).await?;
            return Ok(AlarmOutcome::PassedOver);
        }
        if release.phase == Phase::RetireBlue {
            return self.tell_too_late(release, alarm).await;
        }
        self.restore_now(release, error).await
    }

    /// Past the point of no return an alarm is told, and nothing goes back: a person decides.
    async fn tell_too_late(&mut self, mut release: Release, alarm: &RaisedAlarm) -> TealResult<AlarmOutcome> {
        let RaisedAlarm { name, reason, at, .. } = alarm;
        let reason = format!("{reason}. It went off after the point of no return, so nothing goes back");
        self.note(Fact::AlarmSeen { alarm: name.clone(), state: AlarmState::Alarm, reason: reason.clone() });
        // The same change told twice is one event.
        let id = format!("{}-{name}-{}", release.id, at.unwrap_or(self.now()));
        release.tell_of(id, ErrorName::AlarmRaised, format!("alarm {name} is in ALARM ({reason})"), self.now());
        self.save_and_announce(&mut release).await?;
        Ok(AlarmOutcome::TooLate)
    }

    /// Decides to roll back, and gives the route back in the same breath.
    pub(super) async fn restore_now(&mut self, mut release: Release, error: TealError) -> TealResult<AlarmOutcome> {
        match release.phase {
            Phase::RetireBlue => {
                self.note(Fact::Noted { note: format!("after the point of no return: {}", error.message) });
                self.save(&mut release).await?;
                return Ok(AlarmOutcome::TooLate);
            }
            Phase::Promoted | Phase::RolledBack | Phase::Refused => return Ok(AlarmOutcome::TooLate),
            Phase::Accept => {
                let error = TealError::new(ErrorName::AlarmFiring, error.message);
                self.refuse(&mut release, &error).await?;
                return Ok(AlarmOutcome::Restored);
            }
            _ => {}
        }
        let was_on_blue = release.is_on_blue_for_good();
        self.begin_rollback(&mut release, error).await?;
        let restored = self.restore(&mut release).await;
        let gave_back = self.given_back.contains(&release.id);
        let (outcome, saved) = match restored {
            Ok(()) => {
                self.settle(&mut release);
                self.note_restored(&mut release);
                (AlarmOutcome::Restored, self.save_and_announce(&mut release).await)
            }
            Err(RestoreError::Again(error)) => return Err(error),
            Err(RestoreError::WouldHarm { why }) => {
                // RollBack brings blue up again and waits for it.
                self.keep_on_green(&mut release, &why);
                (AlarmOutcome::KeptOnGreen, self.save_and_announce(&mut release).await)
            }
            Err(RestoreError::UnderWay { .. }) => {
                // What was asked for was answered; RollBack sees it through.
                self.settle(&mut release);
                (AlarmOutcome::TakingBack, self.save_and_announce(&mut release).await)
            }
            Err(RestoreError::Gone { todo, .. }) => {
                let todo = or_give_up(&release, &todo);
                (AlarmOutcome::NeedsHuman, self.call_for_help(&mut release, todo).await.map(|_| ()))
            }
            Err(RestoreError::OutOfReach { error, .. }) if was_on_blue && self.may_wait_for_role(&release) => {
                // An earlier run has done it all, and RollBack sees to the end.
                (AlarmOutcome::Restored, self.wait_with_end(&mut release, error).await.map(|_| ()))
            }
            Err(RestoreError::OutOfReach { todo, .. } | RestoreError::Impossible { todo }) => {
                (AlarmOutcome::NeedsHuman, self.call_for_help(&mut release, todo).await.map(|_| ()))
            }
        };
        if gave_back && saved.is_err() {
            // Nothing of what was dated is on record.
            self.given_back.insert(release.id.clone());
        }
        match saved {
            // Several alarms often go off at once. The decision is on record and the route is as it should be: to do it all
            // again because others wrote the same meanwhile would make them do it again, too.
            Err(error) if error.name == ErrorName::RecordChanged => {
                self.settle_late(&release.id, outcome).await;
                Ok(outcome)
            }
            other => other.map(|()| outcome),
        }
    }

    /// Takes this run's intent back once more after others have written. Where that is too late again, the intent stays on record
    /// until its time has passed, which is safe.
    async fn settle_late(&mut self, id: &ReleaseId, outcome: AlarmOutcome) {
        self.unsaved.clear();
        let Ok(mut current) = self.load(id).await else { return };
        if current.phase != Phase::RollBack || outcome == AlarmOutcome::NeedsHuman {
            return;
        }
        self.settle(&mut current);
        if outcome == AlarmOutcome::Restored {
            self.note_restored(&mut current);
        }
        let _ = self.save_and_announce(&mut current).await;
    }
}
