//! What must hold of the judge for any input.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use jiff::Timestamp;
use proptest::prelude::*;
use teal::judge::{
    Calibration, Counts, HistoryPoint, Interval, JudgeConfig, MetricState, Moment, Observation, Reading, Verdict,
    Weight, decide,
};

fn interval(minute: i64, step: u32, [g, b, x, y]: [u64; 4]) -> Interval {
    Interval {
        step,
        period_end: Timestamp::from_second(60 * minute).unwrap(),
        begun_after_shift: true,
        green: Counts::new(g, x),
        blue: Counts::new(b, y),
    }
}

/// Counts such as services have.
fn usual() -> impl Strategy<Value = [u64; 4]> {
    (0u64..5_000, 0u64..60_000, 0u64..60, 0u64..300).prop_map(|(g, b, x, y)| [g, b, x.min(g), y.min(b)])
}

/// Any counts at all, with the corners more often than chance would have them.
fn any_counts() -> impl Strategy<Value = [u64; 4]> {
    let any = || prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX), 0u64..1_000];
    (any(), any(), any(), any()).prop_map(|(g, b, x, y)| [g, b, x, y])
}

fn noise() -> impl Strategy<Value = Calibration> {
    (1.0f64..20.0, 0.01f64..1.0).prop_map(|(phi, cv)| Calibration::given(phi, cv).unwrap())
}

/// The state after one run of `(step, counts)`, a minute each.
fn run(config: &JudgeConfig, noise: &Calibration, periods: &[(u32, [u64; 4])]) -> MetricState {
    let mut state = MetricState::default();
    for (minute, (step, counts)) in (1..).zip(periods) {
        state.observe(config, noise, &interval(minute, *step, *counts));
    }
    state
}

/// How many times what it may have of the bad requests green has; 1 where nothing can be compared.
fn excess(rho: f64, noise: &Calibration, [g, b, x, y]: [u64; 4]) -> f64 {
    let (green, blue) = (Counts::new(g, x), Counts::new(b, y));
    let [g, b, x, y] = [green.total(), blue.total(), green.bad(), blue.bad()].map(|count| count as f64);
    if g == 0.0 || b == 0.0 || x + y == 0.0 {
        return 1.0;
    }
    let tolerated = rho * (1.0 + noise.cv().powi(2) * (1.0 - 2.0 * g / (g + b)).max(0.0));
    x * b / (tolerated * g * y)
}

/// The expectation of E when each of the `m` bad requests of each period falls on green with odds `odds * g : b`.
fn expectation(config: &JudgeConfig, noise: &Calibration, periods: &[[u64; 3]], odds: f64) -> f64 {
    fn go(
        config: &JudgeConfig,
        noise: &Calibration,
        left: &[[u64; 3]],
        minute: i64,
        odds: f64,
        state: &MetricState,
    ) -> f64 {
        let Some(([g, b, m], later)) = left.split_first() else { return state.ln_e(config).exp() };
        let share = odds * *g as f64 / (odds * *g as f64 + *b as f64);
        let mut probability = (1.0 - share).powf(*m as f64);
        let mut sum = 0.0;
        for x in 0..=*m {
            let mut next = state.clone();
            next.observe(config, noise, &interval(minute, u32::try_from(minute).unwrap(), [*g, *b, x, m - x]));
            sum += probability * go(config, noise, later, minute + 1, odds, &next);
            probability *= (m - x) as f64 / (x + 1) as f64 * share / (1.0 - share);
        }
        sum
    }
    go(config, noise, periods, 1, odds, &MetricState::default())
}

