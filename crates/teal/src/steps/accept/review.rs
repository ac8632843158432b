//! What must still be true once the release holds its lock.

use super::super::Step;
use super::super::look::nobody_vouches;
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{AlarmState, CapacityHold, Fleet, Router, Signals, World};
use crate::release::{PassedOver, Release};
use crate::route::{Action, Colour, RoutePart, differences};
use crate::story::Fact;

impl<W: World> Step<'_, W> {
    /// With the lock held and the watches written: is everything still as it was read, does blue serve, is no alarm firing?
    pub(super) async fn review(&mut self, release: &mut Release) -> TealResult<()> {
        let is_moved_by_deployment = release.is_moved_by_deployment();
        let side = self.side(release).await?;
        for part in release.route.iter_mut().chain(&mut release.test_route) {
            let reading = side.reading(&part.part).await?;
            part.ahead = Some(reading.rivals());
            if reading.actions != part.expected && !is_moved_by_deployment {
                as_accepted(part, &side.actions(&part.part).await?)?;
            }
        }
        if is_moved_by_deployment {
            self.review_deployment(release).await?;
        }
        for part in &release.flags {
            as_accepted(part, &side.actions(&part.part).await?)?;
        }
        self.require_healthy(release, Colour::Blue).await?;
        let scaling = side.scaling(&release.green.blue).await?;
        release.green.hold = scaling.map(|found| CapacityHold::of(found, release.green.desired));
        self.review_alarms(release).await
    }

    async fn review_alarms(&mut self, release: &mut Release) -> TealResult<()> {
        release.alarming_since_start.clear();
        let names = &release.plan.judge.alarms;
        if names.is_empty() {
            return Ok(());
        }
        let side = self.side(release).await?;
        let readings = side.alarms(names).await?;
        for name in names {
            let Some(reading) = readings.iter().find(|reading| &reading.name == name) else {
                return Err(TealError::new(
                    ErrorName::AlarmUnreadable,
                    format!(
                        "judge.alarms: \"{name}\" does not exist in this account and region. Create it, or take it out of the plan"
                    ),
                ));
            };
            match reading.state {
                AlarmState::Ok => {}
                AlarmState::Alarm if release.plan.judge.start_while_alarming => {
                    release.alarming_since_start.push(PassedOver::new(name.clone(), reading.since));
                    self.note(Fact::AlarmSeen {
                        alarm: name.clone(),
                        state: AlarmState::Alarm,
                        reason: format!(
                            "{}. The release starts all the same (judge.startWhileAlarming); this alarm says nothing until it was OK once",
                            reading.reason
                        ),
                    });
                }
                AlarmState::Alarm => {
                    return Err(TealError::new(
                        ErrorName::AlarmFiring,
                        format!(
                            "alarm {name} is in ALARM already ({}), so it could not tell a bad release from a good one. Wait until it is OK, take it out of judge.alarms, or set judge.startWhileAlarming if this release is to end the alarm",
                            reading.reason
                        ),
                    ));
                }
                AlarmState::InsufficientData if release.begins_with_everything() => return Err(nobody_vouches(reading)),
                AlarmState::InsufficientData => self.note(Fact::AlarmSeen {
                    alarm: name.clone(),
                    state: AlarmState::InsufficientData,
                    reason: format!(
                        "{}. Until it has data it cannot vouch for green; if no data means no errors, set its TreatMissingData to notBreaching",
                        reading.reason
                    ),
                }),
            }
        }
        Ok(())
    }
}

/// Refuses a part of a route that is not as it was read before the lock was taken.
fn as_accepted(part: &RoutePart, found: &[Action]) -> TealResult<()> {
    match differences(&part.part, &part.expected, found).first() {
        None => Ok(()),
        Some(difference) => Err(TealError::new(
            ErrorName::RouteChanged,
            format!("the route was changed while the release was being accepted: {difference}. Start again"),
        )),
    }
}
