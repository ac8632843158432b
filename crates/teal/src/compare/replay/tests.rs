use super::*;
use crate::plan::{AlarmName, Plan};
use crate::ports::{
    AlarmReading, DestinationReading, Endpoint, Entrance, MetricQuery, PortResult, Reads, Series, Target,
};
use crate::route::{Action, ActionKind, Destination, PartReading, PartRef, WeightedDestination};
use serde_json::json;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
const GROUP_A: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
const GROUP_B: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/83e2d6bc24d8a068";

/// The replay's present: a full hour, and the two minutes until what came before it is final.
const NOW: i64 = 1_700_000_000 / 3600 * 3600 + 120;

/// A blue of some zones. `requests` and `bad` tell how many there are, by zone and by the minute before the last full hour.
struct Blue {
    zones: usize,
    requests: fn(usize, i64) -> f64,
    bad: fn(usize, i64) -> f64,
}

impl Blue {
    /// Each zone has 1,000 requests a minute.
    fn busy(zones: usize, bad: fn(usize, i64) -> f64) -> Self {
        Self { zones, requests: |_, _| 1_000.0, bad }
    }
}

impl Router for Blue {
    async fn actions(&self, _: &PartRef) -> PortResult<Vec<Action>> {
        let group = |arn: &str, weight| WeightedDestination { destination: arn.parse().unwrap(), weight };
        let groups = vec![group(GROUP_A, 100), group(GROUP_B, 0)];
        Ok(vec![Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } }])
    }

    async fn reading(&self, part: &PartRef) -> PortResult<PartReading> {
        Ok(PartReading { actions: self.actions(part).await?, ..PartReading::default() })
    }

    async fn set_actions(&self, part: &PartRef, _: &[Action]) -> PortResult<()> {
        panic!("a replay changes nothing, not {part}")
    }

    async fn destination(&self, destination: &Destination) -> PortResult<DestinationReading> {
        Err(PortError::NotFound { what: destination.to_string() })
    }

    async fn targets(&self, _: &Destination) -> PortResult<Vec<Target>> {
        Ok(Vec::new())
    }

    async fn entrance(&self, _: &Destination) -> PortResult<Option<Entrance>> {
        Ok(None)
    }

    async fn zones(&self, _: &PartRef) -> PortResult<Vec<String>> {
        Ok((0..self.zones).map(|zone| zone.to_string()).collect())
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        Err(PortError::NotFound { what: part.to_string() })
    }
}

impl Signals for Blue {
    async fn alarms(&self, _: &[AlarmName]) -> PortResult<Vec<AlarmReading>> {
        Ok(Vec::new())
    }

    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>> {
        let series = queries.iter().map(|query| {
            let Reads::Statistic(statistic) = &query.reads else { panic!("{query:?}") };
            let zone: usize = statistic.dimensions[2].1.parse().unwrap();
            let value = |at: Timestamp| {
                let minutes_ago = (NOW - 120 - at.as_second()) / 60;
                let requests = (self.requests)(zone, minutes_ago);
                match statistic.metric.as_str() {
                    // CloudWatch has no datum where nothing happened.
                    _ if requests == 0.0 => None,
                    "RequestCount" => Some(requests),
                    "HTTPCode_Target_2XX_Count" => Some(requests - (self.bad)(zone, minutes_ago)),
                    _ => Some(0.0),
                }
            };
            let points = History { from, to }.minutes().filter_map(|at| Some((at, value(at)?))).collect();
            Series { id: query.id.clone(), points }
        });
        Ok(series.collect())
    }
}

fn plan(edit: impl FnOnce(&mut serde_json::Value)) -> CheckedPlan {
    let mut document = json!({
        "service": "checkout",
        "version": "2",
        "green": {"ecs": {"cluster": "prod", "services": ["a", "b"], "taskDefinition": "checkout:2"}},
        "traffic": {"alb": {"listeners": [LISTENER]}},
        "strategy": {"steps": [{"weight": "10%", "bake": "10m"}, {"weight": "50%", "bake": "20m"}]},
    });
    edit(&mut document);
    Plan::check(&document).unwrap()
}

fn replayed(blue: &Blue, plan: &CheckedPlan, since: Span) -> Result<Replay, ReplayError> {
    let now = Timestamp::from_second(NOW).unwrap();
    match pin!(replay(blue, plan, since, now)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the world answers at once"),
    }
}

