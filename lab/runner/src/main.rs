//! `cargo lab`: the whole of Teal on this machine.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use teal_lab_runner::chaos::ChaosOptions;
use teal_lab_runner::commands;
use teal_lab_runner::crowd::CrowdOptions;

/// Runs Teal on this machine: its functions, its state machine and its template as they are, on emulated AWS services
/// with real traffic. Without a command: one good and one bad release, live.
#[derive(Debug, Parser)]
#[command(name = "cargo lab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One good and one bad release under live traffic; succeeds only if both end as they should.
    Demo,
    /// Starts everything, prints the environment for the AWS CLI, SDKs and `teal`, and stays up until Ctrl-C.
    Up {
        /// Lab seconds in a real second.
        #[arg(long, default_value_t = 25.0)]
        scale: f64,
    },
    /// Runs a scenario file with a live display, or several at the same time in one lab.
    Run {
        /// Scenario files, or names of those that come with the lab.
        #[arg(required = true)]
        scenarios: Vec<PathBuf>,
        /// Prints the result as JSON instead, a list if there are several scenarios.
        #[arg(long)]
        json: bool,
        /// Lab seconds in a real second, instead of the scenario's own (with several: the slowest of theirs).
        #[arg(long)]
        scale: Option<f64>,
    },
    /// Measures the functions in the release profile: size, memory, cold start beside a Python function's.
    Measure {
        /// Cold starts of each kind.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
    },
    /// Releases whose functions are killed with SIGKILL at random; succeeds only if all of them end as promised.
    Chaos {
        /// How many releases.
        #[arg(long, default_value_t = 50)]
        releases: usize,
        /// How many of them at the same time.
        #[arg(long, default_value_t = 5)]
        at_once: usize,
        /// Chooses what is released and who is killed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// With which probability a function is killed at one of its AWS calls, 0 to 1.
        #[arg(long, default_value_t = 0.02)]
        kill: f64,
        /// How many function processes are killed besides, wherever they are, in a real second.
        #[arg(long, default_value_t = 0.5)]
        anywhere: f64,
        /// Lab seconds in a real second.
        #[arg(long, default_value_t = 25.0)]
        scale: f64,
    },
    /// Many releases at once on one account, with the token buckets of Elastic Load Balancing; three in ten get an alarm in the middle.
    Crowd {
        /// How many releases.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(10..=500))]
        releases: u16,
        /// Lab seconds in a real second. The token buckets fill in real time, as on AWS.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
    /// How long green still answers after an alarm, in real time, beside a rule that polls once a minute.
    Latency {
        /// How many releases are rolled back.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=50))]
        releases: u16,
    },
    /// Lists the scenarios that come with the lab.
    List,
    /// Says what the lab needs and what of it is missing on this machine.
    Doctor,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Demo);
    let work = async {
        match command {
            Command::Demo => commands::demo().await,
            Command::Up { scale } => commands::up(scale).await,
            Command::Run { scenarios, json, scale } => commands::run(&scenarios, json, scale).await,
            Command::Measure { runs } => commands::measure(runs.into()).await,
            Command::Chaos { releases, at_once, seed, kill, anywhere, scale } => {
                let options = ChaosOptions { releases, at_once, seed, kill, anywhere };
                commands::chaos(&options, scale).await
            }
            Command::Crowd { releases, scale } => {
                commands::crowd(CrowdOptions { releases: releases.into() }, scale).await
            }
            Command::Latency { releases } => commands::latency(releases.into()).await,
            Command::List => commands::list(),
            Command::Doctor => commands::doctor().await,
        }
    };
    // Leaving this block drops the work, and with it everything that was started.
    tokio::select! {
        result = work => match result {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("lab: {error}");
                ExitCode::from(2)
            }
        },
        signal = commands::interrupted() => {
            eprintln!("lab: {signal}, cleaning up");
            ExitCode::from(130)
        }
    }
}
