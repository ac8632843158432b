//! Feature flags as parts of a route: what they are now, how they changed, and whether every user got what the rule says.

use super::Run;
use crate::LabError;
use crate::lab::Lab;
use crate::load::{Sample, Served, Tally, user_name};
use crate::result::{Check, FlagStep};
use crate::scenario::{FlagSpec, Scenario};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use teal::route::{FlagRef, RouteKind};
use teal_flag::Flag;
use teal_lab_appconfig::FlagChange;
use teal_lab_wire::Millis;

/// By then all clients have what was deployed, as a release takes it, too: they ask every 15 s, but that may be less than one of real time.
const POLLED_AFTER: Millis = RouteKind::Flag.facts().propagation.as_seconds() as Millis * 1000;

/// Requests that were answered so shortly before a change was recorded may have met it (lab time).
const UNCERTAIN: Millis = 3_000;

/// How far the share of users may be from the percentage: users are dealt, not counted out.
const NEAR: f64 = 0.06;

/// Whether a part of a route is a flag.
pub(super) fn is_flag(part: &str) -> bool {
    part.parse::<FlagRef>().is_ok()
}

/// The name of the flag that an object of a plan names.
pub(super) fn named_by(plan: &Value) -> Option<String> {
    let field = |name: &str| plan[name].as_str();
    let [application, environment, profile, key] = ["application", "environment", "profile", "flag"].map(field);
    Some(format!("appconfig:{}/{}/{}/{}", application?, environment?, profile?, key?))
}

/// A flag in the form of the actions of a listener: two states and their weights.
pub(super) fn actions(lab: &Lab, part: &str) -> Result<Value, LabError> {
    let problem = |problem: String| LabError::document(part, problem);
    let flag: FlagRef = part.parse().map_err(problem)?;
    let value = lab.flag(&flag).ok_or_else(|| problem("it is not deployed".to_owned()))?;
    let groups: Vec<Value> = weights(part, &value)
        .into_iter()
        .map(|(state, weight)| json!({"TargetGroupArn": state, "Weight": weight.to_string()}))
        .collect();
    Ok(json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]))
}

fn weights(part: &str, value: &Value) -> BTreeMap<String, u16> {
    let flag = Flag::read(value).unwrap_or_default();
    let on = if flag.enabled { flag.permille } else { 0 };
    BTreeMap::from([(format!("{part}#off"), 1000 - on), (format!("{part}#on"), on)])
}

/// The service with a behaviour behind a flag.
fn service_of<'a>(scenario: &'a Scenario, key: &str) -> Option<(&'a str, &'a FlagSpec)> {
    let mut with_flag = scenario.services.values().filter_map(|service| Some((service, service.flag.as_ref()?)));
    with_flag.find(|(_, flag)| flag.key == key).map(|(service, flag)| (service.version.as_str(), flag))
}

impl Run<'_> {
    /// The changes of this route's flags since the run began, as changes of weights.
    pub(super) fn flag_weights(&self) -> Vec<teal_lab_elb::WeightChange> {
        let changes = self.lab.flag_changes();
        let of_this_run = |change: &&(String, FlagChange)| {
            change.1.at >= self.begun_at && self.route.iter().any(|part| part.part == change.0)
        };
        changes
            .iter()
            .filter(of_this_run)
            .map(|(part, change)| teal_lab_elb::WeightChange {
                at: change.at,
                instant: self.lab.clock().instant_of(change.at),
                resource_arn: part.clone(),
                weights: weights(part, &change.value),
                access_key_id: change.access_key.clone(),
            })
            .collect()
    }

    /// What users got at each percentage, from when on all clients had it.
    pub(super) fn flag_steps(&self, tally: &Tally) -> Vec<FlagStep> {
        let all = self.lab.flag_changes();
        let parts = self.route.iter().map(|part| part.part.as_str()).filter(|part| is_flag(part));
        parts.flat_map(|part| self.steps_of(part, &all, tally)).collect()
    }

    /// Lab time at which a request had its whole answer.
    fn answered_at(&self, sample: &Sample) -> Millis {
        let real_millis = f64::from(sample.latency_micros) / 1000.0;
        sample.at + (real_millis * self.lab.clock().scale()) as Millis
    }

    fn steps_of(&self, part: &str, all: &[(String, FlagChange)], tally: &Tally) -> Vec<FlagStep> {
        let changes: Vec<&FlagChange> = all.iter().filter(|(of, _)| of == part).map(|(_, change)| change).collect();
        let Some((off, flag)) = changes.first().and_then(|change| service_of(self.scenario, &change.key)) else {
            return Vec::new();
        };
        let on = self.scenario.services.get(&flag.on).map_or("", |service| service.version.as_str());
        let mut steps = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            let from = change.at + POLLED_AFTER;
            let to = changes.get(index + 1).map_or(Millis::MAX, |next| next.at - UNCERTAIN);
            let value = Flag::read(&change.value).unwrap_or_default();
            let (mut users, mut served_on, mut requests, mut wrong) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
            tally.with_samples(|samples| {
                for sample in samples.iter().filter(|sample| sample.at >= from && self.answered_at(sample) < to) {
                    let (Some(user), Served::Version(version)) = (sample.user, &sample.served) else { continue };
                    let got_on = version.as_ref() == on;
                    if !got_on && version.as_ref() != off {
                        // Of a version without the flag.
                        continue;
                    }
                    requests += 1;
                    wrong += u64::from(got_on != value.is_on(&flag.key, &user_name(user)));
                    users.insert(user);
                    if got_on {
                        served_on.insert(user);
                    }
                }
            });
            let percentage = if value.enabled { f64::from(value.permille) / 10.0 } else { 0.0 };
            let (users, on) = (users.len() as u64, served_on.len() as u64);
            steps.push(FlagStep { flag: part.to_owned(), percentage, requests, users, on, wrong });
        }
        steps.retain(|step| step.requests > 0);
        steps
    }
}

/// Whether every user got what the rule says, and as many of them the new behaviour as the percentage says.
pub(super) fn checks(steps: &[FlagStep]) -> Vec<Check> {
    let mut checks = Vec::new();
    for step in steps {
        let at = format!("at {} %", step.percentage);
        let what = format!("{at}: requests whose user should have got the other behaviour");
        checks.push(Check::new(what, 0, step.wrong, step.wrong == 0));
        let share = step.on as f64 / step.users as f64;
        let near = (share - step.percentage / 100.0).abs() <= NEAR && (step.percentage > 0.0 || step.on == 0);
        let found = format!("{} of {}", step.on, step.users);
        checks.push(Check::new(
            format!("{at}: users for whom it is on"),
            format!("{} %", step.percentage),
            found,
            near,
        ));
    }
    checks
}
