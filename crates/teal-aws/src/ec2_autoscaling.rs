//! Groups of EC2 Auto Scaling that run blue and green.
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/Welcome.html>

mod copy;
mod group;
mod scaling;
#[cfg(test)]
mod tests;

use crate::fleet::{GreenOnAws, RunnerOnAws};
use crate::{Aws, json, query};
use copy::{require_copyable, require_own_group_only};
use group::Group;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::fleet::{AutoScalingGroup, GreenOrder, Runner};
use teal::plan::AutoScalingGreen;
use teal::ports::{CapacityHold, PortError, PortResult, Progress, RunnerReading, Scaling, Survey};
use teal::route::Colours;

pub(crate) const EC2_AUTOSCALING: query::Service = query::Service {
    endpoint: json::Service { name: "autoscaling", target: "", version: "", id: "auto-scaling" },
    version: "2011-01-01",
};

const DESCRIBE_GROUPS: &str = "autoscaling:DescribeAutoScalingGroups";
const CREATE_GROUP: &str = "autoscaling:CreateAutoScalingGroup";
const UPDATE_GROUP: &str = "autoscaling:UpdateAutoScalingGroup";

/// What raises a group again that was taken in: alarms, and schedules.
const RAISING: [&str; 2] = ["AlarmNotification", "ScheduledActions"];
/// How many of a group's latest activities are passed on.
const EVENTS: u32 = 3;
/// How many instances one call protects. Source: API Reference, SetInstanceProtection.
const PROTECTED_AT_ONCE: usize = 50;

/// Reads and changes groups by their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScalingGroups<'a>(pub(crate) &'a Aws);

impl GreenOnAws for AutoScalingGreen {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey> {
        let (groups, green) = (ScalingGroups(aws), self);
        let names = green.groups.each_ref().map(|name| name.as_str());
        let found = groups.scaling_groups(&names).await?;
        let blue = find_blue(&found, green, colours.blue.as_str())?;
        require_copyable(blue, colours.blue.as_str())?;
        let name = blue.name();
        let green_name = names.into_iter().find(|other| *other != name).unwrap_or_default();
        let present = found.iter().find(|group| group.name() == green_name);
        if let Some(present) = present {
            require_own_group_only(present, colours.green.as_str())?;
            require_empty(present)?;
        }
        let template = blue.template().ok_or_else(|| copy::no_template(blue))?;
        Ok(Survey {
            lacking: groups.lacking(name, present).await?,
            blue: read(blue),
            green: runner(green_name),
            present: present.map(read),
            runs: format!("{}:{}", template.name, green.launch_template_version),
            green_version: BTreeMap::new(),
            blue_version: BTreeMap::new(),
        })
    }
}

impl RunnerOnAws for AutoScalingGroup {
    async fn scaling(&self, aws: &Aws) -> PortResult<Option<Scaling>> {
        Ok(Some(ScalingGroups(aws).scaling_group(&self.group).await?.scaling()))
    }

