//! Tags of scalable targets.

use super::{Target, Targets};
use crate::protocol::{Members, Tag, typed};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal_lab_wire::AwsFault;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Request {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
}

pub(super) fn tag(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    let target = by_arn(targets, &request.resource_arn)?;
    target.tags.retain(|tag| !request.tags.contains_key(&tag.key));
    target.tags.extend(request.tags.into_iter().map(|(key, value)| Tag { key, value }));
    Ok(json!({}))
}

pub(super) fn untag(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    by_arn(targets, &request.resource_arn)?.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
    Ok(json!({}))
}

pub(super) fn list(targets: &mut Targets, members: &Members) -> Result<Value, AwsFault> {
    let request: Request = typed(members)?;
    let tags = &by_arn(targets, &request.resource_arn)?.tags;
    let tags: BTreeMap<_, _> = tags.iter().map(|tag| (&tag.key, &tag.value)).collect();
    Ok(json!({"Tags": tags}))
}

fn by_arn<'a>(targets: &'a mut Targets, arn: &str) -> Result<&'a mut Target, AwsFault> {
    targets.values_mut().find(|target| target.arn == arn).ok_or_else(|| {
        AwsFault::client("ResourceNotFoundException", format!("The resource is not a scalable target: {arn}"))
    })
}
