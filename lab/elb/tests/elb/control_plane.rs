//! Resources: created, listed by pages, changed, deleted; and what is refused.

use crate::lab::{Lab, Target, borrowed, forward, free_port, owned, text, texts};
use teal_lab_elb::ElbOptions;

const NOWHERE: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000";

#[tokio::test]
async fn creation_is_idempotent_by_name_and_settings() {
    let lab = Lab::new();
    let (arn, address) = lab.load_balancer("web").await;
    assert_eq!(lab.load_balancer("web").await, (arn.clone(), address.clone()));
    assert!(address.parse::<std::net::Ipv4Addr>().unwrap().is_loopback());
    assert_ne!(lab.load_balancer("api").await.1, address, "every load balancer has an address of its own");
    let other = [("Name", "web"), ("Subnets.member.1", "subnet-1"), ("Subnets.member.2", "subnet-3")];
    assert_eq!(lab.call("CreateLoadBalancer", &other).await, Err("DuplicateLoadBalancerName".to_owned()));

    let group = lab.target_group("blue").await;
    assert_eq!(lab.target_group("blue").await, group);
    let other = [("Name", "blue"), ("Protocol", "HTTP"), ("Port", "81"), ("VpcId", "vpc-1"), ("TargetType", "ip")];
    assert_eq!(lab.call("CreateTargetGroup", &other).await, Err("DuplicateTargetGroupName".to_owned()));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let lab = Lab::new();
    let mut names: Vec<String> = (0..5).map(|index| format!("group-{index}")).collect();
    for name in &names {
        lab.target_group(name).await;
    }
    let mut seen = Vec::new();
    let mut marker = String::new();
    loop {
        let answer = lab.ok("DescribeTargetGroups", &[("PageSize", "2"), ("Marker", &marker)]).await;
        let page = texts(&answer, "TargetGroupName");
        assert!((1..=2).contains(&page.len()));
        seen.extend(page);
        match texts(&answer, "NextMarker").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    seen.sort();
    names.sort();
    assert_eq!(seen, names);
    for params in [[("PageSize", "0"), ("Marker", "")], [("PageSize", "2"), ("Marker", "nonsense")]] {
        assert_eq!(lab.call("DescribeTargetGroups", &params).await, Err("ValidationError".to_owned()));
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let lab = Lab::new();
    let (balancer, listener, rule, group) = (
        format!("{NOWHERE}:loadbalancer/app/a/0"),
        format!("{NOWHERE}:listener/app/a/0/0"),
        format!("{NOWHERE}:listener-rule/app/a/0/0/0"),
        format!("{NOWHERE}:targetgroup/a/0"),
    );
    for (action, key, arn, code) in [
        ("DescribeLoadBalancers", "LoadBalancerArns.member.1", &balancer, "LoadBalancerNotFound"),
        ("DescribeLoadBalancerAttributes", "LoadBalancerArn", &balancer, "LoadBalancerNotFound"),
        ("DescribeListeners", "LoadBalancerArn", &balancer, "LoadBalancerNotFound"),
        ("DescribeTargetGroups", "LoadBalancerArn", &balancer, "LoadBalancerNotFound"),
        ("DescribeListeners", "ListenerArns.member.1", &listener, "ListenerNotFound"),
        ("ModifyListener", "ListenerArn", &listener, "ListenerNotFound"),
        ("DeleteListener", "ListenerArn", &listener, "ListenerNotFound"),
        ("DescribeRules", "ListenerArn", &listener, "ListenerNotFound"),
        ("DescribeRules", "RuleArns.member.1", &rule, "RuleNotFound"),
        ("ModifyRule", "RuleArn", &rule, "RuleNotFound"),
        ("DeleteRule", "RuleArn", &rule, "RuleNotFound"),
        ("DescribeTargetGroups", "TargetGroupArns.member.1", &group, "TargetGroupNotFound"),
        ("DescribeTargetGroups", "Names.member.1", &"nobody".to_owned(), "TargetGroupNotFound"),
        ("DescribeTargetHealth", "TargetGroupArn", &group, "TargetGroupNotFound"),
        ("ModifyTargetGroup", "TargetGroupArn", &group, "TargetGroupNotFound"),
        ("DescribeTags", "ResourceArns.member.1", &rule, "RuleNotFound"),
        ("ModifyListener", "ListenerArn", &rule, "ValidationError"),
        ("DescribeListeners", "PageSize", &"5".to_owned(), "ValidationError"),
        ("ModifyListener", "Port", &"5".to_owned(), "ValidationError"),
        ("DescribeTeapots", "Name", &group, "InvalidAction"),
    ] {
        assert_eq!(lab.call(action, &[(key, arn)]).await, Err(code.to_owned()), "{action} {key} {arn}");
    }
    let classic = [("Version", "2012-06-01")];
    assert_eq!(lab.call("DescribeLoadBalancers", &classic).await, Err("InvalidAction".to_owned()));
    // What is gone already can be deleted again.
    lab.ok("DeleteLoadBalancer", &[("LoadBalancerArn", &balancer)]).await;
    lab.ok("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await;
}

#[tokio::test]
async fn target_group_settings_have_ranges() {
    let lab = Lab::new();
    let base = [("Name", "blue"), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", "vpc-1"), ("TargetType", "ip")];
    for (key, value) in [
        ("Name", "-blue"),
        ("Name", "a-name-that-is-longer-than-allowed"),
        ("Port", "0"),
        ("Port", "65536"),
        ("Protocol", "GENEVE"),
        ("TargetType", "lambda"),
        ("HealthCheckPath", "health"),
        ("HealthCheckPort", "70000"),
        ("HealthCheckIntervalSeconds", "4"),
        ("HealthCheckTimeoutSeconds", "30"),
        ("HealthyThresholdCount", "1"),
        ("UnhealthyThresholdCount", "11"),
        ("Matcher.HttpCode", "200-500"),
        ("Matcher.HttpCode", "199"),
        ("HealthCheckEnabled", "false"),
    ] {
        let params: Vec<_> = base.into_iter().filter(|(known, _)| *known != key).chain([(key, value)]).collect();
        assert_eq!(lab.call("CreateTargetGroup", &params).await, Err("ValidationError".to_owned()), "{key} {value}");
    }
    let group = lab.target_group("blue").await;
    let changed = lab
        .ok(
            "ModifyTargetGroup",
            &[("TargetGroupArn", &group), ("Matcher.HttpCode", "200,204-206"), ("HealthCheckPort", "81")],
        )
        .await;
    assert_eq!((text(&changed, "HttpCode"), text(&changed, "HealthCheckPort")), ("200,204-206".into(), "81".into()));
    assert_eq!(text(&changed, "HealthCheckIntervalSeconds"), "5", "what is not given stays");
}

#[tokio::test]
async fn attributes_are_checked_kept_and_described() {
    let lab = Lab::new();
    let group = lab.target_group("blue").await;
    let (balancer, _) = lab.load_balancer("web").await;
    for (action, key, arn, attribute, value, fits) in [
        ("ModifyTargetGroupAttributes", "TargetGroupArn", &group, "deregistration_delay.timeout_seconds", "3600", true),
        (
            "ModifyTargetGroupAttributes",
            "TargetGroupArn",
            &group,
            "deregistration_delay.timeout_seconds",
            "3601",
            false,
        ),
        ("ModifyTargetGroupAttributes", "TargetGroupArn", &group, "stickiness.enabled", "maybe", false),
        ("ModifyTargetGroupAttributes", "TargetGroupArn", &group, "colour", "blue", false),
        ("ModifyLoadBalancerAttributes", "LoadBalancerArn", &balancer, "idle_timeout.timeout_seconds", "4000", true),
        ("ModifyLoadBalancerAttributes", "LoadBalancerArn", &balancer, "idle_timeout.timeout_seconds", "0", false),
        ("ModifyLoadBalancerAttributes", "LoadBalancerArn", &balancer, "deletion_protection.enabled", "true", true),
    ] {
        let params =
            [(key, arn.as_str()), ("Attributes.member.1.Key", attribute), ("Attributes.member.1.Value", value)];
        let answer = lab.call(action, &params).await;
        assert_eq!(answer.is_ok(), fits, "{attribute}={value}: {answer:?}");
    }
    let attributes = lab.ok("DescribeTargetGroupAttributes", &[("TargetGroupArn", &group)]).await;
    assert!(attributes.contains("<Key>deregistration_delay.timeout_seconds</Key><Value>3600</Value>"), "{attributes}");
    let attributes = lab.ok("DescribeLoadBalancerAttributes", &[("LoadBalancerArn", &balancer)]).await;
    assert!(attributes.contains("<Key>idle_timeout.timeout_seconds</Key><Value>4000</Value>"), "{attributes}");
    let refused = lab.call("DeleteLoadBalancer", &[("LoadBalancerArn", &balancer)]).await;
    assert_eq!(refused, Err("OperationNotPermitted".to_owned()));
}

#[tokio::test]
async fn listeners_and_rules_do_not_collide() {
    let lab = Lab::new();
    let balancer = lab.load_balancer("web").await;
    let group = lab.target_group("blue").await;
    let (listener, url) = lab.listener(&balancer, &[(&group, 1)]).await;
    let port = url.rsplit(':').next().unwrap();
    let create = |port: &str, protocol: &str| {
        let mut params = owned(&[("LoadBalancerArn", &balancer.0), ("Port", port), ("Protocol", protocol)]);
        params.extend(forward("DefaultActions", &[(&group, 1)]));
        params
    };
    let again = lab.ok("CreateListener", &borrowed(&create(port, "HTTP"))).await;
    assert_eq!(text(&again, "ListenerArn"), listener, "the same settings give the same listener");
    let mut other_weight = create(port, "HTTP");
    other_weight.extend(forward("DefaultActions", &[(&group, 2)]));
    let taken = lab.call("CreateListener", &borrowed(&other_weight)).await;
    assert_eq!(taken, Err("DuplicateListener".to_owned()));
    let other = lab.call("CreateListener", &borrowed(&create(&free_port().to_string(), "TCP"))).await;
    assert_eq!(other, Err("UnsupportedProtocol".to_owned()));

    let rule = |priority: &str| {
        let mut params = owned(&[
            ("ListenerArn", &*listener),
            ("Priority", priority),
            ("Conditions.member.1.Field", "path-pattern"),
            ("Conditions.member.1.Values.member.1", "/a"),
        ]);
        params.extend(forward("Actions", &[(&group, 1)]));
        params
    };
    let one = text(&lab.ok("CreateRule", &borrowed(&rule("1"))).await, "RuleArn");
    let two = text(&lab.ok("CreateRule", &borrowed(&rule("2"))).await, "RuleArn");
    assert_eq!(lab.call("CreateRule", &borrowed(&rule("2"))).await, Err("PriorityInUse".to_owned()));
    assert_eq!(lab.call("CreateRule", &borrowed(&rule("50001"))).await, Err("ValidationError".to_owned()));
    let priorities = |one_gets: &'static str, two_gets: &'static str| {
        owned(&[
            ("RulePriorities.member.1.RuleArn", &*one),
            ("RulePriorities.member.1.Priority", one_gets),
            ("RulePriorities.member.2.RuleArn", &*two),
            ("RulePriorities.member.2.Priority", two_gets),
        ])
    };
    let both = lab.call("SetRulePriorities", &borrowed(&priorities("3", "3"))).await;
    assert_eq!(both, Err("PriorityInUse".to_owned()));
    lab.ok("SetRulePriorities", &borrowed(&priorities("2", "1"))).await;
    let rules = lab.ok("DescribeRules", &[("ListenerArn", &listener)]).await;
    assert_eq!(texts(&rules, "RuleArn")[..2], [two, one]);
    let default = texts(&rules, "RuleArn").pop().unwrap();
    for action in ["ModifyRule", "DeleteRule"] {
        assert_eq!(lab.call(action, &[("RuleArn", &default)]).await, Err("OperationNotPermitted".to_owned()));
    }

    assert_eq!(lab.call("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await, Err("ResourceInUse".to_owned()));
    lab.ok("DeleteListener", &[("ListenerArn", &listener)]).await;
    lab.ok("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await;
}

#[tokio::test]
async fn conditions_are_checked() {
    let lab = Lab::new();
    let balancer = lab.load_balancer("web").await;
    let group = lab.target_group("blue").await;
    let (listener, _) = lab.listener(&balancer, &[(&group, 1)]).await;
    let values: Vec<String> = (1..=6).map(|n| format!("Conditions.member.1.Values.member.{n}")).collect();
    let six: Vec<(&str, &str)> = values.iter().map(|key| (key.as_str(), "/a")).collect();
    let path = ("Conditions.member.1.Field", "path-pattern");
    for conditions in [
        vec![],
        vec![path],
        [&[path][..], &six].concat(),
        vec![
            path,
            six[0],
            ("Conditions.member.2.Field", "path-pattern"),
            ("Conditions.member.2.Values.member.1", "/b"),
        ],
        vec![("Conditions.member.1.Field", "source-ip"), ("Conditions.member.1.Values.member.1", "10.0.0.0/8")],
        vec![("Conditions.member.1.Field", "http-header"), ("Conditions.member.1.Values.member.1", "a")],
    ] {
        let mut params = owned(&[("ListenerArn", &*listener), ("Priority", "1")]);
        params.extend(owned(&conditions));
        params.extend(forward("Actions", &[(&group, 1)]));
        let refused = lab.call("CreateRule", &borrowed(&params)).await;
        assert_eq!(refused, Err("ValidationError".to_owned()), "{conditions:?}");
    }
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    let lab = Lab::new();
    let params = [
        ("Name", "web"),
        ("Subnets.member.1", "subnet-1"),
        ("Subnets.member.2", "subnet-2"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
    ];
    let arn = text(&lab.ok("CreateLoadBalancer", &params).await, "LoadBalancerArn");
    let add = [
        ("ResourceArns.member.1", arn.as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a & b"),
        ("Tags.member.2.Key", "stage"),
    ];
    lab.ok("AddTags", &add).await;
    let described = lab.ok("DescribeTags", &[("ResourceArns.member.1", &arn)]).await;
    assert_eq!(texts(&described, "Key"), ["stage", "team"]);
    assert_eq!(texts(&described, "Value"), ["", "a &amp; b"]);
    lab.ok("RemoveTags", &[("ResourceArns.member.1", &arn), ("TagKeys.member.1", "team")]).await;
    let described = lab.ok("DescribeTags", &[("ResourceArns.member.1", &arn)]).await;
    assert_eq!(texts(&described, "Key"), ["stage"]);
    let twice = [("ResourceArns.member.1", arn.as_str()), ("Tags.member.1.Key", "a"), ("Tags.member.2.Key", "a")];
    assert_eq!(lab.call("AddTags", &twice).await, Err("DuplicateTagKeys".to_owned()));
}

#[tokio::test]
async fn targets_are_loopback_addresses() {
    let lab = Lab::new();
    let group = lab.target_group("blue").await;
    for id in ["i-0123456789abcdef0", "10.0.0.1"] {
        let params = [("TargetGroupArn", group.as_str()), ("Targets.member.1.Id", id)];
        assert_eq!(lab.call("RegisterTargets", &params).await, Err("InvalidTarget".to_owned()));
    }
    let target = Target::start("blue", "us-east-1a").await;
    let port = target.address.address.port().to_string();
    let params = [("TargetGroupArn", &*group), ("Targets.member.1.Id", "127.0.0.1"), ("Targets.member.1.Port", &port)];
    lab.ok("RegisterTargets", &params).await;
    let health = lab.ok("DescribeTargetHealth", &[("TargetGroupArn", &group)]).await;
    assert_eq!((text(&health, "Port"), text(&health, "HealthCheckPort")), (port.clone(), port));
}

#[tokio::test]
async fn calls_are_throttled_as_on_aws() {
    let lab = Lab::with(ElbOptions::default());
    let mut refused = None;
    for call in 0..60 {
        if let Err(code) = lab.call("DescribeLoadBalancers", &[]).await {
            refused = Some((call, code));
            break;
        }
    }
    let (call, code) = refused.unwrap();
    assert!(call >= 40, "the bucket holds forty tokens, not {call}");
    assert_eq!(code, "Throttling");
}
