use super::*;
use crate::compare::{CountSource, NewMessage, Novelty};
use crate::judge::{Calibration, MetricState};
use crate::ports::{LogFinding, LogLine, Reads, Series};
use crate::route::{Colour, Meter};
use serde_json::json;

const MINUTE: i64 = 1_700_000_040;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(MINUTE + seconds).unwrap()
}

fn metric(source: CountSource) -> Compared {
    Compared {
        name: "m".to_owned(),
        bad_means: "failed".to_owned(),
        weight: 1.0,
        source,
        calibration: Calibration::without_history(),
        state: MetricState::default(),
        messages: None,
    }
}

fn moments(now: i64, shifted_at: i64, step: u32) -> Moments {
    Moments { now: at(now), settle: 120, shifted_at: at(shifted_at), step, is_all: false }
}

/// Where a colour is measured: `a` is blue's target group, `b` green's.
fn place<'a>(colour: Colour, target_group: &'a str, service: &'a str) -> Place<'a> {
    Place {
        colour,
        meter: Meter::APPLICATION_LOAD_BALANCER,
        load_balancer: "app/shop/1",
        target_group,
        service,
        zone: None,
    }
}

/// A value for a minute, counted from 0.
type Datum = fn(&str, &str, i64) -> Option<f64>;

/// One look; what was read is told by colour (`a` is blue, `b` green), CloudWatch's metric and minute.
fn look(compared: &mut [Compared], moments: Moments, datum: Datum) -> Option<(i64, i64)> {
    let mut wanted = Wanted::default();
    let (green, blue) = (place(Colour::Green, "b", "checkout"), place(Colour::Blue, "a", "checkout"));
    let comparison = Comparison::want(&mut wanted, compared, [&green, &blue], moments);
    let window = comparison.window();
    let series = wanted.queries().iter().map(|query| {
        let Reads::Statistic(statistic) = &query.reads else { panic!("{query:?}") };
        let (_, group) = statistic.dimensions.iter().find(|(name, _)| name == "TargetGroup").unwrap();
        let value = |minute| Some((at(minute * 60), datum(group, &statistic.metric, minute)?));
        Series { id: query.id.clone(), points: (-10..60).filter_map(value).collect() }
    });
    let readings = Readings::new(series.collect());
    comparison.consume(&JudgeConfig::default(), compared, &readings);
    assert!(!Comparison::is_due(compared, moments), "everything that was due is consumed");
    window.map(|(from, to)| (from.as_second() - MINUTE, to.as_second() - MINUTE))
}

fn healthy(group: &str, metric: &str, _: i64) -> Option<f64> {
    let (requests, bad) = if group == "b" { (100.0, 1.0) } else { (900.0, 9.0) };
    match metric {
        "RequestCount" => Some(requests),
        "HTTPCode_Target_2XX_Count" => Some(requests - bad),
        _ => None,
    }
}

fn totals(metric: &Compared) -> (u64, u64, u64, u64) {
    let (green, blue) = (metric.state.green(), metric.state.blue());
    (green.total(), green.bad(), blue.total(), blue.bad())
}

/// A pair of CloudWatch's counts in periods of ten seconds, in the dimension that `look` tells colours by.
fn of_ten_seconds() -> CountSource {
    let count =
        |metric: &str| json!({"namespace": "Shop", "metric": metric, "dimensions": {"TargetGroup": "${targetGroup}"}});
    let pair = json!({"period": "10s", "bad": count("Failed"), "total": count("Orders")});
    CountSource::CloudWatch(serde_json::from_value(pair).unwrap())
}

