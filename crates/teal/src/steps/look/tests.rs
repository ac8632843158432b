use super::*;

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

fn series(id: &str, values: &[f64]) -> Series {
    let points = values.iter().enumerate().map(|(index, value)| (at(index as i64 * 60), *value)).collect();
    Series { id: id.to_owned(), points }
}

fn judged(bad: &[f64], requests: &[f64], min_requests: u32) -> Decision {
    let good: Vec<f64> = requests.iter().zip(bad).map(|(all, bad)| all - bad).collect();
    let series = [series("green_requests", requests), series("green_2xx", &good)];
    let window = Window { from: at(0), to: at(requests.len() as i64 * 60) };
    let limit = WantedLimit { measure: Measure::GreenBadShare, most: "2%".parse().unwrap() };
    limit.judge(&series, window, min_requests).decision
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
        assert_eq!(judged(bad, requests, min_requests), expected, "{bad:?} of {requests:?}");
    }
}

#[test]
fn a_crashing_green_counts_although_no_target_code_is_published() {
    let series = [series("green_requests", &[100.0])];
    let limit = WantedLimit { measure: Measure::GreenBadShare, most: "2%".parse().unwrap() };
    assert_eq!(limit.counts(&series, at(0)), (100, 100));
}

#[test]
fn a_latency_percentile_is_a_share_of_slow_requests() {
    let limits: Limits =
        serde_json::from_value(serde_json::json!({"latency": {"percentile": "p99", "above": "800ms"}})).unwrap();
    let [limit] = <[WantedLimit; 1]>::try_from(wanted(&limits)).ok().unwrap();
    assert_eq!(limit.measure, Measure::GreenSlower { than_millis: 800 });
    assert_eq!(limit.most, "1%".parse().unwrap());
    let series = [series("green_answers", &[200.0]), series("green_slow", &[3.0])];
    let window = Window { from: at(0), to: at(60) };
    assert_eq!(limit.judge(&series, window, 100).decision, Decision::RollBack);
}

#[test]
fn counts_that_make_no_sense_do_not_panic() {
    let series = [series("green_requests", &[f64::NAN, -5.0, f64::INFINITY, 1e300]), series("green_2xx", &[1.0; 4])];
    let limit = WantedLimit { measure: Measure::GreenBadShare, most: "2%".parse().unwrap() };
    let window = Window { from: at(0), to: at(240) };
    let _ = limit.judge(&series, window, 1).decision;
}
