//! Accept: everything that must be true before a release may begin, and the record of it.

mod busy;
mod learn;
mod source;

use super::{Answer, Step, shorten};
use crate::error::{Disposition, ErrorName, TealError, TealResult};
use crate::fleet::GreenOrder;
use crate::plan::{Plan, TestRoute};
use crate::ports::{AlarmState, CapacityHold, DestinationReading, Opening, Survey, World};
use crate::release::{Event, Judged, PassedOver, Phase, RECORD_FORMAT, Release, ReleaseId, Setback};
use crate::route::{
    Action, Colour, Colours, Destination, Meter, Named, NotShiftable, PartRef, RoutePart, attach, differences, discover,
};
use crate::state::State;
use crate::story::{Announcement, Fact};
use crate::time::after;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What starts a release: the plan, and the execution that runs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceptInput {
    /// The plan, an object with the plan under `plan`, or one that names it: see [`crate::plan::StoredStart`].
    pub plan: Value,
    /// The ARN of the execution.
    pub execution: String,
    /// Its name: the release's id.
    pub name: ReleaseId,
    /// When it was started, RFC 3339.
    #[serde(default, rename = "startedAt")]
    pub started_at: Option<String>,
}

/// Checks the plan, finds out what is blue, takes the route's lock and writes the record. Run twice, it answers the same.
///
/// # Errors
/// A refusal (see [`crate::error::Disposition::Refuse`]) when the release must not begin; then nothing was touched and no lock is held.
pub async fn accept<W: World>(step: &mut Step<'_, W>, input: &AcceptInput) -> TealResult<Answer> {
    let mut release = match step.world.load(&input.name).await? {
        Some(found) => found,
        None => match step.open(input).await {
            Ok(opened) => opened,
            Err(error) => {
                step.announce_refusal(input, &error).await;
                return Err(error);
            }
        },
    };
    match release.phase {
        Phase::Accept => {}
        Phase::Refused => return Err(refusal_of(&release)),
        _ => return Ok(Answer::to(&release, State::PrepareGreen)),
    }
    match step.review(&mut release).await {
        Ok(()) => {
            release.compared = step.learn(&release).await;
            release.apply(&Event::Accepted, step.now())?;
            step.note_phase(&release);
            step.save_and_announce(&mut release).await?;
            Ok(Answer::at(&release))
        }
        Err(error) if error.name.disposition() == Disposition::Retry => Err(error),
        Err(error) => {
            step.refuse(&mut release, &error).await?;
            Err(error)
        }
    }
}

fn refusal_of(release: &Release) -> TealError {
    release.setback.as_ref().map_or_else(
        || TealError::new(ErrorName::Internal, format!("release {} was refused without a reason", release.id)),
        |setback| TealError::new(setback.error, setback.cause.clone()),
    )
}

