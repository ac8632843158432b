//! Instances that a deployment goes to.
//! <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_InstanceTarget.html>

use super::deployment::{Event, pending};
use super::{EventStatus, Group};
use teal_lab_wire::Millis;

/// How an instance stands, in the words that its events have, too.
pub(crate) type InstanceStatus = EventStatus;

#[derive(Clone, Debug)]
pub(crate) struct InstanceTarget {
    pub(crate) id: String,
    pub(crate) status: InstanceStatus,
    pub(crate) events: Vec<Event>,
    pub(crate) updated: Option<Millis>,
}

/// In the order of a deployment in place.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
const INSTALLING: [&str; 7] = [
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
];

impl InstanceTarget {
    /// One that waits for its turn; `behind` a load balancer it leaves that first, and comes back last.
    pub(crate) fn new(id: String, behind: bool) -> Self {
        let (before, after): (&[&str], &[&str]) = if behind {
            (
                &["BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic"],
                &["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"],
            )
        } else {
            (&[], &[])
        };
        let names: Vec<&'static str> = [before, &INSTALLING, after].concat();
        Self { id, status: InstanceStatus::Pending, events: pending(&names), updated: None }
    }

    /// Ends it: what is under way gets this status, and nothing else comes.
    pub(crate) fn end(&mut self, status: InstanceStatus, under_way: EventStatus, now: Millis) {
        if self.status == InstanceStatus::Pending || self.status == InstanceStatus::InProgress {
            self.status = status;
            self.updated = Some(now);
            for event in &mut self.events {
                event.end(under_way, now);
            }
        }
    }
}

impl Group {
    /// Instances in the order in which they are deployed to: first those to which a deployment failed or none went, then by what they
    /// have, the last good revision at last.
    /// <https://docs.aws.amazon.com/codedeploy/latest/userguide/instances-health.html>
    pub(crate) fn in_order(&self, mut instances: Vec<String>) -> Vec<String> {
        instances.sort_by_key(|id| match self.installed.get(id) {
            None | Some(None) => 0,
            revision if revision != Some(&self.last_successful) => 1,
            Some(_) => 2,
        });
        instances
    }
}