    async fn hold_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        ScalingGroups(aws).set_least(&self.group, |present| hold.begun(present)).await
    }

    async fn free_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        ScalingGroups(aws).set_least(&self.group, |present| hold.ended(present)).await
    }

    async fn bring_up(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()> {
        let (groups, green_name) = (ScalingGroups(aws), self.group.as_str());
        let found = groups.scaling_groups(&[order.blue.name(), green_name]).await?;
        let named = |name: &str| found.iter().find(|group| group.name() == name);
        let blue = named(order.blue.name()).ok_or_else(|| PortError::NotFound { what: order.blue.to_string() })?;
        // Somebody may have attached it elsewhere since the release was accepted.
        require_copyable(blue, order.colours.blue.as_str())?;
        let wanted = copy::without_own_role(copy::settings(blue, order)?, named(green_name));
        match named(green_name) {
            None => {
                let creation = copy::creation(blue, order, green_name, wanted);
                match aws.ec2_autoscaling().call(CREATE_GROUP, &what(green_name), &creation).await {
                    Ok(_) => {}
                    // Another run of this step was first; the next one brings it on from there.
                    Err(PortError::Refused { message, .. }) if message.starts_with("AlreadyExists") => return Ok(()),
                    Err(error) => return Err(error),
                }
                groups.suspend_processes(green_name, &copy::suspensions(blue, None).0).await?;
            }
            Some(green) if green.is_deleting() => {
                let message = format!("{} is being deleted", what(green_name));
                return Err(PortError::Unavailable { call: CREATE_GROUP, message });
            }
            Some(green) => {
                require_own_group_only(green, order.colours.green.as_str())?;
                groups.attach_group(green, order.colours.green.as_str()).await?;
                let (suspended, resumed) = copy::suspensions(blue, Some(green));
                groups.resume_processes(green_name, &resumed).await?;
                groups.suspend_processes(green_name, &suspended).await?;
                if copy::differs(green, &wanted) {
                    groups.update_group(green_name, Value::Object(wanted)).await?;
                }
            }
        }
        groups.scale_like_blue(order, green_name).await
    }

    async fn bring_on(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn progress_of_green(&self, aws: &Aws, order: &GreenOrder) -> PortResult<Progress> {
        let (groups, name) = (ScalingGroups(aws), self.group.as_str());
        let found = groups.scaling_groups(&[name]).await?;
        let Some(found) = found.first() else {
            let events = vec![format!("group {name} is not shown yet")];
            return Ok(Progress { desired: 0, running: 0, current: false, failed: None, events });
        };
        let version = copy::version_of(&order.runs);
        let runs = |instance: &&group::Instance| instance.version == version && instance.serves();
        let instances = found.instances();
        let running = instances.iter().filter(runs).count();
        let current = instances.iter().all(|instance| instance.version == version || instance.is_leaving());
        let events = if running < found.desired() as usize { groups.activities(name).await? } else { Vec::new() };
        Ok(Progress { desired: found.desired(), running: count(running), current, failed: None, events })
    }

    async fn progress(&self, aws: &Aws) -> PortResult<Progress> {
        let found = ScalingGroups(aws).scaling_group(&self.group).await?;
        let running = count(found.instances().len());
        Ok(Progress { desired: found.desired(), running, current: true, failed: None, events: Vec::new() })
    }

    async fn scale_out(&self, aws: &Aws, instances: u32) -> PortResult<()> {
        let (groups, name) = (ScalingGroups(aws), self.group.as_str());
        let found = groups.scaling_group(name).await?;
        if found.desired() >= instances {
            return Ok(());
        }
        let most = found.scaling().max_capacity.max(instances);
        groups.update_group(name, json!({"DesiredCapacity": instances, "MaxSize": most})).await
    }

    /// Instances that are protected from scaling in are no longer: they would stay.
    async fn scale_in(&self, aws: &Aws) -> PortResult<()> {
        let (groups, name) = (ScalingGroups(aws), self.group.as_str());
        let found = groups.scaling_group(name).await?;
        let suspended = found.suspended();
        let raising: Vec<&str> = RAISING.into_iter().filter(|process| !suspended.contains(process)).collect();
        groups.suspend_processes(name, &raising).await?;
        let instances = found.instances();
        let protected: Vec<&str> = instances.iter().filter(|one| one.protected).map(|one| one.id).collect();
        for ids in protected.chunks(PROTECTED_AT_ONCE) {
            let input = json!({"AutoScalingGroupName": name, "InstanceIds": ids, "ProtectedFromScaleIn": false});
            aws.ec2_autoscaling().call("autoscaling:SetInstanceProtection", &what(name), &input).await?;
        }
        if found.desired() == 0 && found.scaling().min_capacity == 0 {
            return Ok(());
        }
        groups.update_group(name, json!({"MinSize": 0, "DesiredCapacity": 0})).await
    }
}

impl ScalingGroups<'_> {
    /// Sets the least number of instances to what `wanted` makes of the present scaling: no policy goes below it.
    async fn set_least(self, name: &str, wanted: impl Fn(Scaling) -> Scaling) -> PortResult<()> {
        let present = self.scaling_group(name).await?.scaling();
        let least = wanted(present).min_capacity;
        if least == present.min_capacity {
            return Ok(());
        }
        self.update_group(name, json!({"MinSize": least})).await
    }

    /// Whether a group's instances are registered in a target group.
    pub(crate) async fn is_behind(self, name: &str, target_group: &str) -> PortResult<bool> {
        Ok(self.scaling_group(name).await?.target_groups().contains(&target_group))
    }

    /// Puts a group's instances behind a target group. Done twice it changes nothing.
    pub(crate) async fn attach(self, name: &str, target_group: &str) -> PortResult<()> {
        let group = self.scaling_group(name).await?;
        self.attach_group(&group, target_group).await
    }

    async fn scaling_groups(self, names: &[&str]) -> PortResult<Vec<Group>> {
        let input = json!({"AutoScalingGroupNames": names});
        let what = format!("groups {}", names.join(" and "));
        let found = self.0.ec2_autoscaling().call_paged(DESCRIBE_GROUPS, &what, input, "AutoScalingGroups").await?;
        Ok(found.into_iter().map(Group::new).collect())
    }

    async fn scaling_group(self, name: &str) -> PortResult<Group> {
        let found = self.scaling_groups(&[name]).await?.into_iter().next();
        found.ok_or_else(|| PortError::NotFound { what: what(name) })
    }

    async fn update_group(self, name: &str, mut settings: Value) -> PortResult<()> {
        settings["AutoScalingGroupName"] = name.into();
        self.0.ec2_autoscaling().call(UPDATE_GROUP, &what(name), &settings).await.map(|_| ())
    }

    /// Puts green's instances behind green's target group; they launch into it from then on.
    async fn attach_group(self, green: &Group, target_group: &str) -> PortResult<()> {
        if green.target_groups().contains(&target_group) {
            return Ok(());
        }
        let input = json!({"AutoScalingGroupName": green.name(), "TargetGroupARNs": [target_group]});
        let call = "autoscaling:AttachLoadBalancerTargetGroups";
        self.0.ec2_autoscaling().call(call, &what(green.name()), &input).await.map(|_| ())
    }

    async fn suspend_processes(self, name: &str, processes: &[&str]) -> PortResult<()> {
        self.tell_processes("autoscaling:SuspendProcesses", name, processes).await
    }

    async fn resume_processes(self, name: &str, processes: &[&str]) -> PortResult<()> {
        self.tell_processes("autoscaling:ResumeProcesses", name, processes).await
    }

    /// Without names these calls would be about every process.
    async fn tell_processes(self, call: &'static str, name: &str, processes: &[&str]) -> PortResult<()> {
        if processes.is_empty() {
            return Ok(());
        }
        let input = json!({"AutoScalingGroupName": name, "ScalingProcesses": processes});
        self.0.ec2_autoscaling().call(call, &what(name), &input).await.map(|_| ())
    }

    /// What the group did last, and why that failed where it did.
    async fn activities(self, name: &str) -> PortResult<Vec<String>> {
        let input = json!({"AutoScalingGroupName": name, "MaxRecords": EVENTS});
        let answer =
            self.0.ec2_autoscaling().call("autoscaling:DescribeScalingActivities", &what(name), &input).await?;
        let activities = answer.get("Activities").and_then(Value::as_array).into_iter().flatten();
        let told =
            activities.filter_map(|activity| {
                let text = |member: &str| activity.get(member).and_then(Value::as_str);
                let (description, message) = (text("Description")?, text("StatusMessage"));
                let status = text("StatusCode").unwrap_or_default();
                Some(message.map_or_else(
                    || format!("{description}: {status}"),
                    |why| format!("{description}: {status}: {why}"),
                ))
            });
        Ok(told.collect())
    }
}

