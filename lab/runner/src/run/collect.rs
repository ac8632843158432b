//! A result from everything that was seen.

use super::calls::{allowed, made, most_requests_of_one_restoring};
use super::flags::is_flag;
use super::{Run, Running};
use crate::LabError;
use crate::load::{Sample, Served, Tally};
use crate::result::{AlarmChange, ReleaseResult, ScenarioResult, TrafficInterval, WeightChange};
use crate::scenario::Outcome;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use teal::release::{Phase, Release};
use teal::route::RouteKind;
use teal::story::{Fact, StoryEntry};
use teal::units::Span;
use teal::verdict::Decision;
use teal_lab_gateway::CallRecord;

/// The length of the result's traffic intervals, in lab seconds.
const TRAFFIC_INTERVAL: f64 = 30.0;

impl Run<'_> {
    pub(super) async fn collect(&self, tally: &Tally, elapsed: Duration) -> Result<ScenarioResult, LabError> {
        let mut releases = Vec::new();
        let mut record = None;
        for running in &self.releases {
            let found = self.lab.ledger().record(running.observer.name()).await?;
            releases.push(self.release(running, found.as_ref()).await?);
            record = record.or(found);
        }
        if self.is_in_place() {
            releases.extend(self.release_in_place().await?);
        }
        let mut releases = releases.into_iter();
        let release = releases.next().ok_or_else(|| LabError::Timeout {
            what: "the start of the release".into(),
            seconds: self.scenario.limit.as_seconds().into(),
            detail: " of lab time: the scenario's limit lies before it".into(),
        })?;
        let weights: Vec<_> = self.raw_weights().iter().filter_map(|change| self.weight_change(change)).collect();
        let alarms = self.alarms().await?;
        let first_trouble_at = self.first_trouble(record.as_ref(), &alarms, release.started_at);
        let blue_at = first_trouble_at.and_then(|trouble_at| wholly_blue_at(trouble_at, &weights));
        let seconds_to_blue = first_trouble_at.zip(blue_at).map(|(trouble_at, blue_at)| blue_at - trouble_at);
        let mut totals = tally.totals();
        let load_balancer = totals.remove(&Served::LoadBalancer).unwrap_or_default();
        let unanswered = totals.remove(&Served::Nobody).unwrap_or_default().requests;
        let requests = totals.into_iter().map(|(served, totals)| (self.service_name(&served), totals)).collect();
        let wrongly_served =
            tally.with_samples(|samples| samples.iter().filter(|sample| sample.is_wrongly_served()).count() as u64);
        let traffic = self.traffic(tally);
        let over_budget = self.over_budget(&release);
        // A flag's clients poll for it.
        let polled = self.route.iter().any(|part| is_flag(&part.part));
        let polled = if polled { RouteKind::Flag.facts().propagation } else { Span::ZERO };
        let polled = f64::from(polled.as_seconds());
        let green_after_blue = blue_at.map(|blue_at| self.green_answers_after(blue_at + polled, tally));
        let flag_steps = self.flag_steps(tally);
        Ok(ScenarioResult {
            scenario: self.scenario.name.clone(),
            description: self.scenario.description.clone(),
            passed: false,
            expectations: Vec::new(),
            release,
            pipeline: None,
            later_actions: Vec::new(),
            deployment: None,
            other_releases: releases.collect(),
            weights,
            requests,
            load_balancer,
            unanswered,
            wrongly_served,
            alarms,
            drifted: Vec::new(),
            alarms_on_teal: Vec::new(),
            indiscretions: self.indiscretions().await?,
            searched: self.searched(),
            first_trouble_at,
            seconds_to_blue,
            green_after_blue,
            flag_steps,
            restoring_requests: self.restoring_requests(|_| true),
            restoring_answered: self.restoring_requests(|call| !call.was_throttled()),
            over_budget,
            traffic,
            calls: self.lab.calls_since(&self.calls_before),
            policy_violations: self.lab.policy_violations(self.begun_at),
            unused_permissions: self.lab.unused_permissions(),
            scale: self.lab.clock().scale(),
            real_seconds: elapsed.as_secs_f64(),
        })
    }

    async fn release(&self, running: &Running, record: Option<&Release>) -> Result<ReleaseResult, LabError> {
        let observer = &running.observer;
        let story = self.lab.ledger().story(observer.name()).await?;
        let end = observer.end.as_ref();
        let ended_at = end.map_or_else(|| self.timeline.now(), |end| end.at);
        let setback = record.and_then(|record| record.setback.as_ref());
        let cause = end.and_then(|end| end.cause.clone()).or_else(|| setback.map(|setback| setback.cause.clone()));
        Ok(ReleaseResult {
            id: observer.name().to_owned(),
            outcome: outcome(running, record),
            execution_status: end.map_or_else(|| "RUNNING".into(), |end| end.status.clone()),
            error: end
                .and_then(|end| end.error.clone())
                .filter(|error| error.starts_with("Teal."))
                .or_else(|| setback.map(|setback| setback.error.to_string())),
            reasons: reasons(&story, cause.as_deref()),
            cause,
            story: story.iter().map(|entry| self.story_line(entry)).collect(),
            setbacks: story.iter().filter(|entry| matches!(entry.fact, Fact::RollBackDecided { .. })).count() as u64,
            started_at: observer.started_at,
            seconds: ended_at - observer.started_at,
            states: observer.visits.clone(),
            state_transitions: observer.transitions(),
            history_events: observer.history_events(),
        })
    }

    fn story_line(&self, entry: &StoryEntry) -> String {
        let at = self.timeline.of_lab_millis(entry.at.as_millisecond());
        format!("{at:.1} {}: {}", entry.by, entry.fact)
    }

    /// A change of weights of this route, in the terms of the result; `None` for other load balancers' changes.
    pub(super) fn weight_change(&self, change: &teal_lab_elb::WeightChange) -> Option<WeightChange> {
        let part = self.route.iter().find(|part| part.part == change.resource_arn)?;
        let green = green_group(&part.before)?;
        let total: u32 = change.weights.values().map(|weight| u32::from(*weight)).sum();
        let weight = change.weights.get(green).copied().unwrap_or_default();
        let green_share = if total == 0 { 0.0 } else { f64::from(weight) / f64::from(total) };
        let caller = change.access_key_id.as_deref().unwrap_or_default();
        Some(WeightChange {
            at: self.timeline.of_lab_millis(change.at),
            part: part.part.clone(),
            green_share,
            by: self.lab.caller_name(caller),
        })
    }

    /// The largest share of green on any part of the route.
    pub(super) fn green_share_now(&self) -> f64 {
        let mut shares = BTreeMap::new();
        for change in self.raw_weights().iter().filter_map(|change| self.weight_change(change)) {
            shares.insert(change.part, change.green_share);
        }
        shares.into_values().fold(0.0, f64::max)
    }

    fn service_name(&self, served: &Served) -> String {
        match served {
            Served::Version(version) => {
                self.scenario.service_of_version(version).map_or_else(|| format!("version {version}"), str::to_owned)
            }
            Served::LoadBalancer => "load balancer".into(),
            Served::Nobody => "nobody".into(),
        }
    }

    /// Requests and errors by service in each interval in which there were any.
    fn traffic(&self, tally: &Tally) -> Vec<TrafficInterval> {
        let mut intervals = BTreeMap::<i64, BTreeMap<String, (u64, u64)>>::new();
        tally.with_samples(|samples| {
            for sample in samples {
                let number = (self.timeline.of_lab_millis(sample.at) / TRAFFIC_INTERVAL).floor() as i64;
                let counts = intervals.entry(number).or_default().entry(self.service_name(&sample.served)).or_default();
                counts.0 += 1;
                counts.1 += u64::from(sample.is_bad());
            }
        });
        let interval = |(number, counts): (i64, BTreeMap<String, (u64, u64)>)| {
            let (requests, errors) = counts
                .into_iter()
                .map(|(service, (requests, errors))| ((service.clone(), requests), (service, errors)))
                .unzip();
            TrafficInterval { from: number as f64 * TRAFFIC_INTERVAL, requests, errors }
        };
        intervals.into_iter().map(interval).collect()
    }

    /// Requests due after a moment that another version than blue answered.
    fn green_answers_after(&self, moment: f64, tally: &Tally) -> u64 {
        let is_late = |sample: &&Sample| {
            let served_by_blue = self.service_name(&sample.served) == "blue";
            matches!(sample.served, Served::Version(_))
                && !served_by_blue
                && self.timeline.of_lab_millis(sample.at) > moment
        };
        tally.with_samples(|samples| samples.iter().filter(is_late).count() as u64)
    }

    fn restoring_requests(&self, counts: impl Fn(&CallRecord) -> bool) -> Option<u64> {
        let calls = self.lab.gateway().calls();
        let calls: Vec<_> = calls.iter().filter(|call| call.at >= self.begun_at && call.caller == "on-alarm").collect();
        let releases: Vec<String> = self.releases.iter().map(|running| running.observer.name().to_owned()).collect();
        let of_part = |part: &str| most_requests_of_one_restoring(&calls, &releases, part, &counts);
        self.route.iter().filter_map(|part| of_part(&part.part)).max()
    }

    /// What each function called of Elastic Load Balancing for this scenario, and might call: one sentence for each that called more.
    fn over_budget(&self, release: &ReleaseResult) -> Vec<String> {
        let mut calls = self.lab.gateway().calls();
        // Sweep looks after routes, whether releases are under way or not.
        calls.retain(|call| call.at >= self.begun_at && !["lab", "sweep"].contains(&call.caller.as_str()));
        let allowed = allowed(&release.states, self.route.len());
        let over = made(&calls, &self.scenario.name).into_iter().filter_map(|(function, [reads, writes])| {
            let [most_reads, most_writes] = allowed.get(function.as_str()).copied().unwrap_or_default();
            let within = reads <= most_reads && writes <= most_writes;
            (!within).then(|| {
                format!("{function} made {reads} Describe and {writes} Modify calls, where {most_reads} and {most_writes} are its share")
            })
        });
        over.collect()
    }

    /// Every transition of this scenario's alarms, in the order of time.
    async fn alarms(&self) -> Result<Vec<AlarmChange>, LabError> {
        let mut changes = Vec::new();
        for alarm in self.stage.alarms() {
            changes.extend(self.alarm_changes(alarm).await?);
        }
        changes.sort_by(|a, b| a.at.total_cmp(&b.at));
        Ok(changes)
    }

    /// An alarm's transitions.
    pub(super) async fn alarm_changes(&self, alarm: &str) -> Result<Vec<AlarmChange>, LabError> {
        let parameters = json!({"AlarmName": alarm, "HistoryItemType": "StateUpdate"});
        let answer = self.lab.aws().call("monitoring", "DescribeAlarmHistory", parameters).await?;
        let change = |item: &Value| {
            let data: Value =
                item["HistoryData"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let seconds = item["Timestamp"].as_f64().unwrap_or_default();
            AlarmChange {
                at: self.timeline.of_lab_millis((seconds * 1000.0) as i64),
                alarm: alarm.to_owned(),
                state: data["newState"]["stateValue"].as_str().unwrap_or_default().to_owned(),
                reason: data["newState"]["stateReason"].as_str().unwrap_or_default().to_owned(),
            }
        };
        Ok(answer["AlarmHistoryItems"].as_array().into_iter().flatten().map(change).collect())
    }

    /// The first alarm since the release began, or the decision to roll back if that came first; nothing if the
    /// release did not roll back.
    fn first_trouble(&self, record: Option<&Release>, alarms: &[AlarmChange], started_at: f64) -> Option<f64> {
        let setback = record?.setback.as_ref()?;
        let decided_at = self.timeline.of_lab_millis(setback.decided_at.as_millisecond());
        let raised = alarms.iter().find(|change| change.state == "ALARM" && change.at >= started_at);
        Some(raised.map_or(decided_at, |change| change.at.min(decided_at)))
    }
}

