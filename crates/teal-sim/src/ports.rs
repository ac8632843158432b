//! The ports, answered from memory. Each call first meets the faults that are injected for it.

use crate::faults::{after, before};
use crate::world::{Service, World};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use teal::plan::{AlarmName, EcsGreen, HttpCheck, TargetGroupArn};
use teal::ports::{
    AlarmReading, Announcer, Endpoint, Executions, Fleet, GreenOrder, Ledger, LoadBalancer, MetricQuery, Opening,
    PortError, PortResult, ProbeAnswer, Prober, Progress, Series, ServiceReading, Signals, Survey, Target, TargetGroup,
};
use teal::release::{Release, ReleaseId, Summary};
use teal::request::Request;
use teal::route::{Action, PartRef};
use teal::story::{Announcement, StoryEntry};
use teal::time::Timestamp;
use teal::units::Span;

impl World {
    async fn call<T>(&self, name: &'static str, effect: impl FnOnce() -> PortResult<T>) -> PortResult<T> {
        let fault = self.fault();
        before(fault, name).await?;
        let result = effect();
        after(fault, name).await?;
        result
    }
}

impl Ledger for World {
    async fn load(&self, release: &ReleaseId) -> PortResult<Option<Release>> {
        self.call("GetItem", || Ok(self.record(release))).await
    }

    async fn open(&self, release: &Release) -> PortResult<Opening> {
        self.call("TransactWriteItems", || {
            let mut state = self.state();
            if state.records.contains_key(&release.id) {
                return Ok(Opening::AlreadyOpen);
            }
            let keys = release.lock_keys();
            if let Some((key, holder)) = keys.iter().find_map(|key| state.locks.get_key_value(key)) {
                return Ok(Opening::Busy { key: key.clone(), holder: holder.clone() });
            }
            state.locks.extend(keys.into_iter().map(|key| (key, release.id.clone())));
            for alarm in &release.plan.judge.alarms {
                state.watches.insert((alarm.to_string(), release.id.clone()));
            }
            state.records.insert(release.id.clone(), release.clone());
            Ok(Opening::Opened)
        })
        .await
    }

    async fn save(&self, release: &mut Release, story: &[StoryEntry]) -> PortResult<()> {
        self.call("TransactWriteItems", || {
            let mut state = self.state();
            let stored = state.records.get(&release.id).map(|stored| stored.revision);
            if stored != Some(release.revision) {
                return Err(PortError::Stale { release: release.id.clone() });
            }
            release.revision += 1;
            state.records.insert(release.id.clone(), release.clone());
            state.stories.entry(release.id.clone()).or_default().extend_from_slice(story);
            if release.phase.is_terminal() {
                state.locks.retain(|_, holder| *holder != release.id);
                state.watches.retain(|(_, watcher)| *watcher != release.id);
            }
            Ok(())
        })
        .await
    }

    async fn requests(&self, release: &ReleaseId) -> PortResult<Vec<Request>> {
        self.call("Query", || Ok(self.state().requests.get(release).cloned().unwrap_or_default())).await
    }

    async fn ask(&self, release: &ReleaseId, request: &Request) -> PortResult<()> {
        self.call("PutItem", || {
            let mut state = self.state();
            let asked = state.requests.entry(release.clone()).or_default();
            if asked.iter().all(|known| known.ask.key() != request.ask.key()) {
                asked.push(request.clone());
            }
            Ok(())
        })
        .await
    }

    async fn watching(&self, alarm: &AlarmName) -> PortResult<Vec<ReleaseId>> {
        self.call("Query", || {
            let state = self.state();
            let watchers = state.watches.iter().filter(|(name, _)| name == alarm.as_str());
            Ok(watchers.map(|(_, release)| release.clone()).collect())
        })
        .await
    }

    async fn active(&self) -> PortResult<Vec<ReleaseId>> {
        self.call("Query", || {
            let mut ids: Vec<ReleaseId> = self.state().locks.values().cloned().collect();
            ids.sort();
            ids.dedup();
            Ok(ids)
        })
        .await
    }

    async fn list(&self, service: Option<&str>, limit: usize) -> PortResult<Vec<Summary>> {
        self.call("Query", || {
            let summaries = self.state().records.values().map(Release::summary).collect::<Vec<_>>();
            let wanted = summaries.into_iter().filter(|summary| service.is_none_or(|name| name == summary.service));
            Ok(wanted.take(limit).collect())
        })
        .await
    }

    async fn story(&self, release: &ReleaseId) -> PortResult<Vec<StoryEntry>> {
        self.call("Query", || Ok(self.state().stories.get(release).cloned().unwrap_or_default())).await
    }
}

