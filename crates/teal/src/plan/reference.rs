//! Where a plan is kept, and what may be changed in it by whoever starts a release from it.

use crate::deployment::DeploymentId;
use crate::fleet::Green;
use crate::pipeline::PipelineExecutionId;
use crate::units::Invalid;
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// Where a plan is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanRef {
    /// An SSM parameter of type String: `ssm:/teal/plans/checkout`, with `:3` or `:label` behind it for one version.
    /// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html>
    Parameter { name: String, version: Option<String> },
    /// An S3 object: `s3://bucket/key`, with `?versionId=...` behind it for one version.
    Object { bucket: String, key: String, version: Option<String> },
}

/// The longest names that SSM and S3 know, in bytes.
const LONGEST_PARAMETER: usize = 1011;
const LONGEST_KEY: usize = 1024;

/// How much of what is wrong is shown, in characters.
const LONGEST_SHOWN: usize = 120;

const REMEDY: &str = "Write \"ssm:/teal/plans/checkout\" or \"s3://bucket/plans/checkout.yaml\", with \":3\" or \"?versionId=...\" behind it for one version";

impl FromStr for PlanRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(rest) = text.strip_prefix("ssm:") {
            return parameter(rest);
        }
        if let Some(rest) = text.strip_prefix("s3://") {
            return object(rest);
        }
        Err(Invalid::new("it begins with neither \"ssm:\" nor \"s3://\"", REMEDY))
    }
}

fn parameter(text: &str) -> Result<PlanRef, Invalid> {
    let invalid = |reason: &str| Err(Invalid::new(reason, REMEDY));
    let (name, version) = match text.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || name.len() > LONGEST_PARAMETER || !name.chars().all(|c| is_part(c) || c == '/') {
        return invalid("this is not the name of an SSM parameter (letters, digits, \"_.-\" and slashes)");
    }
    if version.is_some_and(|version| version.is_empty() || version.len() > 100 || !version.chars().all(is_part)) {
        return invalid("what follows the name is neither a version's number nor a label");
    }
    Ok(PlanRef::Parameter { name: name.to_owned(), version: version.map(str::to_owned) })
}

fn object(text: &str) -> Result<PlanRef, Invalid> {
    let invalid = |reason: &str| Err(Invalid::new(reason, REMEDY));
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    let Some((bucket, key)) = path.split_once('/') else { return invalid("there is no key behind the bucket") };
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_part) {
        return invalid("this is not the name of an S3 bucket");
    }
    if key.is_empty() || key.len() > LONGEST_KEY || key.chars().any(char::is_control) {
        return invalid("an object's key has 1 to 1024 bytes");
    }
    if version.is_some_and(|version| version.is_empty() || !version.chars().all(|c| c.is_ascii_graphic())) {
        return invalid("there is no version behind versionId=");
    }
    Ok(PlanRef::Object { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) })
}

impl fmt::Display for PlanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanRef::Parameter { name, version } => {
                write!(f, "ssm:{name}")?;
                version.as_ref().map_or(Ok(()), |version| write!(f, ":{version}"))
            }
            PlanRef::Object { bucket, key, version } => {
                write!(f, "s3://{bucket}/{key}")?;
                version.as_ref().map_or(Ok(()), |version| write!(f, "?versionId={version}"))
            }
        }
    }
}

/// What a start may name beside its plan: no part of the plan, but of this one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The deployment that the release is about, where a deployment moves the traffic.
    pub deployment: Option<DeploymentId>,
    /// The pipeline's run that starts the release, by which it is found when a later stage fails.
    pub pipeline_execution_id: Option<PipelineExecutionId>,
}

impl Beside {
    /// Takes it out of the fields of a start.
    ///
    /// # Errors
    /// Which field is not what it has to be, and what to write.
    pub(crate) fn taken_from(fields: &mut Map<String, Value>) -> Result<Self, Invalid> {
        Ok(Self {
            deployment: taken(fields, "deployment")?,
            pipeline_execution_id: taken(fields, "pipelineExecutionId")?,
        })
    }
}

/// Takes out a field that names something.
fn taken<T: FromStr<Err = Invalid>>(fields: &mut Map<String, Value>, name: &str) -> Result<Option<T>, Invalid> {
    let Some(value) = fields.remove(name) else { return Ok(None) };
    let text = value.as_str().unwrap_or_default();
    let named = text.parse().map_err(|invalid: Invalid| {
        Invalid::new(format!("{name}: {} — {}", shown(&value), invalid.reason), invalid.remedy)
    })?;
    Ok(Some(named))
}

