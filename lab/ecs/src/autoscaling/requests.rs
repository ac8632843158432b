//! What the requests have in common.

use crate::page::page;
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// The one dimension that the lab scales.
pub(super) const DIMENSION: &str = "ecs:service:DesiredCount";
const NAMESPACE: &str = "ecs";

/// An ECS service as `service/CLUSTER/NAME` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub(super) cluster: String,
    pub(super) service: String,
}

impl Resource {
    pub(super) fn id(&self) -> String {
        format!("service/{}/{}", self.cluster, self.service)
    }
}

pub(super) fn validation(message: impl Into<String>) -> AwsFault {
    AwsFault::client("ValidationException", message)
}

/// The members that name a scalable target.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Named {
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
}

impl Named {
    pub(super) fn resource(&self) -> Result<Resource, AwsFault> {
        check_namespace(&self.service_namespace)?;
        if self.scalable_dimension != DIMENSION {
            return Err(unsupported());
        }
        resource(&self.resource_id)
    }
}

fn unsupported() -> AwsFault {
    validation("Unsupported service namespace, resource type or scalable dimension")
}

fn check_namespace(namespace: &str) -> Result<(), AwsFault> {
    if namespace == NAMESPACE { Ok(()) } else { Err(unsupported()) }
}

fn resource(id: &str) -> Result<Resource, AwsFault> {
    match id.split('/').collect::<Vec<_>>()[..] {
        ["service", cluster, service] if !cluster.is_empty() && !service.is_empty() => {
            Ok(Resource { cluster: cluster.to_owned(), service: service.to_owned() })
        }
        _ => Err(unsupported()),
    }
}

/// The members that narrow a Describe operation, and its paging.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Filter {
    service_namespace: String,
    resource_id: Option<String>,
    scalable_dimension: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Filter {
    /// Whether a resource is asked for.
    pub(super) fn fits(&self, resource: &Resource) -> bool {
        self.resource_id.as_ref().is_none_or(|id| *id == resource.id())
    }

    /// The answer with a page of `items` (sorted by key) as its member `name`.
    pub(super) fn answer(&self, name: &str, items: impl Iterator<Item = (String, Value)>) -> Result<Value, AwsFault> {
        const MOST: usize = 50;
        check_namespace(&self.service_namespace)?;
        if self.scalable_dimension.as_deref().is_some_and(|dimension| dimension != DIMENSION) {
            return Err(unsupported());
        }
        let limit = self.max_results.unwrap_or(MOST);
        if !(1..=MOST).contains(&limit) {
            return Err(validation(format!("MaxResults must be between 1 and {MOST}")));
        }
        let (items, next) = page(items, self.next_token.as_deref(), limit)
            .ok_or_else(|| AwsFault::client("InvalidNextTokenException", "The next token is invalid"))?;
        let mut answer = json!({name: items});
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }
}
