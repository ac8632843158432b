//! RollBack: every request goes back to blue, and the release does not end before that is certain.

use super::give_up::{GivenUp, or_give_up};
use super::moving::RestoreError;
use super::{Answer, Step, shorten};
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{Fleet, PortError, World};
use crate::release::{Act, Event, Phase, Release, ReleaseId};
use crate::route::Colour;
use crate::state::State;
use crate::story::{Fact, StoryEntry};
use crate::strategy::RETIREMENT_POLL;
use crate::time::{Timestamp, after, seconds_until};
use serde::{Deserialize, Serialize};

const GIVEN_UP_ON_GREEN: &str = "what was given up of the route still sends traffic to it";

/// How long green is kept for clients with sticky cookies, in seconds: the route is the next release's only then.
const SESSIONS_PATIENCE_SECONDS: u64 = 600;

const SESSIONS_ON_GREEN: &str =
    "clients that hold a sticky cookie still reach it, and without it they would get errors. Scale it in by hand";

/// Whom to roll back, and the error that led here, as the state machine caught it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollBackInput {
    pub release: ReleaseId,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub cause: Option<String>,
    /// When the execution was started, RFC 3339, where an execution asks.
    #[serde(default, rename = "startedAt")]
    pub started_at: Option<String>,
}

impl RollBackInput {
    /// Whether the record is that of an earlier execution of the same name.
    fn is_of_another(&self, found: &Release) -> bool {
        let own = self.started_at.as_deref().and_then(|at| at.parse().ok());
        own.zip(found.execution_started_at).is_some_and(|(own, known): (Timestamp, _)| own != known)
    }
}

/// Gives the route back to blue, waits until no act can still be under way, takes green in and ends the release.
///
/// # Errors
/// `Teal.RouteNotSettled` and those of the ports that are worth another try.
pub async fn roll_back<W: World>(step: &mut Step<'_, W>, input: &RollBackInput) -> TealResult<Answer> {
    let caught = caught(input);
    let found = step.world.load(&input.release).await?;
    let Some(mut release) = found.filter(|found| !input.is_of_another(found)) else {
        // It failed before there was a record of its own: nothing was touched.
        step.fail_hooks(&input.release).await;
        return Ok(Answer {
            release: input.release.clone(),
            step: 0,
            next: State::RolledBack,
            wait_seconds: None,
            error: Some(caught.name),
            cause: Some(shorten(&caught.message)),
        });
    };
    match release.phase {
        Phase::Promoted | Phase::RolledBack => return Ok(Answer::at(&release)),
        Phase::Refused => {
            if release.is_moved_by_deployment() {
                // What could not be told when it was refused.
                step.fail_hooks(&release.id).await;
            }
            return Ok(Answer::to(&release, State::RolledBack));
        }
        Phase::Accept => {
            step.refuse(&mut release, &caught).await?;
            return Ok(Answer::to(&release, State::RolledBack));
        }
        Phase::RetireBlue => return step.finish_despite(&mut release, &caught).await,
        _ => {}
    }
    let was_on_blue = release.is_on_blue_for_good();
    step.begin_rollback(&mut release, caught).await?;
    let missed_since = release.kept_on_green_since.filter(|_| release.restored_at.is_some());
    match step.restore(&mut release).await {
        Ok(()) => {
            step.note_restored(&mut release);
            match step.blue_is_missed(&mut release, missed_since).await? {
                Some(why) => step.wait_for_blue(&mut release, why).await,
                None => step.finish_rollback(&mut release, None).await,
            }
        }
        Err(RestoreError::Again(error)) => Err(error),
        Err(RestoreError::WouldHarm { why }) => match step.left_on_green(&release, &why).await? {
            Some(given_up) => step.leave_on_green(&mut release, given_up).await,
            None => step.wait_for_blue(&mut release, why).await,
        },
        Err(RestoreError::UnderWay { why }) => step.wait_for_deployment(&mut release, why).await,
        Err(RestoreError::Gone { todo, on_green, lost }) => match step.given_up(&release, &todo, on_green, lost).await?
        {
            Some(given_up) => step.finish_rollback(&mut release, Some(given_up)).await,
            None => {
                let todo = or_give_up(&release, &todo);
                step.call_for_help(&mut release, todo).await
            }
        },
        Err(RestoreError::OutOfReach { error, .. }) if was_on_blue && step.may_wait_for_role(&release) => {
            step.wait_with_end(&mut release, error).await
        }
        Err(RestoreError::OutOfReach { todo, .. } | RestoreError::Impossible { todo }) => {
            step.call_for_help(&mut release, todo).await
        }
    }
}

