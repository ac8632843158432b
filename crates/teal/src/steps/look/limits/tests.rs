use super::*;
use crate::ports::Series;
use crate::route::{Colour, Meter};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 / 60 * 60 + seconds).unwrap()
}

#[test]
fn only_whole_periods_begun_after_the_shift_and_long_over_are_read() {
    let table = [
        // shifted, settle, now, window or seconds until there is one
        (0, 120, 179, Err(1)),
        (0, 120, 180, Ok((0, 60))),
        (1, 120, 180, Err(60)),
        (1, 120, 240, Ok((60, 120))),
        (59, 0, 125, Ok((60, 120))),
        (10, 120, 300 + 59, Ok((60, 180))),
        (10, 120, 360, Ok((60, 240))),
    ];
    for (shifted, settle, now, expected) in table {
        let expected = expected.map(|(from, to)| Window { from: at(from), to: at(to) });
        assert_eq!(Window::readable(at(shifted), settle, at(now)), expected, "{shifted} {settle} {now}");
    }
}

/// The only limit of a plan, with data for what it reads: metric and statistic, then a value for each minute.
fn limit(limits: serde_json::Value, data: &[(&str, &str, &[f64])]) -> (WantedLimit, Readings) {
    let limits: Limits = serde_json::from_value(limits).unwrap();
    let green = Place {
        colour: Colour::Green,
        meter: Meter::APPLICATION_LOAD_BALANCER,
        load_balancer: "app/shop/1",
        target_group: "targetgroup/b/2",
        service: "b",
        zone: None,
    };
    let mut wanted = Wanted::default();
    let [limit] = <[WantedLimit; 1]>::try_from(want(&mut wanted, &limits, &green)).unwrap();
    let series = wanted.queries().iter().map(|query| {
        let crate::ports::Reads::Statistic(statistic) = &query.reads else { panic!("{query:?}") };
        let found = data.iter().find(|(metric, name, _)| statistic.metric == *metric && statistic.statistic == *name);
        let values = found.map_or(&[][..], |(.., values)| values);
        let points = values.iter().enumerate().map(|(index, value)| (at(index as i64 * 60), *value)).collect();
        Series { id: query.id.clone(), points }
    });
    (limit, Readings::new(series.collect()))
}

fn bad_share(requests: &[f64], good: &[f64]) -> (WantedLimit, Readings) {
    limit(
        serde_json::json!({"badShare": {"above": "2%"}}),
        &[("RequestCount", "Sum", requests), ("HTTPCode_Target_2XX_Count", "Sum", good)],
    )
}

fn window(periods: usize) -> Window {
    Window { from: at(0), to: at(periods as i64 * 60) }
}

#[test]
fn a_limit_compares_the_share_in_the_newest_periods() {
    use Decision::{Advance, Insufficient, RollBack};
    let table: [(&[f64], &[f64], u32, Decision); 7] = [
        (&[0.0, 0.0], &[100.0, 100.0], 100, Advance),
        (&[2.0], &[100.0], 100, Advance),
        (&[3.0], &[100.0], 100, RollBack),
        (&[3.0], &[100.0], 101, Insufficient),
        // A late regression is not diluted by a good beginning: only the last five periods count.
        (&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 15.0], &[100.0; 7], 100, RollBack),
        // With little traffic more periods are taken until there is enough to judge by.
        (&[9.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[30.0; 6], 160, RollBack),
        (&[], &[], 1, Insufficient),
    ];
    for (bad, requests, min_requests, expected) in table {
        let good: Vec<f64> = requests.iter().zip(bad).map(|(all, bad)| all - bad).collect();
        let (limit, readings) = bad_share(requests, &good);
        let verdict = limit.judge(&readings, window(requests.len()), min_requests);
        assert_eq!(verdict.decision, expected, "{bad:?} of {requests:?}");
    }
}

#[test]
fn a_crashing_green_counts_although_no_target_code_is_published() {
    let (limit, readings) = bad_share(&[100.0], &[]);
    assert_eq!(limit.counts(&readings, at(0)), (100, 100));
}

#[test]
fn a_latency_percentile_is_a_share_of_slow_requests() {
    let (limit, readings) = limit(
        serde_json::json!({"latency": {"percentile": "p99", "above": "800ms"}}),
        &[("TargetResponseTime", "SampleCount", &[200.0]), ("TargetResponseTime", "TC(0.8:)", &[3.0])],
    );
    assert_eq!(limit.measure, Measure::GreenSlower { than_millis: 800 });
    assert_eq!(limit.most, "1%".parse().unwrap());
    assert_eq!(limit.judge(&readings, window(1), 100).decision, Decision::RollBack);
}

#[test]
fn what_the_load_balancer_answers_itself_counts_although_it_is_no_request() {
    let (limit, readings) =
        limit(serde_json::json!({"loadBalancer5xx": {"above": "1%"}}), &[("HTTPCode_ELB_5XX_Count", "Sum", &[7.0])]);
    assert_eq!(limit.counts(&readings, at(0)), (7, 7));
}

#[test]
fn counts_that_make_no_sense_do_not_panic() {
    let (limit, readings) = bad_share(&[f64::NAN, -5.0, f64::INFINITY, 1e300], &[1.0; 4]);
    let _ = limit.judge(&readings, window(4), 1).decision;
}
