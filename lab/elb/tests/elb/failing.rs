//! Targets that fail: health, fail open, 502, 503, 504, and what the counters say of them.

use crate::lab::{Behaviour, Lab, Target, text, texts, until};
use teal_lab_wire::{TargetAddress, TargetRegistry};
use tokio::io::AsyncWriteExt;

/// State and reason of a group's only target; a healthy one has no reason.
async fn health(lab: &Lab, group: &str) -> (String, String) {
    let answer = lab.ok("DescribeTargetHealth", &[("TargetGroupArn", group)]).await;
    (text(&answer, "State"), texts(&answer, "Reason").pop().unwrap_or_default())
}

#[tokio::test]
async fn a_group_outside_every_action_is_unused_until_it_is_attached_at_weight_zero() {
    let lab = Lab::new();
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1a").await);
    let (groups, listener, url) = lab.over(&[(&blue, 1)]).await;
    let group = lab.target_group("green").await;
    lab.elb.register(&group, green.address.clone()).unwrap();
    assert_eq!(health(&lab, &group).await, ("unused".to_owned(), "Target.NotInUse".to_owned()));

    lab.weigh(&listener, &[(&groups[0], 1), (&group, 0)]).await;
    assert_eq!(lab.states(&group).await, ["initial"]);
    lab.until_state(&group, &["healthy"]).await;
    assert_eq!(lab.get(&url).await.body, "blue");

    lab.weigh(&listener, &[(&groups[0], 1)]).await;
    assert_eq!(health(&lab, &group).await.1, "Target.NotInUse");
}

#[tokio::test]
async fn unhealthy_targets_get_nothing_while_another_is_healthy_and_everything_when_none_is() {
    let lab = Lab::new();
    let (one, two) = (Target::start("one", "us-east-1a").await, Target::start("two", "us-east-1a").await);
    let (groups, _, url) = lab.over(&[(&one, 1)]).await;
    let group = &groups[0];
    lab.elb.register(group, two.address.clone()).unwrap();
    lab.until_state(group, &["healthy", "healthy"]).await;
    let mut order = [&one, &two];
    order.sort_by_key(|target| target.address.address);

    order[0].set_health(503);
    lab.until_state(group, &["unhealthy", "healthy"]).await;
    let reason = lab.ok("DescribeTargetHealth", &[("TargetGroupArn", group)]).await;
    assert_eq!(text(&reason, "Reason"), "Target.ResponseCodeMismatch");
    assert_eq!(text(&reason, "Description"), "Health checks failed with these codes: [503]");
    let before = order[0].requests();
    for _ in 0..10 {
        assert_eq!(lab.get(&url).await.status, 200);
    }
    assert_eq!(order[0].requests(), before);

    order[1].set_health(500);
    lab.until_state(group, &["unhealthy", "unhealthy"]).await;
    let before = (one.requests(), two.requests());
    for _ in 0..10 {
        assert_eq!(lab.get(&url).await.status, 200, "all targets are unhealthy: the group fails open");
    }
    assert_eq!((one.requests() - before.0, two.requests() - before.1), (5, 5));

    order[0].set_health(200);
    lab.until_state(group, &["healthy", "unhealthy"]).await;
}

#[tokio::test]
async fn a_target_that_is_gone_fails_its_checks_and_costs_a_502_until_then() {
    let lab = Lab::new();
    let (stays, goes) = (Target::start("stays", "us-east-1a").await, Target::start("goes", "us-east-1a").await);
    let (groups, _, url) = lab.over(&[(&stays, 0), (&goes, 1)]).await;
    goes.behave(Behaviour::Reset);
    assert_eq!(lab.get(&url).await.status, 502, "the connection is reset before there is an answer");
    let address = goes.address.address;
    drop(goes);
    until("the port is closed and that was noticed", || async {
        lab.get(&url).await;
        tokio::net::TcpStream::connect(address).await.is_err() && lab.counts(&groups[1]).elb_502 >= 2
    })
    .await;
    until("checks have failed", || async {
        health(&lab, &groups[1]).await == ("unhealthy".to_owned(), "Target.FailedHealthChecks".to_owned())
    })
    .await;

    let counts = lab.counts(&groups[1]);
    assert!(counts.elb_502 >= 2);
    assert_eq!(counts.requests, counts.elb_502, "a crashing target shows as requests without any target status");
    assert_eq!(counts.target_2xx + counts.target_5xx, 0);
    assert_eq!(counts.last_answered, None);
    let balancer = lab.elb.counters().load_balancers.into_values().next().unwrap();
    assert_eq!((balancer.elb_502, balancer.elb_5xx), (counts.elb_502, counts.elb_502));
}

