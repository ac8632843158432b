//! What exists: launch templates, groups, instances, activities.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use teal_lab_process::Control;
use teal_lab_wire::query::Tree;
use teal_lab_wire::{ACCOUNT, Millis, REGION, TargetAddress};
use tokio::sync::watch;

/// Everything, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By id.
    pub(crate) templates: BTreeMap<String, LaunchTemplate>,
    /// By name.
    pub(crate) groups: BTreeMap<String, Group>,
    /// By id. One that has ended is no longer here.
    pub(crate) instances: BTreeMap<String, Instance>,
    /// Newest last; the latest of each group are kept.
    pub(crate) activities: Vec<Activity>,
}

#[derive(Debug)]
pub(crate) struct LaunchTemplate {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: Millis,
    /// Version n is at index n - 1.
    pub(crate) versions: Vec<TemplateVersion>,
}

#[derive(Debug)]
pub(crate) struct TemplateVersion {
    pub(crate) created: Millis,
    pub(crate) description: Option<String>,
    /// `LaunchTemplateData`: the members that are plain values, as they came.
    pub(crate) data: BTreeMap<String, String>,
}

/// Which launch template a group uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateReference {
    pub(crate) id: String,
    pub(crate) name: String,
    /// A number, `$Latest` or `$Default`.
    pub(crate) version: String,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created: Millis,
    pub(crate) template: TemplateReference,
    /// Given back as it came; the template in it is `template`.
    pub(crate) mixed_instances: Option<Tree>,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) desired: u32,
    pub(crate) zones: Vec<&'static str>,
    /// `VPCZoneIdentifier`: subnets, separated by commas.
    pub(crate) subnets: String,
    pub(crate) target_groups: BTreeSet<String>,
    /// `EC2`, or a list with `ELB` in it.
    pub(crate) health_check: String,
    /// Lab seconds.
    pub(crate) grace_seconds: u64,
    pub(crate) protects_new: bool,
    /// Name and why.
    pub(crate) suspended: BTreeMap<&'static str, String>,
    pub(crate) tags: BTreeMap<String, Tag>,
    /// Members that the lab does not interpret, as they came.
    pub(crate) kept: BTreeMap<&'static str, Tree>,
    /// By name: the members of PutScalingPolicy as they came, and the policy's ARN.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// By name.
    pub(crate) schedules: BTreeMap<String, Schedule>,
    pub(crate) deleting: bool,
    /// How many instances it has launched.
    pub(crate) launched: u64,
    /// How many of them, one after another, did not come up.
    pub(crate) failed: u32,
    /// Nothing is launched before.
    pub(crate) not_before: Millis,
}

#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) value: String,
    pub(crate) propagate: bool,
}

#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) arn: String,
    pub(crate) kind: &'static str,
    pub(crate) members: BTreeMap<&'static str, Tree>,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) arn: String,
    pub(crate) members: BTreeMap<&'static str, Tree>,
}

/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>, without hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    Pending,
    InService,
    Terminating,
}

impl Lifecycle {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
        }
    }
}

/// The process of an instance: on AWS the service that runs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    Starting,
    Running,
    Stopping,
    Stopped,
    /// It was started on an instance that is there, and did not come up; why.
    Failed(String),
}

impl Application {
    /// Whether there is a process, or about to be one.
    pub(crate) fn has_process(&self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) number: u64,
    pub(crate) zone: &'static str,
    pub(crate) kind: String,
    pub(crate) template: TemplateReference,
    /// What the reference meant when the instance was launched.
    pub(crate) version: u64,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) healthy: bool,
    pub(crate) protected: bool,
    /// Where it is registered now.
    pub(crate) registered: BTreeSet<String>,
    pub(crate) in_service_since: Option<Millis>,
    /// Where its process is to listen.
    pub(crate) listen: SocketAddr,
    pub(crate) launched: Millis,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) pid: Option<u32>,
    /// Tells whoever waits for its process.
    pub(crate) application: watch::Sender<Application>,
    pub(crate) control: watch::Sender<Control>,
}

impl Instance {
    pub(crate) fn is_wanted(&self) -> bool {
        self.lifecycle != Lifecycle::Terminating
    }

    /// What becomes of an instance's application whose process has ended, where the instance stays: one that was stopped, or started again
    /// and did not come up. `None` where the instance ends with its process.
    pub(crate) fn outlives_process(&self, problem: Option<&str>) -> Option<Application> {
        if self.lifecycle != Lifecycle::InService {
            return None;
        }
        match (&*self.application.borrow(), problem) {
            (Application::Stopping, _) => Some(Application::Stopped),
            (Application::Starting, problem) => {
                Some(Application::Failed(problem.unwrap_or("it ended at once").to_owned()))
            }
            _ => None,
        }
    }

    pub(crate) fn target(&self) -> Option<TargetAddress> {
        Some(TargetAddress { address: self.address?, zone: self.zone.to_owned() })
    }
}

#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) instance: String,
    pub(crate) description: String,
    pub(crate) cause: String,
    pub(crate) started: Millis,
    pub(crate) ended: Option<Millis>,
    /// Why it failed, if it did.
    pub(crate) problem: Option<String>,
}

impl Activity {
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html>
    pub(crate) fn status(&self) -> &'static str {
        match (&self.problem, self.ended) {
            (Some(_), _) => "Failed",
            (None, Some(_)) => "Successful",
            (None, None) => "InProgress",
        }
    }
}

impl State {
    /// The version that a reference means, with its number.
    pub(crate) fn version_of(&self, reference: &TemplateReference) -> Option<(u64, &TemplateVersion)> {
        let template = self.templates.get(&reference.id)?;
        let number = match reference.version.as_str() {
            // The lab has no call that sets another default.
            "$Default" => 1,
            "$Latest" => template.versions.len() as u64,
            number => number.parse().ok()?,
        };
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Some((number, template.versions.get(index)?))
    }

    /// The instances of a group, oldest first.
    pub(crate) fn instances_of<'a>(&'a self, group: &'a str) -> Vec<&'a Instance> {
        let mut found: Vec<_> = self.instances.values().filter(|instance| instance.group == group).collect();
        found.sort_by_key(|instance| instance.number);
        found
    }
}

impl Group {
    pub(crate) fn is_suspended(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    pub(crate) fn checks_elb(&self) -> bool {
        self.health_check.split(',').any(|kind| kind.trim() == "ELB")
    }
}

/// The ARN of a resource of this service.
pub(crate) fn arn(resource: &str) -> String {
    format!("arn:aws:autoscaling:{REGION}:{ACCOUNT}:{resource}")
}

/// `digits` hexadecimal digits.
pub(crate) fn hex(digits: usize) -> String {
    let mut text = format!("{:032x}", fastrand::u128(..));
    text.truncate(digits);
    text
}

/// In the form of a UUID.
pub(crate) fn uuid() -> String {
    let hex = hex(32);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
