//! The control plane: the actions of API version 2015-12-01.

mod action;
mod condition;
mod listeners;
mod load_balancers;
mod rules;
mod tags;
mod target_groups;
mod targets;

use crate::model::{Account, Forward};
use crate::plane::Plane;
use std::sync::Arc;
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Paging, Params};
use teal_lab_wire::xml::Xml;
use tokio::runtime::Handle;

/// One call, with what it may look at and change.
pub(crate) struct Call<'a> {
    pub(crate) params: Params<'a>,
    pub(crate) account: &'a mut Account,
    pub(crate) plane: &'a Arc<Plane>,
    pub(crate) runtime: &'a Handle,
    /// The forwards that the call changed, by listener or rule ARN.
    pub(crate) shifted: Vec<(String, Forward)>,
}

type Result<T> = std::result::Result<T, AwsFault>;

impl Call<'_> {
    /// Runs an action and gives the inside of its result element.
    pub(crate) fn run(&mut self, action: &str) -> Result<Xml> {
        match action {
            "CreateLoadBalancer" => load_balancers::create(self),
            "DescribeLoadBalancers" => load_balancers::describe(self),
            "DeleteLoadBalancer" => load_balancers::delete(self),
            "DescribeLoadBalancerAttributes" => load_balancers::describe_attributes(self),
            "ModifyLoadBalancerAttributes" => load_balancers::modify_attributes(self),
            "DescribeAccountLimits" => load_balancers::describe_limits(self),
            "CreateTargetGroup" => target_groups::create(self),
            "DescribeTargetGroups" => target_groups::describe(self),
            "ModifyTargetGroup" => target_groups::modify(self),
            "DeleteTargetGroup" => target_groups::delete(self),
            "DescribeTargetGroupAttributes" => target_groups::describe_attributes(self),
            "ModifyTargetGroupAttributes" => target_groups::modify_attributes(self),
            "RegisterTargets" => targets::register(self),
            "DeregisterTargets" => targets::deregister(self),
            "DescribeTargetHealth" => targets::describe_health(self),
            "CreateListener" => listeners::create(self),
            "DescribeListeners" => listeners::describe(self),
            "ModifyListener" => listeners::modify(self),
            "DeleteListener" => listeners::delete(self),
            "CreateRule" => rules::create(self),
            "DescribeRules" => rules::describe(self),
            "ModifyRule" => rules::modify(self),
            "DeleteRule" => rules::delete(self),
            "SetRulePriorities" => rules::set_priorities(self),
            "AddTags" => tags::add(self),
            "RemoveTags" => tags::remove(self),
            "DescribeTags" => tags::describe(self),
            other => Err(AwsFault::client(
                "InvalidAction",
                format!("The action {other} is not valid for this web service, or the lab does not serve it."),
            )),
        }
    }

    /// Takes note of a forward that is not what it was.
    fn shifted(&mut self, arn: &str, before: Option<&Forward>, after: Option<&Forward>) {
        if let Some(after) = after
            && before.is_none_or(|before| before.groups != after.groups)
        {
            self.shifted.push((arn.to_owned(), after.clone()));
        }
    }
}

/// The faults that say what does not exist, in AWS's words.
mod missing {
    use super::AwsFault;

    pub(super) fn load_balancer(arn: &str) -> AwsFault {
        AwsFault::client("LoadBalancerNotFound", format!("Load balancers '[{arn}]' not found"))
    }

    pub(super) fn target_group(arn: &str) -> AwsFault {
        AwsFault::client("TargetGroupNotFound", format!("Target groups '{arn}' not found"))
    }

    pub(super) fn listener() -> AwsFault {
        AwsFault::client("ListenerNotFound", "One or more listeners not found")
    }

    pub(super) fn rule() -> AwsFault {
        AwsFault::client("RuleNotFound", "One or more rules not found")
    }
}

/// Every Describe action with `Marker` and `PageSize`. Source: API Reference, for example DescribeTargetGroups.
const PAGING: Paging =
    Paging { size: "PageSize", usual: 400, most: 400, marker: "Marker", bad_marker: "ValidationError" };

fn page<T>(params: &Params<'_>, items: Vec<T>, key: impl Fn(&T) -> String) -> Result<(Vec<T>, Option<String>)> {
    PAGING.page(params, items, key)
}

/// Whether a name is one for a load balancer or a target group: at most 32 letters, digits and hyphens, no hyphen at
/// either end.
///
/// Source: API Reference, CreateLoadBalancer and CreateTargetGroup.
fn check_name(name: &str) -> Result<()> {
    let fits = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    Err(teal_lab_wire::query::invalid(format!(
        "The name '{name}' must have 1 to 32 characters, only letters, digits and hyphens, and no hyphen at an end"
    )))
}

/// Whether an ARN is one of the wanted kind; only then can its resource be "not found".
fn check_arn(arn: &str, kind: &str) -> Result<()> {
    let mut parts = arn.splitn(6, ':');
    let fits = parts.next() == Some("arn")
        && parts.nth(1) == Some("elasticloadbalancing")
        && parts.nth(2).is_some_and(|resource| resource.split('/').next() == Some(kind));
    if fits {
        return Ok(());
    }
    Err(teal_lab_wire::query::invalid(format!("'{arn}' is not a valid {} ARN", kind.replace('-', " "))))
}