impl<W: World> Step<'_, W> {
    /// Ends a release that never began: nothing was touched, so there is nothing to restore.
    pub(super) async fn refuse(&mut self, release: &mut Release, error: &TealError) -> TealResult<()> {
        release.setback = Some(Setback {
            error: error.name,
            cause: error.message.clone(),
            decided_at: self.now(),
            by: self.call.function.clone(),
        });
        release.apply(&Event::Refused, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await
    }

    /// Tells the bus of a release that was refused before there was a record of it. Best effort: nothing depends on it.
    async fn announce_refusal(&mut self, input: &AcceptInput, error: &TealError) {
        if error.name.disposition() != Disposition::Refuse {
            return;
        }
        let text = |field: &str| plan_of(input).get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let refusal = Announcement {
            id: format!("{}-refused", input.name),
            release: input.name.clone(),
            service: text("service"),
            version: text("version"),
            at: self.now(),
            state: State::Refused,
            green_share: Share::NONE,
            error: Some(error.name),
            cause: Some(shorten(&error.message)),
            judged: None,
            summary: None,
        };
        let told = self.world.announce(&[refusal]).await;
        self.tell_only(&input.name, Fact::Entered { phase: Phase::Refused });
        if let Err(problem) = told {
            self.tell_only(&input.name, Fact::Noted { note: format!("the event bus could not be told: {problem}") });
        }
    }

    /// Reads what is there, and writes the record with its locks and watches.
    async fn open(&mut self, input: &AcceptInput) -> TealResult<Release> {
        let checked = self.checked_plan(input).await?;
        let (plan, timeline, warnings) = checked.into_parts();
        for warning in warnings {
            self.note(Fact::Noted { note: warning.to_string() });
        }
        let (colours, route, test_route) = match self.read_route(&plan).await {
            Ok(found) => found,
            Err(_) => match self.holder_of(&plan).await? {
                Some((key, holder)) => return Err(self.busy(&plan, input, &key, &holder).await?),
                // The release that was shifting it may have ended in between.
                None => self.read_route(&plan).await?,
            },
        };
        let flags = self.read_flags(&plan).await?;
        let survey = self.world.survey(&plan.green, &colours).await?;
        for difference in unlike(&survey) {
            self.note(Fact::Noted { note: difference });
        }
        for lack in &survey.lacking {
            self.note(Fact::Noted { note: lack.clone() });
        }
        for difference in self.unlike_destinations(&colours).await? {
            self.note(Fact::Noted { note: difference });
        }
        for note in Self::sticky_notes(&route) {
            self.note(Fact::Noted { note });
        }
        let order = GreenOrder {
            blue: survey.blue.runner,
            green: survey.green,
            runs: survey.runs,
            colours: colours.clone(),
            desired: survey.blue.desired,
            // Read with the lock held: the release before may hold it still.
            hold: None,
        };
        let load_balancer = self.load_balancer(&plan, &colours, &route).await?;
        let mut release = Release {
            format: RECORD_FORMAT,
            revision: 0,
            id: input.name.clone(),
            execution: input.execution.clone(),
            timeline,
            phase: Phase::Accept,
            phase_since: self.now(),
            started_at: self.now(),
            execution_started_at: input.execution_started_at(),
            deadline_at: after(self.now(), plan.deadline.as_seconds().into()),
            plan,
            colours,
            load_balancer,
            route,
            test_route,
            flags,
            green: order,
            green_ordered_at: None,
            test_route_pointed_at: None,
            first_shift_at: None,
            build: None,
            green_share: Share::NONE,
            shifted_at: None,
            compared: Vec::new(),
            alarming_since_start: Vec::new(),
            judged: Judged::default(),
            insufficient_since: None,
            bake_passed_at: None,
            looks: 0,
            intents: Vec::new(),
            setback: None,
            kept_on_green_since: None,
            restored_at: None,
            outbox: Vec::new(),
            announced: 0,
        };
        match self.world.open(&release).await? {
            Opening::Opened => {}
            Opening::AlreadyOpen => release = self.load(&input.name).await?,
            Opening::Busy { key, holder } => {
                return Err(self.busy(&release.plan, input, &key, &holder).await?);
            }
        }
        self.note(Fact::Accepted { execution: input.execution.clone() });
        Ok(release)
    }

    /// What metrics call the route: where every destination has a load balancer of its own, blue's.
    async fn load_balancer(&self, plan: &Plan, colours: &Colours, route: &[RoutePart]) -> TealResult<String> {
        if plan.traffic.route.kind().meter() != Meter::OwnLoadBalancer {
            return Ok(route.first().map(|part| part.part.name_in_metrics().to_owned()).unwrap_or_default());
        }
        let entrance = self.world.entrance(&colours.blue).await?;
        match (entrance.and_then(|entrance| entrance.load_balancer), &plan.judge.limits) {
            (Some(load_balancer), _) => Ok(load_balancer),
            (None, None) => Ok(String::new()),
            (None, Some(_)) => Err(TealError::new(
                ErrorName::RouteNotShiftable,
                format!(
                    "{} {} has no Application Load Balancer of its own, so judge.limits has no metrics to read. Give it one \
                     (LoadBalancerType application), or judge by judge.alarms",
                    colours.blue.noun(),
                    colours.blue
                ),
            )),
        }
    }

    async fn read_route(&self, plan: &Plan) -> TealResult<(Colours, Vec<RoutePart>, Option<RoutePart>)> {
        let mut parts = Vec::new();
        for part in plan.traffic.route.parts() {
            let actions = self.world.actions(&part).await?;
            parts.push((part, actions));
        }
        let not_shiftable = |error: NotShiftable| TealError::new(ErrorName::RouteNotShiftable, error.to_string());
        let colours = discover(&parts, &plan.named()).map_err(not_shiftable)?;
        let test_route = match plan.traffic.test.as_ref().and_then(TestRoute::part) {
            None => None,
            Some(part) => {
                let actions = self.world.actions(&part).await?;
                let found = discover(&[(part.clone(), actions.clone())], &both(&colours)).map_err(not_shiftable)?;
                if found != colours {
                    return Err(TealError::new(
                        ErrorName::RouteNotShiftable,
                        format!(
                            "the test route ({part}) goes to {}, which is not blue. Put all its weight on {}; Teal points it at green when green is ready",
                            found.blue, colours.blue
                        ),
                    ));
                }
                Some(RoutePart { original: attach(&part, &actions, &colours), part, expected: actions, ahead: None })
            }
        };
        let route = parts
            .into_iter()
            .map(|(part, actions)| {
                // What is tried before it is read with the lock held.
                RoutePart { original: attach(&part, &actions, &colours), part, expected: actions, ahead: None }
            })
            .collect();
        Ok((colours, route, test_route))
    }

    /// The flags that go with the version, each wholly as it is to be before the release.
    async fn read_flags(&self, plan: &Plan) -> TealResult<Vec<RoutePart>> {
        let mut flags = Vec::new();
        for flag in &plan.flags {
            let (part, green) = (PartRef::Flag(flag.part()), Destination::Flag(flag.green()));
            let actions = self.world.actions(&part).await?;
            let found = discover(&[(part.clone(), actions.clone())], &Named::Nothing);
            let not_shiftable = match found {
                Ok(colours) if colours.green == green => {
                    flags.push(RoutePart { part, original: actions.clone(), expected: actions, ahead: None });
                    continue;
                }
                Ok(_) => NotShiftable::AlreadyGreen { part, green },
                Err(other) => other,
            };
            return Err(TealError::new(ErrorName::RouteNotShiftable, not_shiftable.to_string()));
        }
        Ok(flags)
    }

    /// With the lock held and the watches written: is everything still as it was read, does blue serve, is no alarm firing?
    async fn review(&mut self, release: &mut Release) -> TealResult<()> {
        for part in &mut release.route {
            let reading = self.world.reading(&part.part).await?;
            part.ahead = Some(reading.rivals());
            if reading.actions != part.expected {
                as_accepted(part, &self.world.actions(&part.part).await?)?;
            }
        }
        for part in release.test_route.iter().chain(&release.flags) {
            as_accepted(part, &self.world.actions(&part.part).await?)?;
        }
        self.require_healthy(release, Colour::Blue).await?;
        let scaling = self.world.scaling(&release.green.blue).await?;
        release.green.hold = scaling.map(|found| CapacityHold::of(found, release.green.desired));
        self.review_alarms(release).await
    }

    async fn review_alarms(&mut self, release: &mut Release) -> TealResult<()> {
        release.alarming_since_start.clear();
        let names = &release.plan.judge.alarms;
        if names.is_empty() {
            return Ok(());
        }
        let readings = self.world.alarms(names).await?;
        for name in names {
            let Some(reading) = readings.iter().find(|reading| &reading.name == name) else {
                return Err(TealError::new(
                    ErrorName::AlarmUnreadable,
                    format!(
                        "judge.alarms: {name:?} does not exist in this account and region. Create it, or take it out of the plan"
                    ),
                ));
            };
            match reading.state {
                AlarmState::Ok => {}
                AlarmState::Alarm if release.plan.judge.start_while_alarming => {
                    release.alarming_since_start.push(PassedOver { alarm: name.clone(), since: reading.since });
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

    /// What stickiness of the route itself means for weights, where it is on.
    fn sticky_notes(route: &[RoutePart]) -> Vec<String> {
        let sticky = route.iter().filter(|part| part.original.iter().any(Action::is_sticky));
        sticky
            .map(|part| {
                format!(
                    "{} keeps clients on the destination that answered them first, until their cookie expires, whatever the weight: after rolling back they may still be sent to green",
                    part.part
                )
            })
            .collect()
    }

    async fn unlike_destinations(&self, colours: &Colours) -> TealResult<Vec<String>> {
        let noun = colours.blue.noun();
        let blue = self.world.destination(&colours.blue).await?;
        let green = self.world.destination(&colours.green).await?;
        let mut list = unlike_settings(noun, &blue.settings, &green.settings);
        if blue.sticky != green.sticky {
            list.push(format!("{noun} stickiness: blue {}, green {}", on_off(&blue), on_off(&green)));
        }
        if blue.sticky || green.sticky {
            list.push(format!(
                "{noun}s are sticky: clients stay with the one that answered them until that ends (a cookie, a source address), whatever the weight"
            ));
        }
        Ok(list)
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

fn on_off(found: &DestinationReading) -> &'static str {
    if found.sticky { "on" } else { "off" }
}

fn both(colours: &Colours) -> Named {
    Named::Pair([colours.blue.clone(), colours.green.clone()])
}

/// The plan in the execution's input: the input itself, or what it has under `plan`.
fn plan_of(input: &AcceptInput) -> &Value {
    input.plan.get("plan").filter(|inner| inner.is_object()).unwrap_or(&input.plan)
}

/// Every difference between blue and green besides the version, in words.
fn unlike(survey: &Survey) -> Vec<String> {
    let runner = &survey.green;
    let mut list = unlike_settings(runner.version_noun(), &survey.blue_version, &survey.green_version);
    if let Some(green) = &survey.present {
        list.extend(unlike_settings(runner.noun(), &survey.blue.settings, &green.settings));
    }
    list
}

fn unlike_settings(what: &str, blue: &BTreeMap<String, Value>, green: &BTreeMap<String, Value>) -> Vec<String> {
    let keys: BTreeSet<&String> = blue.keys().chain(green.keys()).collect();
    keys.into_iter()
        .filter(|key| blue.get(*key) != green.get(*key))
        .map(|key| format!("{what} {key}: blue {}, green {}", show(blue.get(key)), show(green.get(key))))
        .collect()
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "has none".to_owned(), |value| format!("has {value}"))
}
