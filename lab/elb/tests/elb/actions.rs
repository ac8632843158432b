//! What actions may say, and how they are told back.

use crate::lab::{Lab, Target, borrowed, forward, free_port, owned, text, texts};

struct Setup {
    lab: Lab,
    balancer: String,
    listener: String,
    groups: Vec<String>,
}

async fn setup() -> Setup {
    let lab = Lab::new();
    let balancer = lab.load_balancer("balancer").await;
    let mut groups = Vec::new();
    for index in 0..6 {
        groups.push(lab.target_group(&format!("group-{index}")).await);
    }
    let (listener, _) = lab.listener(&balancer, &[(&groups[0], 1)]).await;
    Setup { lab, balancer: balancer.0, listener, groups }
}

impl Setup {
    async fn modify(&self, params: &[(String, String)]) -> Result<String, String> {
        let mut all = owned(&[("ListenerArn", &self.listener)]);
        all.extend_from_slice(params);
        self.lab.call("ModifyListener", &borrowed(&all)).await
    }

    async fn described(&self) -> String {
        self.lab.ok("DescribeListeners", &[("ListenerArns.member.1", &self.listener)]).await
    }
}

#[tokio::test]
async fn a_forward_to_one_group_is_told_both_ways_and_one_to_two_only_as_config() {
    let setup = setup().await;
    let one =
        [("DefaultActions.member.1.Type", "forward"), ("DefaultActions.member.1.TargetGroupArn", &*setup.groups[1])];
    let answer = setup.modify(&owned(&one)).await.unwrap();
    assert_eq!(texts(&answer, "TargetGroupArn"), [&*setup.groups[1], &*setup.groups[1]]);
    assert_eq!(texts(&answer, "Weight"), ["1"]);
    assert_eq!(text(&answer, "TargetGroupStickinessConfig"), "<Enabled>false</Enabled>");

    let two = forward("DefaultActions", &[(&setup.groups[1], 999), (&setup.groups[2], 0)]);
    setup.modify(&two).await.unwrap();
    let answer = setup.described().await;
    assert_eq!(texts(&answer, "TargetGroupArn"), setup.groups[1..3]);
    assert_eq!(texts(&answer, "Weight"), ["999", "0"]);
}

#[tokio::test]
async fn weights_and_groups_out_of_range_are_refused_and_change_nothing() {
    let setup = setup().await;
    let before = text(&setup.described().await, "DefaultActions");
    let groups: Vec<&str> = setup.groups.iter().map(String::as_str).collect();
    let six: Vec<(&str, u16)> = groups.iter().map(|group| (*group, 1)).collect();
    let unknown = format!("{}0", groups[0]);
    let one_and_two = {
        let mut params = forward("DefaultActions", &six[..2]);
        params.extend(owned(&[("DefaultActions.member.1.TargetGroupArn", groups[0])]));
        params
    };
    let other_single = {
        let mut params = forward("DefaultActions", &six[..1]);
        params.extend(owned(&[("DefaultActions.member.1.TargetGroupArn", groups[1])]));
        params
    };
    let mut negative = forward("DefaultActions", &six[..2]);
    negative[2].1 = "-1".to_owned();
    let mut missing_weight = forward("DefaultActions", &six[..2]);
    missing_weight.remove(2);
    for (params, code) in [
        (forward("DefaultActions", &[(groups[0], 1000), (groups[1], 0)]), "ValidationError"),
        (negative, "ValidationError"),
        (missing_weight, "ValidationError"),
        (forward("DefaultActions", &six), "ValidationError"),
        (forward("DefaultActions", &[(&unknown, 1)]), "TargetGroupNotFound"),
        (forward("DefaultActions", &[("group-0", 1)]), "ValidationError"),
        (forward("DefaultActions", &[(groups[0], 1), (groups[0], 2)]), "ValidationError"),
        (one_and_two, "ValidationError"),
        (other_single, "ValidationError"),
        (owned(&[("DefaultActions.member.1.Type", "forward")]), "ValidationError"),
        (owned(&[("DefaultActions.member.1.Type", "teleport")]), "ValidationError"),
    ] {
        assert_eq!(setup.modify(&params).await, Err(code.to_owned()), "{params:?}");
    }
    assert_eq!(text(&setup.described().await, "DefaultActions"), before);
    setup.modify(&forward("DefaultActions", &six[..5])).await.unwrap();
}

