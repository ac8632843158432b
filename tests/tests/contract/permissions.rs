//! The policies of `template.yaml` against what the code calls.

use crate::calls;
use crate::repository::{actions, document, sources, text};
use crate::template::{BESIDE, functions, list, policies, resources, statements, template};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Actions that know no resource but "*", as the service authorization reference lists them; DescribeAlarms, which finds
/// composite alarms only so; and network interfaces, which Lambda chooses itself.
const WITHOUT_RESOURCE: &[&str] = &[
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeScheduledActions",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "codedeploy:BatchGetDeploymentTargets",
    "codedeploy:ContinueDeployment",
    "codedeploy:ListDeploymentTargets",
    "codedeploy:PutLifecycleEventHookExecutionStatus",
    "codedeploy:StopDeployment",
    "codepipeline:PutJobFailureResult",
    "codepipeline:PutJobSuccessResult",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:GetQueryResults",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// What the code calls under another name than its permission has, or makes AWS do in its name.
const NOT_CALLED_BY_NAME: &[&str] = &[
    "autoscaling:CreateOrUpdateTags",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:PutMetricAlarm",
    "codedeploy:GetApplicationRevision",
    "codedeploy:GetDeploymentConfig",
    "codedeploy:RegisterApplicationRevision",
    "cognito-idp:DescribeUserPoolClient",
    "dynamodb:DeleteItem",
    "ec2:CreateTags",
    "ec2:RunInstances",
    "ecs:TagResource",
    "iam:PassRole",
    "s3:DeleteObject",
    "s3:GetBucketLocation",
    "s3:ListBucket",
    "s3:PutObject",
];

/// What AWS does in a function's name, by the policy that allows it.
const IN_ITS_NAME: &[(&str, &str)] = &[
    ("DeploymentBeginPolicy", "codedeploy:GetApplicationRevision"),
    ("DeploymentBeginPolicy", "codedeploy:GetDeploymentConfig"),
    ("DeploymentBeginPolicy", "codedeploy:RegisterApplicationRevision"),
    ("FleetCreatePolicy", "autoscaling:CreateOrUpdateTags"),
    ("FleetCreatePolicy", "cloudwatch:DeleteAlarms"),
    ("FleetCreatePolicy", "cloudwatch:DescribeAlarms"),
    ("FleetCreatePolicy", "cloudwatch:PutMetricAlarm"),
    ("FleetCreatePolicy", "ec2:CreateTags"),
    ("FleetCreatePolicy", "ec2:RunInstances"),
    ("FleetCreatePolicy", "ecs:TagResource"),
    ("FleetCreatePolicy", "iam:PassRole"),
    ("FleetCreatePolicy", "s3:DeleteObject"),
    ("FleetCreatePolicy", "s3:GetBucketLocation"),
    ("FleetCreatePolicy", "s3:GetObject"),
    ("FleetCreatePolicy", "s3:ListBucket"),
    ("FleetCreatePolicy", "s3:PutObject"),
    ("RouteWritePolicy", "cognito-idp:DescribeUserPoolClient"),
];

/// Policies for what Lambda does in a function's name.
const PLATFORM: &[&str] = &["DeadLetterPolicy", "LambdaPolicy", "VpcPolicy"];

#[test]
fn permissions_name_their_actions_and_their_resources() {
    let template = template();
    for (owner, statement) in statements(&template) {
        assert_eq!(statement["Effect"], "Allow", "{owner}");
        let actions: Vec<&str> =
            list(&statement["Action"]).into_iter().map(|action| action.as_str().unwrap()).collect();
        for action in &actions {
            assert!(!action.contains('*'), "{owner}: {action}");
        }
        if list(&statement["Resource"]).iter().any(|resource| **resource == "*") {
            let scoped: Vec<_> = actions.iter().filter(|action| !WITHOUT_RESOURCE.contains(action)).collect();
            assert!(scoped.is_empty(), "{owner}: {scoped:?} can be given a resource");
        }
    }
}

#[test]
fn people_write_nothing_but_requests() {
    let template = template();
    let statements = statements(&template).into_iter().filter(|(owner, _)| *owner == "OperatorPolicy");
    for (_, statement) in statements {
        let actions: Vec<&str> = list(&statement["Action"]).into_iter().filter_map(Value::as_str).collect();
        if actions == ["dynamodb:PutItem"] {
            let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            assert_eq!(keys, "request#*");
        } else {
            let reads =
                |action: &&str| ["Get", "Query", "Describe", "StartExecution"].iter().any(|verb| action.contains(verb));
            assert!(actions.iter().all(reads), "{actions:?}");
        }
    }
    let code = sources("crates/teal-aws/src/dynamodb");
    assert!(code.contains("format!(\"request#{id}\")"), "their partitions");
    assert!(code.contains("format!(\"hook#{id}\")"), "those of deployments");
}

#[test]
fn those_who_keep_plans_may_do_what_their_commands_call() {
    let template = template();
    let statements = statements(&template).into_iter().filter(|(owner, _)| *owner == "PlanKeeperPolicy");
    let allowed: BTreeSet<String> = statements
        .flat_map(|(_, statement)| list(&statement["Action"]))
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    let mut called = actions(&text("crates/teal-aws/src/plans.rs"));
    // Buckets are not the stack's: who keeps plans there has permissions of the bucket's owner.
    called.retain(|action| action.starts_with("ssm:"));
    assert_eq!(allowed, called);
}

#[test]
fn every_function_has_a_role_of_its_own_and_every_policy_is_in_use() {
    let template = template();
    for (name, function) in functions(&template) {
        let role = format!("{}Role", name.trim_end_matches("Function"));
        assert_eq!(function["Properties"]["Role"]["Fn::GetAtt"][0], role);
        assert!(function["Properties"]["Policies"].is_null(), "{name}: beside a role, SAM ignores them");
    }
    let used: BTreeSet<&str> = policies(&template).into_values().flatten().collect();
    let mut written: BTreeSet<&str> = resources(&template, "AWS::IAM::ManagedPolicy").into_keys().collect();
    for of_people in ["HookCallerPolicy", "OperatorPolicy", "PlanKeeperPolicy"] {
        assert!(written.remove(of_people), "{of_people}");
    }
    assert_eq!(used, written);
}

#[test]
fn functions_that_only_look_can_change_nothing() {
    for (name, policies) in policies(&template()) {
        let looks_only = ["AcceptFunction", "ValidateGreenFunction", "EvaluateHealthFunction"].contains(&name)
            || BESIDE.contains(&name)
            || ["OnPipelineJobFunction", "OnLifecycleHookFunction"].contains(&name);
        assert_eq!(policies.contains("RouteWritePolicy"), !looks_only, "{name}");
        assert!(!looks_only || !policies.contains("FleetWritePolicy"), "{name}");
        assert_eq!(policies.contains("FleetCreatePolicy"), name == "PrepareGreenFunction", "{name}");
    }
}

/// Whether a session policy allows an action.
fn allows(policy: &Value, action: &str) -> bool {
    list(&policy["Statement"][0]["Action"])
        .into_iter()
        .filter_map(Value::as_str)
        .any(|allowed| allowed.strip_suffix('*').map_or(allowed == action, |beginning| action.starts_with(beginning)))
}

#[test]
fn functions_that_only_look_can_change_nothing_in_other_accounts() {
    const CHANGING: &[&str] = &["RouteWritePolicy", "FleetWritePolicy", "FleetCreatePolicy", "FleetTakeInPolicy"];
    /// What is asked in Teal's own account, whatever account the service is in; and deployments that move traffic, which are never in
    /// another one.
    const OWN: &[&str] = &[
        "codedeploy:",
        "dynamodb:",
        "events:",
        "states:",
        "sts:",
        "ecs:ListServiceDeployments",
        "ecs:ContinueServiceDeployment",
        // Instances of a deployment in place, which is none either.
        "ec2:DescribeInstances",
    ];
    let template = template();
    let statements = statements(&template);
    let of = |policies: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        let chosen = statements.iter().filter(|(owner, _)| policies(owner));
        let actions = chosen.flat_map(|(_, statement)| list(&statement["Action"]));
        actions.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let reading = ["Describe", "Get", "List"];
    let is_reading = |action: &str| reading.iter().any(|verb| action.split(':').nth(1).unwrap().starts_with(verb));
    let mut changes = of(&|owner| CHANGING.contains(&owner));
    changes.retain(|action| !is_reading(action));
    assert!(changes.contains("elasticloadbalancing:ModifyListener") && changes.contains("ecs:UpdateService"));
    for (name, policies) in policies(&template) {
        let binary = functions(&template)[name]["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let Some(policy) = teal_lambda::session_policy(binary) else {
            let reaches = policies.contains("StepPolicy") || policies.contains("ReleaseRolesPolicy");
            assert!(!reaches || policies.contains("RouteWritePolicy"), "{name} only looks, and assumes roles for more");
            continue;
        };
        let policy: Value = serde_json::from_str(&policy).unwrap();
        for action in &changes {
            assert!(!allows(&policy, action), "{name}: {action}");
        }
        let of_its_own = |action: &String| OWN.iter().any(|own| action.starts_with(own));
        let needed = of(&|owner| policies.contains(owner) && !PLATFORM.contains(&owner) && owner != "PlanReadPolicy");
        for action in needed.iter().filter(|action| !of_its_own(action)) {
            assert!(allows(&policy, action), "{name}: {action}");
        }
    }
}

#[test]
fn each_function_may_do_what_its_code_calls_and_no_more() {
    let template = template();
    let policies = policies(&template);
    for (name, function) in functions(&template) {
        let allowed: BTreeSet<String> = statements(&template)
            .into_iter()
            .filter(|(owner, _)| policies[name].contains(owner) && !PLATFORM.contains(owner))
            .flat_map(|(owner, statement)| list(&statement["Action"]).into_iter().map(move |action| (owner, action)))
            .map(|(owner, action)| (owner, action.as_str().unwrap()))
            .filter(|allowed| !IN_ITS_NAME.contains(allowed))
            .map(|(_, action)| action.to_owned())
            .collect();
        let called = calls::of_function(function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap());
        assert_eq!(allowed, called, "{name}");
    }
}

#[test]
fn who_ends_no_release_writes_only_what_is_its_own() {
    let template = template();
    let policies = policies(&template);
    let mut narrowed = BTreeMap::new();
    for (name, policies) in policies {
        let ends = policies.contains("LedgerPolicy");
        let writes = statements(&template).into_iter().filter(|(owner, statement)| {
            policies.contains(owner) && list(&statement["Action"]).contains(&&Value::from("dynamodb:PutItem"))
        });
        for (_, write) in writes {
            // Who ends a release frees its locks, forgets its watches and leaves what is on the route.
            assert_eq!(write["Condition"].is_null(), ends, "{name}");
            if !ends {
                assert_eq!(write["Action"], "dynamodb:PutItem", "{name}: what is read is not narrowed");
                narrowed.insert(name, write["Condition"].clone());
            }
        }
    }
    let record = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "release#*"}});
    let requests = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "request#*"}});
    let story = json!({
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "release#*"},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "entry", "expiresAt"]},
    });
    let hooks = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "hook#*"}});
    let expected = [
        ("EvaluateHealthFunction", record.clone()),
        ("OnLifecycleHookFunction", hooks),
        ("OnPipelineJobFunction", requests),
        ("PrepareGreenFunction", record.clone()),
        ("PublishWeightsFunction", story),
        ("ShiftTrafficFunction", record.clone()),
        ("ValidateGreenFunction", record),
    ];
    assert_eq!(narrowed, BTreeMap::from(expected));
}

