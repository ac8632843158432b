//! A group as DescribeAutoScalingGroups shows it.
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html>

use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::ports::Scaling;

/// Members that name a group, size it or tell of its past, that a release itself sets, or that repeat others.
const NOT_SETTINGS: [&str; 15] = [
    "AutoScalingGroupARN",
    "AutoScalingGroupName",
    "CreatedTime",
    "DesiredCapacity",
    "EnabledMetrics",
    "Instances",
    "LaunchTemplate",
    "MinSize",
    "PredictedCapacity",
    "Status",
    "SuspendedProcesses",
    "TargetGroupARNs",
    "TrafficSources",
    "WarmPoolConfiguration",
    "WarmPoolSize",
];

#[derive(Debug)]
pub(super) struct Group {
    document: Value,
}

/// An instance of a group.
#[derive(Debug)]
pub(super) struct Instance<'a> {
    pub(super) id: &'a str,
    /// Of its launch template; empty where it has none.
    pub(super) version: &'a str,
    lifecycle: &'a str,
    healthy: bool,
    pub(super) protected: bool,
}

/// The launch template that a group uses.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

impl Instance<'_> {
    pub(super) fn serves(&self) -> bool {
        self.lifecycle == "InService" && self.healthy
    }

    /// Whether it is on its way out.
    /// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>
    pub(super) fn is_leaving(&self) -> bool {
        self.lifecycle.starts_with("Terminat")
    }
}

impl Group {
    pub(super) fn new(document: Value) -> Self {
        Self { document }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.document.get(name)
    }

    pub(super) fn name(&self) -> &str {
        text(&self.document, "AutoScalingGroupName")
    }

    /// A group that is being deleted has a status.
    pub(super) fn is_deleting(&self) -> bool {
        self.member("Status").is_some()
    }

    pub(super) fn desired(&self) -> u32 {
        self.number("DesiredCapacity")
    }

    /// Its bounds. Nothing stands for a suspended scaling in: the least number of instances does what that is for.
    pub(super) fn scaling(&self) -> Scaling {
        let (min_capacity, max_capacity) = (self.number("MinSize"), self.number("MaxSize"));
        Scaling { min_capacity, max_capacity, scale_in_suspended: false }
    }

    fn number(&self, name: &str) -> u32 {
        text(&self.document, name).parse().unwrap_or_default()
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.member(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The target groups that its instances are registered in.
    pub(super) fn target_groups(&self) -> Vec<&str> {
        self.list("TargetGroupARNs").iter().filter_map(Value::as_str).collect()
    }

    pub(super) fn suspended(&self) -> Vec<&str> {
        self.list("SuspendedProcesses").iter().map(|process| text(process, "ProcessName")).collect()
    }

    pub(super) fn instances(&self) -> Vec<Instance<'_>> {
        let read = |instance| Instance {
            id: text(instance, "InstanceId"),
            version: instance.get("LaunchTemplate").map_or("", |template| text(template, "Version")),
            lifecycle: text(instance, "LifecycleState"),
            healthy: text(instance, "HealthStatus").eq_ignore_ascii_case("healthy"),
            protected: text(instance, "ProtectedFromScaleIn") == "true",
        };
        self.list("Instances").iter().map(read).collect()
    }

    /// Its own launch template, or that of its mixed instances policy.
    pub(super) fn template(&self) -> Option<Template<'_>> {
        let in_policy = "/MixedInstancesPolicy/LaunchTemplate/LaunchTemplateSpecification";
        let found = self.member("LaunchTemplate").or_else(|| self.document.pointer(in_policy))?;
        Some(Template { id: text(found, "LaunchTemplateId"), name: text(found, "LaunchTemplateName") })
    }

    /// Everything that a person may have set on it besides version, size and target group.
    pub(super) fn settings(&self) -> BTreeMap<String, Value> {
        let members = self.document.as_object().into_iter().flatten();
        let mut settings: BTreeMap<String, Value> = members
            .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // The version stands in it.
        if let Some(policy) = settings.get_mut("MixedInstancesPolicy")
            && let Some(Value::Object(template)) = policy.get_mut("LaunchTemplate")
        {
            template.remove("LaunchTemplateSpecification");
        }
        settings.insert("Tags".to_owned(), self.tags());
        settings
    }

    /// Its tags as CreateAutoScalingGroup takes them. AWS's own (of CloudFormation, say) cannot be set by others.
    pub(super) fn tags(&self) -> Value {
        let own = self.list("Tags").iter().filter(|tag| !text(tag, "Key").starts_with("aws:"));
        let tag = |tag: &Value| {
            let (key, value) = (text(tag, "Key"), text(tag, "Value"));
            json!({"Key": key, "Value": value, "PropagateAtLaunch": text(tag, "PropagateAtLaunch") == "true"})
        };
        own.map(tag).collect()
    }
}

/// A text among a document's members, empty where there is none.
pub(super) fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document.get(name).and_then(Value::as_str).unwrap_or_default()
}
