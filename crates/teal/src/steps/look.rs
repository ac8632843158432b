//! One look: alarms, metrics and the clock, each with a verdict of its own.

mod limits;
mod measure;

pub(super) use measure::{Measured, is_at_gate};

use super::Step;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::AlarmName;
use crate::ports::{AlarmReading, AlarmState, PortResult, Signals, World};
use crate::release::Release;
use crate::story::Fact;
use crate::time::{Timestamp, after, seconds_until};
use crate::verdict::{Decision, Reason, Verdict};

impl<W: World> Step<'_, W> {
    /// What the alarms say. An alarm without data, or one that cannot be read, never says that all is well.
    ///
    /// An alarm that was in ALARM before the release began is passed over until it was OK: a look has seen it so, or finds it in
    /// ALARM since another moment than accept did.
    pub(super) async fn look_at_alarms(&mut self, release: &mut Release) -> Verdict {
        let names = &release.plan.judge.alarms;
        if names.is_empty() {
            return Verdict { decision: Decision::Advance, reasons: Vec::new() };
        }
        match self.read_alarms(release).await {
            Ok(readings) => self.weigh_alarms(release, &readings),
            Err(error) => {
                let silent = |name: &AlarmName| Reason::AlarmSilent { alarm: name.clone(), detail: error.to_string() };
                Verdict { decision: Decision::Insufficient, reasons: names.iter().map(silent).collect() }
            }
        }
    }

    /// Fails where a watched alarm is in ALARM, before green gets its first weight: its event may have been lost; and where one does not exist any
    /// more. One without data may have none because green has had no requests yet, so it says neither that all is well nor that it is not: the
    /// looks hold until it has data, and go back where it gets none. Where green's first weight is everything, that would be too late.
    pub(super) async fn require_no_alarm(&mut self, release: &mut Release) -> TealResult<()> {
        if release.plan.judge.alarms.is_empty() {
            return Ok(());
        }
        let readings = self.read_alarms(release).await?;
        let verdict = self.weigh_alarms(release, &readings);
        match verdict.decision {
            Decision::RollBack => return Err(TealError::new(verdict.error(), verdict.to_string())),
            Decision::Advance | Decision::Hold | Decision::Insufficient => {}
        }
        if release.begins_with_everything()
            && let Some(silent) = readings.iter().find(|reading| reading.state == AlarmState::InsufficientData)
        {
            return Err(nobody_vouches(silent));
        }
        let is_gone = |name: &&AlarmName| readings.iter().all(|reading| reading.name != **name);
        match release.plan.judge.alarms.iter().find(is_gone) {
            None => Ok(()),
            Some(name) => Err(TealError::new(
                ErrorName::AlarmUnreadable,
                format!(
                    "alarm {name} does not exist any more, so it could not tell that green is bad. Create it again, or take it out of \
                     judge.alarms, and start the release again"
                ),
            )),
        }
    }

    async fn read_alarms(&self, release: &Release) -> PortResult<Vec<AlarmReading>> {
        let side = self.side(release).await?;
        side.alarms(&release.plan.judge.alarms).await
    }

    fn weigh_alarms(&mut self, release: &mut Release, readings: &[AlarmReading]) -> Verdict {
        let names = &release.plan.judge.alarms;
        let find = |name: &AlarmName| readings.iter().find(|reading| &reading.name == name);
        release
            .alarming_since_start
            .retain_mut(|known| find(&known.alarm).is_none_or(|reading| !known.is_over(reading)));
        let is_passed_over = |name: &AlarmName| release.alarming_since_start.iter().any(|known| &known.alarm == name);
        let raised = |reading: &&AlarmReading| reading.state == AlarmState::Alarm && !is_passed_over(&reading.name);
        for reading in readings.iter().filter(raised) {
            self.note(Fact::AlarmSeen {
                alarm: reading.name.clone(),
                state: reading.state,
                reason: reading.reason.clone(),
            });
        }
        Verdict::all(names.iter().map(|name| alarm_verdict(name, find(name), is_passed_over(name))))
    }
}

/// An alarm without data where green would get everything before it could have some.
pub(super) fn nobody_vouches(silent: &AlarmReading) -> TealError {
    TealError::new(
        ErrorName::AlarmUnreadable,
        format!(
            "alarm {} has no data ({}), and green would get all the traffic at once with nobody to vouch for it. If no data means no \
             errors, set the alarm's TreatMissingData to notBreaching; or begin with a smaller weight",
            silent.name, silent.reason
        ),
    )
}

fn alarm_verdict(name: &AlarmName, reading: Option<&AlarmReading>, passed_over: bool) -> Verdict {
    let silent = |detail: &str| {
        Verdict::because(Decision::Insufficient, Reason::AlarmSilent { alarm: name.clone(), detail: detail.to_owned() })
    };
    match reading {
        None => silent("it does not exist any more"),
        Some(reading) => match reading.state {
            AlarmState::Ok => Verdict { decision: Decision::Advance, reasons: Vec::new() },
            AlarmState::InsufficientData => silent("it has no data"),
            AlarmState::Alarm if passed_over => {
                Verdict::because(Decision::Advance, Reason::AlarmPassedOver { alarm: name.clone() })
            }
            AlarmState::Alarm => Verdict::because(
                Decision::RollBack,
                Reason::AlarmRaised { alarm: name.clone(), detail: reading.reason.clone() },
            ),
        },
    }
}

/// The bake of the stage: how long it still takes. Holding while it lasts, insufficient verdicts only count at its end. With
/// evidence that green is good enough it may be over early, where the plan allows it.
pub(super) fn look_at_clock(release: &Release, accepted: bool, now: Timestamp) -> Verdict {
    let early = release.bake_may_end_at().filter(|_| accepted);
    match early.or_else(|| release.bake_ends_at()) {
        Some(end) if now < end => {
            Verdict::because(Decision::Hold, Reason::StillBaking { seconds_left: seconds_until(now, end) })
        }
        Some(_) | None => Verdict { decision: Decision::Advance, reasons: Vec::new() },
    }
}

/// While the bake lasts, too little to judge by is only a reason to hold.
pub(super) fn held(verdict: Verdict, release: &Release, now: Timestamp) -> Verdict {
    let baking = release.bake_ends_at().is_some_and(|end| now < end);
    match verdict.decision {
        Decision::Insufficient if baking => Verdict { decision: Decision::Hold, ..verdict },
        Decision::Insufficient | Decision::Hold | Decision::Advance | Decision::RollBack => verdict,
    }
}

/// When waiting for something to judge by is over: counted from the first look beyond the bake that found too little, so that one
/// throttled call hours later does not end a release.
pub(super) fn waited_out_at(release: &Release) -> Option<Timestamp> {
    let hold_for = release.plan.judge.on_insufficient.hold_for.as_seconds();
    release.insufficient_since.map(|since| after(since, hold_for.into()))
}