#[test]
fn no_role_has_more_policies_than_an_account_allows_at_first() {
    // "IAM and AWS STS quotas": managed policies attached to a role.
    for (name, policies) in policies(&template()) {
        assert!(policies.len() <= 10, "{name} has {}", policies.len());
    }
}

#[test]
fn the_functions_may_do_what_the_code_calls_and_no_more() {
    let template = template();
    let of_functions: BTreeSet<&str> = policies(&template).into_values().flatten().collect();
    let allowed: BTreeSet<String> = statements(&template)
        .into_iter()
        .filter(|(owner, _)| of_functions.contains(owner) && !PLATFORM.contains(owner))
        .flat_map(|(_, statement)| list(&statement["Action"]))
        .map(|action| action.as_str().unwrap().to_owned())
        .filter(|action| !NOT_CALLED_BY_NAME.contains(&action.as_str()))
        .collect();
    let mut called = actions(&sources("crates/teal-aws/src"));
    // A transaction is allowed by what it does; the others are the command line's.
    for name in [
        "dynamodb:TransactWriteItems",
        "s3:PutObject",
        "ssm:GetParameterHistory",
        "ssm:GetParametersByPath",
        "sts:GetCallerIdentity",
    ] {
        assert!(called.remove(name), "{name}");
    }
    assert_eq!(allowed, called);
}

