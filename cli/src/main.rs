//! `teal`: progressive delivery on AWS from the command line.

#![deny(clippy::print_stdout, reason = "it panics where the reader has stopped: `say!` gives an error")]

/// Writes a line to standard output.
macro_rules! say {
    ($($text:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($text)*)))
    };
}

mod document;
mod exit;
mod judge;
mod plan;
mod release;

use clap::{CommandFactory, Parser, Subcommand};
use exit::Exit;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Progressive delivery on AWS: plans, releases, judges.
///
/// Releases are reached by the SDK's usual environment: profile, region, endpoint.
///
/// Exit status: 0 all is well; 1 the plan or the data has problems; 2 the command line is wrong, or a file or AWS cannot be read;
/// of a release that was watched: 3 it rolled back, 4 it needs a person, 5 it was refused.
#[derive(Debug, Parser)]
#[command(name = "teal", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks release plans, and keeps them.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    Judge(judge::JudgeArgs),
    #[command(flatten)]
    Release(release::ReleaseCommand),
    /// Writes a script that completes this command's words in a shell.
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Plan(command) => plan::run(&command),
        Command::Judge(args) => judge(&args),
        Command::Release(command) => release::run(command).map_err(Into::into),
        Command::Completions { shell } => completions(shell).map_err(Into::into),
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

fn completions(shell: clap_complete::Shell) -> io::Result<Exit> {
    // Written at once: clap_complete panics where the reader has stopped.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "teal", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Fine)
}

fn judge(args: &judge::JudgeArgs) -> Result<Exit, Box<dyn Error>> {
    match judge::run(args, std::io::stdout()) {
        Ok(()) => Ok(Exit::Fine),
        Err(error @ (judge::JudgeError::Input { .. } | judge::JudgeError::Plan(_))) => {
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
