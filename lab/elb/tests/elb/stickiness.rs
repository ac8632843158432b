//! Cookies that keep a client with a group or with a target.

use crate::lab::{Got, Lab, Target, borrowed, forward, owned};
use teal_lab_wire::TargetRegistry;

/// The `name=value` of a cookie that an answer sets.
fn cookie(answer: &Got, name: &str) -> Option<String> {
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut pairs = set.filter_map(|value| value.split(';').next());
    pairs.find(|pair| pair.split('=').next() == Some(name)).map(str::to_owned)
}

fn sticky(listener: &str, groups: &[(&str, u16)], seconds: &str) -> Vec<(String, String)> {
    let config = "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig";
    let mut params = forward("DefaultActions", groups);
    params.extend(owned(&[
        ("ListenerArn", listener),
        (&format!("{config}.Enabled"), "true"),
        (&format!("{config}.DurationSeconds"), seconds),
    ]));
    params
}

#[tokio::test]
async fn a_client_stays_with_its_group_even_at_weight_zero_until_the_duration_is_over() {
    let lab = Lab::new();
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1a").await);
    let (groups, listener, url) = lab.over(&[(&blue, 1), (&green, 0)]).await;
    let only_blue = [(groups[0].as_str(), 1), (groups[1].as_str(), 0)];
    let only_green = [(groups[0].as_str(), 0), (groups[1].as_str(), 1)];
    lab.ok("ModifyListener", &borrowed(&sticky(&listener, &only_blue, "604800"))).await;

    let first = lab.get(&url).await;
    let kept = cookie(&first, "AWSALBTG").unwrap();
    assert!(cookie(&first, "AWSALBTGCORS").is_some());
    assert_eq!(cookie(&first, "AWSALB"), None, "target stickiness is off");
    let group_id = groups[0].rsplit('/').next().unwrap();
    assert!(!kept.contains(group_id), "the value is opaque");

    lab.ok("ModifyListener", &borrowed(&sticky(&listener, &only_green, "604800"))).await;
    for _ in 0..20 {
        assert_eq!(lab.send(&url, &[("cookie", &kept)]).await.body, "blue");
        assert_eq!(lab.get(&url).await.body, "green");
        assert_eq!(lab.send(&url, &[("cookie", "AWSALBTG=00000000000000000000000000000000")]).await.body, "green");
    }

    // Without stickiness the cookie is only a cookie.
    lab.weigh(&listener, &only_green).await;
    let answer = lab.send(&url, &[("cookie", &kept)]).await;
    assert_eq!(answer.body, "green");
    assert_eq!(cookie(&answer, "AWSALBTG"), None);

    // A duration of one lab second is over after ten milliseconds.
    lab.ok("ModifyListener", &borrowed(&sticky(&listener, &only_green, "1"))).await;
    let short = cookie(&lab.get(&url).await, "AWSALBTG").unwrap();
    lab.ok("ModifyListener", &borrowed(&sticky(&listener, &only_blue, "1"))).await;
    crate::lab::until("the cookie has expired", || async {
        lab.send(&url, &[("cookie", &short)]).await.body == "blue"
    })
    .await;
}

#[tokio::test]
async fn a_client_stays_with_its_target_while_it_is_healthy() {
    let lab = Lab::new();
    let (one, two) = (Target::start("one", "us-east-1a").await, Target::start("two", "us-east-1a").await);
    let (groups, _, url) = lab.over(&[(&one, 1)]).await;
    lab.elb.register(&groups[0], two.address.clone()).unwrap();
    lab.until_state(&groups[0], &["healthy", "healthy"]).await;
    let params = [
        ("TargetGroupArn", groups[0].as_str()),
        ("Attributes.member.1.Key", "stickiness.enabled"),
        ("Attributes.member.1.Value", "true"),
    ];
    lab.ok("ModifyTargetGroupAttributes", &params).await;

    let first = lab.get(&url).await;
    let kept = cookie(&first, "AWSALB").unwrap();
    assert!(cookie(&first, "AWSALBCORS").is_some());
    for _ in 0..10 {
        assert_eq!(lab.send(&url, &[("cookie", &format!("a=b; {kept}"))]).await.body, first.body);
    }

    let (mine, other) = if first.body == "one" { (&one, &two) } else { (&two, &one) };
    lab.elb.deregister(&groups[0], &mine.address).unwrap();
    let moved = lab.send(&url, &[("cookie", &kept)]).await;
    assert_ne!(moved.body, first.body, "a draining target gets nothing new, sticky or not");
    assert!(other.requests() > 0);
}