/// The error as Teal names it; what is not Teal's own keeps its name in the cause.
fn caught(input: &RollBackInput) -> TealError {
    let cause = input.cause.as_deref().unwrap_or_default();
    let Some(error) = input.error.as_deref() else {
        return TealError::new(ErrorName::Internal, "asked to roll back without a reason");
    };
    match error.parse::<ErrorName>() {
        Ok(name) => TealError::new(name, message_of(cause)),
        Err(_) => TealError::new(ErrorName::Internal, format!("{error}: {}", message_of(cause))),
    }
}

/// The sentence of an error. Lambda reports errors as JSON with `errorMessage`, which the state machine may have cut off anywhere.
fn message_of(cause: &str) -> String {
    if let Ok(report) = serde_json::from_slice::<serde_json::Value>(cause.as_bytes()) {
        return report.get("errorMessage").and_then(|message| message.as_str()).unwrap_or(cause).to_owned();
    }
    cut_off_message(cause).unwrap_or_else(|| cause.to_owned())
}

/// What is left of `errorMessage` in a report that was cut off.
fn cut_off_message(report: &str) -> Option<String> {
    let (_, rest) = report.split_once("\"errorMessage\"")?;
    let text = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    // The cut may have gone through an escape sequence: at most six characters are lost to it.
    (0..=6)
        .find_map(|lost| {
            let end = text.char_indices().rev().nth(lost).map_or(0, |(at, last)| at + last.len_utf8());
            serde_json::from_slice::<String>(format!("\"{}\"", &text[..end]).as_bytes()).ok()
        })
        .map(|message| format!("{message}…"))
}

