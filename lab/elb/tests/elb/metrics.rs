//! What is published as AWS/ApplicationELB.

use crate::lab::{Behaviour, Lab, Target, until};

/// `app/name/id` or `targetgroup/name/id`
fn suffix(arn: &str) -> &str {
    arn.rsplit(':').next().map_or("", |suffix| suffix.trim_start_matches("loadbalancer/"))
}

#[tokio::test]
async fn requests_are_counted_by_load_balancer_group_and_zone() {
    let lab = Lab::new();
    let (blue, green) = (Target::start("blue", "us-east-1a").await, Target::start("green", "us-east-1b").await);
    let (groups, listener, url) = lab.over(&[(&blue, 1), (&green, 0)]).await;
    for status in [200, 200, 302, 404, 500] {
        blue.behave(Behaviour::Answer(status));
        assert_eq!(lab.get(&url).await.status, status);
    }
    blue.behave(Behaviour::Reset);
    assert_eq!(lab.get(&url).await.status, 502);
    lab.weigh(&listener, &[(&groups[0], 0), (&groups[1], 1)]).await;
    assert_eq!(lab.get(&url).await.status, 200);

    let balancer = lab.elb.counters().load_balancers.into_keys().next().unwrap();
    let whole = [("LoadBalancer", suffix(&balancer))];
    assert!(whole[0].1.starts_with("app/balancer/"));
    let group = [whole[0], ("TargetGroup", suffix(&groups[0]))];
    assert!(group[1].1.starts_with("targetgroup/group-0/"));
    let zone = [group[0], group[1], ("AvailabilityZone", "us-east-1a")];
    until("all requests are published", || async { lab.metrics.sum("RequestCount", &whole) >= 7.0 }).await;

    assert_eq!(lab.metrics.sum("RequestCount", &whole), 7.0);
    for dimensions in [&group[..], &zone[..]] {
        for (name, expected) in [
            ("RequestCount", 6.0),
            ("HTTPCode_Target_2XX_Count", 2.0),
            ("HTTPCode_Target_3XX_Count", 1.0),
            ("HTTPCode_Target_4XX_Count", 1.0),
            ("HTTPCode_Target_5XX_Count", 1.0),
        ] {
            assert_eq!(lab.metrics.sum(name, dimensions), expected, "{name} {dimensions:?}");
        }
        let times = lab.metrics.of("TargetResponseTime", dimensions);
        assert_eq!(times.len(), 5, "one sample for each answer of a target, in seconds");
        assert!(times.iter().all(|sample| sample.value > 0.0 && sample.value < 5.0 && sample.count == 1.0));
    }
    for (name, expected) in [("HTTPCode_ELB_502_Count", 1.0), ("HTTPCode_ELB_5XX_Count", 1.0)] {
        assert_eq!(lab.metrics.sum(name, &whole), expected);
        assert!(lab.metrics.of(name, &group).is_empty(), "{name} has no TargetGroup dimension");
    }
}

#[tokio::test]
async fn an_empty_group_and_a_refused_connection_are_told_apart() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, listener, url) = lab.over(&[(&target, 1)]).await;
    let empty = lab.target_group("empty").await;
    drop(target);
    until("connections are refused", || async {
        lab.get(&url).await.status == 502 && lab.counts(&groups[0]).elb_502 >= 2
    })
    .await;
    lab.weigh(&listener, &[(&empty, 1)]).await;
    assert_eq!(lab.get(&url).await.status, 503);

    let balancer = lab.elb.counters().load_balancers.into_keys().next().unwrap();
    let whole = [("LoadBalancer", suffix(&balancer))];
    until("the 503 is published", || async { lab.metrics.sum("HTTPCode_ELB_503_Count", &whole) == 1.0 }).await;
    assert!(lab.metrics.sum("TargetConnectionErrorCount", &whole) >= 1.0);
    let sum = lab.metrics.sum("HTTPCode_ELB_502_Count", &whole) + 1.0;
    assert_eq!(lab.metrics.sum("HTTPCode_ELB_5XX_Count", &whole), sum);
    let of_empty = [whole[0], ("TargetGroup", suffix(&empty))];
    assert!(lab.metrics.of("RequestCount", &of_empty).is_empty(), "no target was chosen");
}

#[tokio::test]
async fn host_counts_come_once_a_lab_minute() {
    let lab = Lab::new();
    let target = Target::start("blue", "us-east-1a").await;
    let (groups, _, _) = lab.over(&[(&target, 1)]).await;
    let balancer = lab.elb.counters().load_balancers.into_keys().next().unwrap();
    let group = [("LoadBalancer", suffix(&balancer)), ("TargetGroup", suffix(&groups[0]))];
    let zone = [group[0], group[1], ("AvailabilityZone", "us-east-1a")];
    let healthy_since = lab.clock.now_millis();

    let since = |name: &str, dimensions: &[(&str, &str)]| {
        let samples = lab.metrics.of(name, dimensions);
        samples.into_iter().filter(|sample| sample.at > healthy_since).collect::<Vec<_>>()
    };
    until("two minutes have passed", || async { since("UnHealthyHostCount", &zone).len() >= 2 }).await;
    let samples = since("HealthyHostCount", &group);
    assert!(samples.iter().all(|sample| sample.value == 1.0));
    assert!(since("UnHealthyHostCount", &group).iter().all(|sample| sample.value == 0.0));
    let minutes: Vec<i64> = samples.iter().map(|sample| sample.at / 60_000).collect();
    assert!(minutes.windows(2).all(|pair| pair[0] < pair[1]), "at most one sample a minute: {minutes:?}");
}
