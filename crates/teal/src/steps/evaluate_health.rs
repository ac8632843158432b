//! EvaluateHealth: one look during a bake or at a gate, and what follows from it.

use super::look::{Measured, held, is_at_gate, look_at_clock, waited_out_at};
use super::{Answer, Step, StepInput, elsewhere};
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::InsufficientAction;
use crate::ports::{Router as _, World};
use crate::release::{Event, Phase, Release};
use crate::request::Ask;
use crate::route::Colour;
use crate::state::State;
use crate::story::Fact;
use crate::strategy::{RETIREMENT_PATIENCE, RETIREMENT_POLL};
use crate::time::{Timestamp, after, seconds_until};
use crate::units::Share;
use crate::verdict::{Decision, Reason, Verdict};

/// Looks at requests, deadline, route, green's health, alarms and limits, in this order, and decides.
///
/// # Errors
/// `Teal.RecordChanged` when another function decided at the same time; those of the ports that reading the record and the route gives.
pub async fn evaluate_health<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    let mut release = step.load(&input.release).await?;
    match release.phase {
        Phase::Bake { .. } | Phase::AwaitApproval { .. } => {}
        // Decided by an earlier run of this look, or by on-alarm.
        Phase::RollBack | Phase::RollbackNeedsHuman => return Ok(Answer::to(&release, State::RollBack)),
        Phase::ShiftTraffic { .. } | Phase::Promote | Phase::RetireBlue => return Ok(Answer::at(&release)),
        _ => elsewhere(&release, |_| false)?,
    }
    release.looks += 1;
    match step.reason_to_stop(&mut release).await {
        Ok(Some(error)) => return step.decide_to_roll_back(&mut release, error).await,
        Ok(None) => release.out_of_reach_since = None,
        Err(error) => return step.wait_for_role(&mut release, error).await,
    }
    step.keep_up_with_deployment(&mut release)?;
    let waits = step.still_waits(&release).await?;
    let verdict = step.judge(&mut release, waits).await?;
    step.note(Fact::Looked { look: release.looks, verdict: verdict.clone() });
    let answer = match verdict.decision {
        Decision::RollBack => {
            let error = TealError::new(verdict.error(), verdict.to_string());
            step.decide_to_roll_back(&mut release, error).await
        }
        Decision::Insufficient | Decision::Hold => step.hold(&mut release, &verdict).await,
        Decision::Advance => step.advance(&mut release, waits).await,
    }?;
    step.carry_on(&mut release).await?;
    Ok(answer)
}

/// What a release still waits for whose bake at 100 % was passed, before blue is taken in and nothing can roll back any more.
#[derive(Clone, Copy)]
enum Waits {
    /// Blue is kept until then.
    ForBlue(Timestamp),
    /// The deployment may ask a hook again, and is looked at again then.
    ForDeployment(Timestamp),
    /// The deployment may ask a hook again, and was waited for long enough.
    NoLonger,
    ForNothing,
}