/// The group of the pair that serves: attached to blue's target group, with instances.
fn find_blue<'a>(found: &'a [Group], green: &AutoScalingGreen, blue_group: &str) -> PortResult<&'a Group> {
    let serves =
        |group: &&Group| !group.is_deleting() && group.desired() > 0 && group.target_groups().contains(&blue_group);
    let [first, second] = &green.groups;
    match found.iter().filter(serves).collect::<Vec<_>>().as_slice() {
        [blue] => Ok(blue),
        [] => Err(PortError::NotFound {
            what: format!(
                "a group that serves blue (of {first} and {second}, with instances, and attached to blue's target group \
                 {blue_group})"
            ),
        }),
        _ => Err(PortError::Refused {
            call: DESCRIBE_GROUPS,
            message: format!(
                "both {first} and {second} have instances behind blue's target group {blue_group}. Take the one that is not \
                 to serve to 0 instances, or attach it to the other group"
            ),
        }),
    }
}

/// Refuses a green with instances: a group does not replace them when its launch template changes, and they would take traffic.
fn require_empty(green: &Group) -> PortResult<()> {
    let left = green.instances().iter().filter(|instance| !instance.is_leaving()).count();
    if left == 0 && green.desired() == 0 {
        return Ok(());
    }
    Err(PortError::Refused {
        call: DESCRIBE_GROUPS,
        message: format!(
            "{} is to be green and has {} instances of what it ran before. Take it to 0 instances (minimum and desired), then \
             start again",
            what(green.name()),
            left.max(green.desired() as usize)
        ),
    })
}

fn what(name: &str) -> String {
    format!("group {name}")
}

fn count(instances: usize) -> u32 {
    u32::try_from(instances).unwrap_or(u32::MAX)
}

fn runner(name: &str) -> Runner {
    Runner::AutoScaling(AutoScalingGroup { group: name.to_owned() })
}

fn read(group: &Group) -> RunnerReading {
    RunnerReading { runner: runner(group.name()), desired: group.desired(), settings: group.settings() }
}
