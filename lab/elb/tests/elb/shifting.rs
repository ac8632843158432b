//! Weights that a service sets by itself.

use crate::lab::{Lab, Target, borrowed, forward, owned, text};
use teal_lab_wire::TrafficShifter;

#[tokio::test]
async fn a_service_shifts_a_listener_by_its_own_arn_or_that_of_its_default_rule() {
    let lab = Lab::new();
    let [blue, green] = [Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1b").await];
    let (groups, listener, url) = lab.over(&[(&blue, 1), (&green, 0)]).await;
    let rules = lab.ok("DescribeRules", &[("ListenerArn", &listener)]).await;
    let default_rule = text(&rules, "RuleArn");
    let weights = |blue: u16, green: u16| vec![(groups[0].clone(), blue), (groups[1].clone(), green)];
    assert_eq!(lab.elb.weights(&default_rule), Ok(weights(1, 0)));

    lab.elb.shift(&default_rule, &weights(0, 100), "ecs.amazonaws.com").unwrap();
    assert_eq!(lab.get(&url).await.body, "green");
    lab.elb.shift(&listener, &weights(0, 100), "ecs.amazonaws.com").unwrap();
    let changes = lab.elb.weight_changes();
    assert_eq!(changes.len(), 2, "creation and one real change: {changes:?}");
    assert_eq!(changes[1].resource_arn, listener, "a default rule is its listener");
    assert_eq!(changes[1].access_key_id.as_deref(), Some("ecs.amazonaws.com"));
    assert_eq!(lab.elb.weights(&listener), Ok(weights(0, 100)));
}

#[tokio::test]
async fn a_rule_is_shifted_alone_and_a_group_that_it_did_not_name_comes_into_use() {
    let lab = Lab::new();
    let blue = Target::start("blue", "us-east-1a").await;
    let (groups, listener, _) = lab.over(&[(&blue, 1)]).await;
    let green = lab.target_group("green").await;
    let mut rule = owned(&[
        ("ListenerArn", &listener),
        ("Priority", "1"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/test"),
    ]);
    rule.extend(forward("Actions", &[(&groups[0], 1)]));
    let rule = text(&lab.ok("CreateRule", &borrowed(&rule)).await, "RuleArn");
    let weights = vec![(groups[0].clone(), 0), (green.clone(), 1)];
    lab.elb.shift(&rule, &weights, "ecs.amazonaws.com").unwrap();
    assert_eq!(lab.elb.weights(&rule), Ok(weights));
    assert_eq!(lab.elb.weights(&listener), Ok(vec![(groups[0].clone(), 1)]));
}

#[tokio::test]
async fn what_does_not_exist_or_is_another_load_balancers_is_refused() {
    let lab = Lab::new();
    let blue = Target::start("blue", "us-east-1a").await;
    let (groups, listener, _) = lab.over(&[(&blue, 1)]).await;
    let elsewhere = lab.target_group("elsewhere").await;
    let other = lab.load_balancer("other").await;
    lab.listener(&other, &[(&elsewhere, 1)]).await;
    for (arn, group, expected) in [
        ("nobody-s", groups[0].as_str(), "there is no listener and no rule nobody-s"),
        (listener.as_str(), "nobody-s", "the target group nobody-s does not exist"),
        (listener.as_str(), elsewhere.as_str(), "belongs to another load balancer"),
    ] {
        let refused = lab.elb.shift(arn, &[(group.to_owned(), 1)], "ecs.amazonaws.com").unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(lab.elb.weights(&listener), Ok(vec![(groups[0].clone(), 1)]));
}
