use super::*;
use crate::testing::{BLUE_GROUP, GREEN_GROUP, Script, colours};
use std::collections::BTreeMap;
use teal::plan::Green;
use teal::ports::Fleet;

fn green() -> Green {
    serde_json::from_value(json!({"autoScaling": {
        "groups": ["checkout-a", "checkout-b"], "launchTemplateVersion": "7",
    }}))
    .unwrap()
}

fn order() -> GreenOrder {
    GreenOrder {
        blue: runner("checkout-a"),
        green: runner("checkout-b"),
        runs: "checkout:7".into(),
        colours: colours(),
        desired: 4,
        hold: None,
    }
}

const ROLES: &str = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com";

fn instance(id: &str, version: u32, lifecycle: &str) -> Value {
    json!({
        "InstanceId": id, "LifecycleState": lifecycle, "HealthStatus": "Healthy", "ProtectedFromScaleIn": "false",
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "checkout", "Version": version.to_string()},
    })
}

/// A group as EC2 Auto Scaling shows it, with its own name, target group, version and size.
fn group(name: &str, target_group: &str, version: u32, desired: u32) -> Value {
    let instances: Vec<_> = (0..desired).map(|number| instance(&format!("i-{number}"), version, "InService")).collect();
    json!({
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": format!("arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:1:autoScalingGroupName/{name}"),
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "checkout", "Version": version.to_string()},
        "MinSize": "2",
        "MaxSize": "8",
        "DesiredCapacity": desired.to_string(),
        "DefaultCooldown": "300",
        "AvailabilityZones": ["eu-central-1a", "eu-central-1b"],
        "TargetGroupARNs": [target_group],
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": "60",
        "Instances": instances,
        "CreatedTime": "2026-11-22T10:00:00Z",
        "VPCZoneIdentifier": "subnet-1,subnet-2",
        "TerminationPolicies": ["Default"],
        "ServiceLinkedRoleARN": format!("{ROLES}/AWSServiceRoleForAutoScaling"),
        "NewInstancesProtectedFromScaleIn": "false",
        "TrafficSources": [{"Identifier": target_group, "Type": "elbv2"}],
        "Tags": [
            {"Key": "team", "Value": "shop", "PropagateAtLaunch": "true", "ResourceId": name, "ResourceType": "auto-scaling-group"},
            {"Key": "aws:cloudformation:stack-name", "Value": "s", "PropagateAtLaunch": "true"},
        ],
    })
}

fn blue() -> Value {
    group("checkout-a", BLUE_GROUP, 6, 4)
}

/// Green as the last release left it.
fn idle() -> Value {
    let mut idle = group("checkout-b", GREEN_GROUP, 5, 0);
    idle["MinSize"] = "0".into();
    idle["SuspendedProcesses"] = json!([{"ProcessName": "AlarmNotification"}, {"ProcessName": "ScheduledActions"}]);
    idle
}

fn with(mut group: Value, member: &str, value: Value) -> Value {
    group[member] = value;
    group
}

/// XML as EC2 Auto Scaling writes it.
fn xml(name: &str, value: &Value) -> String {
    let inside: String = match value {
        Value::Object(members) => members.iter().map(|(name, value)| xml(name, value)).collect(),
        Value::Array(elements) => elements.iter().map(|value| xml("member", value)).collect(),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;"),
        other => other.to_string(),
    };
    format!("<{name}>{inside}</{name}>")
}

trait Answers {
    fn gives(self, result: &Value) -> Self;
    fn groups(self, groups: &[Value]) -> Self;
    fn refuses(self, code: &str, message: &str) -> Self;
}

impl Answers for Script {
    fn gives(self, result: &Value) -> Self {
        self.answers(200, format!("<Response>{}</Response>", xml("AnyResult", result)))
    }

    fn groups(self, groups: &[Value]) -> Self {
        self.gives(&json!({"AutoScalingGroups": groups}))
    }

    fn refuses(self, code: &str, message: &str) -> Self {
        let error = json!({"Type": "Sender", "Code": code, "Message": message});
        self.answers(400, xml("ErrorResponse", &json!({"Error": error})))
    }
}

fn no_policies(script: Script) -> Script {
    script.gives(&json!({"ScalingPolicies": []}))
}

/// Neither colour has policies or scheduled actions.
fn unscaled(script: Script) -> Script {
    let script = no_policies(no_policies(script));
    let none = json!({"ScheduledUpdateGroupActions": []});
    script.gives(&none).gives(&none)
}

