//! What goes over the wire, and what is made of what comes back.

use crate::testing::{GREEN_GROUP, Script, group};
use serde_json::json;
use teal::fleet::{BeanstalkEnvironment, GreenOrder, Runner};
use teal::plan::Green;
use teal::ports::{CapacityHold, Fleet, PortError, Router, Scaling, TargetHealth};
use teal::route::{Action, CnamePart, Colours, Destination, PartRef};

const NAME: &str = "checkout.eu-central-1.elasticbeanstalk.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/beanstalk-operations";

fn part() -> PartRef {
    let environments = ["checkout-a", "checkout-b"].map(|name| name.parse().unwrap());
    PartRef::Cname(Box::new(CnamePart { name: NAME.parse().unwrap(), environments }))
}

fn runner(name: &str, kept: bool) -> Runner {
    Runner::Beanstalk(BeanstalkEnvironment { environment: name.into(), kept })
}

fn order() -> GreenOrder {
    GreenOrder {
        blue: runner("checkout-a", false),
        green: runner("checkout-b", false),
        runs: "v2".into(),
        colours: Colours { blue: group("checkout-a"), green: group("checkout-b") },
        desired: 2,
        hold: None,
    }
}

fn result(operation: &str, members: &str) -> String {
    format!("<{operation}Response><{operation}Result>{members}</{operation}Result></{operation}Response>")
}

/// An environment as DescribeEnvironments shows it: name, domain name, status, colour, version.
fn environment([name, cname, status, health, version]: [&str; 5]) -> String {
    format!(
        "<member><EnvironmentName>{name}</EnvironmentName><EnvironmentId>e-{name}</EnvironmentId>\
         <ApplicationName>shop</ApplicationName><VersionLabel>{version}</VersionLabel><CNAME>{cname}</CNAME>\
         <EndpointURL>{name}.elb.amazonaws.com</EndpointURL><Status>{status}</Status><Health>{health}</Health>\
         <OperationsRole>{ROLE}</OperationsRole></member>"
    )
}

fn shown(environments: &[[&str; 5]]) -> String {
    let members: String = environments.iter().copied().map(environment).collect();
    result("DescribeEnvironments", &format!("<Environments>{members}</Environments>"))
}

/// Both environments with the name on one of them.
fn pair(holder: &str, status: &str) -> String {
    let cname = |name: &str| if name == holder { NAME.to_owned() } else { format!("{name}.elasticbeanstalk.com") };
    let (a, b) = (cname("checkout-a"), cname("checkout-b"));
    shown(&[["checkout-a", &a, status, "Green", "v1"], ["checkout-b", &b, status, "Green", "v2"]])
}

fn resources(instances: usize) -> String {
    let instances: String = (0..instances).map(|id| format!("<member><Id>i-{id}</Id></member>")).collect();
    result(
        "DescribeEnvironmentResources",
        &format!(
            "<EnvironmentResources><Instances>{instances}</Instances>\
             <AutoScalingGroups><member><Name>awseb-b</Name></member></AutoScalingGroups><LoadBalancers><member>\
             <Name>arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/awseb/1</Name></member>\
             </LoadBalancers></EnvironmentResources>"
        ),
    )
}

fn scaling_group(least: u32, target_groups: &str) -> String {
    result(
        "DescribeAutoScalingGroups",
        &format!(
            "<AutoScalingGroups><member><AutoScalingGroupName>awseb-b</AutoScalingGroupName><MinSize>{least}</MinSize>\
             <MaxSize>4</MaxSize><DesiredCapacity>{least}</DesiredCapacity><TargetGroupARNs>{target_groups}</TargetGroupARNs>\
             </member></AutoScalingGroups>"
        ),
    )
}

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

/// Everything to one of the environments.
fn all_to(holder: &str) -> Vec<Action> {
    let weight = |name: &str| if name == holder { 100 } else { 0 };
    let groups = ["checkout-a", "checkout-b"].map(|name| json!({"targetGroup": name, "weight": weight(name)}));
    vec![serde_json::from_value(json!({"forward": {"groups": groups}})).unwrap()]
}