/// What of a story says why a release ended as it did; of one that has no such facts, the execution's own cause.
fn reasons(story: &[StoryEntry], cause: Option<&str>) -> Vec<String> {
    let decides = |entry: &&StoryEntry| match &entry.fact {
        Fact::Looked { verdict, .. } => verdict.decision != Decision::Hold,
        Fact::AlarmSeen { .. }
        | Fact::Asked { .. }
        | Fact::Judged { .. }
        | Fact::RollBackDecided { .. }
        | Fact::LeftAlone { .. }
        | Fact::NeedsHuman { .. } => true,
        _ => false,
    };
    let told: Vec<_> = story.iter().filter(decides).map(|entry| entry.fact.to_string()).collect();
    if told.is_empty() { cause.map(str::to_owned).into_iter().collect() } else { told }
}

fn outcome(running: &Running, record: Option<&Release>) -> Outcome {
    let Some(end) = &running.observer.end else { return Outcome::Unfinished };
    match (end.status.as_str(), running.observer.state(), record.map(|record| record.phase)) {
        ("SUCCEEDED", ..) => Outcome::Promoted,
        (_, Some("Refused"), _) => Outcome::Refused,
        (_, Some("RolledBack"), _) => Outcome::RolledBack,
        (_, Some("RollbackNeedsHuman"), _) => Outcome::NeedsHuman,
        (_, _, Some(Phase::RolledBack)) => Outcome::RolledBack,
        (_, _, Some(Phase::Promoted)) => Outcome::Promoted,
        (_, _, Some(Phase::RollbackNeedsHuman)) => Outcome::NeedsHuman,
        _ => Outcome::Unfinished,
    }
}