/// The form of the request of an operation, sent once.
fn sent(script: &Script, operation: &str) -> BTreeMap<String, String> {
    let all = script.sent();
    let found: Vec<_> = all.iter().filter(|sent| sent.operation == operation).collect();
    assert_eq!(found.len(), 1, "{operation} in {:?}", operations(script));
    found[0].form().into_iter().collect()
}

fn operations(script: &Script) -> Vec<String> {
    script.sent().into_iter().map(|sent| sent.operation).collect()
}

fn form<const N: usize>(fields: [(&str, &str); N]) -> BTreeMap<String, String> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn blue_is_the_group_with_instances_behind_blues_target_group() {
    let script = Script::default().groups(&[idle(), blue()]);
    let script = no_policies(no_policies(script));
    let found = script.aws().survey(&green(), &colours()).await.unwrap();
    assert_eq!((&found.blue.runner, found.blue.desired, found.runs.as_str()), (&runner("checkout-a"), 4, "checkout:7"));
    assert_eq!(found.green, runner("checkout-b"));
    assert_eq!(
        found.present.map(|green| green.settings),
        Some(found.blue.settings.clone()),
        "they differ in nothing else"
    );
    assert_eq!(found.lacking, Vec::<String>::new());
    assert_eq!(found.blue.settings["Tags"][0]["Key"], "team");
    assert_eq!(found.blue.settings["Tags"].as_array().map(Vec::len), Some(1), "AWS's own tags are nobody's setting");
}

#[tokio::test]
async fn what_green_will_not_have_of_blue_is_told() {
    let step = json!({"ScalingPolicies": [{"PolicyName": "burst", "PolicyType": "StepScaling"}]});
    let found = Script::default().groups(&[blue()]).gives(&step).aws().survey(&green(), &colours()).await.unwrap();
    assert_eq!(found.present, None);
    let [hooks, burst] = found.lacking.as_slice() else { panic!("{:?}", found.lacking) };
    assert!(hooks.contains("lifecycle hooks") && burst.contains("scaling policy burst"), "{hooks} {burst}");
}

#[tokio::test]
async fn groups_that_cannot_take_turns_are_refused_with_the_reason() {
    let elsewhere = json!([BLUE_GROUP, "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/other/1"]);
    let lattice = json!([{"Identifier": "arn:lattice", "Type": "vpc-lattice"}]);
    for (groups, reason) in [
        (vec![], "a group that serves blue (of checkout-a and checkout-b"),
        (vec![with(blue(), "DesiredCapacity", json!("0"))], "a group that serves blue"),
        (vec![with(blue(), "TargetGroupARNs", json!([GREEN_GROUP]))], "a group that serves blue"),
        (vec![blue(), group("checkout-b", BLUE_GROUP, 6, 1)], "both checkout-a and checkout-b"),
        (vec![with(blue(), "LaunchTemplate", Value::Null)], "no launch template"),
        (vec![with(blue(), "TargetGroupARNs", elsewhere)], "targetgroup/other/1"),
        (vec![with(blue(), "LoadBalancerNames", json!(["old"]))], "classic load balancer old"),
        (vec![with(blue(), "TrafficSources", lattice)], "traffic source arn:lattice"),
        (vec![blue(), with(idle(), "TargetGroupARNs", json!([BLUE_GROUP]))], "besides its own target group"),
        (vec![blue(), with(idle(), "Instances", json!([instance("i-9", 5, "InService")]))], "has 1 instances"),
    ] {
        let mut groups = groups;
        groups.iter_mut().for_each(|group| {
            if let Value::Object(members) = group {
                members.retain(|_, value| !value.is_null());
            }
        });
        let refused = Script::default().groups(&groups).aws().survey(&green(), &colours()).await.unwrap_err();
        assert!(refused.to_string().contains(reason), "{reason}: {refused}");
    }
    let leaving = with(idle(), "Instances", json!([instance("i-9", 5, "Terminating:Wait")]));
    let script = no_policies(no_policies(Script::default().groups(&[blue(), leaving])));
    script.aws().survey(&green(), &colours()).await.unwrap();
}

