//! The speed of one look over 20 metrics.
//!
//! First the whole of it as `evaluate-health` takes it, but for AWS: the queries are built, 80 series are read from memory, counts
//! made of them and judged, and a verdict comes of it, which is written into the record and its story. Then the judge alone, and
//! its state as it is stored. What writing the call and reading CloudWatch's answer takes, `cargo bench -p teal-aws` says.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;
use teal::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState, Moment, Reading, Weight, decide};
use teal::state::State;
use teal_sim::{GROUP_A, GROUP_B, Machine, World};

const METRICS: usize = 20;
/// Looks are timed in rounds and the fastest round counts: what else the machine does only makes one slower.
const ROUNDS: u32 = 20;
const LOOKS: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let config = JudgeConfig::default();
    let noise = Calibration::given(1.3, 0.2)?;
    let names: Vec<String> = (0..METRICS).map(|i| format!("metric {i}")).collect();
    let mut states = vec![MetricState::default(); METRICS];
    let mut period_end = Timestamp::UNIX_EPOCH;

    let mut look = 0;
    let judging = fastest(|| {
        look += 1;
        period_end += SignedDuration::from_mins(1);
        let step = 1 + look / (ROUNDS * LOOKS / 3);
        for (state, bad) in states.iter_mut().zip(0..) {
            let (green, blue) = (Counts::new(1_500, 4 + bad), Counts::new(4_500, 12 + bad));
            let interval = Interval { step, period_end, begun_after_shift: true, green, blue };
            state.observe(&config, &noise, black_box(&interval));
        }
        let readings: Vec<Reading<'_>> = (states.iter().zip(&names))
            .map(|(state, name)| Reading { name, bad_means: "failed", weight: Weight::EQUAL, state })
            .collect();
        black_box(decide(&config, &readings, Moment { step, step_over: false }));
        Ok(())
    })?;
    println!("one look, but for AWS: {:.0} us over {METRICS} metrics", whole_look()?);
    println!("judging: {judging:.1} us a look over {METRICS} metrics");

    let mut bytes = 0;
    let storing = fastest(|| {
        let text = serde_json::to_string(black_box(&states))?;
        bytes = text.len() / METRICS;
        states = serde_json::from_str(&text)?;
        Ok(())
    })?;
    println!("storing and reading back: {storing:.1} us a look, {bytes} bytes a metric");
    Ok(())
}

/// Microseconds that the median look of a long bake takes. Each has a new minute of every metric to read.
fn whole_look() -> Result<f64, Box<dyn Error>> {
    let series = |metric: &str, number: usize| {
        let dimensions = json!({"TargetGroup": "${targetGroup}", "Kind": format!("kind-{number}")});
        json!({"namespace": "Shop", "metric": metric, "dimensions": dimensions})
    };
    // The simulated CloudWatch knows these two by their names: the second is what is left of the first.
    let metric = |number| {
        let pair = json!({"bad": series("HTTPCode_Target_2XX_Count", number), "total": series("RequestCount", number)});
        json!({"name": format!("metric {number}"), "noise": {"phi": 1.3, "cv": 0.2}, "cloudWatch": pair})
    };
    let mut plan = teal_sim::plan();
    plan["strategy"] = json!({"steps": [{"weight": "25%", "bake": "18h"}]});
    plan["judge"] = json!({"metrics": (0..METRICS).map(metric).collect::<Vec<Value>>()});
    plan["deadline"] = "1d".into();
    let world = World::new();
    let mut machine = Machine::new(&world, "bench", plan);
    machine.run_until(|state| state == State::Bake);
    for (group, requests, bad) in [(GROUP_A, 4_500.0, 12.0), (GROUP_B, 1_500.0, 4.0)] {
        world.state().traffic.insert(group.to_owned(), (requests, requests - bad));
    }
    let mut looks = Vec::new();
    while looks.len() < 1_000 {
        machine.enter();
        if machine.state() != State::EvaluateHealth {
            continue;
        }
        let started = Instant::now();
        machine.enter();
        looks.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let record = world.record(machine.release()).ok_or("there is no record")?;
    let judged = record.compared.iter().filter(|metric| metric.state.green().total() > 1_000_000).count();
    if judged != METRICS || machine.state() != State::Bake {
        return Err(format!("{judged} metrics were judged, and the release is in {:?}", record.phase).into());
    }
    looks.sort_by(f64::total_cmp);
    Ok(looks[looks.len() / 2])
}

/// Microseconds of one look, in the fastest round.
fn fastest(mut look: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut fastest = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..LOOKS {
            look()?;
        }
        fastest = fastest.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(LOOKS));
    }
    Ok(fastest)
}
