//! Elastic Load Balancing.

use crate::course::Course;
use crate::deed::Deed;
use crate::link::{Link, Op, OpKind};
use crate::watch::Moved;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;
use teal::ports::{DestinationReading, Endpoint, Entrance, PortError, PortResult, Router, Target};
use teal::release::Release;
use teal::route::{Action, Destination, PartReading, PartRef, weight_in};

/// How long after a change a read may still tell what was before. ELB promises nothing; this is an assumption.
pub(crate) const READ_LAG: SignedDuration = SignedDuration::from_secs(1);

impl Router for Link<'_> {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        self.count_request(part);
        if self.reads_twice(part) {
            self.count_request(part);
        }
        let op = Op { name: "DescribeListeners", kind: OpKind::ReadListener };
        self.call(op, |course| {
            let found = self.read(part, course);
            Ok(self.mutated_actions(part, found.ok_or_else(|| PortError::NotFound { what: part.to_string() })?))
        })
        .await
    }

    async fn reading(&self, part: &PartRef) -> PortResult<PartReading> {
        self.count_request(part);
        let op = Op { name: "DescribeRules", kind: OpKind::ReadListener };
        self.call(op, |course| {
            let found = self.read(part, course).ok_or_else(|| PortError::NotFound { what: part.to_string() })?;
            let ahead = self.mutated_rules(self.world.state().rules.get(part.key()).cloned().unwrap_or_default());
            Ok(PartReading { actions: self.mutated_actions(part, found), conditions: Vec::new(), ahead })
        })
        .await
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        self.count_request(part);
        if matches!(part, PartRef::Cname(_)) && self.actions(part).await? == actions {
            // A swap would take it away again.
            return Ok(());
        }
        let in_the_way = self.world.state().in_the_way.get(part.key()).cloned();
        if let Some(message) = in_the_way {
            return Err(PortError::Unavailable { call: "StartDeployment", message });
        }
        let actions = self.mutated_write(part, actions.to_vec());
        let based_on = self.world.watch.borrow().last_read(&self.who, part.key());
        let deed = Deed::SetActions { part: part.clone(), actions: actions.clone(), based_on };
        let written = self.mutated_failure(self.act("ModifyListener", deed).await);
        self.remember_write(&written);
        written?;
        self.world.watch.borrow_mut().write_answered(&self.world.state(), part, &self.who, self.world.now());
        self.remembered.borrow_mut().written.insert(part.key().to_owned(), actions);
        Ok(())
    }

    async fn restore_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<Option<String>> {
        let ended = self.world.state().in_the_way.remove(part.key());
        self.set_actions(part, actions).await.map(|()| ended)
    }

    async fn in_the_way(&self, part: &PartRef) -> PortResult<Option<String>> {
        if !matches!(part, PartRef::Flag(_)) {
            return Ok(None);
        }
        self.call(Op::other("ListDeployments"), |_| Ok(self.world.state().in_the_way.get(part.key()).cloned())).await
    }

    async fn destination(&self, _destination: &Destination) -> PortResult<DestinationReading> {
        self.call(Op::other("DescribeTargetGroups"), |_| {
            let settings = BTreeMap::from([("Port".to_owned(), json!(8080))]);
            Ok(DestinationReading { sticky: false, settings })
        })
        .await
    }

    async fn targets(&self, group: &Destination) -> PortResult<Vec<Target>> {
        let answer = self
            .call(Op::other("DescribeTargetHealth"), |_| {
                let found = self.world.state().targets(group, self.world.now());
                Ok(self.mutated_targets(group, found))
            })
            .await;
        if answer.is_err() {
            self.world.watch.borrow_mut().could_not_read_health(&self.who);
        }
        answer
    }

    async fn entrance(&self, destination: &Destination) -> PortResult<Option<Entrance>> {
        self.call(Op::other("DescribeEnvironmentResources"), |_| {
            let Destination::Environment(name) = destination else { return Ok(None) };
            let load_balancer = Some(format!("app/{name}/1"));
            Ok(Some(Entrance { url: format!("http://{name}.internal"), load_balancer }))
        })
        .await
    }

    async fn zones(&self, _part: &PartRef) -> PortResult<Vec<String>> {
        self.call(Op::other("DescribeLoadBalancers"), |_| Ok(vec!["a".to_owned(), "b".to_owned()])).await
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        self.call(Op::other("DescribeLoadBalancers"), |_| {
            if self.world.state().without_http.contains(part.key()) {
                let message = format!("nobody can send HTTP to {part}");
                return Err(PortError::Refused { call: "DescribeListeners", message });
            }
            let url = format!("http://test.internal/{}", part.key().len());
            Ok(Endpoint { url, headers: Vec::new(), paths: Vec::new() })
        })
        .await
    }
}

impl Link<'_> {
    fn read(&self, part: &PartRef, course: &Course) -> Option<Vec<Action>> {
        self.world.watch.borrow_mut().read(&self.who, part, self.world.now());
        self.remember_read();
        let state = self.world.state();
        let found = state.parts.get(part.key())?;
        let is_answered = course.answer.is_some() && course.error.is_none() && !course.crash;
        if let Some((before, changed_at)) = state.past.get(part.key())
            && self.world.now().duration_since(*changed_at) < READ_LAG
            && (course.stale || (is_answered && before != found && self.world.reads_late(&self.who)))
        {
            self.seen.borrow_mut().read_late = true;
            return Some(before.clone());
        }
        Some(found.clone())
    }

    fn count_request(&self, part: &PartRef) {
        let moved = self.moved(part);
        let (requests, failed_calls) = {
            let mut seen = self.seen.borrow_mut();
            let failed_calls = seen.failed_calls;
            let count = seen.requests.entry(part.key().to_owned()).or_default();
            *count += 1;
            (*count, failed_calls)
        };
        self.world.watch.borrow_mut().requested(&self.who, part, requests, failed_calls, moved);
    }

    /// Who moves the traffic of a part. A run that has found blue on no listener has attached it itself when it is there later.
    pub(crate) fn moved(&self, part: &PartRef) -> Moved {
        let state = self.world.state();
        if state.deployment.is_some() {
            return Moved::ByDeployment;
        }
        let key = part.key();
        let holder = state.locks.get(key).and_then(|holder| state.records.get(holder));
        let awaits = holder.filter(|release| release.plan.traffic.shifted_by.is_some());
        let lacks_blue = |release: &Release| {
            state.parts.get(key).is_some_and(|found| weight_in(found, &release.colours.blue).is_none())
        };
        let mut seen = self.seen.borrow_mut();
        if awaits.is_some_and(lacks_blue) {
            seen.without_blue.insert(key.to_owned());
        }
        if seen.without_blue.contains(key) { Moved::LeftWithoutBlue } else { Moved::ByTeal }
    }
}