#[tokio::test]
async fn a_group_without_targets_answers_503_for_its_share_only() {
    let lab = Lab::new();
    let blue = Target::start("blue", "us-east-1a").await;
    let (groups, listener, url) = lab.over(&[(&blue, 1)]).await;
    let empty = lab.target_group("empty").await;

    lab.weigh(&listener, &[(&groups[0], 1), (&empty, 0)]).await;
    assert_eq!(lab.get(&url).await.status, 200);
    lab.weigh(&listener, &[(&groups[0], 0), (&empty, 1)]).await;
    let answer = lab.get(&url).await;
    assert_eq!(answer.status, 503, "there is no falling back to another group");
    assert_eq!(answer.headers["server"], "awselb/2.0");
    lab.weigh(&listener, &[(&groups[0], 0), (&empty, 0)]).await;
    assert_eq!(lab.get(&url).await.status, 503, "no group has any weight");

    let counts = lab.counts(&empty);
    assert_eq!((counts.requests, counts.elb_503), (0, 1), "no target was chosen");
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_502() {
    let lab = Lab::new();
    let nonsense = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = nonsense.local_addr().unwrap();
    let talking = tokio::spawn(async move {
        loop {
            let (mut stream, _) = nonsense.accept().await.unwrap();
            stream.write_all(b"220 mail.example.com ESMTP\r\n").await.unwrap();
        }
    });
    let group = lab.target_group("nonsense").await;
    lab.elb.register(&group, TargetAddress { address, zone: "us-east-1a".into() }).unwrap();
    let balancer = lab.load_balancer("balancer").await;
    let (_, url) = lab.listener(&balancer, &[(&group, 1)]).await;
    assert_eq!(lab.get(&url).await.status, 502);
    assert_eq!(lab.counts(&group).elb_502, 1);
    talking.abort();
}

#[tokio::test]
async fn a_client_that_goes_away_is_counted_once_without_a_target_status() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, _, url) = lab.over(&[(&target, 1)]).await;
    target.behave(Behaviour::Hold);
    let mut client = tokio::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until("the request is with the target", || async { target.requests() == 1 }).await;
    drop(client);

    until("the request is given up", || async { lab.counts(&groups[0]).requests == 1 }).await;
    let counts = lab.counts(&groups[0]);
    assert_eq!((counts.in_flight, counts.target_2xx, counts.elb_502, counts.elb_504), (0, 0, 0, 0));
    let balancer = lab.elb.counters().load_balancers.into_values().next().unwrap();
    assert_eq!((balancer.elb_4xx, balancer.elb_5xx), (1, 0));
}

#[tokio::test]
async fn a_target_that_does_not_answer_in_time_is_a_504() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, _, url) = lab.over(&[(&target, 1)]).await;
    let balancer = lab.elb.counters().load_balancers.into_keys().next().unwrap();
    let params = [
        ("LoadBalancerArn", balancer.as_str()),
        ("Attributes.member.1.Key", "idle_timeout.timeout_seconds"),
        ("Attributes.member.1.Value", "1"),
    ];
    lab.ok("ModifyLoadBalancerAttributes", &params).await;

    target.behave(Behaviour::Hold);
    assert_eq!(lab.get(&url).await.status, 504);
    let counts = lab.counts(&groups[0]);
    assert_eq!((counts.requests, counts.elb_504, counts.target_2xx), (1, 1, 0));
    assert_eq!(counts.in_flight, 0);
}
