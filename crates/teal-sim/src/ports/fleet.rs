//! ECS, and the events bus.

use crate::deed::Deed;
use crate::link::{Link, Op};
use crate::state::Service;
use serde_json::json;
use std::collections::BTreeMap;
use teal::plan::EcsGreen;
use teal::ports::{
    Announcer, CapacityHold, Executions, Fleet, GreenOrder, PortError, PortResult, Progress, Scaling, ServiceReading,
    Survey,
};
use teal::route::Destination;
use teal::story::Announcement;

impl Fleet for Link<'_> {
    async fn survey(&self, green: &EcsGreen, blue_group: &Destination) -> PortResult<Survey> {
        self.call(Op::other("DescribeServices"), |_| {
            let (state, now) = (self.world.state(), self.world.now());
            let reading = |name: &str, service: &Service| ServiceReading {
                name: name.to_owned(),
                task_definition: service.task_definition.clone(),
                desired: service.desired,
                running: service.running(now),
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
                lacking: Vec::new(),
                green_task: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
                blue_task: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
            })
        })
        .await
    }

    async fn scaling(&self, _cluster: &str, service: &str) -> PortResult<Option<Scaling>> {
        self.call(Op::other("DescribeScalableTargets"), |_| Ok(self.world.state().scaling.get(service).copied())).await
    }

    async fn hold_capacity(&self, _cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()> {
        self.act("RegisterScalableTarget", Deed::Hold { service: service.to_owned(), hold: *hold }).await
    }

    async fn free_capacity(&self, _cluster: &str, service: &str, hold: &CapacityHold) -> PortResult<()> {
        self.act("RegisterScalableTarget", Deed::Free { service: service.to_owned(), hold: *hold }).await
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        self.act("UpdateService", Deed::BringUp(Box::new(order.clone()))).await
    }

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        self.call(Op::other("DescribeServices"), |_| {
            let (state, now) = (self.world.state(), self.world.now());
            let nothing = Progress { desired: 0, running: 0, current: false, failed: None, events: Vec::new() };
            let found = state.services.get(&order.green_service);
            Ok(found.filter(|found| found.task_definition == order.task_definition).map_or(nothing, |found| Progress {
                desired: found.desired,
                running: found.running_of(&order.task_definition, now),
                current: found.is_current(now),
                failed: None,
                events: Vec::new(),
            }))
        })
        .await
    }

    async fn progress(&self, _cluster: &str, service: &str) -> PortResult<Progress> {
        self.call(Op::other("DescribeServices"), |_| {
            let (state, now) = (self.world.state(), self.world.now());
            let found = state.services.get(service);
            let found = found.ok_or_else(|| PortError::NotFound { what: format!("service {service}") })?;
            let (desired, running) = (found.desired, found.running(now));
            Ok(Progress { desired, running, current: found.is_current(now), failed: None, events: Vec::new() })
        })
        .await
    }

    async fn scale_out(&self, _cluster: &str, service: &str, tasks: u32) -> PortResult<()> {
        self.act("UpdateService", Deed::ScaleOut { service: service.to_owned(), tasks }).await
    }

    async fn scale_in(&self, _cluster: &str, service: &str) -> PortResult<()> {
        self.act("UpdateService", Deed::ScaleIn { service: service.to_owned() }).await
    }
}

impl Announcer for Link<'_> {
    async fn announce(&self, announcements: &[Announcement]) -> PortResult<()> {
        self.call(Op::other("PutEvents"), |_| {
            self.world.state().announced.extend_from_slice(announcements);
            Ok(())
        })
        .await
    }
}

impl Executions for Link<'_> {
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>> {
        self.call(Op::other("DescribeExecution"), |_| Ok(self.world.state().ended.get(execution).cloned())).await
    }
}