proptest! {
    #[test]
    fn nothing_panics_or_leaves_the_numbers(
        periods in prop::collection::vec((any::<u32>(), any_counts()), 1..12),
        gaps in prop::collection::vec(1i64..300_000_000, 12),
        phi in prop_oneof![1.0f64..100.0, Just(f64::MAX)],
        cv in prop_oneof![1e-150f64..10.0, Just(1e-150)],
        rho in 1.0f64..=1_000.0,
        alpha in prop_oneof![1e-9f64..=0.5, Just(1e-9), Just(0.5)],
        weights in (prop_oneof![1e-6f64..=1e6, Just(1e-6), Just(1e6)], 1e-6f64..=1e6),
        (strict, steps, warm_up) in (any::<bool>(), 1u32..6, 0u32..3),
    ) {
        let config = JudgeConfig::default().with_rho(rho).unwrap().with_alpha(alpha).unwrap().with_strict(strict)
            .with_steps(steps).unwrap().with_warm_up(warm_up);
        let noise = Calibration::given(phi, cv).unwrap();
        let mut state = MetricState::default();
        let mut minute = 0;
        for ((step, counts), gap) in periods.iter().zip(gaps) {
            minute += gap;
            state.observe(&config, &noise, &interval(minute, *step, *counts));
            prop_assert!(state.ln_e(&config).is_finite() && state.ln_accept().is_finite());
            let text = serde_json::to_string(&state).unwrap();
            prop_assert!(text.len() < 1_000, "{} bytes", text.len());
            prop_assert_eq!(&serde_json::from_str::<MetricState>(&text).unwrap(), &state);
            // Beside a metric that nothing is known of yet.
            let unseen = MetricState::default();
            let readings = [("errors", &state, weights.0), ("traces", &unseen, weights.1)].map(|(name, state, weight)| {
                Reading { name, bad_means: "failed", weight: Weight::new(weight).unwrap(), state }
            });
            let judgement = decide(&config, &readings, Moment { step: *step, step_over: minute % 2 == 0 });
            prop_assert!(judgement.ln_e.is_finite() && judgement.ln_accept.is_finite() && judgement.limit.is_finite());
            prop_assert!(!judgement.to_string().contains("NaN"));
        }
    }

    #[test]
    fn calibration_is_always_usable(history in prop::collection::vec((any_counts(), 0u32..2), 0..130)) {
        let history: Vec<_> = history.into_iter()
            .map(|([an, bn, ax, bx], _)| HistoryPoint { a: Counts::new(an, ax), b: Counts::new(bn, bx) })
            .collect();
        let learnt = Calibration::from_history(&history);
        prop_assert!(Calibration::given(learnt.phi(), learnt.cv()).is_ok(), "{learnt:?}");
    }

    #[test]
    fn a_look_split_in_two_equals_one(
        periods in prop::collection::vec((1u32..4, usual()), 1..20),
        split in 0usize..20,
        noise in noise(),
    ) {
        let config = JudgeConfig::default();
        let whole = run(&config, &noise, &periods);
        // The second look begins from what the first one stored, and reads everything again.
        let first = run(&config, &noise, &periods[..split.min(periods.len())]);
        let mut second: MetricState = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        for (minute, (step, counts)) in (1..).zip(&periods) {
            let seen = second.observe(&config, &noise, &interval(minute, *step, *counts));
            let old = first.last_period_end().is_some_and(|until| Timestamp::from_second(60 * minute).unwrap() <= until);
            prop_assert_eq!(matches!(seen, Observation::AlreadyConsumed { .. }), old);
        }
        prop_assert_eq!(whole, second);
    }

    #[test]
    fn the_order_of_simultaneous_metrics_does_not_matter(
        runs in prop::collection::vec((prop::collection::vec((1u32..4, usual()), 1..8), 0.01f64..100.0, noise()), 1..6),
        rotate in 0usize..6,
        step_over: bool,
    ) {
        let config = JudgeConfig::default();
        let states: Vec<_> = runs.iter().map(|(periods, _, noise)| run(&config, noise, periods)).collect();
        let names: Vec<_> = (0..states.len()).map(|i| format!("metric {i}")).collect();
        let mut readings: Vec<_> = states.iter().zip(&names).zip(&runs)
            .map(|((state, name), (_, weight, _))| {
                Reading { name, bad_means: "failed", weight: Weight::new(*weight).unwrap(), state }
            })
            .collect();
        let moment = Moment { step: 2, step_over };
        let one = decide(&config, &readings, moment);
        readings.reverse();
        prop_assert_eq!(&one, &decide(&config, &readings, moment));
        readings.rotate_left(rotate % states.len());
        prop_assert_eq!(&one, &decide(&config, &readings, moment));
    }

    #[test]
    fn an_average_lies_between_its_metrics(
        runs in prop::collection::vec((prop::collection::vec((1u32..4, usual()), 1..8), noise()), 1..6),
    ) {
        let config = JudgeConfig::default();
        let states: Vec<_> = runs.iter().map(|(periods, noise)| run(&config, noise, periods)).collect();
        let readings: Vec<_> = states.iter()
            .map(|state| Reading { name: "m", bad_means: "failed", weight: Weight::EQUAL, state })
            .collect();
        let together = decide(&config, &readings, Moment { step: 1, step_over: false });
        let all = states.iter().map(|state| state.ln_e(&config));
        prop_assert!(together.ln_e <= all.clone().fold(f64::MIN, f64::max) + 1e-9);
        prop_assert!(together.ln_e >= all.fold(f64::MAX, f64::min) - 1e-9);
    }

    /// What holds when both colours' counts are multiplied by the same number, whatever they are. The direction is whether
    /// green has more than its share of the bad requests.
    ///
    /// * Scaling leaves the direction as it is, and so the robust evidence: with `strict`, E is the same number.
    /// * It is evidence against green (E above 1) only if green has more than its share.
    /// * Where green never has, E is at most 1 at every scale, strict or not: more requests never turn a green that is no
    ///   worse than tolerated into one that is.
    ///
    /// More does not hold of the tempered part, nor should it: where green has more than its share, a few requests may leave E
    /// below 1 and many lift it above, as [`more_requests_may_only_now_tell_that_green_is_worse`] shows.
    #[test]
    fn scaling_both_colours_never_flips_the_direction(
        periods in prop::collection::vec((1u32..5, any_counts()), 1..6),
        factor in prop_oneof![2u64..1_000, 2u64..1_000_000_000_000],
        noise in noise(),
        rho in 1.0f64..3.0,
    ) {
        let both = JudgeConfig::default().with_rho(rho).unwrap();
        let strict = both.clone().with_strict(true);
        let small: Vec<_> = periods.iter().map(|(step, counts)| (*step, counts.map(|count| count / factor))).collect();
        let large: Vec<_> = small.iter().map(|(step, counts)| (*step, counts.map(|count| count * factor))).collect();
        let ln_e = |config: &JudgeConfig, periods: &[_]| run(config, &noise, periods).ln_e(config);
        let rounding = 1e-12;
        prop_assert!((ln_e(&strict, &small) - ln_e(&strict, &large)).abs() < rounding);
        if small.iter().all(|(_, counts)| excess(rho, &noise, *counts) <= 1.0) {
            for periods in [&small, &large] {
                prop_assert!(ln_e(&strict, periods) <= rounding && ln_e(&both, periods) <= rounding);
            }
        }
        for (step, counts) in small {
            let alone = ln_e(&strict, &[(step, counts)]);
            let excess = excess(rho, &noise, counts);
            prop_assert!(if excess > 1.0 { alone >= -rounding } else { alone <= rounding }, "{alone} at {excess}");
        }
    }

    #[test]
    fn evidence_that_green_is_good_enough_only_grows_with_scale(
        counts in usual(), factor in 2u64..1_000_000, noise in noise(),
    ) {
        let ln_accept = |counts| run(&JudgeConfig::default(), &noise, &[(1, counts)]).ln_accept();
        let (small, large) = (ln_accept(counts), ln_accept(counts.map(|count| count * factor)));
        let rounding = 1e-12 * factor as f64 * counts.iter().sum::<u64>() as f64;
        prop_assert!(small <= 0.0 || large >= small - rounding, "{small}, {large}");
    }

    #[test]
    fn e_is_not_expected_to_grow_under_the_null(
        g in 1u64..400, b in 1u64..400, m in 1u64..14, h in 1u64..400, n in 1u64..6,
        rho in 1.0f64..1.5, odds in 0.2f64..=1.0, noise in noise(), strict: bool, steps in 1u32..5,
    ) {
        let config = JudgeConfig::default().with_rho(rho).unwrap().with_strict(strict).with_steps(steps).unwrap();
        let mean = expectation(&config, &noise, &[[g, b, m], [h, b, n]], rho * odds);
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    /// With `strict` E depends on green's share of the bad requests alone, which falls. (The quick part counts the bad requests,
    /// too: where they are green's, and few, one more may lower E.)
    #[test]
    fn green_with_fewer_bad_requests_is_never_worse_off(counts in usual(), noise in noise()) {
        let strict = JudgeConfig::default().with_strict(true);
        let [g, b, x, y] = counts;
        prop_assume!(x > 0 && y > 0);
        let state = |x| run(&strict, &noise, &[(1, [g, b, x, y])]);
        let (fewer, more) = (state(x - 1), state(x));
        let rounding = 1e-12;
        prop_assert!(fewer.ln_e(&strict) <= more.ln_e(&strict) + rounding);
        prop_assert!(fewer.ln_accept() >= more.ln_accept());
    }
}

/// Green has 6 of 10 bad requests at half of the traffic. That is more than its share, and the robust evidence says so at once. The
/// tempered bets pay for their guesses first: most of them expect far more, so that 1,000 such requests are needed.
#[test]
fn more_requests_may_only_now_tell_that_green_is_worse() {
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let ln_e = |strict, factor: u64| {
        let config = JudgeConfig::default().with_strict(strict);
        run(&config, &noise, &[(1, [1_000, 1_000, 6, 4].map(|count| count * factor))]).ln_e(&config)
    };
    assert!(ln_e(true, 1) > 0.0 && ln_e(true, 100) > 0.0);
    assert!(ln_e(false, 1) < 0.0 && ln_e(false, 100) > 0.0);
}

#[test]
fn a_period_out_of_order_changes_nothing() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let mut state = run(&config, &noise, &[(1, [300, 5_700, 3, 7]), (1, [300, 5_700, 2, 9])]);
    let before = state.clone();
    let until = Timestamp::from_second(120).unwrap();
    assert_eq!(state.observe(&config, &noise, &interval(1, 3, [9, 9, 9, 0])), Observation::AlreadyConsumed { until });
    assert_eq!(state.skip(until), Observation::AlreadyConsumed { until });
    assert_eq!(state, before);
}