#[tokio::test]
async fn the_environment_that_has_the_name_has_all_the_weight() {
    let script = Script::default().answers(200, pair("checkout-b", "Ready"));
    assert_eq!(script.aws().actions(&part()).await.unwrap(), all_to("checkout-b"));
    let form = script.sent()[0].form();
    assert!(form.contains(&("EnvironmentNames.member.2".to_owned(), "checkout-b".to_owned())), "{form:?}");
}

#[tokio::test]
async fn an_environment_that_does_not_exist_has_no_weight() {
    let alone = shown(&[["checkout-a", NAME, "Ready", "Green", "v1"]]);
    let script = Script::default().answers(200, alone);
    assert_eq!(script.aws().actions(&part()).await.unwrap(), all_to("checkout-a"));
}

#[tokio::test]
async fn during_a_swap_nobody_knows_who_has_the_name() {
    let script = Script::default().answers(200, pair("checkout-a", "Updating"));
    assert!(matches!(script.aws().actions(&part()).await, Err(PortError::Unavailable { .. })));
    let elsewhere = shown(&[["checkout-a", "other", "Ready", "Green", "v1"]]);
    let script = Script::default().answers(200, elsewhere);
    assert!(matches!(script.aws().actions(&part()).await, Err(PortError::NotFound { .. })));
}