/// Policies of functions that are about what is Teal's own. Every other one is about what belongs to a service.
const OF_TEAL: &[&str] = &[
    "DeadLetterPolicy",
    "ExecutionReadPolicy",
    "HookPolicy",
    "LambdaPolicy",
    "LedgerPolicy",
    "PipelinePolicy",
    "PlanReadPolicy",
    "RecordAndRequestsPolicy",
    "ReleaseRolesPolicy",
    "RequestPolicy",
    "StepPolicy",
    "StoryPolicy",
    "VpcPolicy",
];

/// What a statement allows: actions, without their resources.
fn allowed<'a>(statements: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    statements.flat_map(|one| list(&one["Action"])).map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_role_of_another_account_allows_what_functions_may_do_with_a_service_in_their_own() {
    let template = template();
    let of_functions: BTreeSet<&str> = policies(&template).into_values().flatten().collect();
    let of_services = |owner: &str| of_functions.contains(owner) && !OF_TEAL.contains(&owner);
    let mut here =
        allowed(statements(&template).into_iter().filter(|(owner, _)| of_services(owner)).map(|(_, one)| one));
    // A deployment that moves the traffic is in Teal's own account: plans that name one there are refused.
    here.retain(|action| !action.starts_with("codedeploy:") && !action.contains("ServiceDeployment"));
    let role = document("infra/cloudformation/release-role.yaml");
    let there = allowed(statements(&role).into_iter().map(|(_, one)| one));
    assert_eq!(here, there);
    // Keys of conditions look like actions.
    let code = text("infra/terraform/release-role/statements.tf");
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("Condition")).collect();
    let terraform = actions(&code.join("\n"));
    assert_eq!(terraform, there);
    for (owner, statement) in statements(&role) {
        if list(&statement["Resource"]).iter().any(|resource| **resource == "*") {
            let narrower = |action: &&Value| !WITHOUT_RESOURCE.contains(&action.as_str().unwrap());
            assert_eq!(list(&statement["Action"]).into_iter().find(narrower), None, "{owner}");
        }
    }
}

#[test]
fn only_a_teal_with_the_external_id_may_assume_the_role_of_another_account() {
    let role = document("infra/cloudformation/release-role.yaml");
    let trust =
        list(&role["Resources"]["ReleaseRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]).into_iter();
    let conditions: Vec<&Value> = trust.map(|statement| &statement["Condition"]).collect();
    assert_eq!(conditions.len(), 1);
    assert_eq!(conditions[0]["StringEquals"]["sts:ExternalId"]["Ref"], "ExternalId");
    assert!(conditions[0]["ArnLike"]["aws:PrincipalArn"]["Fn::Sub"].as_str().unwrap().contains("${TealAccount}:role/"));
    assert!(role["Parameters"]["ExternalId"]["Default"].is_null(), "nobody's is everybody's");
}