/// The beginning of a value: an execution's cause has no room for all of a long one.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A start that names a plan instead of giving one: `{"planRef": ..., "version": ..., "green": {"ecs": {"taskDefinition": ...}}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredStart {
    pub plan_ref: PlanRef,
    pub beside: Beside,
    /// What takes the place of the plan's own values: `version`, `green`, `appSpec`.
    changes: Map<String, Value>,
}

/// What of `green.<kind>` changes from release to release.
fn changeable_of_green() -> impl Iterator<Item = &'static str> {
    Green::KINDS.iter().filter_map(|fleet| fleet.version)
}

impl StoredStart {
    /// The field that names the plan.
    pub const FIELD: &'static str = "planRef";

    /// Reads the start; nothing if it names no plan, for then it is one.
    ///
    /// # Errors
    /// What is wrong with the reference or the fields beside it, and what to write instead.
    pub fn of(input: &Value) -> Option<Result<Self, Invalid>> {
        let fields = input.as_object()?;
        let reference = fields.get(Self::FIELD)?;
        Some(Self::read(reference, fields))
    }

    fn read(reference: &Value, fields: &Map<String, Value>) -> Result<Self, Invalid> {
        let text = reference.as_str().ok_or_else(|| Invalid::new("planRef: it is not a text", REMEDY))?;
        let plan_ref = text.parse().map_err(|invalid: Invalid| {
            Invalid::new(format!("planRef: {} — {}", shown(reference), invalid.reason), invalid.remedy)
        })?;
        let mut changes = fields.clone();
        changes.remove(Self::FIELD);
        let beside = Beside::taken_from(&mut changes)?;
        if let Some(name) = changes.keys().find(|name| !["version", "green", "appSpec"].contains(&name.as_str())) {
            return Err(not_changeable(name));
        }
        if let Some(green) = changes.get("green") {
            let kinds = green.as_object().ok_or_else(|| not_changeable("green"))?;
            for (kind, fields) in kinds {
                let fields = fields.as_object().ok_or_else(|| not_changeable(&format!("green.{kind}")))?;
                let is_version = |name: &&String| {
                    Green::KINDS.iter().any(|fleet| fleet.field == kind && fleet.version == Some(name.as_str()))
                };
                if let Some(name) = fields.keys().find(|name| !is_version(name)) {
                    return Err(not_changeable(&format!("green.{kind}.{name}")));
                }
            }
        }
        Ok(Self { plan_ref, beside, changes })
    }

    /// Lays the changes over the plan.
    ///
    /// # Errors
    /// When the plan has no such kind of green, or no deployment of CodeDeploy that an AppSpec is for.
    pub fn apply(&self, plan: &mut Value) -> Result<(), Invalid> {
        if let (Some(version), Some(fields)) = (self.changes.get("version"), plan.as_object_mut()) {
            fields.insert("version".to_owned(), version.clone());
        }
        for (kind, fields) in self.changes.get("green").and_then(Value::as_object).into_iter().flatten() {
            let Some(own) = plan.pointer_mut(&format!("/green/{kind}")).and_then(Value::as_object_mut) else {
                return Err(Invalid::new(
                    format!("green.{kind} is given beside planRef, but the plan has no green.{kind}"),
                    "Name the kind of green that the plan has",
                ));
            };
            own.extend(fields.as_object().cloned().unwrap_or_default());
        }
        if let Some(app_spec) = self.changes.get("appSpec") {
            let Some(own) = plan.pointer_mut("/traffic/shiftedBy/codeDeploy").and_then(Value::as_object_mut) else {
                return Err(Invalid::new(
                    "appSpec is given beside planRef, but the plan has no traffic.shiftedBy.codeDeploy",
                    "Leave it out, or name the deployment group in the plan",
                ));
            };
            own.insert("appSpec".to_owned(), app_spec.clone());
        }
        Ok(())
    }
}