#[tokio::test]
async fn a_green_that_does_not_exist_is_created_from_blue() {
    let blue = with(blue(), "SuspendedProcesses", json!([{"ProcessName": "AZRebalance"}, {"ProcessName": "Launch"}]));
    let script = unscaled(Script::default().groups(&[blue]).gives(&json!({})).gives(&json!({})));
    script.aws().bring_up(&order()).await.unwrap();
    let expected = form([
        ("AutoScalingGroupName", "checkout-b"),
        ("DefaultCooldown", "300"),
        ("DesiredCapacity", "4"),
        ("HealthCheckGracePeriod", "60"),
        ("HealthCheckType", "ELB"),
        ("LaunchTemplate.LaunchTemplateId", "lt-1"),
        ("LaunchTemplate.Version", "7"),
        ("MaxSize", "8"),
        ("MinSize", "2"),
        ("NewInstancesProtectedFromScaleIn", "false"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.PropagateAtLaunch", "true"),
        ("Tags.member.1.Value", "shop"),
        ("TargetGroupARNs.member.1", GREEN_GROUP),
        ("TerminationPolicies.member.1", "Default"),
        ("VPCZoneIdentifier", "subnet-1,subnet-2"),
    ]);
    assert_eq!(sent(&script, "CreateAutoScalingGroup"), expected);
    let suspended = form([("AutoScalingGroupName", "checkout-b"), ("ScalingProcesses.member.1", "AZRebalance")]);
    assert_eq!(sent(&script, "SuspendProcesses"), suspended, "a release needs the others");
}

#[tokio::test]
async fn green_has_a_service_linked_role_of_blues_own() {
    let role = format!("{ROLES}/AWSServiceRoleForAutoScaling_checkout");
    let blue = with(blue(), "ServiceLinkedRoleARN", json!(role));
    let script = unscaled(Script::default().groups(&[blue]).gives(&json!({})));
    script.aws().bring_up(&order()).await.unwrap();
    assert_eq!(sent(&script, "CreateAutoScalingGroup")["ServiceLinkedRoleARN"], role);

    let green = with(idle(), "ServiceLinkedRoleARN", json!(role));
    let script = unscaled(Script::default().groups(&[self::blue(), green]).gives(&json!({})).gives(&json!({})));
    script.aws().bring_up(&order()).await.unwrap();
    let updated = sent(&script, "UpdateAutoScalingGroup");
    assert!(updated["ServiceLinkedRoleARN"].ends_with("/AWSServiceRoleForAutoScaling"), "blue's: {updated:?}");
}

#[tokio::test]
async fn a_green_that_exists_gets_blues_settings_and_scales_again() {
    let present = with(with(idle(), "TargetGroupARNs", json!([])), "DefaultCooldown", json!("10"));
    let answers = Script::default().groups(&[blue(), present]).gives(&json!({})).gives(&json!({})).gives(&json!({}));
    let script = unscaled(answers);
    script.aws().bring_up(&order()).await.unwrap();
    let all = operations(&script);
    assert_eq!(&all[1..4], ["AttachLoadBalancerTargetGroups", "ResumeProcesses", "UpdateAutoScalingGroup"]);
    let expected = form([("AutoScalingGroupName", "checkout-b"), ("TargetGroupARNs.member.1", GREEN_GROUP)]);
    assert_eq!(sent(&script, "AttachLoadBalancerTargetGroups"), expected);
    let resumed = sent(&script, "ResumeProcesses");
    assert_eq!(resumed["ScalingProcesses.member.2"], "ScheduledActions");
    let updated = sent(&script, "UpdateAutoScalingGroup");
    assert_eq!((updated["LaunchTemplate.Version"].as_str(), updated["DesiredCapacity"].as_str()), ("7", "4"));
    assert_eq!((updated["MinSize"].as_str(), updated["DefaultCooldown"].as_str()), ("2", "300"));
    assert!(!updated.contains_key("Tags.member.1.Key"), "its tags are its own");

    // A second time there is nothing to do.
    let script = unscaled(Script::default().groups(&[blue(), group("checkout-b", GREEN_GROUP, 7, 4)]));
    script.aws().bring_up(&order()).await.unwrap();
    assert!(operations(&script).iter().all(|operation| operation.starts_with("Describe")));
}

#[tokio::test]
async fn a_mixed_instances_policy_keeps_everything_but_the_version() {
    let specification = json!({"LaunchTemplateId": "lt-1", "LaunchTemplateName": "checkout", "Version": "6"});
    let own = json!({"LaunchTemplateId": "lt-2", "LaunchTemplateName": "arm", "Version": "1"});
    let overrides =
        json!([{"InstanceType": "m7g.large", "LaunchTemplateSpecification": own}, {"InstanceType": "m7i.large"}]);
    let policy = json!({
        "LaunchTemplate": {"LaunchTemplateSpecification": specification, "Overrides": overrides},
        "InstancesDistribution": {"SpotMaxPrice": "1"},
    });
    let mut blue = with(blue(), "MixedInstancesPolicy", policy);
    blue.as_object_mut().unwrap().remove("LaunchTemplate");
    let script = unscaled(Script::default().groups(&[blue]).gives(&json!({})));
    script.aws().bring_up(&order()).await.unwrap();
    let created = sent(&script, "CreateAutoScalingGroup");
    let template: Vec<_> = created.iter().filter(|(name, _)| name.contains("LaunchTemplate")).collect();
    let expected = form([
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId", "lt-1"),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.Version", "7"),
        ("MixedInstancesPolicy.LaunchTemplate.Overrides.member.1.InstanceType", "m7g.large"),
        ("MixedInstancesPolicy.LaunchTemplate.Overrides.member.1.LaunchTemplateSpecification.LaunchTemplateId", "lt-2"),
        ("MixedInstancesPolicy.LaunchTemplate.Overrides.member.1.LaunchTemplateSpecification.Version", "1"),
        ("MixedInstancesPolicy.LaunchTemplate.Overrides.member.2.InstanceType", "m7i.large"),
    ]);
    assert_eq!(template, expected.iter().collect::<Vec<_>>());
    assert_eq!(created["MixedInstancesPolicy.InstancesDistribution.SpotMaxPrice"], "1");
}

