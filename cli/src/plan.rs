//! `teal plan`: what can be done with a plan before it is released, and where it is kept.

mod check;
mod report;
mod store;
mod table;

pub(crate) use check::read_checked;
pub(crate) use store::reference;

use crate::exit::Exit;
use clap::Subcommand;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use teal::plan::Plan;

/// The commands of `teal plan`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Checks a plan: shows every problem at once, or else the timeline with its looks and its cost.
    Check(check::CheckArgs),
    /// Writes the JSON Schema of plans, for editors.
    Schema,
    /// Checks a plan and keeps it as the next version under its name, so that starts, pipelines and hooks can name it.
    Put(store::PutArgs),
    /// Writes a plan that is kept.
    Get(store::GetArgs),
    /// Lists the plans that are kept.
    List(store::ListArgs),
    /// Lists the versions of a plan that is kept.
    Versions(store::VersionsArgs),
}

/// Runs one of them. Plans may also be read from standard input ("-").
pub(crate) fn run(command: &PlanCommand) -> Result<Exit, Box<dyn Error>> {
    match command {
        PlanCommand::Check(args) => check::run(args, io::stdout().lock()),
        PlanCommand::Put(args) => store::put(args),
        PlanCommand::Get(args) => store::get(args),
        PlanCommand::List(args) => store::list(args),
        PlanCommand::Versions(args) => store::versions(args),
        PlanCommand::Schema => {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &Plan::schema())?;
            writeln!(out)?;
            Ok(Exit::Fine)
        }
    }
}

/// Where a plan comes from: shared by the commands that take one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlanFile {
    /// The plan, YAML or JSON; "-" reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl PlanFile {
    /// The plan in this file.
    pub(crate) fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }
}
