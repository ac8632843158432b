//! Releases whose state machine is gone: stopped in the console, timed out, failed. They are put back on blue all the same.

use super::{Answer, RollBackInput, Step, roll_back};
use crate::drift::RouteLeft;
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{EXECUTION_GONE, Executions, PortError, Router, World};
use crate::release::{Phase, Release, ReleaseId};
use crate::state::State;
use crate::story::Fact;
use crate::time::after;
use serde::Serialize;

/// How long after its deadline a release is left to the state machine's own looks, in seconds.
const DEADLINE_GRACE_SECONDS: u64 = 600;

/// Ends the release of an execution that has ended. Does nothing where the release has ended too. A deployment that was stopped takes its
/// traffic back in its own time: sweep sees to the end of it.
///
/// # Errors
/// `Teal.RouteNotSettled` while an act may still be under way: to be called again later, as sweep does. And those of the ports.
pub async fn on_execution_end<W: World>(
    step: &mut Step<'_, W>,
    release: &ReleaseId,
    status: &str,
    error: Option<&str>,
    cause: Option<&str>,
) -> TealResult<Answer> {
    let input = RollBackInput {
        release: release.clone(),
        error: Some(match (status, error) {
            ("ABORTED", _) => ErrorName::Aborted.to_string(),
            ("TIMED_OUT", _) => ErrorName::DeadlineExceeded.to_string(),
            (_, Some(error)) => error.to_owned(),
            (_, None) => ErrorName::Internal.to_string(),
        }),
        cause: Some(match cause {
            Some(cause) if !cause.is_empty() => cause.to_owned(),
            _ => format!("the execution ended with status {status} before the release had"),
        }),
        started_at: None,
    };
    let answer = roll_back(step, &input).await?;
    if answer.next == State::WaitForRollBack && !step.is_left_to_sweep(release).await? {
        let seconds = answer.wait_seconds.unwrap_or_default();
        return Err(TealError::new(
            ErrorName::RouteNotSettled,
            format!("an act of release {release} may be under way for another {seconds} s"),
        ));
    }
    Ok(answer)
}

impl<W: World> Step<'_, W> {
    /// Whether what a rollback still waits for takes longer than an event is tried for, with nothing of Teal's under way: a deployment that
    /// takes its traffic back, or clients of sticky cookies.
    async fn is_left_to_sweep(&self, id: &ReleaseId) -> TealResult<bool> {
        let release = self.load(id).await?;
        let is_settled = release.settled_at().is_none_or(|at| at <= self.now());
        let waits_for_sessions = release.is_sticky() && release.restored_at.is_some() && is_settled;
        Ok(release.is_taken_back_by_deployment() || waits_for_sessions)
    }
}

/// How old a release is before its execution may be taken for gone, in seconds: `DescribeExecution` is eventually consistent.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
const YOUNG_SECONDS: u64 = 300;

/// How often the template runs sweep, in seconds.
const SWEEP_SECONDS: i64 = 300;

/// How many parts of routes one sweep reads at most: half of what the load balancer's API takes at once.
const PARTS_PER_SWEEP: usize = 20;

/// What sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Releases under way, all told.
    pub active: usize,
    /// Those that had to be ended or put back.
    pub recovered: Vec<ReleaseId>,
    /// Parts of routes that do not send their traffic where the last release left it.
    pub drifted: Vec<String>,
}

/// Looks at every release that holds a lock: where its execution has ended, or its deadline passed unnoticed, it is put back on blue.
///
/// # Errors
/// The first error, after every release was tried.
pub async fn sweep<W: World + Executions>(step: &mut Step<'_, W>) -> TealResult<Swept> {
    let mut ids = step.world.active().await?;
    // Each begins with another one, so that those which take all of its time keep no others waiting for ever.
    let first = step.sweeps() % ids.len().max(1);
    ids.rotate_left(first);
    let mut swept = Swept { active: ids.len(), ..Swept::default() };
    let mut failure = None;
    for id in ids {
        step.unsaved.clear();
        match step.sweep_one(&id).await {
            Ok(true) => swept.recovered.push(id),
            Ok(false) => {}
            // An act that is still under way: the next sweep finds it settled.
            Err(error) if error.name == ErrorName::RouteNotSettled => {}
            Err(error) => step.keep_first(&mut failure, &id, error),
        }
    }
    match step.look_for_drift().await {
        Ok(drifted) => swept.drifted = drifted,
        Err(error) => failure = failure.or(Some(error)),
    }
    failure.map_or(Ok(swept), Err)
}

