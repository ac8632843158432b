//! The speed of one look: a new period of each of 20 metrics, and the verdict on all of them.

use jiff::{SignedDuration, Timestamp};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;
use teal::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState, Moment, Reading, Weight, decide};

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
