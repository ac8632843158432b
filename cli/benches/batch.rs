//! The speed of `teal judge --batch`: the program from its start to its end, on 10,000 runs of 20 intervals.

#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 10_000;
const INTERVALS: usize = 20;
/// The fastest counts: what else the machine does only makes one slower.
const REPETITIONS: usize = 5;

fn main() {
    let mut runs = String::new();
    for run in 0..RUNS {
        runs.push_str(r#"{"phi": 1.2, "cv": 0.1, "intervals": ["#);
        for interval in 0..INTERVALS {
            let step = 1 + interval / 7;
            let (green, blue) = (300 * step, 6_000 - 300 * step);
            let (bad_green, bad_blue) = ((run + interval) % 9, 30 + (7 * run + interval) % 60);
            let separator = if interval == 0 { "" } else { ", " };
            write!(runs, "{separator}[{step}, {green}, {blue}, {bad_green}, {bad_blue}]").unwrap();
        }
        runs.push_str("]}\n");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("batch.jsonl");
    std::fs::write(&file, runs).unwrap();
    let mut fastest = f64::INFINITY;
    for _ in 0..REPETITIONS {
        let started = Instant::now();
        let mut teal = Command::new(env!("CARGO_BIN_EXE_teal"));
        let output = teal.args(["judge", "--batch"]).arg(&file).stdin(Stdio::null()).output().unwrap();
        fastest = fastest.min(started.elapsed().as_secs_f64());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), RUNS);
    }
    println!("teal judge --batch: {fastest:.2} s for {RUNS} runs of {INTERVALS} intervals");
}