#[test]
fn a_skipped_period_is_counted_and_spent() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let mut state = MetricState::default();
    let end = Timestamp::from_second(60).unwrap();
    assert_eq!(state.skip(end), Observation::Skipped);
    assert_eq!(state.skipped(), 1);
    let seen = state.observe(&config, &noise, &interval(1, 1, [300, 5_700, 3, 7]));
    assert_eq!(seen, Observation::AlreadyConsumed { until: end });
}

#[test]
fn warm_up_periods_are_read_but_not_judged() {
    let config = JudgeConfig::default().with_warm_up(2);
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let mut state = MetricState::default();
    let cold = [300, 5_700, 150, 7];
    assert_eq!(state.observe(&config, &noise, &interval(1, 1, [0, 6_000, 0, 7])), Observation::NotInformative);
    assert_eq!(state.observe(&config, &noise, &interval(2, 1, cold)), Observation::WarmingUp);
    assert_eq!(state.observe(&config, &noise, &interval(3, 1, cold)), Observation::WarmingUp);
    assert!(state.ln_e(&config) == 0.0 && state.green() == Counts::default());
    assert_eq!(state.observe(&config, &noise, &interval(4, 1, cold)), Observation::Judged);
}

#[test]
fn a_state_of_another_version_is_refused() {
    let text = serde_json::to_string(&MetricState::default()).unwrap();
    let newer = text.replace("\"version\":1", "\"version\":2");
    let error = serde_json::from_str::<MetricState>(&newer).unwrap_err().to_string();
    assert!(error.contains("the judge's state has version 2, this is version 1"), "{error}");
    let infinite = text.replacen("0000000000000000", "7ff0000000000000", 1);
    assert!(serde_json::from_str::<MetricState>(&infinite).is_err());
    assert!(serde_json::from_str::<MetricState>(&text.replacen("00", "", 1)).is_err());
}