impl LoadBalancer for World {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        self.call("DescribeListeners", || {
            let found = self.state().parts.get(part.arn()).cloned();
            found.ok_or_else(|| PortError::NotFound { what: part.to_string() })
        })
        .await
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        self.call("ModifyListener", || match self.state().parts.get_mut(part.arn()) {
            Some(found) => {
                *found = actions.to_vec();
                Ok(())
            }
            None => Err(PortError::NotFound { what: part.to_string() }),
        })
        .await
    }

    async fn target_groups(&self, groups: &[TargetGroupArn]) -> PortResult<Vec<TargetGroup>> {
        self.call("DescribeTargetGroups", || {
            let describe = |arn: &TargetGroupArn| TargetGroup {
                arn: arn.clone(),
                load_balancers: Vec::new(),
                sticky: false,
                settings: BTreeMap::from([("Port".to_owned(), json!(8080))]),
            };
            Ok(groups.iter().map(describe).collect())
        })
        .await
    }

    async fn targets(&self, group: &TargetGroupArn) -> PortResult<Vec<Target>> {
        self.call("DescribeTargetHealth", || Ok(self.state().targets(group))).await
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        self.call("DescribeListeners", || {
            let url = format!("http://test.internal/{}", part.arn().len());
            Ok(Endpoint { url, headers: Vec::new(), path: None })
        })
        .await
    }
}

impl Fleet for World {
    async fn survey(&self, green: &EcsGreen, blue_group: &TargetGroupArn) -> PortResult<Survey> {
        self.call("DescribeServices", || {
            let state = self.state();
            let reading = |name: &str, service: &Service| ServiceReading {
                name: name.to_owned(),
                task_definition: service.task_definition.clone(),
                desired: service.desired,
                running: service.desired,
                settings: BTreeMap::new(),
            };
            let names = green.services.each_ref().map(|name| name.as_str());
            let serves = |name: &&str| state.services.get(*name).is_some_and(|s| s.group == blue_group.as_str());
            let Some(blue) = names.into_iter().find(serves) else {
                return Err(PortError::NotFound { what: format!("a service behind {blue_group}") });
            };
            let green_name = if names[0] == blue { names[1] } else { names[0] };
            Ok(Survey {
                blue: reading(blue, &state.services[blue]),
                green_name: green_name.to_owned(),
                green: state.services.get(green_name).map(|service| reading(green_name, service)),
                green_task: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
                blue_task: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
            })
        })
        .await
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        self.call("UpdateService", || {
            let green = Service {
                task_definition: order.task_definition.clone(),
                desired: order.desired,
                group: order.green_group.to_string(),
            };
            self.state().services.insert(order.green_service.clone(), green);
            Ok(())
        })
        .await
    }

    async fn progress(&self, _cluster: &str, service: &str) -> PortResult<Progress> {
        self.call("DescribeServices", || {
            let desired = self.state().services.get(service).map(|found| found.desired);
            let desired = desired.ok_or_else(|| PortError::NotFound { what: format!("service {service}") })?;
            Ok(Progress { desired, running: desired, failed: None, events: Vec::new() })
        })
        .await
    }

    async fn scale_in(&self, _cluster: &str, service: &str) -> PortResult<()> {
        self.call("UpdateService", || match self.state().services.get_mut(service) {
            Some(found) => {
                found.desired = 0;
                Ok(())
            }
            None => Err(PortError::NotFound { what: format!("service {service}") }),
        })
        .await
    }
}

impl Signals for World {
    async fn alarms(&self, names: &[AlarmName]) -> PortResult<Vec<AlarmReading>> {
        self.call("DescribeAlarms", || {
            let state = self.state();
            Ok(names.iter().filter_map(|name| state.alarms.get(name.as_str()).cloned()).collect())
        })
        .await
    }

    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>> {
        self.call("GetMetricData", || {
            let state = self.state();
            let series = queries.iter().map(|query| {
                let group = query.dimensions.iter().find(|(name, _)| name == "TargetGroup").map(|(_, value)| value);
                let traffic =
                    group.and_then(|group| state.traffic.iter().find(|(arn, _)| arn.ends_with(group.as_str())));
                let (requests, bad) = traffic.map_or((0.0, 0.0), |(_, traffic)| *traffic);
                let value = match query.metric.as_str() {
                    "RequestCount" => Some(requests),
                    "HTTPCode_Target_2XX_Count" => Some(requests - bad),
                    _ => None,
                };
                let period = i64::from(query.period) * 1000;
                let begins = (from.as_millisecond()..to.as_millisecond()).step_by(period as usize);
                let points = begins.filter_map(|begin| Some((Timestamp::from_millisecond(begin).ok()?, value?)));
                Series { id: query.id.clone(), points: points.filter(|(_, value)| *value > 0.0).collect() }
            });
            Ok(series.collect())
        })
        .await
    }
}

impl Prober for World {
    async fn probe(&self, _endpoint: &Endpoint, _check: &HttpCheck) -> Result<ProbeAnswer, String> {
        let (status, body) = self.state().green_answers.clone();
        Ok(ProbeAnswer { status, body, elapsed: Duration::from_millis(20) })
    }

    async fn pause(&self, span: Span) {
        self.pass(span.as_seconds().into());
    }
}

impl Announcer for World {
    async fn announce(&self, announcements: &[Announcement]) -> PortResult<()> {
        self.call("PutEvents", || {
            self.state().announced.extend_from_slice(announcements);
            Ok(())
        })
        .await
    }
}

impl Executions for World {
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>> {
        self.call("DescribeExecution", || Ok(self.state().ended.get(execution).cloned())).await
    }
}