#[test]
fn a_quiet_past_never_fires_and_every_stretch_is_judged_from_both_sides() {
    let blue = Blue::busy(2, |zone, minute| if (minute + zone as i64) % 2 == 0 { 9.0 } else { 11.0 });
    let found = replayed(&blue, &plan(|_| {}), Span::days(1)).unwrap();
    assert!(found.firings.is_empty(), "{:?}", found.firings);
    let summary = found.summary;
    assert_eq!(summary.window, Span::minutes(30));
    assert_eq!(
        (summary.windows, summary.idle, summary.insufficient, summary.share),
        (84, 0, 0, Some(0.0)),
        "21 hours after three to learn from, from either side"
    );
    assert_eq!(summary.metrics, ["errors"]);
    assert_eq!(
        summary.to_string(),
        "0 of 84 windows of 30m would have been rolled back although nothing was released (0.00 %, the plan's alpha is 1 %)"
    );
}

#[test]
fn what_hit_one_zone_only_fires_and_says_when() {
    // Zone 1 breaks in the last hour, for twenty minutes.
    let broken = |zone, minutes_ago| if zone == 1 && (11..=30).contains(&minutes_ago) { 200.0 } else { 10.0 };
    let found = replayed(&Blue::busy(2, broken), &plan(|_| {}), Span::hours(8)).unwrap();
    let [firing] = found.firings.as_slice() else { panic!("{:?}", found.firings) };
    assert_eq!((firing.half, found.summary.fired), (2, 1));
    let minutes = seconds_until(firing.window, firing.at) / 60;
    assert!((2..=5).contains(&minutes), "after {minutes} minutes: {}", firing.reason);
    assert!(firing.reason.contains("requests failed"), "{}", firing.reason);
}

#[test]
fn windows_without_traffic_are_no_releases_that_went_well() {
    // Open for eight hours until now, closed before; zone 1 breaks in the last hour, for twenty minutes.
    let open = |_: usize, minutes_ago: i64| if minutes_ago <= 480 { 1_000.0 } else { 0.0 };
    let broken = |zone, minutes_ago| if zone == 1 && (11..=30).contains(&minutes_ago) { 200.0 } else { 10.0 };
    let found = replayed(&Blue { zones: 2, requests: open, bad: broken }, &plan(|_| {}), Span::days(1)).unwrap();
    let told = found.summary.to_string();
    assert!(told.contains("1 of 32 windows") && told.ends_with("; 52 windows besides had nothing to judge"), "{told}");
    let Summary { windows, idle, fired, insufficient, share, .. } = found.summary;
    assert_eq!((windows, idle, fired, insufficient), (32, 52, 1, 0), "8 of 21 hours, from either side");
    assert_eq!(share, Some(1.0 / 32.0));

    // Traffic in one zone only compares nothing either, and nothing at all has no share.
    let one_zone = |zone: usize, _: i64| if zone == 0 { 1_000.0 } else { 0.0 };
    let found = replayed(&Blue { zones: 2, requests: one_zone, bad: |_, _| 10.0 }, &plan(|_| {}), Span::days(1));
    let summary = found.unwrap().summary;
    assert!(summary.to_string().starts_with("there was nothing to judge"), "{summary}");
    assert_eq!((summary.windows, summary.idle, summary.insufficient, summary.share), (0, 84, 0, None));
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let blue = |zones| Blue::busy(zones, |_, _| 10.0);
    let error = |blue: &Blue, plan: &CheckedPlan, since| replayed(blue, plan, since).unwrap_err().to_string();
    assert!(error(&blue(1), &plan(|_| {}), Span::days(1)).contains("1 Availability Zone"));
    // Whatever the account has: nothing is asked of it first.
    for zones in [1, 2] {
        assert!(error(&blue(zones), &plan(|_| {}), Span::hours(3)).contains("shorter than"));
    }
    let nothing = plan(|plan| plan["judge"] = json!({"metrics": []}));
    assert!(error(&blue(2), &nothing, Span::days(1)).contains("compares green with blue in no step"));
    let foreign = plan(|plan| {
        let groups = json!({"faults": "${service}-f", "traces": "${service}"});
        plan["judge"] = json!({"metrics": [{"xray": groups}]});
    });
    assert!(error(&blue(2), &foreign, Span::days(1)).contains("only `errors` and `latency`"));
}