#[tokio::test]
async fn a_swap_is_sent_once_and_waited_for() {
    let script = Script::default()
        .answers(200, pair("checkout-a", "Ready"))
        .answers(200, "<SwapEnvironmentCNAMEsResponse/>")
        .answers(200, pair("checkout-b", "Ready"));
    script.aws().set_actions(&part(), &all_to("checkout-b")).await.unwrap();
    let sent = script.sent();
    assert_eq!(script.operations(), ["DescribeEnvironments", "SwapEnvironmentCNAMEs", "DescribeEnvironments"]);
    let expected = [("DestinationEnvironmentId", "e-checkout-b"), ("SourceEnvironmentId", "e-checkout-a")];
    assert_eq!(sent[1].form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_swap_that_is_done_is_not_done_again() {
    let script = Script::default().answers(200, pair("checkout-b", "Ready"));
    script.aws().set_actions(&part(), &all_to("checkout-b")).await.unwrap();
    assert_eq!(script.operations(), ["DescribeEnvironments"]);
}

#[tokio::test]
async fn a_swap_whose_answer_is_lost_is_not_sent_again() {
    let script = Script::default().answers(200, pair("checkout-a", "Ready")).breaks_off();
    let lost = script.aws_with_retries().set_actions(&part(), &all_to("checkout-b")).await;
    assert!(matches!(lost, Err(PortError::Unavailable { .. })), "{lost:?}");
    assert_eq!(script.operations(), ["DescribeEnvironments", "SwapEnvironmentCNAMEs"]);
}

#[tokio::test]
async fn nothing_is_swapped_while_an_environment_is_not_ready() {
    let launching = shown(&[
        ["checkout-a", NAME, "Ready", "Green", "v1"],
        ["checkout-b", "b.elasticbeanstalk.com", "Launching", "Grey", "v2"],
    ]);
    let script = Script::default().answers(200, launching);
    let refused = script.aws().set_actions(&part(), &all_to("checkout-b")).await;
    assert!(matches!(refused, Err(PortError::Unavailable { .. })), "{refused:?}");
    assert_eq!(script.operations(), ["DescribeEnvironments"]);
}

#[tokio::test]
async fn an_environments_instances_are_as_well_as_it_is() {
    let green = Destination::Environment("checkout-b".parse().unwrap());
    for (status, colour, health) in [
        ("Ready", "Green", TargetHealth::Healthy),
        ("Ready", "Yellow", TargetHealth::Healthy),
        ("Ready", "Red", TargetHealth::Unhealthy),
        ("Ready", "Grey", TargetHealth::Unavailable),
        ("Launching", "Grey", TargetHealth::Initial),
    ] {
        let one = shown(&[["checkout-b", "b", status, colour, "v2"]]);
        let script = Script::default().answers(200, one).answers(200, resources(2));
        let targets = script.aws().targets(&green).await.unwrap();
        assert_eq!(targets.iter().map(|target| target.health).collect::<Vec<_>>(), [health, health]);
    }
    let script = Script::default().answers(200, shown(&[]));
    assert_eq!(script.aws().targets(&green).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_environments_own_load_balancer_is_its_entrance() {
    let one = shown(&[["checkout-b", "b", "Ready", "Green", "v2"]]);
    let script = Script::default().answers(200, one).answers(200, resources(2));
    let green = Destination::Environment("checkout-b".parse().unwrap());
    let entrance = script.aws().entrance(&green).await.unwrap().unwrap();
    assert_eq!(
        (entrance.url.as_str(), entrance.load_balancer.as_deref()),
        ("http://checkout-b.elb.amazonaws.com", Some("app/awseb/1"))
    );
}

#[tokio::test]
async fn green_is_made_of_blues_configuration() {
    let script = Script::default()
        .answers(200, shown(&[["checkout-a", NAME, "Ready", "Green", "v1"]]))
        .answers(400, refusal("InvalidParameterValue", "No Configuration Template named 'shop/teal-checkout-b' found."))
        .answers(200, result("CreateConfigurationTemplate", ""))
        .answers(200, result("CreateEnvironment", ""))
        .answers(200, "<DeleteConfigurationTemplateResponse/>");
    script.aws().bring_up(&order()).await.unwrap();
    let sent = script.sent();
    let field = |at: usize, name: &str| {
        sent[at].form().into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
    };
    assert_eq!(
        (field(2, "EnvironmentId").as_str(), field(2, "TemplateName").as_str()),
        ("e-checkout-a", "teal-checkout-b")
    );
    assert_eq!(sent[3].operation, "CreateEnvironment");
    let created = ["EnvironmentName", "TemplateName", "VersionLabel", "OperationsRole"].map(|name| field(3, name));
    assert_eq!(created, ["checkout-b", "teal-checkout-b", "v2", ROLE]);
    assert_eq!(sent[4].operation, "DeleteConfigurationTemplate");
}

#[tokio::test]
async fn what_was_ordered_is_not_ordered_again_and_what_is_there_gets_the_version() {
    let script = Script::default().answers(200, pair("checkout-a", "Ready"));
    script.aws().bring_up(&order()).await.unwrap();
    assert_eq!(script.operations(), ["DescribeEnvironments"]);

    let script =
        Script::default().answers(200, pair("checkout-a", "Ready")).answers(200, result("UpdateEnvironment", ""));
    script.aws().bring_up(&GreenOrder { runs: "v3".into(), ..order() }).await.unwrap();
    let expected = [("EnvironmentName", "checkout-b"), ("VersionLabel", "v3")];
    assert_eq!(script.sent()[1].form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn green_gets_its_size_and_its_target_group_when_it_has_a_group() {
    let found = Scaling { min_capacity: 1, max_capacity: 4, scale_in_suspended: false };
    let colours = Colours { blue: group(crate::testing::BLUE_GROUP), green: group(GREEN_GROUP) };
    let order = GreenOrder { colours, hold: Some(CapacityHold::of(found, 2)), ..order() };
    let script = Script::default()
        .answers(200, shown(&[["checkout-b", "b", "Launching", "Grey", "v2"]]))
        .answers(200, resources(1))
        .answers(200, scaling_group(1, ""))
        .answers(200, result("AttachLoadBalancerTargetGroups", ""))
        .answers(200, scaling_group(1, &format!("<member>{GREEN_GROUP}</member>")))
        .answers(200, "<UpdateAutoScalingGroupResponse/>");
    script.aws().bring_on(&order).await.unwrap();
    let sent = script.sent();
    assert!(sent[3].form().contains(&("TargetGroupARNs.member.1".to_owned(), GREEN_GROUP.to_owned())));
    assert!(sent[5].form().contains(&("MinSize".to_owned(), "2".to_owned())));
}

#[tokio::test]
async fn an_environment_that_is_not_green_has_come_nowhere_and_says_why() {
    let events = result("DescribeEvents", "<Events><member><Message>ELB health is failing</Message></member></Events>");
    let script =
        Script::default().answers(200, shown(&[["checkout-b", "b", "Ready", "Red", "v2"]])).answers(200, events);
    let progress = script.aws().progress_of_green(&order()).await.unwrap();
    assert_eq!((progress.running, progress.current, progress.failed), (0, false, None));
    assert_eq!(progress.events, ["Ready, health Red", "ELB health is failing"]);
}

#[tokio::test]
async fn what_is_gone_is_not_terminated_again() {
    let script = Script::default().answers(200, shown(&[["checkout-a", "a", "Terminating", "Grey", "v1"]]));
    script.aws().scale_in(&runner("checkout-a", false)).await.unwrap();
    assert_eq!(script.operations(), ["DescribeEnvironments"]);

    let script =
        Script::default().answers(200, pair("checkout-b", "Ready")).answers(200, result("TerminateEnvironment", ""));
    script.aws().scale_in(&runner("checkout-a", false)).await.unwrap();
    assert_eq!(script.sent()[1].form(), [("EnvironmentId".to_owned(), "e-checkout-a".to_owned())]);
}

#[tokio::test]
async fn an_environment_that_still_launches_is_terminated_later() {
    let script = Script::default().answers(200, shown(&[["checkout-b", "b", "Launching", "Grey", "v2"]])).answers(
        400,
        refusal("InvalidParameterValue", "Environment named checkout-b is in an invalid state for this operation."),
    );
    let later = script.aws().scale_in(&runner("checkout-b", false)).await;
    assert!(matches!(later, Err(PortError::Unavailable { .. })), "{later:?}");
}

#[tokio::test]
async fn a_blue_without_an_operations_role_is_refused() {
    let without = shown(&[["checkout-a", NAME, "Ready", "Green", "v1"]]).replace(ROLE, "");
    let script = Script::default().answers(200, without);
    let green: Green =
        serde_json::from_value(json!({"beanstalk": {"versionLabel": "v2", "blue": "terminate"}})).unwrap();
    let refused = script.aws().survey(&green, &order().colours).await.unwrap_err();
    assert!(refused.to_string().contains("associate-environment-operations-role"), "{refused}");
}

/// Options as DescribeConfigurationSettings shows them: namespace, name, value.
fn settings(options: &[[&str; 3]]) -> String {
    let options: String = options
        .iter()
        .map(|[namespace, name, value]| {
            format!(
                "<member><Namespace>{namespace}</Namespace><OptionName>{name}</OptionName><Value>{value}</Value></member>"
            )
        })
        .collect();
    result(
        "DescribeConfigurationSettings",
        &format!(
            "<ConfigurationSettings><member><OptionSettings>{options}</OptionSettings></member></ConfigurationSettings>"
        ),
    )
}

fn versions() -> String {
    result(
        "DescribeApplicationVersions",
        "<ApplicationVersions><member><Status>Processed</Status></member></ApplicationVersions>",
    )
}

#[tokio::test]
async fn names_of_environments_that_share_a_load_balancer_are_not_swapped() {
    for shared in [
        ["aws:elasticbeanstalk:environment", "LoadBalancerIsShared", "true"],
        ["aws:elbv2:loadbalancer", "SharedLoadBalancer", "arn:aws:elasticloadbalancing:..."],
    ] {
        let script = Script::default()
            .answers(200, shown(&[["checkout-a", NAME, "Ready", "Green", "v1"]]))
            .answers(200, versions())
            .answers(200, settings(&[["aws:autoscaling:asg", "MinSize", "2"], shared]));
        let green: Green =
            serde_json::from_value(json!({"beanstalk": {"versionLabel": "v2", "blue": "keep"}})).unwrap();
        let refused = script.aws().survey(&green, &order().colours).await.unwrap_err().to_string();
        assert!(refused.contains("checkout-a shares") && refused.contains("traffic.alb.rules"), "{refused}");
    }
}

#[tokio::test]
async fn the_survey_finds_blues_size_and_the_version() {
    let script = Script::default()
        .answers(200, shown(&[["checkout-a", NAME, "Ready", "Green", "v1"]]))
        .answers(200, versions())
        .answers(200, settings(&[["aws:elasticbeanstalk:environment", "LoadBalancerIsShared", "false"]]))
        .answers(200, resources(3));
    let green: Green = serde_json::from_value(json!({"beanstalk": {"versionLabel": "v2", "blue": "keep"}})).unwrap();
    let survey = script.aws().survey(&green, &order().colours).await.unwrap();
    assert_eq!((survey.blue.runner, survey.blue.desired), (runner("checkout-a", true), 3));
    assert_eq!((survey.green, survey.present, survey.runs.as_str()), (runner("checkout-b", false), None, "v2"));
}
