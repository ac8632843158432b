//! ECS's operations.

mod clusters;
mod service_settings;
mod services;
mod tags;
mod task_definitions;
mod task_sets;
mod tasks;

use crate::deployments::api as deployments;
use crate::page::page;
use crate::protocol::{Members, unknown_operation};
use crate::scheduler::Fleet;
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::AwsFault;

/// What comes before the operation's name in `X-Amz-Target`.
pub(crate) const TARGET_PREFIX: &str = "AmazonEC2ContainerServiceV20141113";

pub(crate) fn dispatch(fleet: &Fleet, operation: &str, members: &Members) -> Result<Value, AwsFault> {
    let now = fleet.clock.now_millis();
    let mut state = fleet.state();
    let result = match operation {
        "CreateCluster" => clusters::create(&mut state, members),
        "DescribeClusters" => clusters::describe(&state, members),
        "ListClusters" => clusters::list(&state, members),
        "RegisterTaskDefinition" => task_definitions::register(&mut state, members, now),
        "DescribeTaskDefinition" => task_definitions::describe(&state, members),
        "ListTaskDefinitions" => task_definitions::list(&state, members),
        "DeregisterTaskDefinition" => task_definitions::deregister(&mut state, members, now),
        "CreateService" => services::create(&mut state, members, now),
        "DescribeServices" => services::describe(&state, members),
        "UpdateService" => services::update(&mut state, members, now),
        "DeleteService" => services::delete(&mut state, members),
        "ListServices" => services::list(&state, members),
        "CreateTaskSet" => task_sets::create(&mut state, members, now),
        "DescribeTaskSets" => task_sets::describe(&mut state, members),
        "UpdateServicePrimaryTaskSet" => task_sets::set_primary(&mut state, members, now),
        "DeleteTaskSet" => task_sets::delete(&mut state, members, now),
        "DescribeServiceDeployments" => deployments::describe(&state, members),
        "ListServiceDeployments" => deployments::list(&mut state, members),
        "DescribeServiceRevisions" => deployments::describe_revisions(&state, members),
        "StopServiceDeployment" => deployments::stop(&mut state, members, now),
        "ContinueServiceDeployment" => deployments::go_on(&mut state, members, now),
        "ListTasks" => tasks::list(&mut state, members),
        "DescribeTasks" => tasks::describe(&state, members),
        "StopTask" => tasks::stop(&mut state, members),
        "TagResource" => tags::tag(&mut state, members),
        "UntagResource" => tags::untag(&mut state, members),
        "ListTagsForResource" => tags::list(&mut state, members),
        _ => Err(unknown_operation(operation)),
    };
    drop(state);
    if !["Describe", "List"].iter().any(|only_reads| operation.starts_with(only_reads)) {
        fleet.changed();
    }
    result
}

fn invalid(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterException", message)
}

/// The members of every operation that gives a list in pages.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Paging {
    next_token: Option<String>,
    max_results: Option<usize>,
}

impl Paging {
    /// A page of `items` (sorted by key) as the answer's member `name`.
    fn answer(
        &self,
        name: &str,
        items: impl Iterator<Item = (String, String)>,
        default: usize,
        most: usize,
    ) -> Result<Value, AwsFault> {
        let limit = self.max_results.unwrap_or(default);
        if !(1..=most).contains(&limit) {
            return Err(invalid(format!("maxResults must be between 1 and {most}")));
        }
        let (items, next) = page(items, self.next_token.as_deref(), limit).ok_or_else(|| invalid("Invalid token"))?;
        let mut answer = json!({name: items});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }
}

/// What could not be found, as Describe operations list it.
fn missing(arn: &str) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}

/// Whether `include` asks for tags.
fn includes_tags(include: &[String]) -> bool {
    include.iter().any(|it| it == "TAGS")
}
