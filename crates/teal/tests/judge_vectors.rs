//! The judge against reference values in 50-digit arithmetic (tests/data/judge-vectors.json).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use teal::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState, Observation};

/// Everything in the file. A key that is not named here is refused, and a field that no test reads is a warning of the
/// compiler, which is an error in CI: so nothing in the file goes unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    config: Config,
    vectors: Vec<Vector>,
    validity_checks: Vec<ValidityCheck>,
    /// Of the test that the judge grew out of: the bench `simulation` has it as a rule, and holds it to these.
    #[serde(rename = "lm_beta")]
    _lm_beta: Vec<IgnoredAny>,
    accept: Vec<Accept>,
    gates: Gates,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    theta: Vec<f64>,
    theta_weights: Vec<f64>,
    restart_at_interval: Vec<usize>,
    restart_weights: Vec<f64>,
    w_robust: f64,
    alpha: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    rho: f64,
    phi: f64,
    cv: f64,
    intervals_ng_nb_xg_xb: Vec<[u64; 4]>,
    ln_e_path: Vec<String>,
    ln_e_final: String,
    /// May be larger than an `f64` can be.
    e_final: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidityCheck {
    g: u64,
    b: u64,
    m: u64,
    odds_ratio: f64,
    expectation: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    intervals: Vec<[u64; 4]>,
    rho1: f64,
    delta: f64,
    phi: f64,
    ln_e: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

/// The tolerance that the vectors state: 1e-12 relative, and absolute below 1.
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
        let ln_e = state.ln_e(&config);
        assert_close(ln_e, &vector.ln_e_final, &format!("{} at the end", vector.name));
        let (digits, exponent) = vector.e_final.split_once('e').unwrap_or((&vector.e_final, "0"));
        let exponent: f64 = exponent.parse().unwrap();
        let ln_e_final = digits.parse::<f64>().unwrap().ln() + exponent * std::f64::consts::LN_10;
        assert!(
            (ln_e - ln_e_final).abs() <= 1e-12 * ln_e.abs().max(1.0),
            "{}: {ln_e} is not {ln_e_final}",
            vector.name
        );
    }
}

/// The judge's constants are nobody's to set, so they show in its answers: E of a first interval, put together here from the
/// file's bets and weights, is the judge's.
#[test]
fn the_bets_and_their_weights_are_those_of_the_reference() {
    let Config { theta, theta_weights, restart_at_interval, restart_weights, w_robust, alpha } = reference().config;
    assert!((1.0 / JudgeConfig::default().alpha() - 1.0 / alpha).abs() < 1e-12);
    assert_eq!(restart_at_interval.len(), restart_weights.len());
    let (g, b, x, y) = (300.0, 5_700.0, 30.0, 70.0);
    let (phi, cv, rho) = (1.3, 0.1, 1.1);
    let tolerated: f64 = rho * (1.0 + cv * cv * (1.0 - 2.0 * g / (g + b)));
    let pi = tolerated * g / (tolerated * g + b);
    let (m, z): (f64, f64) = (x + y, x / (x + y));
    let clumps = (m / phi).min(1.0 / (2.0 * cv * cv * pi * (1.0 - pi)));
    let (mut robust, mut tempered) = (0.0, 0.0);
    for (theta, weight) in theta.iter().zip(&theta_weights) {
        let den = 1.0 - pi + pi * theta;
        robust += weight * (1.0 + (theta - 1.0) * z) / den;
        tempered += weight * (clumps * (z * theta.ln() - den.ln())).exp();
    }
    for step in 1..=restart_weights.len() {
        // A restart that has not begun has wealth 1.
        let begun: f64 = restart_weights[..step].iter().sum();
        let mixed = |e: f64| begun * e + 1.0 - begun;
        let config = JudgeConfig::default();
        let mut state = MetricState::default();
        let calibration = Calibration::given(phi, cv).unwrap();
        state.observe(&config, &calibration, &interval(0, u32::try_from(step).unwrap(), [300, 5_700, 30, 70]));
        let expected = w_robust * mixed(robust) + (1.0 - w_robust) * mixed(tempered);
        let actual = state.ln_e(&config);
        assert!((actual - expected.ln()).abs() < 1e-12, "step {step}: {actual} is not {}", expected.ln());
        let strict = state.ln_e(&config.with_strict(true));
        assert!((strict - mixed(robust).ln()).abs() < 1e-12, "step {step}, strict: {strict}");
    }
}

#[test]
fn every_accept_value_is_met() {
    for (i, accept) in reference().accept.iter().enumerate() {
        assert!((accept.rho1, accept.delta) == (2.0, 0.001), "the null that the judge is built for");
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
/// These four were summed in floating point: in 50 digits the second is 0.976492046116875, 1.6e-12 from what the file says.
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
        assert!((expectation - check.expectation).abs() < 1e-11, "{expectation} is not {}", check.expectation);
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
