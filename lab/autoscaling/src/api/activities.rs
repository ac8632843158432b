//! What groups have done.

use super::{Call, PAGING, Result};
use teal_lab_wire::iso8601;
use teal_lab_wire::xml::Xml;

/// The activities of one group, or of all, newest first.
pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let group = call.params.text("AutoScalingGroupName");
    if let Some(name) = group
        && !call.state.groups.contains_key(name)
    {
        return Err(super::no_group(name));
    }
    let ids = call.params.texts("ActivityIds");
    let found: Vec<_> = call
        .state
        .activities
        .iter()
        .rev()
        .filter(|activity| group.is_none_or(|name| activity.group == name))
        .filter(|activity| ids.is_empty() || ids.contains(&activity.id.as_str()))
        .collect();
    let (page, token) = PAGING.page(&call.params, found, |activity| activity.id.clone())?;
    let mut x = Xml::default();
    x.list("Activities", page, |x, activity| {
        x.leaf("ActivityId", &activity.id);
        x.leaf("AutoScalingGroupName", &activity.group);
        x.leaf("Description", &activity.description);
        x.leaf("Cause", format_args!("At {} {}", iso8601(activity.started), activity.cause));
        x.leaf("StartTime", iso8601(activity.started));
        x.maybe("EndTime", activity.ended.map(iso8601));
        x.leaf("StatusCode", activity.status());
        x.maybe("StatusMessage", activity.problem.as_ref());
        x.leaf("Progress", if activity.ended.is_some() { 100 } else { 50 });
        x.leaf("Details", "{}");
    });
    x.maybe("NextToken", token);
    Ok(x)
}