#[tokio::test]
async fn policies_and_scheduled_actions_follow_green() {
    let label = |group: &str| format!("app/shop/1/{}", group.rsplit(':').next().unwrap_or_default());
    let requests = json!({
        "PolicyName": "requests", "PolicyType": "TargetTrackingScaling", "PolicyARN": "arn:1", "Enabled": "true",
        "AutoScalingGroupName": "checkout-a", "Alarms": [{"AlarmName": "high", "AlarmARN": "arn:2"}],
        "TargetTrackingConfiguration": {"TargetValue": "50", "PredefinedMetricSpecification": {
            "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label(BLUE_GROUP)}},
    });
    let stray = json!({"PolicyName": "old", "PolicyType": "SimpleScaling"});
    let night = json!({"ScheduledActionName": "night", "Recurrence": "0 20 * * *", "MinSize": "1",
                       "AutoScalingGroupName": "checkout-a", "ScheduledActionARN": "arn:3"});
    let once = json!({"ScheduledActionName": "once", "StartTime": "2026-01-01T00:00:00Z", "DesiredCapacity": "9"});
    let script = Script::default()
        .groups(&[blue(), group("checkout-b", GREEN_GROUP, 7, 4)])
        .gives(&json!({"ScalingPolicies": [requests]}))
        .gives(&json!({"ScalingPolicies": [stray]}))
        .gives(&json!({}))
        .refuses("ValidationError", "No scaling policy found: old")
        .gives(&json!({"ScheduledUpdateGroupActions": [night, once]}))
        .gives(&json!({"ScheduledUpdateGroupActions": [{"ScheduledActionName": "gone"}]}))
        .gives(&json!({}))
        .refuses("ValidationError", "Given start time is in the past")
        .gives(&json!({}));
    script.aws().bring_up(&order()).await.unwrap();
    let metric = "TargetTrackingConfiguration.PredefinedMetricSpecification";
    let expected = form([
        ("AutoScalingGroupName", "checkout-b"),
        ("Enabled", "true"),
        ("PolicyName", "requests"),
        ("PolicyType", "TargetTrackingScaling"),
        (&format!("{metric}.PredefinedMetricType"), "ALBRequestCountPerTarget"),
        (&format!("{metric}.ResourceLabel"), &label(GREEN_GROUP)),
        ("TargetTrackingConfiguration.TargetValue", "50"),
    ]);
    assert_eq!(sent(&script, "PutScalingPolicy"), expected);
    assert_eq!(sent(&script, "DeletePolicy")["PolicyName"], "old");
    assert_eq!(sent(&script, "DeleteScheduledAction")["ScheduledActionName"], "gone");
}

#[tokio::test]
async fn green_has_come_as_far_as_its_instances_of_the_ordered_version() {
    let instances = json!([
        instance("i-1", 7, "InService"),
        instance("i-2", 7, "Pending"),
        instance("i-3", 6, "InService"),
        with(instance("i-4", 7, "InService"), "HealthStatus", json!("Unhealthy")),
    ]);
    let found = with(group("checkout-b", GREEN_GROUP, 7, 4), "Instances", instances);
    let activities = json!({"Activities": [
        {"Description": "Launching a new EC2 instance", "StatusCode": "Failed", "StatusMessage": "no capacity"},
        {"Description": "Launching a new EC2 instance: i-2", "StatusCode": "InProgress"},
    ]});
    let script = Script::default().groups(&[found]).gives(&activities);
    let progress = script.aws().progress_of_green(&order()).await.unwrap();
    assert_eq!((progress.desired, progress.running, progress.current), (4, 1, false));
    assert_eq!(progress.events[0], "Launching a new EC2 instance: Failed: no capacity");

    let all = group("checkout-b", GREEN_GROUP, 7, 4);
    let progress = Script::default().groups(&[all]).aws().progress_of_green(&order()).await.unwrap();
    assert_eq!((progress.running, progress.current), (4, true));
    let unseen = Script::default().groups(&[]).aws().progress_of_green(&order()).await.unwrap();
    assert_eq!((unseen.running, unseen.current), (0, false));
}

#[tokio::test]
async fn capacity_is_held_by_the_least_number_of_instances() {
    let script = Script::default().groups(&[blue()]);
    let found = script.aws().scaling(&runner("checkout-a")).await.unwrap().unwrap();
    assert_eq!((found.min_capacity, found.max_capacity), (2, 8));
    let hold = CapacityHold::of(found, 4);
    let script = Script::default().groups(&[blue()]).gives(&json!({}));
    script.aws().hold_capacity(&runner("checkout-a"), &hold).await.unwrap();
    let expected = form([("AutoScalingGroupName", "checkout-a"), ("MinSize", "4")]);
    assert_eq!(sent(&script, "UpdateAutoScalingGroup"), expected);

    let held = with(blue(), "MinSize", json!("4"));
    let again = Script::default().groups(std::slice::from_ref(&held));
    again.aws().hold_capacity(&runner("checkout-a"), &hold).await.unwrap();
    assert_eq!(operations(&again), ["DescribeAutoScalingGroups"]);
    let script = Script::default().groups(&[held]).gives(&json!({}));
    script.aws().free_capacity(&runner("checkout-a"), &hold).await.unwrap();
    assert_eq!(sent(&script, "UpdateAutoScalingGroup")["MinSize"], "2");
    let by_others = Script::default().groups(&[with(blue(), "MinSize", json!("5"))]);
    by_others.aws().free_capacity(&runner("checkout-a"), &hold).await.unwrap();
    assert_eq!(operations(&by_others), ["DescribeAutoScalingGroups"], "what somebody else set stays");
}

#[tokio::test]
async fn a_retired_group_has_no_instances_and_nothing_raises_it() {
    let mut protected = blue();
    protected["Instances"][1]["ProtectedFromScaleIn"] = "true".into();
    let script = Script::default().groups(&[protected]).gives(&json!({})).gives(&json!({})).gives(&json!({}));
    script.aws().scale_in(&runner("checkout-a")).await.unwrap();
    let expected = ["DescribeAutoScalingGroups", "SuspendProcesses", "SetInstanceProtection", "UpdateAutoScalingGroup"];
    assert_eq!(operations(&script), expected);
    assert_eq!(sent(&script, "SetInstanceProtection")["InstanceIds.member.1"], "i-1");
    let expected = form([("AutoScalingGroupName", "checkout-a"), ("DesiredCapacity", "0"), ("MinSize", "0")]);
    assert_eq!(sent(&script, "UpdateAutoScalingGroup"), expected);

    let done = Script::default().groups(&[idle()]);
    done.aws().scale_in(&runner("checkout-b")).await.unwrap();
    assert_eq!(operations(&done), ["DescribeAutoScalingGroups"]);
}

#[tokio::test]
async fn a_group_with_too_few_instances_is_brought_up_even_above_its_most() {
    let script = Script::default().groups(&[with(blue(), "MaxSize", json!("4"))]).gives(&json!({}));
    script.aws().scale_out(&runner("checkout-a"), 6).await.unwrap();
    let expected = form([("AutoScalingGroupName", "checkout-a"), ("DesiredCapacity", "6"), ("MaxSize", "6")]);
    assert_eq!(sent(&script, "UpdateAutoScalingGroup"), expected);
    let enough = Script::default().groups(&[blue()]);
    enough.aws().scale_out(&runner("checkout-a"), 3).await.unwrap();
    assert_eq!(operations(&enough), ["DescribeAutoScalingGroups"]);
}
