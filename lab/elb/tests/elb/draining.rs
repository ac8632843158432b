//! Deregistration: no new requests, those in flight finish, and the delay on the lab clock.

use crate::lab::{Behaviour, Lab, Target, text, until};
use teal_lab_wire::TargetRegistry;

#[tokio::test]
async fn a_draining_target_finishes_what_it_has_and_gets_nothing_new() {
    let lab = Lab::new();
    let (old, new) = (Target::start("old", "us-east-1a").await, Target::start("new", "us-east-1a").await);
    let (groups, _, url) = lab.over(&[(&old, 1)]).await;
    let group = &groups[0];
    old.behave(Behaviour::Hold);
    let held = lab.get(&url);
    tokio::pin!(held);
    tokio::select! {
        answer = &mut held => panic!("answered before it was let go: {answer:?}"),
        () = until("the request is in flight", || async { old.requests() == 1 && lab.counts(group).in_flight == 1 }) => {}
    }

    lab.elb.register(group, new.address.clone()).unwrap();
    until("the new target is healthy", || async { lab.states(group).await == ["healthy"; 2] }).await;
    lab.elb.deregister(group, &old.address).unwrap();
    assert!(lab.elb.is_draining(group, &old.address));
    assert!(!lab.elb.is_draining(group, &new.address));
    for _ in 0..10 {
        assert_eq!(lab.get(&url).await.body, "new");
    }

    old.state.release.notify_one();
    let answer = held.await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "old"));
    assert_eq!(old.requests(), 1);
    until("nothing is in flight", || async { lab.counts(group).in_flight == 0 }).await;
}

#[tokio::test]
async fn a_target_is_shown_as_draining_for_the_delay_and_then_forgotten() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, _, url) = lab.over(&[(&target, 1)]).await;
    let group = groups[0].as_str();
    let params = [
        ("TargetGroupArn", group),
        ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
        ("Attributes.member.1.Value", "100"),
    ];
    lab.ok("ModifyTargetGroupAttributes", &params).await;

    let (id, port) = (target.address.address.ip().to_string(), target.address.address.port().to_string());
    let named = [("TargetGroupArn", group), ("Targets.member.1.Id", &id), ("Targets.member.1.Port", &port)];
    let before = lab.clock.now_millis();
    lab.ok("DeregisterTargets", &named).await;
    let answer = lab.ok("DescribeTargetHealth", &named).await;
    assert_eq!(
        (text(&answer, "State"), text(&answer, "Reason")),
        ("draining".into(), "Target.DeregistrationInProgress".into())
    );
    assert_eq!(lab.get(&url).await.status, 503, "a group whose targets all drain has none for a new request");

    until("the target is gone", || async { lab.states(group).await.is_empty() }).await;
    assert!(lab.clock.now_millis() - before >= 100_000, "the delay is lab time");
    let answer = lab.ok("DescribeTargetHealth", &named).await;
    assert_eq!((text(&answer, "State"), text(&answer, "Reason")), ("unused".into(), "Target.NotRegistered".into()));
    assert!(!lab.elb.is_draining(group, &target.address));
}

#[tokio::test]
async fn a_draining_target_can_be_registered_again() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, _, url) = lab.over(&[(&target, 1)]).await;
    lab.elb.deregister(&groups[0], &target.address).unwrap();
    assert_eq!(lab.states(&groups[0]).await, ["draining"]);
    lab.elb.register(&groups[0], target.address.clone()).unwrap();
    lab.until_state(&groups[0], &["healthy"]).await;
    assert_eq!(lab.get(&url).await.status, 200);
    assert!(
        lab.elb
            .register("arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/none/0", target.address.clone())
            .is_err()
    );
}
