//! `teal start`.

use super::connect::{Connection, ReleaseError, print_json};
use super::{KeptArgs, StartArgs, watch};
use crate::exit::Exit;
use crate::plan::{PlanFile, read_checked};
use serde_json::{Value, json};
use teal::plan::{PlanRef, StoredStart};
use teal::release::ReleaseId;
use teal::time::Timestamp;
use teal_aws::Started;

pub(super) async fn start(args: &StartArgs) -> Result<Exit, ReleaseError> {
    let Some(wanted) = wanted(args)? else { return Ok(Exit::Problems) };
    let connection = Connection::new(&args.target).await?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => default_name(&wanted.label, connection.now())?,
    };
    let execution = match connection.aws.start_release(&args.state_machine, &name, &wanted.input.to_string()).await? {
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
        println!("release {name} of {} has started", wanted.what);
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

/// What is to be started.
struct Wanted {
    /// The execution's input.
    input: Value,
    /// In words.
    what: String,
    /// What the release's name begins with.
    label: String,
}

/// The plan of the file, checked; or the reference to one that is kept, which accept checks. Nothing if the plan has problems:
/// they were told.
fn wanted(args: &StartArgs) -> Result<Option<Wanted>, ReleaseError> {
    if let Some(reference) = &args.kept.plan_ref {
        return Ok(Some(of_reference(reference, &args.kept)));
    }
    let file = PlanFile::new(args.file.clone().unwrap_or_default());
    let Some((checked, input)) = read_checked(&file)? else { return Ok(None) };
    let plan = checked.plan();
    Ok(Some(Wanted {
        input,
        what: format!("{} {}", plan.service, plan.version),
        label: format!("{}-{}", plan.service, plan.version),
    }))
}

fn of_reference(reference: &PlanRef, kept: &KeptArgs) -> Wanted {
    let mut input = json!({ StoredStart::FIELD: reference.to_string() });
    if let Some(task_definition) = &kept.task_definition {
        input["green"] = json!({"ecs": {"taskDefinition": task_definition}});
    }
    let (PlanRef::Parameter { name: place, .. } | PlanRef::Object { key: place, .. }) = reference;
    let mut label = place.rsplit('/').next().unwrap_or_default().trim_end_matches(".yaml").to_owned();
    let mut what = format!("the plan {reference}");
    if let Some(version) = &kept.version {
        input["version"] = json!(version);
        what.push_str(&format!(" in version {version}"));
        label.push_str(&format!("-{version}"));
    }
    Wanted { input, what, label }
}

/// A label and the second, with what cannot stand in an execution's name replaced.
fn default_name(label: &str, now: Timestamp) -> Result<ReleaseId, ReleaseError> {
    let seconds = now.as_second();
    let label: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).take(60).collect();
    ReleaseId::new(format!("{label}-{seconds}")).map_err(ReleaseError::Setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(version: &str) -> String {
        let label = format!("checkout-{version}");
        default_name(&label, "2026-11-22T12:00:00Z".parse().unwrap()).unwrap().to_string()
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

    #[test]
    fn a_plan_that_is_kept_is_named_with_what_is_changed_in_it() {
        let kept = |version: Option<&str>, task: Option<&str>| KeptArgs {
            plan_ref: None,
            version: version.map(|version| version.parse().unwrap()),
            task_definition: task.map(str::to_owned),
        };
        let reference: PlanRef = "s3://plans/shop/checkout.yaml".parse().unwrap();
        let plain = of_reference(&reference, &kept(None, None));
        assert_eq!(
            (plain.input, plain.label.as_str()),
            (json!({"planRef": "s3://plans/shop/checkout.yaml"}), "checkout")
        );
        let changed = of_reference(&reference, &kept(Some("2.4.0"), Some("checkout:9")));
        assert_eq!(changed.label, "checkout-2.4.0");
        assert_eq!(changed.input["version"], "2.4.0");
        assert!(StoredStart::of(&changed.input).unwrap().is_ok());
    }
}
