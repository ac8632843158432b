//! Clusters.

use super::{Paging, includes_tags, missing};
use crate::describe;
use crate::names;
use crate::protocol::{Members, Tag, typed};
use crate::state::{Cluster, State};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// Members of CreateCluster that come back in a Cluster.
const SETTINGS: [&str; 5] =
    ["settings", "configuration", "capacityProviders", "defaultCapacityProviderStrategy", "serviceConnectDefaults"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Create {
    cluster_name: Option<String>,
    tags: Vec<Tag>,
}

/// Gives back the cluster if it exists already, as AWS does.
pub(super) fn create(state: &mut State, members: &Members) -> Result<Value, AwsFault> {
    let mut settings = Members::new();
    for name in ["settings", "capacityProviders", "defaultCapacityProviderStrategy"] {
        settings.insert(name.to_owned(), json!([]));
    }
    settings.extend(
        members
            .iter()
            .filter(|(name, _)| SETTINGS.contains(&name.as_str()))
            .map(|(name, it)| (name.clone(), it.clone())),
    );
    let request: Create = typed(members)?;
    let name = names::cluster_name(request.cluster_name.as_deref()).to_owned();
    let cluster = Cluster { name: name.clone(), settings, tags: request.tags };
    state.clusters.entry(name.clone()).or_insert(cluster);
    let cluster = state.cluster(Some(&name))?;
    Ok(json!({"cluster": describe::cluster(state, cluster, true)}))
}

#[derive(Deserialize)]
struct Describe {
    clusters: Option<Vec<String>>,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let request: Describe = typed(members)?;
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for reference in request.clusters.unwrap_or_else(|| vec![String::new()]) {
        match state.cluster(Some(&reference)) {
            Ok(cluster) => clusters.push(describe::cluster(state, cluster, includes_tags(&request.include))),
            Err(_) => failures.push(missing(&names::cluster_arn(names::cluster_name(Some(&reference))))),
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

pub(super) fn list(state: &State, members: &Members) -> Result<Value, AwsFault> {
    let paging: Paging = typed(members)?;
    let arns = state.clusters.keys().map(|name| (name.clone(), names::cluster_arn(name)));
    paging.answer("clusterArns", arns, 100, 100)
}