fn not_changeable(field: &str) -> Invalid {
    let of_green = changeable_of_green().collect::<Vec<_>>().join(" or ");
    Invalid::new(
        format!(
            "{} is given beside planRef, where it cannot be",
            field.chars().take(LONGEST_SHOWN).collect::<String>()
        ),
        format!(
            "Change it in the plan itself. Beside planRef there can be version, green with its {of_green}, where a deployment moves the traffic deployment or appSpec, and in a pipeline pipelineExecutionId"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_read_and_written_as_they_are() {
        for text in [
            "ssm:/teal/plans/checkout",
            "ssm:/teal/plans/checkout:3",
            "ssm:checkout:live",
            "s3://plans.example/checkout/plan.yaml",
            "s3://plans/a b.yaml?versionId=3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
        ] {
            assert_eq!(text.parse::<PlanRef>().map(|found| found.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_a_remedy() {
        for text in [
            "",
            "checkout",
            "file:///plan.yaml",
            "ssm:",
            "ssm:/a b",
            "ssm:/a:",
            "ssm:arn:aws:ssm:eu-central-1:123456789012:parameter/a",
            "s3://bucket",
            "s3://bucket/",
            "s3://BUCKET/key",
            "s3://bucket/key?versionId=",
        ] {
            let invalid = text.parse::<PlanRef>().unwrap_err();
            assert!(invalid.remedy.contains("ssm:/teal/plans"), "{text}: {invalid}");
        }
    }

    fn start(input: &Value) -> Result<StoredStart, Invalid> {
        StoredStart::of(input).unwrap()
    }

    #[test]
    fn a_plan_is_no_reference_to_one() {
        assert_eq!(StoredStart::of(&json!({"service": "checkout"})), None);
        assert_eq!(StoredStart::of(&json!("ssm:/a")), None);
    }

    #[test]
    fn version_and_task_definition_take_the_place_of_the_plans() {
        let given = json!({"planRef": "ssm:/p", "version": "2", "green": {"ecs": {"taskDefinition": "checkout:2"}}});
        let mut plan = json!({"version": "1", "green": {"ecs": {"cluster": "prod", "taskDefinition": "checkout:1"}}});
        start(&given).unwrap().apply(&mut plan).unwrap();
        assert_eq!(
            plan,
            json!({"version": "2", "green": {"ecs": {"cluster": "prod", "taskDefinition": "checkout:2"}}})
        );
        let other = json!({"planRef": "ssm:/p", "green": {"lambda": {"functionVersion": "2"}}});
        assert!(start(&other).unwrap().apply(&mut plan).unwrap_err().reason.contains("green.lambda"));
    }

    #[test]
    fn every_fleet_has_what_it_runs_changed() {
        for (kind, field) in [
            ("ecs", "taskDefinition"),
            ("autoScaling", "launchTemplateVersion"),
            ("lambda", "functionVersion"),
            ("beanstalk", "versionLabel"),
        ] {
            let given = json!({"planRef": "ssm:/p", "green": {kind: {field: "8"}}});
            let mut plan = json!({"green": {kind: {field: "7", "of": "its own"}}});
            start(&given).unwrap().apply(&mut plan).unwrap();
            assert_eq!(plan["green"][kind], json!({field: "8", "of": "its own"}));
        }
    }

    #[test]
    fn a_deployment_is_named_and_an_app_spec_takes_the_place_of_the_plans() {
        let named = start(&json!({"planRef": "ssm:/p", "deployment": "d-ABC123XYZ"})).unwrap();
        assert_eq!(named.beside.deployment.unwrap().as_str(), "d-ABC123XYZ");
        let given = start(&json!({"planRef": "ssm:/p", "appSpec": {"version": 0.0}})).unwrap();
        let mut plan = json!({"traffic": {"shiftedBy": {"codeDeploy": {"application": "shop"}}}});
        given.apply(&mut plan).unwrap();
        assert_eq!(plan["traffic"]["shiftedBy"]["codeDeploy"]["appSpec"], json!({"version": 0.0}));
        let without = given.apply(&mut json!({"traffic": {}})).unwrap_err();
        assert!(without.reason.contains("shiftedBy.codeDeploy"), "{without}");
    }

    #[test]
    fn nothing_else_can_be_changed_and_the_field_is_named() {
        for (input, field) in [
            (json!({"planRef": "ssm:/p", "strategy": {}}), "strategy"),
            (json!({"planRef": "ssm:/p", "plan": {}}), "plan"),
            (json!({"planRef": "ssm:/p", "green": {"ecs": {"cluster": "other"}}}), "green.ecs.cluster"),
            (
                json!({"planRef": "ssm:/p", "green": {"lambda": {"taskDefinition": "a:2"}}}),
                "green.lambda.taskDefinition",
            ),
            (json!({"planRef": "ssm:/p", "green": "checkout:2"}), "green"),
            (json!({"planRef": "ssm:/p", "green": {"ecs": []}}), "green.ecs"),
            (json!({"planRef": "ssm:/p", "deployment": "checkout"}), "deployment"),
            (json!({"planRef": "ssm:/p", "deployment": 3}), "deployment"),
            (json!({"planRef": 3}), "planRef"),
            (json!({"planRef": "checkout"}), "planRef: \"checkout\""),
        ] {
            let invalid = start(&input).unwrap_err();
            assert!(invalid.reason.contains(field), "{input}: {invalid}");
        }
    }
}