/// A step's verdict for one metric after `periods` minutes of the same counts.
fn verdict(periods: usize, counts: [u64; 4], step_over: bool) -> Verdict {
    let config = JudgeConfig::default();
    let state = run(&config, &Calibration::given(1.3, 0.1).unwrap(), &vec![(1, counts); periods]);
    let reading = Reading { name: "errors", bad_means: "failed", weight: Weight::EQUAL, state: &state };
    decide(&config, &[reading], Moment { step: 1, step_over }).verdict
}

#[test]
fn the_verdicts_are_told_apart() {
    let (same, worse) = ([300, 5_700, 0, 1], [300, 5_700, 30, 57]);
    assert_eq!(verdict(5, worse, false), Verdict::RollBack);
    assert_eq!(verdict(5, worse, true), Verdict::RollBack);
    assert_eq!(verdict(3, same, false), Verdict::Hold);
    assert_eq!(verdict(3, same, true), Verdict::Clear);
    assert_eq!(verdict(2, same, true), Verdict::Insufficient);
    assert_eq!(verdict(3, [30, 5_700, 0, 1], true), Verdict::Insufficient);
    assert_eq!(verdict(3, [300, 0, 0, 0], true), Verdict::Insufficient);
    assert_eq!(verdict(5, [3_000, 3_000, 3, 3], false), Verdict::Accept);
    // A service that never fails is clear at the end of its step: requests count, not errors.
    assert_eq!(verdict(3, [40, 700, 0, 0], true), Verdict::Clear);
}