#[test]
fn periods_shorter_than_a_minute_are_judged_by_the_minute() {
    let mut compared = [metric(of_ten_seconds())];
    let mut wanted = Wanted::default();
    let moments = moments(249, 5, 1);
    let comparison = Comparison::want(
        &mut wanted,
        &compared,
        [&place(Colour::Green, "b", "checkout"), &place(Colour::Blue, "a", "checkout")],
        moments,
    );
    assert!(wanted.queries().iter().all(|query| query.period == 10));
    let window = comparison.window().map(|(from, to)| (from.as_second() - MINUTE, to.as_second() - MINUTE));
    assert_eq!(window, Some((0, 120)), "two whole minutes are final, the third is not");
    let series = wanted.queries().iter().map(|query| {
        let Reads::Statistic(statistic) = &query.reads else { panic!("{query:?}") };
        // Of the last ten seconds of the second minute there is a count that is none.
        let value = |i: i64| match (statistic.metric.as_str(), i) {
            ("Failed", 11) => f64::NAN,
            ("Failed", _) => 1.0,
            _ => 10.0,
        };
        Series { id: query.id.clone(), points: (0..24).map(|i| (at(i * 10), value(i))).collect() }
    });
    comparison.consume(&JudgeConfig::default(), &mut compared, &Readings::new(series.collect()));
    assert_eq!(totals(&compared[0]), (60, 6, 60, 6), "one interval of a minute; the other one is skipped");
    assert_eq!(compared[0].state.last_period_end(), Some(at(120)));
}

#[test]
fn final_periods_are_consumed_once_from_the_one_in_which_green_first_got_traffic() {
    let mut compared = [metric(CountSource::Errors)];
    assert_eq!(look(&mut compared, moments(179, 30, 1), healthy), None, "no period is final yet");
    assert_eq!(look(&mut compared, moments(180, 30, 1), healthy), Some((0, 60)), "the one that straddles the shift");
    assert_eq!(totals(&compared[0]), (100, 1, 900, 9));
    let before = compared[0].clone();
    assert_eq!(look(&mut compared, moments(180, 30, 1), healthy), None);
    assert_eq!(compared[0], before, "a replayed look changes nothing");
    assert_eq!(look(&mut compared, moments(420, 30, 1), healthy), Some((60, 300)), "a late look reads what it missed");
    assert_eq!(totals(&compared[0]), (500, 5, 4_500, 45));
}

#[test]
fn one_late_look_equals_many_in_time() {
    let (mut often, mut once) = ([metric(CountSource::Errors)], [metric(CountSource::Errors)]);
    for now in (180..=900).step_by(30) {
        look(&mut often, moments(now, 30, 1), healthy);
    }
    look(&mut once, moments(900, 30, 1), healthy);
    assert_eq!(often, once);
}

#[test]
fn what_ended_before_a_shift_belongs_to_the_step_before_and_does_not_make_the_next_one_clear() {
    let config = JudgeConfig::default();
    let mut compared = [metric(CountSource::Errors)];
    look(&mut compared, moments(300, 30, 1), healthy);
    // The second shift at 290 s: minutes 3 and 4 are from before it or straddle it.
    look(&mut compared, moments(420, 290, 2), healthy);
    let judged = |compared: &[Compared], step| {
        let readings = [compared[0].reading().unwrap()];
        crate::judge::decide(&config, &readings, crate::judge::Moment { step, step_over: true })
    };
    let shortage = &judged(&compared, 2).shortages[0];
    assert_eq!((shortage.intervals, shortage.green), (0, 0), "nothing begun after the shift was seen");
    look(&mut compared, moments(600, 290, 2), healthy);
    assert_eq!(judged(&compared, 2).verdict, crate::judge::Verdict::Clear, "three minutes begun after it were");
}

#[test]
fn at_100_percent_only_what_blue_still_served_is_consumed() {
    let mut compared = [metric(CountSource::Errors)];
    look(&mut compared, moments(300, 30, 1), healthy);
    let all = |now| Moments { is_all: true, ..moments(now, 290, 1) };
    assert_eq!(look(&mut compared, all(600), healthy), Some((180, 300)), "up to the minute that straddles the shift");
    assert_eq!(look(&mut compared, all(6000), healthy), None);
}