/// The target group without weight at the start: what is green.
fn green_group(before: &Value) -> Option<&str> {
    let forward = before.as_array()?.iter().find_map(|action| action.pointer("/ForwardConfig/TargetGroups"))?;
    let group = forward.as_array()?.iter().find(|group| group["Weight"] == "0")?;
    group["TargetGroupArn"].as_str()
}

/// When the last part of the route gave green nothing any more, for good: the moment of the trouble itself if none gave
/// green anything. `None` if one still does.
fn wholly_blue_at(trouble_at: f64, weights: &[WeightChange]) -> Option<f64> {
    let mut parts = BTreeMap::<&str, Vec<&WeightChange>>::new();
    for change in weights {
        parts.entry(&change.part).or_default().push(change);
    }
    let mut latest = trouble_at;
    for changes in parts.into_values() {
        if let Some(last_with_green) = changes.iter().rposition(|change| change.green_share > 0.0) {
            latest = latest.max(changes.get(last_with_green + 1)?.at);
        }
    }
    Some(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: f64, part: &str, green_share: f64) -> WeightChange {
        WeightChange { at, part: part.into(), green_share, by: "f".into() }
    }

    #[test]
    fn the_last_part_to_return_counts() {
        let weights = [
            change(10.0, "a", 0.1),
            change(11.0, "b", 0.1),
            change(31.0, "a", 0.0),
            change(33.5, "b", 0.0),
            change(40.0, "a", 0.0),
        ];
        assert_eq!(wholly_blue_at(30.0, &weights), Some(33.5));
        assert_eq!(wholly_blue_at(30.0, &weights[..3]), None);
        assert_eq!(wholly_blue_at(30.0, &[change(1.0, "a", 0.0)]), Some(30.0));
    }

    #[test]
    fn green_is_the_group_without_weight() {
        let before = json!([{"Type": "authenticate-oidc"}, {"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": "a", "Weight": "100"}, {"TargetGroupArn": "b", "Weight": "0"}]}}]);
        assert_eq!(green_group(&before), Some("b"));
    }
}
