//! A published version of a function: whether it can be invoked, and what makes it differ from another.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::ports::{Progress, TargetHealth};

/// Whether Lambda can invoke it, and why not.
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
pub(super) fn health(configuration: &Value) -> (TargetHealth, Option<String>) {
    let text = |member: &str| configuration[member].as_str().unwrap_or_default();
    let reason = |code: &str, words: &str| {
        let parts: Vec<&str> = [text(code), text(words)].into_iter().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    };
    match (text("State"), text("LastUpdateStatus")) {
        ("Pending", _) => (TargetHealth::Initial, reason("StateReasonCode", "StateReason")),
        ("Failed", _) => (TargetHealth::Unhealthy, reason("StateReasonCode", "StateReason")),
        // Lambda has taken its resources back: the first invocation fails and makes it active again.
        ("Inactive", _) => {
            let why = "Inactive: it was not invoked for weeks. Invoke it, which fails once, and start again";
            (TargetHealth::Unhealthy, Some(why.to_owned()))
        }
        (_, "InProgress") => (TargetHealth::Initial, Some("an update of it is in progress".to_owned())),
        (_, "Failed") => (TargetHealth::Unhealthy, reason("LastUpdateStatusReasonCode", "LastUpdateStatusReason")),
        // Answers from before there were states have none.
        _ => (TargetHealth::Healthy, None),
    }
}

/// How far it has come: it is there or it is not, for Lambda runs as many copies of it as there is traffic for.
pub(super) fn progress(configuration: &Value) -> Progress {
    let (health, reason) = health(configuration);
    let running = u32::from(health == TargetHealth::Healthy);
    let failed = (health == TargetHealth::Unhealthy).then(|| reason.clone().unwrap_or_else(|| "it failed".to_owned()));
    Progress { desired: 1, running, current: true, failed, events: reason.into_iter().collect() }
}

/// Why an alias cannot share its traffic between two versions.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
pub(super) fn why_not_together(blue: &Value, green: &Value) -> Option<String> {
    if blue["Role"] != green["Role"] {
        let words = "have different execution roles, so an alias cannot share its traffic between them";
        return Some(format!(
            "{words}: {} and {}. Give the function blue's role and publish it again",
            blue["Role"], green["Role"]
        ));
    }
    let queue = |of: &Value| of["DeadLetterConfig"]["TargetArn"].clone();
    (queue(blue) != queue(green))
        .then(|| "have different dead-letter queues, so an alias cannot share its traffic between them".to_owned())
}

/// What a person may have set on it besides its code, under Lambda's names. Of the environment only the names: values may be secrets.
pub(super) fn settings(configuration: &Value) -> BTreeMap<String, Value> {
    const MEMBERS: [&str; 9] = [
        "Architectures",
        "EphemeralStorage",
        "FileSystemConfigs",
        "Handler",
        "LoggingConfig",
        "MemorySize",
        "PackageType",
        "Runtime",
        "Timeout",
    ];
    let list = |value: &Value, member: &str| -> Vec<Value> {
        value.as_array().into_iter().flatten().map(|one| one[member].clone()).collect()
    };
    let mut settings: BTreeMap<String, Value> =
        MEMBERS.into_iter().map(|name| (name.to_owned(), configuration[name].clone())).collect();
    let names: Vec<&String> =
        configuration["Environment"]["Variables"].as_object().into_iter().flat_map(|v| v.keys()).collect();
    settings.insert("Environment".to_owned(), json!(names));
    settings.insert("Layers".to_owned(), json!(list(&configuration["Layers"], "Arn")));
    settings.insert("SnapStart".to_owned(), configuration["SnapStart"]["ApplyOn"].clone());
    settings.insert("TracingConfig".to_owned(), configuration["TracingConfig"]["Mode"].clone());
    for member in ["SubnetIds", "SecurityGroupIds"] {
        settings.insert(format!("VpcConfig.{member}"), configuration["VpcConfig"][member].clone());
    }
    settings.retain(|_, value| !value.is_null() && *value != json!([]));
    settings
}
