//! Rules by priority, fixed responses and redirects.

use crate::lab::{Lab, Target, borrowed, forward, owned, text, texts};

const CONDITION: &str = "Conditions.member.1";

async fn rule(lab: &Lab, listener: &str, priority: &str, params: &[(&str, &str)]) -> String {
    let mut all = owned(&[("ListenerArn", listener), ("Priority", priority)]);
    all.extend(owned(params));
    text(&lab.ok("CreateRule", &borrowed(&all)).await, "RuleArn")
}

#[tokio::test]
async fn the_first_matching_rule_by_priority_decides() {
    let lab = Lab::new();
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1a").await);
    let (groups, listener, url) = lab.over(&[(&blue, 1), (&green, 0)]).await;
    let to_green: Vec<(String, String)> = forward("Actions", &[(&groups[1], 1)])
        .into_iter()
        .chain(owned(&[
            (&format!("{CONDITION}.Field"), "http-header"),
            (&format!("{CONDITION}.HttpHeaderConfig.HttpHeaderName"), "X-Canary"),
            (&format!("{CONDITION}.HttpHeaderConfig.Values.member.1"), "yes"),
        ]))
        .collect();
    rule(&lab, &listener, "20", &borrowed(&to_green)).await;
    let teapot = [
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/tea/*"),
        ("Actions.member.1.Type", "fixed-response"),
        ("Actions.member.1.FixedResponseConfig.StatusCode", "418"),
        ("Actions.member.1.FixedResponseConfig.MessageBody", "short <and> stout"),
    ];
    let teapot = rule(&lab, &listener, "10", &teapot).await;

    let canary = [("x-canary", "YES")];
    assert_eq!(lab.get(&url).await.body, "blue");
    assert_eq!(lab.send(&url, &canary).await.body, "green");
    let tea = lab.send(&format!("{url}/tea/pot"), &canary).await;
    assert_eq!((tea.status.as_u16(), tea.body.as_str()), (418, "short <and> stout"));
    assert_eq!(tea.headers["content-type"], "text/plain");

    let order = [("RulePriorities.member.1.RuleArn", teapot.as_str()), ("RulePriorities.member.1.Priority", "30")];
    lab.ok("SetRulePriorities", &order).await;
    assert_eq!(lab.send(&format!("{url}/tea/pot"), &canary).await.body, "green");
    assert_eq!(lab.get(&format!("{url}/tea/pot")).await.status, 418);

    let rules = lab.ok("DescribeRules", &[("ListenerArn", &listener)]).await;
    assert_eq!(texts(&rules, "Priority"), ["20", "30", "default"]);
    assert!(rules.contains("short &lt;and&gt; stout"), "{rules}");

    lab.ok("DeleteRule", &[("RuleArn", &teapot)]).await;
    assert_eq!(lab.get(&format!("{url}/tea/pot")).await.body, "blue");
}

#[tokio::test]
async fn a_redirect_keeps_what_it_does_not_change() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (_, listener, url) = lab.over(&[(&target, 1)]).await;
    let params = [
        ("Conditions.member.1.Field", "host-header"),
        ("Conditions.member.1.HostHeaderConfig.Values.member.1", "old.example.com"),
        ("Actions.member.1.Type", "redirect"),
        ("Actions.member.1.RedirectConfig.Protocol", "HTTPS"),
        ("Actions.member.1.RedirectConfig.Port", "443"),
        ("Actions.member.1.RedirectConfig.Host", "new.#{host}"),
        ("Actions.member.1.RedirectConfig.StatusCode", "HTTP_301"),
    ];
    rule(&lab, &listener, "1", &params).await;
    let answer = lab.send(&format!("{url}/a/b?c=d"), &[("host", "old.example.com:8080")]).await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.headers["location"], "https://new.old.example.com:443/a/b?c=d");
}

#[tokio::test]
async fn a_listener_can_move_to_another_port() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (_, listener, url) = lab.over(&[(&target, 1)]).await;
    let port = crate::lab::free_port().to_string();
    lab.ok("ModifyListener", &[("ListenerArn", &listener), ("Port", &port)]).await;
    let (host, _) = url.rsplit_once(':').unwrap();
    assert_eq!(lab.get(&format!("{host}:{port}")).await.body, "blue");
}