impl<W: World + Executions> Step<'_, W> {
    async fn sweep_one(&mut self, id: &ReleaseId) -> TealResult<bool> {
        let Some(mut release) = self.world.load(id).await? else { return Ok(false) };
        if release.phase.is_terminal() {
            self.announce(&mut release).await?;
            return Ok(false);
        }
        let ended = self.world.ended_with(&release.execution).await?;
        // Step Functions tells of an execution a moment after its start: until then it is not gone.
        let young = self.now() < after(release.started_at, YOUNG_SECONDS);
        if let Some(status) = ended.filter(|status| status != EXECUTION_GONE || !young) {
            let answer = on_execution_end(self, id, &status, None, None).await?;
            return Ok(answer.next != State::WaitForRollBack);
        }
        if self.is_overdue(&release) {
            let message = format!("the release took longer than its deadline ({})", release.plan.deadline);
            self.restore_now(release, TealError::new(ErrorName::DeadlineExceeded, message)).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Which sweep this is, counted from some time long ago.
    fn sweeps(&self) -> usize {
        usize::try_from(self.now().as_second() / SWEEP_SECONDS).unwrap_or(0)
    }

    /// Reads the parts of routes that no release holds, some at each sweep: rollbacks need the load balancer's API more.
    async fn look_for_drift(&mut self) -> TealResult<Vec<String>> {
        let left = self.world.left().await?;
        let sweeps = self.sweeps();
        let rounds = left.len().div_ceil(PARTS_PER_SWEEP).max(1);
        let mut drifted = Vec::new();
        let mut unread = None;
        for left in left.iter().skip(sweeps % rounds * PARTS_PER_SWEEP).take(PARTS_PER_SWEEP) {
            let found = match self.side_of(left.account.as_ref(), &left.release).await {
                Ok(side) => side.actions(&left.part).await,
                Err(error) => Err(error),
            };
            let found = match found {
                Ok(found) => found,
                // Its owner took it away.
                Err(error @ PortError::NotFound { .. }) => {
                    self.note_missing(left, &error).await?;
                    continue;
                }
                // Its owner took Teal's role away, maybe not for good: that is no reason to pass over the others or to forget this one,
                // but whoever looks after Teal is told, once a day.
                Err(PortError::NotAssumed { .. }) if !left.is_closed_to_be_told(self.now()) => continue,
                Err(error @ PortError::NotAssumed { .. }) => {
                    self.world.replace_left(left, Some(&left.closed(self.now()))).await?;
                    self.failed.get_or_insert_with(|| left.release.clone());
                    unread.get_or_insert(error);
                    continue;
                }
                // Where calls are turned away for their rate, those who give routes back need them more.
                Err(error @ PortError::Throttled { .. }) => return Err(unread.unwrap_or(error).into()),
                // One route that cannot be read hides no other.
                Err(error) => {
                    self.failed.get_or_insert_with(|| left.release.clone());
                    unread.get_or_insert(error);
                    continue;
                }
            };
            if *left != left.reached() {
                self.world.replace_left(left, Some(&left.reached())).await?;
            }
            let Some(drift) = left.drift(&found) else { continue };
            // Asked only now: a release that has begun in the meantime may shift it already.
            if !self.is_held(left.account_number(), &left.part).await? {
                drifted.push(left.key());
                self.tell_only(&left.release, Fact::Drifted { drift });
            }
        }
        match unread {
            Some(error) => Err(error.into()),
            None => Ok(drifted),
        }
    }

    /// A listener or rule is not there. One that stays away is forgotten, so that routes which come and go do not take sweep's time for ever;
    /// never while a release holds it, which then still has to say what became of it.
    async fn note_missing(&mut self, left: &RouteLeft, why: &PortError) -> TealResult<()> {
        let Some(since) = left.missing_since else {
            return Ok(self.world.replace_left(left, Some(&left.missing(Some(self.now())))).await?);
        };
        if !left.is_long_missing(self.now()) || self.is_held(left.account_number(), &left.part).await? {
            return Ok(());
        }
        self.world.replace_left(left, None).await?;
        let note =
            format!("{} is gone since {since} ({why}): what this release left on it is compared no more", left.part);
        self.tell_only(&left.release, Fact::Noted { note });
        Ok(())
    }

    fn is_overdue(&self, release: &Release) -> bool {
        let before_promotion_is_over = match release.phase {
            Phase::Bake { stage } => stage < release.last_stage(),
            Phase::PrepareGreen
            | Phase::ValidateGreen
            | Phase::AwaitApproval { .. }
            | Phase::ShiftTraffic { .. }
            | Phase::Promote => true,
            Phase::Accept
            | Phase::RetireBlue
            | Phase::Promoted
            | Phase::RollBack
            | Phase::RolledBack
            | Phase::RollbackNeedsHuman
            | Phase::Refused => false,
        };
        before_promotion_is_over && self.now() >= after(release.deadline_at, DEADLINE_GRACE_SECONDS)
    }
}
