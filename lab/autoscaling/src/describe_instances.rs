//! Instances of Amazon EC2: those of the groups.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use crate::model::{Instance, Lifecycle, State};
use teal_lab_wire::query::{Params, Tree};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, AwsFault, iso8601};

/// Those that are named, or all: each in a reservation of its own. Filters and pages are not served.
pub(crate) fn answer(state: &State, params: &Params<'_>) -> Result<Xml, AwsFault> {
    if params.has("Filter") || params.has("NextToken") || params.has("MaxResults") {
        let message = "the lab describes instances by their ids only";
        return Err(AwsFault::client("InvalidParameterValue", message));
    }
    let found: Vec<&Instance> = match params.tree("InstanceId") {
        Some(Tree::Structure(numbered)) => {
            let ids = numbered.values().filter_map(|value| value.text(&[]));
            ids.map(|id| find(state, id)).collect::<Result<_, _>>()?
        }
        _ => state.instances.values().collect(),
    };
    let mut x = Xml::default();
    x.node("reservationSet", |x| {
        for instance in found {
            x.node("item", |x| {
                x.leaf("reservationId", instance.id.replace("i-", "r-"));
                x.leaf("ownerId", ACCOUNT);
                x.node("groupSet", |_| ());
                x.node("instancesSet", |x| x.node("item", |x| write(x, instance)));
            });
        }
    });
    Ok(x)
}

fn write(x: &mut Xml, instance: &Instance) {
    let (code, name) = match instance.lifecycle {
        Lifecycle::Pending => (0, "pending"),
        Lifecycle::InService => (16, "running"),
        Lifecycle::Terminating => (32, "shutting-down"),
    };
    x.leaf("instanceId", &instance.id);
    x.node("instanceState", |x| {
        x.leaf("code", code);
        x.leaf("name", name);
    });
    x.leaf("instanceType", &instance.kind);
    x.leaf("launchTime", iso8601(instance.launched));
    x.node("placement", |x| x.leaf("availabilityZone", instance.zone));
    // An address of loopback, in place of one of a VPC.
    x.maybe("privateIpAddress", instance.address.map(|address| address.ip()));
    x.node("tagSet", |x| {
        x.node("item", |x| {
            x.leaf("key", "aws:autoscaling:groupName");
            x.leaf("value", &instance.group);
        });
    });
}

fn find<'a>(state: &'a State, id: &str) -> Result<&'a Instance, AwsFault> {
    let digits = id.strip_prefix("i-").filter(|digits| digits.len() == 8 || digits.len() == 17);
    if !digits.is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit())) {
        return Err(AwsFault::client("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")));
    }
    let gone = || AwsFault::client("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"));
    state.instances.get(id).ok_or_else(gone)
}
