//! `teal start`.

use super::connect::{Connection, ReleaseError, print_json};
use super::{StartArgs, watch};
use crate::exit::Exit;
use crate::plan::read_checked;
use serde_json::json;
use teal::plan::Plan;
use teal::release::ReleaseId;
use teal_aws::Started;

pub(super) async fn start(args: &StartArgs) -> Result<Exit, ReleaseError> {
    let Some((checked, document)) = read_checked(&args.plan)? else { return Ok(Exit::Problems) };
    let plan = checked.plan();
    let connection = Connection::new(&args.target).await?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => default_name(plan, &connection)?,
    };
    match connection.aws.start_release(&args.state_machine, &name, &document.to_string()).await? {
        Started::Running { execution } if connection.json => {
            print_json(&json!({"release": name, "execution": execution}))?;
        }
        Started::Running { execution } => {
            println!("release {name} of {} {} has started", plan.service, plan.version);
            println!("execution {execution}");
            if !args.watch {
                println!("follow it with: teal watch {name}");
            }
        }
        Started::NameTaken => {
            return Err(ReleaseError::NotNow(format!(
                "there is an execution {name} with another plan, or it has ended. Choose another --name, or leave it out"
            )));
        }
    }
    if args.watch { watch::watch(&connection, &name).await } else { Ok(Exit::Fine) }
}

/// Service, version and second, with what cannot stand in an execution's name replaced.
fn default_name(plan: &Plan, connection: &Connection) -> Result<ReleaseId, ReleaseError> {
    let seconds = connection.now().as_second();
    let label = format!("{}-{}", plan.service, plan.version);
    let label: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect();
    ReleaseId::new(format!("{label}-{seconds}")).map_err(ReleaseError::Setting)
}