#[tokio::test]
async fn a_sticky_group_among_several_needs_stickiness_of_the_action() {
    let setup = setup().await;
    let attributes = [
        ("TargetGroupArn", &*setup.groups[1]),
        ("Attributes.member.1.Key", "stickiness.enabled"),
        ("Attributes.member.1.Value", "true"),
    ];
    setup.lab.ok("ModifyTargetGroupAttributes", &attributes).await;
    setup.modify(&forward("DefaultActions", &[(&setup.groups[1], 1)])).await.unwrap();
    let mut two = forward("DefaultActions", &[(&setup.groups[0], 1), (&setup.groups[1], 1)]);
    assert_eq!(setup.modify(&two).await, Err("ValidationError".to_owned()));

    let config = "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig";
    two.extend(owned(&[(&format!("{config}.Enabled"), "true")]));
    assert_eq!(setup.modify(&two).await, Err("ValidationError".to_owned()), "a duration is needed, too");
    for (seconds, fits) in [("0", false), ("604801", false), ("604800", true)] {
        let mut params = two.clone();
        params.extend(owned(&[(&format!("{config}.DurationSeconds"), seconds)]));
        assert_eq!(setup.modify(&params).await.is_ok(), fits, "{seconds}");
    }
    assert_eq!(text(&setup.described().await, "DurationSeconds"), "604800");
}

#[tokio::test]
async fn a_target_group_belongs_to_one_load_balancer() {
    let setup = setup().await;
    let (other, _) = setup.lab.load_balancer("other").await;
    let port = free_port().to_string();
    let mut params = owned(&[("LoadBalancerArn", &other), ("Port", &port), ("Protocol", "HTTP")]);
    params.extend(forward("DefaultActions", &[(&setup.groups[0], 1)]));
    let refused = setup.lab.call("CreateListener", &borrowed(&params)).await;
    assert_eq!(refused, Err("TargetGroupAssociationLimit".to_owned()));

    setup.lab.ok("DeleteLoadBalancer", &[("LoadBalancerArn", &setup.balancer)]).await;
    setup.lab.ok("CreateListener", &borrowed(&params)).await;
    let groups = setup.lab.ok("DescribeTargetGroups", &[("LoadBalancerArn", &other)]).await;
    assert_eq!(texts(&groups, "TargetGroupArn"), [&*setup.groups[0]]);
}

/// An authenticate-oidc action before a forward to `group`.
fn authenticated(group: &str, secret: &[(&str, &str)]) -> Vec<(String, String)> {
    let oidc = "DefaultActions.member.1.AuthenticateOidcConfig";
    let mut params = owned(&[
        ("DefaultActions.member.1.Type", "authenticate-oidc"),
        ("DefaultActions.member.1.Order", "1"),
        (&format!("{oidc}.Issuer"), "https://idp.example.com"),
        (&format!("{oidc}.AuthorizationEndpoint"), "https://idp.example.com/authorize"),
        (&format!("{oidc}.TokenEndpoint"), "https://idp.example.com/token"),
        (&format!("{oidc}.UserInfoEndpoint"), "https://idp.example.com/me"),
        (&format!("{oidc}.ClientId"), "shop"),
        (&format!("{oidc}.AuthenticationRequestExtraParams.entry.1.key"), "prompt"),
        (&format!("{oidc}.AuthenticationRequestExtraParams.entry.1.value"), "login"),
        ("DefaultActions.member.2.Type", "forward"),
        ("DefaultActions.member.2.Order", "2"),
        ("DefaultActions.member.2.TargetGroupArn", group),
    ]);
    params.extend(secret.iter().map(|(key, value)| (format!("{oidc}.{key}"), (*value).to_owned())));
    params
}