#[test]
fn a_step_is_not_cleared_by_what_an_earlier_one_saw() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let mut state = run(&config, &noise, &[(1, [3_000, 3_000, 3, 3]); 6]);
    let at = |state: &MetricState, step| {
        let reading = Reading { name: "errors", bad_means: "failed", weight: Weight::EQUAL, state };
        decide(&config, &[reading], Moment { step, step_over: true })
    };
    assert_eq!(at(&state, 1).verdict, Verdict::Accept);
    assert_eq!(at(&state, 2).verdict, Verdict::Insufficient);
    let straddling = Interval { begun_after_shift: false, ..interval(7, 2, [3_000, 3_000, 3, 3]) };
    state.observe(&config, &noise, &straddling);
    assert_eq!(at(&state, 2).verdict, Verdict::Insufficient);
    state.observe(&config, &noise, &interval(8, 2, [3_000, 3_000, 3, 3]));
    assert_eq!(at(&state, 2).verdict, Verdict::Accept);
}

/// Whatever evidence green brought along: nothing is known of a green that gets no requests any more.
#[test]
fn a_green_without_requests_is_not_accepted_on_what_earlier_steps_saw() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    for silent in [[0, 6_000, 0, 6], [6_000, 0, 6, 0], [99, 5_901, 0, 6], [0, 0, 0, 0]] {
        let mut state = run(&config, &noise, &[(1, [3_000, 3_000, 3, 3]); 8]);
        // The first period of the step, at once after its shift, and all that follow.
        let minutes = if silent[0] == 99 { 9..=9 } else { 9..=13 };
        for minute in minutes {
            state.observe(&config, &noise, &interval(minute, 2, silent));
            assert!(state.accepts());
            for (step_over, expected) in [(false, Verdict::Hold), (true, Verdict::Insufficient)] {
                let reading = Reading { name: "errors", bad_means: "failed", weight: Weight::EQUAL, state: &state };
                let judgement = decide(&config, &[reading], Moment { step: 2, step_over });
                assert_eq!(judgement.verdict, expected, "{silent:?} in minute {minute}: {judgement}");
            }
        }
    }
}

#[test]
fn accepting_shows_the_metric_that_has_the_least_evidence_for_it() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    // Few failures: the most evidence for green, and the greater E.
    let plenty = run(&config, &noise, &[(1, [30_000, 30_000, 31, 30]); 5]);
    let scarce = run(&config, &noise, &[(1, [3_000, 3_000, 1, 3]); 5]);
    assert!(plenty.ln_e(&config) > scarce.ln_e(&config) && plenty.ln_accept() > scarce.ln_accept());
    let reading = |name, state| Reading { name, bad_means: "failed", weight: Weight::EQUAL, state };
    let readings = [reading("plenty", &plenty), reading("scarce", &scarce)];
    let judgement = decide(&config, &readings, Moment { step: 1, step_over: false }).brief();
    assert_eq!(judgement.verdict, Verdict::Accept);
    assert!((judgement.ln_accept - scarce.ln_accept()).abs() < 1e-12);
    let told = judgement.to_string();
    assert!(
        told.starts_with("scarce: green 5 of 15,000 requests failed, blue 15 of 15,000; there is evidence"),
        "{told}"
    );
}

#[test]
fn periods_that_could_not_be_used_are_told() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.1).unwrap();
    let mut state = run(&config, &noise, &[(1, [300, 5_700, 3, 57])]);
    for minute in 2..6 {
        state.skip(Timestamp::from_second(60 * minute).unwrap());
    }
    let reading = Reading { name: "errors", bad_means: "failed", weight: Weight::EQUAL, state: &state };
    let judgement = decide(&config, &[reading], Moment { step: 1, step_over: true });
    assert_eq!((judgement.shortages[0].skipped, judgement.evidence[0].skipped), (4, 4));
    let told = judgement.to_string();
    assert!(told.starts_with("too few periods to judge green: errors has 1 of the 3 periods needed"), "{told}");
    assert!(told.contains("4 periods of the release could not be used"), "{told}");
}

#[test]
fn one_metric_without_data_keeps_a_step_from_being_clear() {
    let config = JudgeConfig::default();
    let noise = Calibration::given(8.0, 0.5).unwrap();
    let seen = run(&config, &noise, &[(1, [300, 5_700, 3, 57]); 5]);
    let unseen = MetricState::default();
    let reading = |name, state| Reading { name, bad_means: "failed", weight: Weight::EQUAL, state };
    let judgement =
        decide(&config, &[reading("errors", &seen), reading("traces", &unseen)], Moment { step: 1, step_over: true });
    assert_eq!(judgement.verdict, Verdict::Insufficient);
    assert_eq!(judgement.shortages.iter().map(|s| s.metric.as_str()).collect::<Vec<_>>(), ["traces"]);
    assert_eq!(decide(&config, &[], Moment { step: 1, step_over: true }).verdict, Verdict::Insufficient);
}
