//! The judge against reference values in 50-digit arithmetic (tests/data/judge-vectors.json).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use serde::Deserialize;
use teal::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState, Observation};

#[derive(Deserialize)]
struct Reference {
    config: Config,
    vectors: Vec<Vector>,
    validity_checks: Vec<ValidityCheck>,
    accept: Vec<Accept>,
    gates: Gates,
}

#[derive(Deserialize)]
struct Config {
    restart_at_interval: Vec<usize>,
    alpha: f64,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    rho: f64,
    phi: f64,
    cv: f64,
    intervals_ng_nb_xg_xb: Vec<[u64; 4]>,
    ln_e_path: Vec<String>,
}

#[derive(Deserialize)]
struct ValidityCheck {
    g: u64,
    b: u64,
    m: u64,
    odds_ratio: f64,
    expectation: f64,
}

#[derive(Deserialize)]
struct Accept {
    intervals: Vec<[u64; 4]>,
    phi: f64,
    ln_e: String,
}

#[derive(Deserialize)]
struct Gates {
    min_green_errors: u64,
    min_informative_intervals: u64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("data/judge-vectors.json")).unwrap()
}

/// The `index`th minute of a release.
fn interval(index: usize, step: u32, [g, b, x, y]: [u64; 4]) -> Interval {
    Interval {
        step,
        period_end: Timestamp::from_second(60 * i64::try_from(index).unwrap()).unwrap(),
        begun_after_shift: true,
        green: Counts::new(g, x),
        blue: Counts::new(b, y),
    }
}

#[track_caller]
fn assert_close(actual: f64, expected: &str, what: &str) {
    let expected: f64 = expected.parse().unwrap();
    assert!((actual - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{what}: {actual} is not {expected}");
}

#[test]
fn every_path_of_ln_e_is_met() {
    let reference = reference();
    for vector in &reference.vectors {
        let config = JudgeConfig::default().with_rho(vector.rho).unwrap().with_alpha(reference.config.alpha).unwrap();
        let calibration = Calibration::given(vector.phi, vector.cv).unwrap();
        let mut state = MetricState::default();
        assert_eq!(vector.intervals_ng_nb_xg_xb.len(), vector.ln_e_path.len());
        for (i, (counts, expected)) in vector.intervals_ng_nb_xg_xb.iter().zip(&vector.ln_e_path).enumerate() {
            let step = reference.config.restart_at_interval.iter().filter(|begins| i >= **begins).count();
            state.observe(&config, &calibration, &interval(i, u32::try_from(step).unwrap(), *counts));
            assert_close(state.ln_e(&config), expected, &format!("{} at {i}", vector.name));
            // What is stored between two looks is exact.
            state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        }
    }
}

#[test]
fn every_accept_value_is_met() {
    for (i, accept) in reference().accept.iter().enumerate() {
        let mut state = MetricState::default();
        let calibration = Calibration::given(accept.phi, 0.1).unwrap();
        for (minute, counts) in accept.intervals.iter().enumerate() {
            state.observe(&JudgeConfig::default(), &calibration, &interval(minute, 1, *counts));
        }
        assert_close(state.ln_accept(), &accept.ln_e, &format!("accept {i}"));
    }
}

/// With m bad requests among g + b, the number on green follows Fisher's noncentral hypergeometric distribution with the
/// true odds ratio. E after the first period (phi 1, cv 0.1) then has the reference expectation, below 1 under the null.
#[test]
fn e_has_the_reference_expectation_under_the_null() {
    let config = JudgeConfig::default();
    let calibration = Calibration::given(1.0, 0.1).unwrap();
    for check in reference().validity_checks {
        let (mut weights, mut expectation) = (0.0, 0.0);
        // Each weight from the one before it: C(g, x) C(b, m - x) odds^x.
        let mut weight = 1.0;
        for x in 0..=check.m {
            let mut state = MetricState::default();
            state.observe(&config, &calibration, &interval(0, 1, [check.g, check.b, x, check.m - x]));
            weights += weight;
            expectation += weight * state.ln_e(&config).exp();
            let ratio = ((check.g - x) * (check.m - x)) as f64 / ((x + 1) * (check.b + x + 1 - check.m)) as f64;
            weight *= ratio * check.odds_ratio;
        }
        expectation /= weights;
        assert!((expectation - check.expectation).abs() < 1e-10, "{expectation} is not {}", check.expectation);
        assert!(expectation <= 1.0);
    }
}

#[test]
fn overwhelming_evidence_still_waits_for_the_gates() {
    let gates = reference().gates;
    let config = JudgeConfig::default();
    let calibration = Calibration::given(1.0, 0.1).unwrap();
    let run = |periods: u64, bad_each: u64| {
        let mut state = MetricState::default();
        for minute in 0..periods {
            let counts = [100, 1_000_000, bad_each, 0];
            let seen = state.observe(&config, &calibration, &interval(usize::try_from(minute).unwrap(), 1, counts));
            assert_eq!(seen, Observation::Judged);
        }
        state
    };
    let too_few_periods = run(gates.min_informative_intervals - 1, 50);
    assert!(too_few_periods.ln_e(&config) > config.limit().ln() && !too_few_periods.rejects(&config));
    let too_few_bad = run(gates.min_green_errors - 1, 1);
    assert!(too_few_bad.ln_e(&config) > config.limit().ln() && !too_few_bad.rejects(&config));
    assert!(run(gates.min_green_errors, 1).rejects(&config));
}
