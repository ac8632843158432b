//! Weights, round robin, keep-alive, and what targets are told.

use crate::lab::{Lab, Target, until};
use std::sync::atomic::Ordering;
use teal_lab_elb::ElbOptions;
use teal_lab_wire::TargetRegistry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn requests_are_split_by_weight_on_kept_connections() {
    let lab = Lab::with(ElbOptions { throttle: false, seed: Some(11) });
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1b").await);
    let (groups, _, url) = lab.over(&[(&blue, 900), (&green, 100)]).await;
    let connections_before = blue.state.connections.load(Ordering::SeqCst);

    for _ in 0..1000 {
        assert_eq!(lab.get(&url).await.status, 200);
    }

    // Ten standard deviations of a binomial with n = 1000 and p = 0.1 are about 95.
    let to_green = green.requests();
    assert!((5..=195).contains(&to_green), "{to_green} of 1000 requests went to the group with a tenth of the weight");
    assert_eq!(blue.requests() + to_green, 1000);
    let (blue_counts, green_counts) = (lab.counts(&groups[0]), lab.counts(&groups[1]));
    assert_eq!(blue_counts.requests + green_counts.requests, 1000);
    assert_eq!(green_counts.target_2xx, to_green as u64);
    // Health checks open a connection each, twenty a second; a thousand requests must not.
    let opened = blue.state.connections.load(Ordering::SeqCst) - connections_before;
    assert!(opened < 500, "{opened} connections to a target for 1000 requests");
}

#[tokio::test]
async fn a_change_of_weights_counts_from_the_next_request_on() {
    let lab = Lab::new();
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1a").await);
    let (groups, listener, url) = lab.over(&[(&blue, 999), (&green, 0)]).await;
    for _ in 0..50 {
        assert_eq!(lab.get(&url).await.body, "blue");
    }
    assert_eq!(lab.elb.last_answered(&groups[1]), None);

    lab.weigh(&listener, &[(&groups[0], 0), (&groups[1], 1)]).await;
    let shifted = lab.elb.weight_changes().pop().unwrap();
    for _ in 0..50 {
        assert_eq!(lab.get(&url).await.body, "green");
    }
    assert!(lab.elb.last_answered(&groups[0]).unwrap() < shifted.instant);
    assert!(lab.elb.last_answered(&groups[1]).unwrap() > shifted.instant);
}

#[tokio::test]
async fn the_targets_of_a_group_take_turns() {
    let lab = Lab::new();
    let (one, two) = (Target::start("one", "us-east-1a").await, Target::start("two", "us-east-1b").await);
    let (groups, _, url) = lab.over(&[(&one, 1)]).await;
    lab.elb.register(&groups[0], two.address.clone()).unwrap();
    lab.until_state(&groups[0], &["healthy", "healthy"]).await;

    for _ in 0..20 {
        lab.get(&url).await;
    }
    assert_eq!((one.requests(), two.requests()), (10, 10));
}

#[tokio::test]
async fn targets_are_told_who_asked_and_connection_headers_stay_here() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (_, _, url) = lab.over(&[(&target, 1)]).await;
    let host = url.strip_prefix("http://").unwrap().to_owned();
    let port = host.rsplit(':').next().unwrap().to_owned();

    let sent =
        [("x-forwarded-for", "203.0.113.9"), ("connection", "x-drop-me"), ("x-drop-me", "1"), ("x-keep-me", "2")];
    lab.send(&format!("{url}/a?b=c"), &sent).await;

    assert_eq!(target.header("x-forwarded-for").unwrap(), "203.0.113.9, 127.0.0.1");
    assert_eq!(target.header("x-forwarded-proto").unwrap(), "http");
    assert_eq!(target.header("x-forwarded-port").unwrap(), port);
    assert_eq!(target.header("host").unwrap(), host);
    assert!(target.header("x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    assert_eq!(target.header("x-keep-me").unwrap(), "2");
    assert_eq!(target.header("x-drop-me"), None);
}

#[tokio::test]
async fn bodies_pass_both_ways_and_the_front_connection_is_kept() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (_, _, url) = lab.over(&[(&target, 1)]).await;
    let mut client = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let body = "x".repeat(200_000);
    let request = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    for _ in 0..3 {
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(body.as_bytes()) {
            assert!(client.read_buf(&mut answer).await.unwrap() > 0, "the connection was closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(target.requests(), 3);
}

#[tokio::test]
async fn every_change_of_weights_is_logged_with_its_caller() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, listener, _) = lab.over(&[(&target, 7)]).await;
    let mut news = lab.elb.subscribe();
    let weigh = |weight: &'static str| {
        [
            ("ListenerArn".to_owned(), listener.clone()),
            ("DefaultActions.member.1.Type".to_owned(), "forward".to_owned()),
            (
                "DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn".to_owned(),
                groups[0].clone(),
            ),
            ("DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.Weight".to_owned(), weight.to_owned()),
        ]
    };
    let same = weigh("7");
    lab.call_as(Some("AKIDONE"), "ModifyListener", &crate::lab::borrowed(&same)).await.unwrap();
    let other = weigh("8");
    lab.call_as(Some("AKIDTWO"), "ModifyListener", &crate::lab::borrowed(&other)).await.unwrap();

    let changes = lab.elb.weight_changes();
    assert_eq!(changes.len(), 2, "creation and one real change: {changes:?}");
    assert_eq!(changes[0].access_key_id, None);
    assert_eq!(changes[1].access_key_id.as_deref(), Some("AKIDTWO"));
    assert_eq!(changes[1].resource_arn, listener);
    assert_eq!(changes[1].weights[&groups[0]], 8);
    assert!(changes[0].at <= changes[1].at && changes[1].at <= lab.clock.now_millis());
    assert_eq!(news.try_recv().unwrap(), changes[1]);
}

#[tokio::test]
async fn after_shutdown_the_port_is_closed() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (_, _, url) = lab.over(&[(&target, 1)]).await;
    assert_eq!(lab.get(&url).await.status, 200);

    lab.elb.shutdown();
    let address = url.strip_prefix("http://").unwrap();
    until("the port is closed", || async { TcpStream::connect(address).await.is_err() }).await;
}