impl<W: World> Step<'_, W> {
    pub(super) async fn begin_rollback(&mut self, release: &mut Release, error: TealError) -> TealResult<()> {
        if release.setback.is_none() {
            let fact = Fact::RollBackDecided { error: error.name, cause: error.message.clone() };
            // That is when a run of on-alarm decides it of all its releases, however long the others keep it.
            self.unsaved.push(StoryEntry { at: self.now(), by: self.call.function.clone(), fact });
        }
        let was = release.phase;
        release.note_moved_beside((&self.call.id, self.call.act_by), self.now());
        let function = self.call.function.clone();
        release.set_back(error.name, error.message, &function, self.now())?;
        if release.phase != was {
            self.note_phase(release);
        }
        self.intend(release, Act::Restore).await
    }

    /// Called with the route just read wholly on blue, but for what a person gave up or left on green.
    pub(super) async fn finish_rollback(
        &mut self,
        release: &mut Release,
        given_up: Option<GivenUp>,
    ) -> TealResult<Answer> {
        self.settle(release);
        // Until the weights are in force everywhere, green is still asked for by some.
        let given_back_at =
            release.restored_at.filter(|_| release.first_shift_at.is_some()).max(release.moved_beside_until);
        let converged_at = given_back_at.map(|at| after(at, release.known_within().as_seconds().into()));
        let moment = self.moment();
        // An act that could still come when this run began may have come after it had read the route.
        let unsettled_until = release.settled_at().filter(|at| *at > self.now());
        if let Some(ready_at) = unsettled_until.max(converged_at.filter(|at| *at > moment)) {
            self.save_and_announce(release).await?;
            let seconds = seconds_until(moment, ready_at);
            return Ok(Answer::waiting(release, State::WaitForRollBack, seconds));
        }
        let mut stays = given_up.as_ref().and_then(|given_up| given_up.on_green.then_some(GIVEN_UP_ON_GREEN));
        if let Some(given_back_at) = given_back_at.filter(|_| stays.is_none())
            && self.sessions_hold_green(release).await
        {
            if moment < after(given_back_at, SESSIONS_PATIENCE_SECONDS) {
                self.save_and_announce(release).await?;
                return Ok(Answer::waiting(release, State::WaitForRollBack, RETIREMENT_POLL.as_seconds().into()));
            }
            stays = Some(SESSIONS_ON_GREEN);
        }
        if release.green.green.facts().has_units {
            // Whoever else acts on the release has written its record since this run read it: what green is not asked for any more was
            // given back just now, maybe.
            self.intend(release, Act::Restore).await?;
        }
        // All of it is told, and kept on record, when the release ends: one whose end waits comes by here again.
        let told = self.unsaved.len();
        if let Some(given_up) = &given_up {
            self.note_given_up(given_up);
        }
        let mut let_go = self.take_green_in(release, stays).await;
        if let_go.is_ok() {
            let_go = self.free(release, Colour::Blue).await;
        }
        self.settle(release);
        if let Err(error) = let_go {
            self.unsaved.truncate(told);
            return self.wait_with_end(release, error).await;
        }
        if let Some(given_up) = given_up {
            given_up.leave(release);
        }
        release.apply(&Event::RouteRestored, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer::at(release))
    }

    /// Whether clients that hold a sticky cookie still reach green, and it is to be kept for them: without it they would get errors of the load
    /// balancer's own.
    async fn sessions_hold_green(&self, release: &Release) -> bool {
        let facts = release.green.green.facts();
        let would_be_taken_in = facts.has_units && facts.left_because.is_none();
        release.is_sticky() && would_be_taken_in && self.still_serves(release, Colour::Green).await
    }

    /// Called with the route just read wholly on blue. What comes to green after that, and is given back once more, counts anew.
    pub(super) fn note_restored(&mut self, release: &mut Release) {
        let again = self.given_back.remove(&release.id);
        let moment = self.moment();
        if release.restored_at.is_none() {
            // What looks waited for was there: the end may wait as long again.
            release.out_of_reach_since = None;
            let since = release.setback.as_ref().map_or(release.phase_since, |setback| setback.decided_at);
            self.note(Fact::RouteRestored { seconds: seconds_until(since, moment) });
        } else if !again {
            return;
        }
        if again {
            // Where Teal had given green nothing, somebody else had.
            release.first_shift_at.get_or_insert(moment);
        }
        release.restored_at = Some(moment);
    }

    async fn take_green_in(&mut self, release: &Release, stays: Option<&str>) -> TealResult<()> {
        let order = &release.green;
        if !order.green.facts().has_units {
            return Ok(());
        }
        if let Some(why) = stays {
            let note = format!("green's {} stays: {why}", order.green);
            self.note(Fact::Noted { note });
            return self.free(release, Colour::Green).await;
        }
        if let Some(why) = order.green.facts().left_because {
            let note = format!("green's {} stays, without traffic: {why}", order.green);
            self.note(Fact::Noted { note });
            return match release.green_ordered_at {
                Some(_) => self.free(release, Colour::Green).await,
                None => Ok(()),
            };
        }
        let taken_in = match self.side(release).await {
            Ok(side) => side.scale_in(&order.green).await,
            Err(error) => Err(error),
        };
        match taken_in {
            Ok(()) => self.note(Fact::ScaledIn { colour: Colour::Green, runner: order.green.name().to_owned() }),
            // It was never ordered.
            Err(PortError::NotFound { .. }) => {}
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error.into()),
            Err(error @ PortError::NotAssumed { .. }) if self.may_wait_for_role(release) => return Err(error.into()),
            Err(error) => {
                let note = format!(
                    "green's {} may still have {}: {error}. Scale it in by hand",
                    order.green,
                    order.green.facts().units
                );
                self.note(Fact::Noted { note });
            }
        }
        Ok(())
    }

    pub(super) async fn call_for_help(&mut self, release: &mut Release, todo: String) -> TealResult<Answer> {
        // The intent stays until its time has passed: a call that was given up may still have its effect.
        release.apply(&Event::RestoreFailed, self.now())?;
        self.note(Fact::NeedsHuman { todo: todo.clone() });
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer { cause: Some(shorten(&todo)), ..Answer::at(release) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sentence_is_found_in_what_lambda_reports() {
        let table = [
            (r#"{"errorType":"Teal.Regression","errorMessage":"too \"bad\""}"#, "too \"bad\""),
            (r#"{"errorType": "Teal.Regression", "errorMessage": "too \"ba"#, "too \"ba…"),
            (r#"{"errorType": "Teal.Regression", "errorMessage": "too \"#, "too …"),
            (r#"{"errorMessage":"5 \u20"#, "5 …"),
            ("plain words", "plain words"),
            (r#"{"other":1}"#, r#"{"other":1}"#),
            ("", ""),
        ];
        for (cause, expected) in table {
            assert_eq!(message_of(cause), expected, "{cause}");
        }
    }

    proptest! {
        #[test]
        fn any_cause_has_a_sentence(cause in prop_oneof![".{0,80}", r#"\{"errorMessage" ?: ?"[a\\\\u20"é}]{0,20}"#]) {
            let input = RollBackInput { release: ReleaseId::new("r-1").unwrap(), error: Some("x".into()), cause: Some(cause), started_at: None };
            prop_assert!(caught(&input).message.starts_with("x: "));
        }
    }

    #[test]
    fn an_error_that_is_not_teals_keeps_its_name_in_the_cause() {
        let input = RollBackInput {
            release: ReleaseId::new("r-1").unwrap(),
            error: Some("States.Timeout".to_owned()),
            cause: Some("too long".to_owned()),
            started_at: None,
        };
        assert_eq!(caught(&input), TealError::new(ErrorName::Internal, "States.Timeout: too long"));
    }
}