#[test]
fn no_datum_is_nothing_and_no_number_is_skipped() {
    // Minute 0: green has no datum at all. Minute 1: green crashes, no 2xx. Minute 2: NaN. Minute 3: healthy.
    let datum: Datum = |group, metric, minute| match (group, metric, minute) {
        ("b", _, 0) => None,
        ("b", "HTTPCode_Target_2XX_Count", 1) => None,
        ("a", "HTTPCode_Target_2XX_Count", 2) => Some(f64::NAN),
        _ => healthy(group, metric, minute),
    };
    let mut compared = [metric(CountSource::Errors)];
    look(&mut compared, moments(360, 0, 1), datum);
    assert_eq!(totals(&compared[0]), (200, 101, 2_700, 27));
    assert_eq!(compared[0].state.skipped(), 1);
    let total: Datum = |_, metric, _| (metric == "RequestCount").then_some(f64::NAN);
    let mut compared = [metric(CountSource::Errors)];
    look(&mut compared, moments(360, 0, 1), total);
    assert_eq!((totals(&compared[0]), compared[0].state.skipped()), ((0, 0, 0, 0), 4));
}

/// A metric whose bad lines are searched for, with new messages.
fn logged() -> Compared {
    let metric = json!({"logs": {
        "logGroups": ["/ecs/${service}"],
        "pattern": "ERROR ${colour}",
        "settle": "3m",
        "newMessages": {"atLeast": 2, "then": "rollBack"},
    }});
    let blue = place(Colour::Blue, "a", "checkout-a");
    Compared::of(&serde_json::from_value(metric).unwrap(), [0.1, 0.2, 0.3], &blue).remove(0)
}

/// What one look searches for.
fn searches(compared: &[Compared], moments: Moments) -> (Comparison, Wanted) {
    let mut wanted = Wanted::default();
    let (green, blue) = (place(Colour::Green, "b", "shop-b"), place(Colour::Blue, "a", "shop-a"));
    let comparison = Comparison::want(&mut wanted, compared, [&green, &blue], moments);
    (comparison, wanted)
}

#[test]
fn logs_are_searched_in_minutes_that_are_final_for_logs() {
    let mut compared = [logged()];
    assert!(!Comparison::is_due(&compared, moments(239, 0, 1)), "the minute 0 to 60 is final at 240");
    let (comparison, wanted) = searches(&compared, moments(240, 0, 1));
    let spans = wanted.searches().iter().map(|s| (s.from.as_second() - MINUTE, s.to.as_second() - MINUTE));
    let hours = 3 * 3600;
    assert_eq!(
        spans.collect::<Vec<_>>(),
        [(0, 60), (0, 60), (0, 60), (-hours, 60)],
        "blue's past is read with the first"
    );
    assert_eq!(wanted.searches()[0].groups, ["/ecs/shop-b"]);
    assert_eq!(wanted.searches()[3].commands, "filter @message like \"ERROR blue\"");

    // What could not be searched is still due, and nothing of it was consumed.
    let mut unread = Readings::new(Vec::new());
    unread.not_found(wanted.searches());
    comparison.consume(&JudgeConfig::default(), &mut compared, &unread);
    assert_eq!(compared, [logged()]);

    let line = |text: &str| LogLine { at: at(5), text: text.to_owned(), request: None };
    let lines = |texts: &[&str]| LogFinding::Lines(texts.iter().map(|text| line(text)).collect());
    let counts = |count| LogFinding::Counts(vec![(at(0), count)]);
    let requests = |id: &str, count| Series { id: id.to_owned(), points: vec![(at(0), count)] };
    let mut readings = Readings::new(vec![requests("s0", 100.0), requests("s1", 900.0)]);
    readings.found(vec![counts(4), counts(1), lines(&["a 1", "b", "b"]), lines(&["a 2"])]);
    comparison.consume(&JudgeConfig::default(), &mut compared, &readings);
    assert_eq!((compared[0].state.green().bad(), compared[0].state.blue().bad()), (4, 1));
    let message = NewMessage { text: "b".to_owned(), count: 2 };
    let novelty = compared[0].messages.as_ref().unwrap().novelty();
    assert_eq!(novelty, Some(Novelty::Seen { message, others: 0, at_least: 2, rolls_back: true }));

    let (_, wanted) = searches(&compared, moments(240, 0, 1));
    assert!(wanted.searches().iter().all(|search| search.from >= search.to), "nothing is due: {wanted:?}");
    let (_, wanted) = searches(&compared, moments(300, 0, 1));
    assert!(wanted.searches().iter().all(|search| search.from == at(60)), "blue's past is known: {wanted:?}");
}