impl<W: World> Step<'_, W> {
    /// What ends the release whatever the metrics say.
    async fn reason_to_stop(&mut self, release: &mut Release) -> TealResult<Option<TealError>> {
        for request in self.requests_to(&release.id).await? {
            let error = match request.ask {
                Ask::Abort => ErrorName::Aborted,
                Ask::Reject { stage } if release.phase == (Phase::AwaitApproval { stage }) => ErrorName::Rejected,
                Ask::Reject { .. } | Ask::Approve { .. } | Ask::GiveUp | Ask::LeaveOnGreen => continue,
            };
            let message = request.as_cause();
            self.note(Fact::Asked { ask: request.ask, by: request.by, note: request.note });
            return Ok(Some(TealError::new(error, message)));
        }
        // Once the bake at 100 % is passed blue is merely kept: the deadline does not count that time.
        if self.now() >= release.deadline_at && release.bake_passed_at.is_none() {
            let message = format!(
                "the release took longer than its deadline ({}); it began at {}",
                release.plan.deadline, release.started_at
            );
            return Ok(Some(TealError::new(ErrorName::DeadlineExceeded, message)));
        }
        match self.require_as_left(release).await {
            Ok(()) => {}
            Err(error) if ends_release(error.name) => return Ok(Some(error)),
            Err(error) => return Err(error),
        }
        match self.require_healthy(release, Colour::Green).await {
            Ok(_) => Ok(None),
            Err(error) if error.name == ErrorName::GreenNotHealthy => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Alarms, limits, the comparison with blue, and the clock together.
    async fn judge(&mut self, release: &mut Release, waits: Waits) -> TealResult<Verdict> {
        let alarms = self.look_at_alarms(release).await;
        if release.bake_passed_at.is_some() {
            let mut verdict = judge_kept(alarms, waits);
            self.wait_for_data(release, &mut verdict);
            return Ok(verdict);
        }
        let Measured { limits, comparison, accepted, short } = self.look_at_metrics(release).await?;
        if is_at_gate(release) {
            return Ok(judge_gate(alarms, Verdict::all([comparison, limits])));
        }
        let clock = look_at_clock(release, accepted, self.now());
        let judged = Verdict::all([alarms, comparison, limits, clock].into_iter().chain(yet_to_come(release)));
        let mut verdict = held(judged, release, self.now());
        if verdict.decision == Decision::Insufficient && yet_to_come(release).is_some() {
            verdict.decision = Decision::Hold;
        }
        self.wait_for_data(release, &mut verdict);
        if verdict.decision == Decision::RollBack {
            // How long the bake would have gone on is no reason to roll back.
            verdict.reasons.retain(|reason| !matches!(reason, Reason::StillBaking { .. }));
        }
        if verdict.decision == Decision::Advance
            && let Some(reason) = self.in_the_way(release, release.step() + 1).await?
        {
            verdict.decision = Decision::Hold;
            verdict.reasons.insert(0, reason);
        }
        if verdict.decision == Decision::Advance && verdict.reasons.is_empty() {
            verdict.reasons.push(Reason::NothingAgainst);
        }
        if verdict.decision == Decision::Advance {
            release.judged.pass(&verdict, short);
        }
        Ok(verdict)
    }

    /// Beyond the bake too little to judge by is waited for, and then does what the plan says. What could not be read at all never
    /// advances a release, whatever the plan says.
    fn wait_for_data(&self, release: &mut Release, verdict: &mut Verdict) {
        if verdict.decision != Decision::Insufficient {
            release.insufficient_since = None;
            return;
        }
        release.insufficient_since.get_or_insert(self.now());
        if waited_out_at(release).is_some_and(|end| self.now() < end) {
            return;
        }
        match release.plan.judge.on_insufficient.then {
            InsufficientAction::Advance if !verdict.is_blind() => {
                verdict.decision = Decision::Advance;
                verdict.reasons.insert(0, Reason::Unjudged);
            }
            InsufficientAction::Advance | InsufficientAction::RollBack => verdict.decision = Decision::RollBack,
        }
    }

    /// What others have under way where a stage writes: once it has begun, it is tried for minutes only, and then all goes back.
    async fn in_the_way(&self, release: &Release, stage: usize) -> TealResult<Option<Reason>> {
        let Some(stage) = release.timeline.stages().get(stage) else { return Ok(None) };
        let turned = if stage.turns_flags() { release.flags.as_slice() } else { &[] };
        let side = self.side(release).await?;
        for part in release.route.iter().chain(turned) {
            if let Some(what) = side.in_the_way(&part.part).await? {
                return Ok(Some(Reason::InTheWay { what }));
            }
        }
        Ok(None)
    }

    /// What there is to wait for once the bake at 100 % was passed. A route that is held for a blue that is gone would only keep the next
    /// release waiting. What a deployment has yet to ask is answered by what is on record, and may be somebody else's to answer: whoever says no
    /// takes everything back.
    async fn still_waits(&self, release: &Release) -> TealResult<Waits> {
        let Some(passed_at) = release.bake_passed_at else { return Ok(Waits::ForNothing) };
        let (now, kept_until) = (self.now(), blue_kept_until(release));
        let deployment = self.deployment_now(release).await?;
        if now < kept_until && !self.has_taken_blue(release, deployment.as_ref()).await? {
            return Ok(Waits::ForBlue(kept_until));
        }
        if !deployment.is_some_and(|deployment| deployment.asks_again) {
            return Ok(Waits::ForNothing);
        }
        let until = after(kept_until.max(passed_at), RETIREMENT_PATIENCE.as_seconds().into());
        let next = after(now, RETIREMENT_POLL.as_seconds().into());
        Ok(if now < until { Waits::ForDeployment(until.min(next)) } else { Waits::NoLonger })
    }

    async fn decide_to_roll_back(&mut self, release: &mut Release, error: TealError) -> TealResult<Answer> {
        self.note(Fact::RollBackDecided { error: error.name, cause: error.message.clone() });
        let function = self.call.function.clone();
        release.set_back(error.name, error.message, &function, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer::at(release))
    }

    async fn hold(&mut self, release: &mut Release, verdict: &Verdict) -> TealResult<Answer> {
        if let Phase::AwaitApproval { stage } = release.phase {
            return self.hold_at_gate(release, stage, verdict).await;
        }
        let next_end = release.bake_ends_at().filter(|end| self.now() < *end).or_else(|| waited_out_at(release));
        self.look_again(release, State::Bake, next_end).await
    }

    pub(super) async fn look_again(
        &mut self,
        release: &mut Release,
        state: State,
        at_latest: Option<Timestamp>,
    ) -> TealResult<Answer> {
        self.save_and_announce(release).await?;
        let every = u64::from(release.timeline.every().as_seconds());
        let left = at_latest.map_or(every, |end| seconds_until(self.now(), end));
        Ok(Answer::waiting(release, state, every.min(left.max(1))))
    }

    async fn hold_at_gate(&mut self, release: &mut Release, stage: usize, verdict: &Verdict) -> TealResult<Answer> {
        let requests = self.requests_to(&release.id).await?;
        let approved = requests.into_iter().find(|request| request.ask == Ask::Approve { stage });
        let is_approved = approved.is_some();
        let in_the_way = if is_approved { self.in_the_way(release, stage).await? } else { None };
        let silent = verdict.decision == Decision::Insufficient;
        // Before green's first weight many an alarm has no data yet: then it is enough that none is raised.
        let is_first = release.green_share == Share::NONE;
        let unheard = is_approved && silent && !(is_first && self.require_no_alarm(release).await.is_ok());
        let holds = unheard || in_the_way.is_some();
        if let Some(request) = approved.filter(|_| !holds) {
            self.note(Fact::Asked { ask: request.ask, by: request.by, note: request.note });
            release.apply(&Event::Approved, self.now())?;
            self.note_phase(release);
            self.save_and_announce(release).await?;
            return Ok(Answer::at(release));
        }
        let Some(gate) = release.stage(stage)?.gate_before.clone() else {
            return Err(TealError::new(ErrorName::Internal, format!("stage {stage} has no gate to wait at")));
        };
        let expires = after(release.phase_since, gate.within.as_seconds().into());
        if self.now() >= expires {
            let (name, within) = (gate.name.as_str(), gate.within);
            let message = if let Some(reason) = in_the_way {
                format!("the gate {name:?} was approved, and its {within} ended: {reason}")
            } else if is_approved {
                format!(
                    "the gate {name:?} was approved, and its {within} ended before every alarm could be read: {verdict}"
                )
            } else {
                format!("nobody answered at the gate {name:?} within {within}")
            };
            return self.decide_to_roll_back(release, TealError::new(ErrorName::ApprovalExpired, message)).await;
        }
        self.look_again(release, State::AwaitApproval, Some(expires)).await
    }

    async fn advance(&mut self, release: &mut Release, waits: Waits) -> TealResult<Answer> {
        release.insufficient_since = None;
        if release.phase == (Phase::Bake { stage: release.last_stage() }) {
            let waits = match release.bake_passed_at {
                Some(_) => waits,
                None => {
                    release.bake_passed_at = Some(self.now());
                    self.still_waits(release).await?
                }
            };
            match waits {
                Waits::ForBlue(at_latest) => return self.look_again(release, State::Bake, Some(at_latest)).await,
                Waits::ForDeployment(at) => {
                    self.save_and_announce(release).await?;
                    return Ok(Answer::waiting(release, State::Bake, seconds_until(self.now(), at)));
                }
                Waits::NoLonger => {
                    let note = format!(
                        "the deployment may still ask its hooks, and {RETIREMENT_PATIENCE} of waiting for that is enough: if it takes its traffic \
                         back after this, that is told as drift"
                    );
                    self.note(Fact::Noted { note });
                }
                Waits::ForNothing => {}
            }
        }
        release.apply(&Event::BakePassed, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await?;
        Ok(Answer::at(release))
    }
}

/// Until when blue is kept after green got everything.
fn blue_kept_until(release: &Release) -> Timestamp {
    after(release.phase_since, release.plan.afterwards.keep_blue.as_seconds().into())
}

/// What is found of the route, or of whoever moves it, that ends a release whatever the metrics say.
const fn ends_release(error: ErrorName) -> bool {
    matches!(error, ErrorName::RouteChanged | ErrorName::DeploymentFailed | ErrorName::DeadlineExceeded)
}

/// Where a deployment has yet to reach the stage, there is nothing to advance from.
fn yet_to_come(release: &Release) -> Option<Verdict> {
    let Phase::Bake { stage } = release.phase else { return None };
    let (share, weight) = (release.green_share, release.timeline.stages().get(stage)?.weight);
    let is_awaited = release.is_moved_by_deployment() && share < weight;
    is_awaited.then(|| Verdict::because(Decision::Hold, Reason::DeploymentAwaited { share, weight }))
}

/// While blue is merely kept, only an alarm that is raised still rolls back: the release was judged when its bake ended. But blue
/// is not taken in on an alarm's silence.
fn judge_kept(alarms: Verdict, waits: Waits) -> Verdict {
    let kept = matches!(waits, Waits::ForBlue(_) | Waits::ForDeployment(_));
    match alarms.decision {
        Decision::RollBack => alarms,
        Decision::Insufficient if !kept => alarms,
        Decision::Advance | Decision::Hold | Decision::Insufficient => {
            let mut reasons = alarms.reasons;
            if reasons.is_empty() {
                reasons.push(Reason::NothingAgainst);
            }
            if matches!(waits, Waits::ForDeployment(_)) {
                reasons.push(Reason::DeploymentAsks);
            }
            Verdict { decision: Decision::Advance, reasons }
        }
    }
}

/// At a gate a person decides, and nothing but evidence against green stands in the way of asking. But once green has traffic no approval
/// counts while an alarm is silent.
fn judge_gate(alarms: Verdict, measured: Verdict) -> Verdict {
    let decision = match (alarms.decision, measured.decision) {
        (Decision::RollBack, _) => return alarms,
        (_, Decision::RollBack) => return measured,
        (Decision::Insufficient, _) => Decision::Insufficient,
        _ => Decision::Hold,
    };
    let reasons = alarms.reasons.into_iter().chain(measured.reasons).collect();
    Verdict { decision, reasons }
}
