//! `teal start`.

use super::connect::{Connection, ReleaseError, print_json};
use super::{StartArgs, watch};
use crate::exit::Exit;
use crate::plan::read_checked;
use serde_json::json;
use teal::plan::Plan;
use teal::release::ReleaseId;
use teal::time::Timestamp;
use teal_aws::Started;

pub(super) async fn start(args: &StartArgs) -> Result<Exit, ReleaseError> {
    let Some((checked, document)) = read_checked(&args.plan)? else { return Ok(Exit::Problems) };
    let plan = checked.plan();
    let connection = Connection::new(&args.target).await?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => default_name(plan, connection.now())?,
    };
    let execution = match connection.aws.start_release(&args.state_machine, &name, &document.to_string()).await? {
        Started::Running { execution } => execution,
        Started::NameTaken => {
            return Err(ReleaseError::NotNow(format!(
                "there is an execution {name} with another plan, or it has ended. Choose another --name, or leave it out"
            )));
        }
    };
    if connection.json {
        print_json(&json!({"release": name, "execution": execution}))?;
    } else {
        println!("release {name} of {} {} has started", plan.service, plan.version);
        println!("execution {execution}");
    }
    if args.watch {
        return watch::watch(&connection, &name, Some(&execution)).await;
    }
    if !connection.json {
        println!("follow it with: teal watch {name}");
    }
    Ok(Exit::Fine)
}

/// Service, version and second, with what cannot stand in an execution's name replaced.
fn default_name(plan: &Plan, now: Timestamp) -> Result<ReleaseId, ReleaseError> {
    let seconds = now.as_second();
    let label = format!("{}-{}", plan.service, plan.version);
    let label: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect();
    ReleaseId::new(format!("{label}-{seconds}")).map_err(ReleaseError::Setting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name_of(version: &str) -> String {
        let mut plan = teal_sim::plan();
        plan["version"] = json!(version);
        let checked = Plan::check(&plan).unwrap();
        default_name(checked.plan(), "2026-11-22T12:00:00Z".parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_release_is_named_by_service_version_and_second() {
        assert_eq!(name_of("2.4.0"), "checkout-2.4.0-1795348800");
    }

    #[test]
    fn what_cannot_stand_in_an_executions_name_is_replaced_and_long_versions_are_cut() {
        assert_eq!(name_of("2.4.0+build_7"), "checkout-2.4.0-build_7-1795348800");
        let long = name_of(&"9".repeat(64));
        assert_eq!(long.len(), 60 + "-1795348800".len());
        assert!(long.ends_with("9-1795348800"), "{long}");
    }
}