#[tokio::test]
async fn an_authenticating_listener_keeps_its_actions_but_never_tells_the_secret() {
    let setup = setup().await;
    let (secret, keep) = (("ClientSecret", "hush"), ("UseExistingClientSecret", "true"));
    let group = &setup.groups[0];
    let refused = setup.modify(&authenticated(group, &[secret])).await;
    assert_eq!(refused, Err("InvalidLoadBalancerAction".to_owned()), "not on an HTTP listener");

    let port = free_port().to_string();
    let create = |secret: &[(&str, &str)], certificate: bool| {
        let mut params = owned(&[("LoadBalancerArn", &setup.balancer), ("Port", &port), ("Protocol", "HTTPS")]);
        if certificate {
            params.extend(owned(&[("Certificates.member.1.CertificateArn", "arn:aws:acm:us-east-1:0:certificate/1")]));
        }
        params.extend(authenticated(group, secret));
        params
    };
    for (params, code) in [
        (create(&[secret], false), "CertificateNotFound"),
        (create(&[], true), "ValidationError"),
        (create(&[keep], true), "ValidationError"),
        (create(&[secret, keep], true), "ValidationError"),
    ] {
        assert_eq!(setup.lab.call("CreateListener", &borrowed(&params)).await, Err(code.to_owned()), "{params:?}");
    }
    let created = setup.lab.ok("CreateListener", &borrowed(&create(&[secret], true))).await;
    let listener = text(&created, "ListenerArn");

    let mut params = authenticated(&setup.groups[1], &[keep]);
    params.extend(owned(&[("ListenerArn", &listener)]));
    setup.lab.ok("ModifyListener", &borrowed(&params)).await;
    let described = setup.lab.ok("DescribeListeners", &[("ListenerArns.member.1", &listener)]).await;
    assert_eq!(texts(&described, "Type"), ["authenticate-oidc", "forward"]);
    assert_eq!(texts(&described, "Order"), ["1", "2"]);
    assert_eq!(text(&described, "ClientId"), "shop");
    assert_eq!(text(&described, "SessionTimeout"), "604800");
    assert_eq!((text(&described, "key"), text(&described, "value")), ("prompt".into(), "login".into()));
    assert!(!described.contains("hush") && !described.contains("Secret"), "{described}");
}

#[tokio::test]
async fn a_listener_that_authenticates_still_serves_on_the_lab() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, listener, url) = lab.over(&[(&target, 1)]).await;
    let mut params = authenticated(&groups[0], &[("ClientSecret", "hush")]);
    params.extend(owned(&[
        ("ListenerArn", &listener),
        ("Protocol", "HTTPS"),
        ("Certificates.member.1.CertificateArn", "arn:aws:acm:us-east-1:0:certificate/1"),
    ]));
    lab.ok("ModifyListener", &borrowed(&params)).await;
    assert_eq!(lab.get(&url).await.body, "blue");
    assert_eq!(target.header("x-forwarded-proto").unwrap(), "https");
}

#[tokio::test]
async fn an_action_list_ends_the_request_exactly_once() {
    let setup = setup().await;
    let fixed = |n: usize, order: &str| {
        let action = format!("DefaultActions.member.{n}");
        owned(&[
            (&format!("{action}.Type"), "fixed-response"),
            (&format!("{action}.Order"), order),
            (&format!("{action}.FixedResponseConfig.StatusCode"), "200"),
        ])
    };
    let twice: Vec<_> = fixed(1, "1").into_iter().chain(fixed(2, "2")).collect();
    assert_eq!(setup.modify(&twice).await, Err("InvalidLoadBalancerAction".to_owned()));
    let same_order: Vec<_> = fixed(1, "1").into_iter().chain(fixed(2, "1")).collect();
    assert_eq!(setup.modify(&same_order).await, Err("ValidationError".to_owned()));
    setup.modify(&fixed(1, "1")).await.unwrap();
    assert_eq!(text(&setup.described().await, "StatusCode"), "200");
}
