//! The operations of EC2 Auto Scaling.

mod activities;
mod attachments;
mod describe;
mod groups;
mod policies;
mod processes;
mod settings;

use crate::fleet::Fleet;
use crate::model::{Group, State, uuid};
use std::sync::Arc;
use teal_lab_wire::query::{Form, Paging, Params, Tree, invalid};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest, Millis};

const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";
const PAGING: Paging =
    Paging { size: "MaxRecords", usual: 50, most: 100, marker: "NextToken", bad_marker: "InvalidNextToken" };

/// Operations whose answers have no result.
const WITHOUT_OUTPUT: [&str; 10] = [
    "CreateAutoScalingGroup",
    "DeleteAutoScalingGroup",
    "DeletePolicy",
    "DeleteScheduledAction",
    "PutScheduledUpdateGroupAction",
    "ResumeProcesses",
    "SetDesiredCapacity",
    "SetInstanceHealth",
    "SuspendProcesses",
    "UpdateAutoScalingGroup",
];

type Result<T> = std::result::Result<T, AwsFault>;

/// One call, with what it may look at and change.
struct Call<'a> {
    params: Params<'a>,
    state: &'a mut State,
    fleet: &'a Fleet,
    now: Millis,
}

pub(crate) fn answer(fleet: &Arc<Fleet>, request: &AwsRequest) -> AwsAnswer {
    let form = Form::of(request);
    let params = form.params();
    let action = params.text("Action").unwrap_or_default();
    let result = {
        let mut state = fleet.state();
        let call = Call { params: params.clone(), state: &mut state, fleet, now: fleet.clock.now_millis() };
        call.run(action)
    };
    if result.is_ok() && !action.starts_with("Describe") {
        fleet.changed();
    }
    let result = result.map(|result| (!WITHOUT_OUTPUT.contains(&action)).then_some(result));
    Xml::answer(NAMESPACE, action, &uuid(), result)
}

impl Call<'_> {
    fn run(mut self, action: &str) -> Result<Xml> {
        let call = &mut self;
        match action {
            "CreateAutoScalingGroup" => groups::create(call),
            "UpdateAutoScalingGroup" => groups::update(call),
            "DeleteAutoScalingGroup" => groups::delete(call),
            "SetDesiredCapacity" => groups::set_desired(call),
            "DescribeAutoScalingGroups" => describe::groups(call),
            "AttachLoadBalancerTargetGroups" => attachments::attach_target_groups(call),
            "DetachLoadBalancerTargetGroups" => attachments::detach_target_groups(call),
            "DescribeLoadBalancerTargetGroups" => attachments::describe_target_groups(call),
            "AttachTrafficSources" => attachments::attach_sources(call),
            "DetachTrafficSources" => attachments::detach_sources(call),
            "DescribeTrafficSources" => attachments::describe_sources(call),
            "PutScalingPolicy" => policies::put(call),
            "DescribePolicies" => policies::describe(call),
            "DeletePolicy" => policies::delete(call),
            "PutScheduledUpdateGroupAction" => policies::put_schedule(call),
            "BatchPutScheduledUpdateGroupAction" => policies::put_schedules(call),
            "DescribeScheduledActions" => policies::describe_schedules(call),
            "DeleteScheduledAction" => policies::delete_schedule(call),
            "SuspendProcesses" => processes::suspend(call),
            "ResumeProcesses" => processes::resume(call),
            "SetInstanceProtection" => processes::protect(call),
            "SetInstanceHealth" => processes::set_health(call),
            "DescribeScalingActivities" => activities::describe(call),
            other => Err(AwsFault::client(
                "InvalidAction",
                format!("The action {other} is not valid for this web service, or the lab does not serve it."),
            )),
        }
    }

    /// The group that a call is about.
    fn group(&mut self) -> Result<&mut Group> {
        let name = self.params.required("AutoScalingGroupName")?;
        self.state.groups.get_mut(name).filter(|group| !group.deleting).ok_or_else(|| no_group(name))
    }
}

fn no_group(name: &str) -> AwsFault {
    invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

/// The members of these names that were sent, as they came.
fn members<const N: usize>(
    params: &Params<'_>,
    names: [&'static str; N],
) -> impl Iterator<Item = (&'static str, Tree)> {
    names.into_iter().filter_map(|name| Some((name, params.tree(name)?)))
}
