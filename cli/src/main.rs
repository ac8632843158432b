//! `teal`: progressive delivery on AWS from the command line.

mod document;
mod exit;
mod judge;
mod plan;

use clap::{Parser, Subcommand};
use exit::Exit;
use std::error::Error;
use std::io;
use std::process::ExitCode;

/// Progressive delivery on AWS: plans and judges releases.
///
/// Exit status: 0 all is well; 1 the plan or the data has problems; 2 the command line is wrong, or a file cannot be
/// read.
#[derive(Debug, Parser)]
#[command(name = "teal", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks release plans.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    Judge(judge::JudgeArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Plan(command) => plan::run(&command),
        Command::Judge(args) => judge(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        // Whoever reads the output may stop early, as `head` does.
        Err(error) if is_broken_pipe(error.as_ref()) => Exit::Fine.into(),
        Err(error) => {
            eprintln!("teal: {error}");
            Exit::Unusable.into()
        }
    }
}

fn judge(args: &judge::JudgeArgs) -> Result<Exit, Box<dyn Error>> {
    match judge::run(args, std::io::stdout()) {
        Ok(()) => Ok(Exit::Fine),
        Err(error @ judge::JudgeError::Input { .. }) => {
            eprintln!("teal: {error}");
            Ok(Exit::Problems)
        }
        Err(error) => Err(error.into()),
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let own = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    let json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    own || json == Some(io::ErrorKind::BrokenPipe) || error.source().is_some_and(is_broken_pipe)
}
