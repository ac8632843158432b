//! `teal start`.

use super::connect::{Connection, ReleaseError, print_json, unless_unread};
use super::{KeptArgs, StartArgs, watch};
use crate::document::{Document, Source};
use crate::exit::Exit;
use crate::plan::{PlanFile, read_checked};
use serde_json::{Value, json};
use std::path::Path;
use teal::plan::{PlanRef, StoredStart};
use teal::ports::Ledger as _;
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
    // Its record would be taken for this one's. Who may start releases may not always read the table: then accept refuses the name.
    if args.name.is_some()
        && let Ok(Some(earlier)) = connection.aws.load(&name).await
        && earlier.phase.is_terminal()
    {
        return Err(ReleaseError::NotNow(format!(
            "{name} is the name of a release of {} {} that has ended ({}). Choose another --name, or leave it out",
            earlier.plan.service, earlier.plan.version, earlier.phase
        )));
    }
    let execution = match connection.aws.start_release(&args.state_machine, &name, &wanted.input.to_string()).await? {
        Started::Running { execution } => execution,
        Started::NameTaken => {
            return Err(ReleaseError::NotNow(format!(
                "there is an execution {name} with another plan, or it has ended. Choose another --name, or leave it out"
            )));
        }
    };
    if connection.json {
        unless_unread(print_json(&json!({"release": name, "execution": execution})))?;
    } else {
        unless_unread(say!("release {name} of {} has started\nexecution {execution}", wanted.what))?;
    }
    if args.watch {
        return watch::watch(&connection, &name, Some(&execution)).await;
    }
    if !connection.json {
        say!("follow it with: teal watch {name}")?;
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
    let deployment = args.deployment.as_ref();
    if let Some(reference) = &args.kept.plan_ref {
        let app_spec = args.kept.app_spec.as_deref().map(read_app_spec).transpose()?;
        let mut wanted = of_reference(reference, &args.kept, app_spec);
        if let Some(deployment) = deployment {
            wanted.input["deployment"] = json!(deployment);
        }
        return Ok(Some(wanted));
    }
    let file = PlanFile::new(args.file.clone().unwrap_or_default());
    let Some((checked, plan)) = read_checked(&file)? else { return Ok(None) };
    let (service, version) = (&checked.plan().service, &checked.plan().version);
    Ok(Some(Wanted {
        input: match deployment {
            None => plan,
            Some(deployment) => json!({"plan": plan, "deployment": deployment}),
        },
        what: format!("{service} {version}"),
        label: format!("{service}-{version}"),
    }))
}

/// The AppSpec in a file, as JSON.
fn read_app_spec(file: &Path) -> Result<Value, ReleaseError> {
    let source = Source::read(file)?;
    let no_app_spec = |why: String| {
        let name = &source.name;
        ReleaseError::Setting(format!(
            "{name} is no AppSpec: {why}. Write it as CodeDeploy's documentation has it, in YAML or JSON"
        ))
    };
    let document = Document::parse(&source.text).and_then(Document::into_value).map_err(|flaws| {
        no_app_spec(flaws.first().map_or_else(String::new, |flaw| {
            format!("line {}, column {}: {}", flaw.place.line, flaw.place.column, flaw.reason)
        }))
    })?;
    if document.is_object() { Ok(document) } else { Err(no_app_spec("it is no object".to_owned())) }
}

fn of_reference(reference: &PlanRef, kept: &KeptArgs, app_spec: Option<Value>) -> Wanted {
    let mut input = json!({ StoredStart::FIELD: reference.to_string() });
    let runs = [
        ("ecs", "taskDefinition", &kept.task_definition),
        ("autoScaling", "launchTemplateVersion", &kept.launch_template_version),
        ("lambda", "functionVersion", &kept.function_version),
        ("beanstalk", "versionLabel", &kept.version_label),
    ];
    for (kind, field, value) in runs.into_iter().filter_map(|(kind, field, value)| Some((kind, field, value.as_ref()?)))
    {
        input["green"] = json!({kind: {field: value}});
    }
    if let Some(app_spec) = app_spec {
        input["appSpec"] = app_spec;
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
        let reference: PlanRef = "s3://plans/shop/checkout.yaml".parse().unwrap();
        let nothing = KeptArgs {
            plan_ref: None,
            version: None,
            task_definition: None,
            launch_template_version: None,
            function_version: None,
            version_label: None,
            app_spec: None,
        };
        let plain = of_reference(&reference, &nothing, None);
        assert_eq!(
            (plain.input, plain.label.as_str()),
            (json!({"planRef": "s3://plans/shop/checkout.yaml"}), "checkout")
        );
        let version = Some("2.4.0".parse().unwrap());
        let task = KeptArgs { version, task_definition: Some("checkout:9".to_owned()), ..nothing.clone() };
        let changed = of_reference(&reference, &task, None);
        assert_eq!(changed.label, "checkout-2.4.0");
        assert_eq!(changed.input["version"], "2.4.0");
        assert_eq!(changed.input["green"], json!({"ecs": {"taskDefinition": "checkout:9"}}));
        let launch = KeptArgs { launch_template_version: Some("7".to_owned()), ..nothing.clone() };
        let function = KeptArgs { function_version: Some("8".to_owned()), ..nothing.clone() };
        let app_spec = json!({"version": 0.0, "Resources": []});
        let all = [
            changed,
            of_reference(&reference, &launch, None),
            of_reference(&reference, &function, None),
            of_reference(&reference, &nothing, Some(app_spec)),
        ];
        let given = all.map(|wanted| {
            assert!(StoredStart::of(&wanted.input).unwrap().is_ok(), "accept reads {}", wanted.input);
            (wanted.input["green"].clone(), wanted.input["appSpec"].clone())
        });
        assert_eq!(given[1].0, json!({"autoScaling": {"launchTemplateVersion": "7"}}));
        assert_eq!(given[2].0, json!({"lambda": {"functionVersion": "8"}}));
        assert_eq!(given[3].1, json!({"version": 0.0, "Resources": []}));
    }
}
