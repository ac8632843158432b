//! The commands about releases: start, status, watch, approve, reject, abort, releases, report.

mod ask;
mod connect;
mod list;
mod report;
mod start;
mod status;
mod watch;

pub(crate) use connect::ReleaseError;

use crate::exit::Exit;
use crate::plan::reference;
use clap::{Args, Subcommand};
use connect::Connection;
use std::path::PathBuf;
use teal::deployment::DeploymentId;
use teal::plan::{PlanRef, Version};
use teal::release::ReleaseId;
use teal::units::Invalid;

/// What can be done with releases. They work against AWS by the usual environment (profile, region, endpoint), or against the lab.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ReleaseCommand {
    #[command(disable_version_flag = true)]
    /// Starts a release from a plan, or from one that is kept.
    ///
    /// The same name and plan started twice is one release.
    ///
    /// Exit status: 0 it has started; 1 the plan has problems; 2 it could not be started. With --watch also that of `teal watch`.
    Start(Box<StartArgs>),
    /// Shows where a release is, and why.
    Status(WatchArgs),
    /// Follows a release until it ends.
    ///
    /// Exit status: 0 promoted; 2 AWS cannot be read, or the release is unknown; 3 rolled back; 4 a person is needed; 5 refused.
    Watch(WatchArgs),
    /// Says yes at the gate that a release waits at.
    Approve(AskArgs),
    /// Says no at the gate that a release waits at: it rolls back.
    Reject(AskArgs),
    /// Ends a release: every request goes back to blue.
    Abort(AskArgs),
    /// Lists releases, the newest first.
    Releases(ListArgs),
    /// Tells a release's whole story: phases, weights, looks with their evidence, reasons.
    Report(ReleaseArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// Teal's table: the output TableName of its stack
    #[arg(long, env = "TEAL_TABLE", value_name = "NAME")]
    table: String,
    /// Writes JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StartArgs {
    /// The plan, YAML or JSON; "-" reads standard input
    #[arg(value_name = "FILE", required_unless_present = "plan_ref")]
    file: Option<PathBuf>,
    #[command(flatten)]
    kept: KeptArgs,
    /// The deployment that the release is about, where the plan's traffic.shiftedBy has one move the traffic: CodeDeploy's id of it, or
    /// the ARN of an ECS service deployment; without it the one under way
    #[arg(long, value_name = "ID", conflicts_with = "app_spec", value_parser = deployment_id)]
    deployment: Option<DeploymentId>,
    /// Teal's state machine: the output StateMachineArn of its stack
    #[arg(long, env = "TEAL_STATE_MACHINE", value_name = "ARN")]
    state_machine: String,
    /// The release's name; without it service, version and time make one
    #[arg(long, value_parser = release_id)]
    name: Option<ReleaseId>,
    /// Follows the release until it ends, as `teal watch` does
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    target: Target,
}

/// A plan that is kept, and what of it this release changes. What it changes says for itself that it excludes a file: what is only required is
/// not missed where something else excludes it.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeptArgs {
    /// A plan that is kept in place of a file: its name in the store, ssm:/name[:version], or s3://bucket/key[?versionId=...]
    #[arg(long, value_name = "REF", conflicts_with = "file", value_parser = reference)]
    plan_ref: Option<PlanRef>,
    /// The version to release, in place of the plan's
    #[arg(long, requires = "plan_ref", conflicts_with = "file")]
    version: Option<Version>,
    /// The task definition to release, in place of the plan's
    #[arg(long, value_name = "NAME:REVISION", requires = "plan_ref", conflicts_with = "file", group = "runs")]
    task_definition: Option<String>,
    /// The version of blue's launch template to release, in place of the plan's
    #[arg(long, value_name = "NUMBER", requires = "plan_ref", conflicts_with = "file", group = "runs")]
    launch_template_version: Option<String>,
    /// The version of the Lambda function to release, in place of the plan's
    #[arg(long, value_name = "NUMBER", requires = "plan_ref", conflicts_with = "file", group = "runs")]
    function_version: Option<String>,
    /// The application version of Elastic Beanstalk to release, in place of the plan's
    #[arg(long, value_name = "LABEL", requires = "plan_ref", conflicts_with = "file", group = "runs")]
    version_label: Option<String>,
    /// A file with the AppSpec, YAML or JSON, by which Teal begins the deployment of CodeDeploy; "-" reads standard input
    #[arg(long, value_name = "FILE", requires = "plan_ref", conflicts_with = "file")]
    app_spec: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// The release: the name of its execution
    #[arg(value_parser = release_id)]
    release: ReleaseId,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    /// Teal's state machine: the output StateMachineArn of its stack. With it a release that was refused before there was a
    /// record of it can be told from one that never was
    #[arg(long, env = "TEAL_STATE_MACHINE", value_name = "ARN")]
    state_machine: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct AskArgs {
    /// The release: the name of its execution
    #[arg(value_parser = release_id)]
    release: ReleaseId,
    /// Why, in your words; it stands in the release's story
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    /// Only releases of this service
    #[arg(long)]
    service: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    target: Target,
}

fn deployment_id(text: &str) -> Result<DeploymentId, String> {
    text.parse().map_err(|invalid: Invalid| invalid.to_string())
}

fn release_id(text: &str) -> Result<ReleaseId, String> {
    ReleaseId::new(text)
}

/// Runs one command.
pub(crate) fn run(command: ReleaseCommand) -> Result<Exit, ReleaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ReleaseError::Runtime)?;
    runtime.block_on(async {
        match command {
            ReleaseCommand::Start(args) => start::start(&args).await,
            ReleaseCommand::Status(args) => status::status(&args).await,
            ReleaseCommand::Watch(args) => watch::watch_by_name(&args).await,
            ReleaseCommand::Approve(args) => ask::ask(&args, ask::Wish::Approve).await,
            ReleaseCommand::Reject(args) => ask::ask(&args, ask::Wish::Reject).await,
            ReleaseCommand::Abort(args) => ask::ask(&args, ask::Wish::Abort).await,
            ReleaseCommand::Releases(args) => list::list(&args).await,
            ReleaseCommand::Report(args) => report::report(&Connection::new(&args.target).await?, &args.release).await,
        }
    })
}
