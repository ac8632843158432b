//! Teal's judge and other tools' rules on simulated releases: prints the tables and checks what the judge must show.
//!
//! `cargo bench -p teal-bench --bench simulation [-- [--runs N] [--write FOLDER]]`: `--runs` sets the releases of each
//! healthy cell (regressed ones get a fifth), `--write` also writes tables and pictures.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use teal_bench::cell::{Outcome, simulate};
use teal_bench::chart::{Line, LineChart, Scale, bars};
use teal_bench::rules::{self, Rule, TealJudge};
use teal_bench::service::{Noise, Service, WEIGHTS};
use teal_bench::table::{self, Row};

const RPS: [u32; 3] = [10, 100, 1_000];
/// Blue's and green's share of bad requests.
const HEALTHY: [(f64, f64); 2] = [(0.001, 0.001), (0.01, 0.01)];
const REGRESSED: [(f64, f64); 6] =
    [(0.001, 0.005), (0.001, 0.051), (0.01, 0.015), (0.01, 0.02), (0.01, 0.03), (0.01, 0.06)];
const TEAL: usize = 0;
const KAYENTA_STEP_ENDS: usize = 7;

struct Options {
    runs: u64,
    write: Option<PathBuf>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { runs: 10_000, write: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--runs" => options.runs = args.next().ok_or("--runs wants a number")?.parse()?,
            "--write" => options.write = Some(args.next().ok_or("--write wants a folder")?.into()),
            // What cargo passes to every bench.
            "--bench" => {}
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(options)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = options()?;
    let started = Instant::now();
    let rules = rules::all();
    let fewer = (options.runs / 5).max(1);
    let healthy = cells(&Noise::FORESEEN, &HEALTHY, &rules, options.runs, 0);
    let unforeseen = cells(&[Noise::Unforeseen], &HEALTHY, &rules, options.runs, 1_000);
    let regressed = cells(&Noise::FORESEEN, &REGRESSED, &rules, fewer, 2_000);
    let checks = checks(&healthy, &regressed);

    let mut tables = format!(
        "## Healthy releases: rolled back in percent, ± Monte-Carlo standard error ({} releases a cell)\n\n{}\n",
        options.runs,
        table::false_rollbacks(&rules, &healthy)
    );
    tables += &format!(
        "## The same, with noise that the history before the release did not show\n\n{}\n",
        table::false_rollbacks(&rules, &unforeseen)
    );
    tables += &format!(
        "## Regressed releases: rolled back in percent / median minute / bad requests served by green ({fewer} releases a \
         cell)\n\n{}\n",
        table::detections(&rules, &regressed)
    );
    tables += "## What the judge must show\n\n";
    for (met, text) in &checks {
        tables += &format!("- {}: {text}\n", if *met { "met" } else { "NOT MET" });
    }
    println!("{tables}\nsimulated in {:.0} s", started.elapsed().as_secs_f64());
    if let Some(folder) = &options.write {
        write(folder, &tables, &rules, &healthy, &regressed)?;
    }
    Ok(if checks.iter().all(|(met, _)| *met) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Simulates every noise, load and pair of error shares.
fn cells(noises: &[Noise], errors: &[(f64, f64)], rules: &[Box<dyn Rule>], runs: u64, first_seed: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for &noise in noises {
        for rps in RPS {
            for &(blue, green) in errors {
                let service = Service { rps, blue, green, noise };
                let outcomes = simulate(&service, rules, runs, first_seed + rows.len() as u64);
                rows.push(Row { service, outcomes });
            }
        }
    }
    rows
}

fn find(rows: &[Row], noise: Noise, rps: u32, errors: (f64, f64)) -> Option<&[Outcome]> {
    let wanted = Service { rps, blue: errors.0, green: errors.1, noise };
    rows.iter().find(|row| row.service == wanted).map(|row| row.outcomes.as_slice())
}

/// What the judge must show, and whether it does.
fn checks(healthy: &[Row], regressed: &[Row]) -> Vec<(bool, String)> {
    let mut checks = Vec::new();
    for noise in Noise::FORESEEN {
        let rates = healthy.iter().filter(|row| row.service.noise == noise).map(|row| row.outcomes[TEAL].rate());
        let worst = rates.fold(0.0, f64::max);
        checks.push((
            worst <= 0.005,
            format!("false rollbacks with {} noise: at most {:.2} %, 0.5 % allowed", noise.name(), 100.0 * worst),
        ));
    }
    for (rps, errors, by) in [(100, (0.01, 0.02), 7), (100, (0.001, 0.005), 7), (10, (0.001, 0.051), 4)] {
        let median = find(regressed, Noise::Plain, rps, errors).and_then(|outcomes| outcomes[TEAL].median_minute());
        checks.push((
            median.is_some_and(|minute| minute <= by),
            format!(
                "{} at {rps} rps with {} noise found at minute {} (median), {by} allowed",
                table::change(errors.0, errors.1),
                Noise::Plain.name(),
                median.map_or("never".to_owned(), |minute| minute.to_string())
            ),
        ));
    }
    let compared: Vec<(&Outcome, &Outcome)> = regressed
        .iter()
        .map(|row| (&row.outcomes[TEAL], &row.outcomes[KAYENTA_STEP_ENDS]))
        .filter(|(teal, kayenta)| teal.rate() >= 0.5 || kayenta.rate() >= 0.5)
        .collect();
    let fewer = compared.iter().filter(|(teal, kayenta)| teal.mean_bad() < kayenta.mean_bad()).count();
    checks.push((
        fewer * 10 >= compared.len() * 9,
        format!(
            "fewer bad requests served than with Kayenta at step ends in {fewer} of {} cells where either has half the \
             power, nine of ten wanted",
            compared.len()
        ),
    ));
    checks
}

fn write(
    folder: &Path,
    tables: &str,
    rules: &[Box<dyn Rule>],
    healthy: &[Row],
    regressed: &[Row],
) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let heading = "# The judge in simulation\n\nWritten by `cargo bench -p teal-bench --bench simulation -- --write`; \
                   `docs/judge.md` explains it.\n\n";
    std::fs::write(folder.join("simulation.md"), format!("{heading}{tables}"))?;
    std::fs::write(folder.join("wealth.svg"), wealth())?;

    let errors = (0.001, 0.005);
    if let Some(outcomes) = find(regressed, Noise::Plain, 100, errors) {
        let shown = [TEAL, 1, 3, 4, KAYENTA_STEP_ENDS, 8];
        let chart = LineChart {
            title: "Errors rise from 0.1 % to 0.5 % at 100 rps: share of releases rolled back by each minute",
            y_label: "share rolled back",
            scale: Scale::Linear(0.0, 1.0),
            lines: shown.map(|i| Line { name: rules[i].name().to_owned(), values: outcomes[i].by_minute() }).into(),
            limit: None,
            steps: &WEIGHTS,
        };
        std::fs::write(folder.join("detection.svg"), chart.svg())?;
    }
    // The worst cell of each rule: a promise holds where it is hardest.
    let worst: Vec<(String, f64, String)> = rules
        .iter()
        .enumerate()
        .map(|(i, rule)| {
            let worst = healthy.iter().map(|row| row.outcomes[i].rate()).fold(0.0, f64::max);
            (rule.name().to_owned(), 100.0 * worst, format!("{:.2} %", 100.0 * worst))
        })
        .collect();
    let title = "Healthy releases rolled back, in the worst of all cells";
    std::fs::write(folder.join("false-rollbacks.svg"), bars(title, &worst, 100.0, Some((1.0, "promised: 1 %"))))?;
    Ok(())
}

/// E of single releases, minute by minute.
fn wealth() -> String {
    let judge = TealJudge { strict: false, noise: rules::Noise::FromHistory };
    let line = |name: &str, green: f64, noise: Noise| {
        let service = Service { rps: 100, blue: 0.01, green, noise };
        let release = service.release(&mut Xoshiro256PlusPlus::seed_from_u64(4));
        let values = judge.path(&release).iter().map(|(ln_e, _)| ln_e.exp()).collect();
        Line { name: name.to_owned(), values }
    };
    LineChart {
        title: "The judge's evidence E in five releases at 100 rps, blue at 1 % errors",
        y_label: "E",
        scale: Scale::PowersOfTen(-2, 6),
        lines: vec![
            line("green 1 %", 0.01, Noise::Plain),
            line("green 1 %, bursts on both", 0.01, Noise::Bursty),
            line("green 1.5 %", 0.015, Noise::Plain),
            line("green 2 %", 0.02, Noise::Plain),
            line("green 3 %", 0.03, Noise::Plain),
        ],
        limit: Some((100.0, "roll back at 100")),
        steps: &WEIGHTS,
    }
    .svg()
}
