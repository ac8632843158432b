//! `teal plan put`, `get`, `list` and `versions`: plans where starts, pipelines and hooks can name them.

use super::PlanFile;
use super::check::check;
use crate::document::Source;
use crate::exit::Exit;
use clap::Args;
use serde_json::json;
use std::error::Error;
use std::io::{self, Write as _};
use teal::hook::is_where_hooks_look;
use teal::plan::PlanRef;
use teal::ports::{MAX_STORED_PLAN, PlanStore};
use teal::time::Timestamp;
use teal_aws::{Aws, AwsSettings, Clock, KeptPlan, LONGEST_PARAMETER_VALUE, sdk_config};

/// Where plans are kept unless somebody says otherwise: what Teal's stack lets accept read without further ado.
const STORE: &str = "/teal/plans";

#[derive(Args, Clone, Debug)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    plan: PlanFile,
    /// The plan's name in the store; the service's without it
    #[arg(long, conflicts_with = "to", value_parser = plan_name)]
    name: Option<String>,
    /// Another place: ssm:/path/name, or s3://bucket/key for plans of more than 8 KiB
    #[arg(long, value_name = "REF", value_parser = unversioned)]
    to: Option<PlanRef>,
    /// Writes JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct GetArgs {
    /// The plan: its name in the store with :VERSION behind it if you like, or a reference (ssm:..., s3://...)
    #[arg(value_name = "PLAN", value_parser = reference)]
    plan: PlanRef,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ListArgs {
    /// Writes JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct VersionsArgs {
    /// The plan's name in the store, or a reference ssm:...
    #[arg(value_name = "PLAN", value_parser = reference)]
    plan: PlanRef,
    /// Writes JSON instead of text
    #[arg(long)]
    json: bool,
}

/// A plan in a command: a bare name is one in the store.
pub(crate) fn reference(text: &str) -> Result<PlanRef, String> {
    let is_reference = text.starts_with("ssm:") || text.starts_with("s3:");
    let full = if is_reference { text.to_owned() } else { format!("ssm:{STORE}/{text}") };
    full.parse().map_err(|invalid: teal::units::Invalid| invalid.to_string())
}

fn unversioned(text: &str) -> Result<PlanRef, String> {
    match text.parse().map_err(|invalid: teal::units::Invalid| invalid.to_string())? {
        PlanRef::Parameter { version: Some(_), .. } | PlanRef::Object { version: Some(_), .. } => {
            Err("putting a plan makes a new version. Leave the version out".to_owned())
        }
        place => Ok(place),
    }
}

fn plan_name(text: &str) -> Result<String, String> {
    match reference(text)? {
        PlanRef::Parameter { version: None, .. } if !text.contains(':') => Ok(text.to_owned()),
        _ => Err("a name has no version and no scheme. Use --to for another place".to_owned()),
    }
}

/// Checks a plan and keeps its text as it is, comments and all.
pub(super) fn put(args: &PutArgs) -> Result<Exit, Box<dyn Error>> {
    let source = Source::read(&args.plan.file)?;
    let (report, checked) = check(&source);
    let Some(checked) = checked else {
        eprint!("{}", report.in_words(&source));
        return Ok(Exit::Problems);
    };
    let name = args.name.clone().unwrap_or_else(|| checked.plan().service.to_string());
    let place = args.to.clone().unwrap_or(PlanRef::Parameter { name: format!("{STORE}/{name}"), version: None });
    let text = &source.text;
    let kept = match &place {
        PlanRef::Parameter { .. } if text.len() > LONGEST_PARAMETER_VALUE => {
            return Err(format!(
                "{place}: the plan has {} bytes, and an SSM parameter holds {LONGEST_PARAMETER_VALUE}. Keep it in S3: --to s3://bucket/key",
                text.len()
            )
            .into());
        }
        PlanRef::Parameter { name, .. } => {
            let version = with_aws(async |aws| Ok(aws.put_parameter(name, text).await?))?;
            PlanRef::Parameter { name: name.clone(), version: Some(version.to_string()) }
        }
        PlanRef::Object { .. } if text.len() > MAX_STORED_PLAN => {
            return Err(format!("{place}: a plan that is kept has at most {} KiB", MAX_STORED_PLAN / 1024).into());
        }
        PlanRef::Object { bucket, key, .. } => {
            let version = with_aws(async |aws| Ok(aws.put_object(bucket, key, text).await?))?;
            PlanRef::Object { bucket: bucket.clone(), key: key.clone(), version }
        }
    };
    if args.json {
        say!("{}", json!({"planRef": place.to_string(), "kept": kept.to_string()}))?;
    } else {
        say!("kept as {kept}")?;
        if is_where_hooks_look(&place) {
            say!("hooks of deployments find it there")?;
        } else {
            say!("start it with: teal start --plan-ref {place}")?;
        }
    }
    Ok(Exit::Fine)
}

/// Writes the text of a plan that is kept.
pub(super) fn get(args: &GetArgs) -> Result<Exit, Box<dyn Error>> {
    let stored = with_aws(async |aws| Ok(aws.stored_plan(&args.plan).await?))?;
    io::stdout().write_all(stored.text.as_bytes())?;
    Ok(Exit::Fine)
}

/// Lists the plans in the store.
pub(super) fn list(args: &ListArgs) -> Result<Exit, Box<dyn Error>> {
    let found = with_aws(async |aws| Ok(aws.parameters_below(STORE).await?))?;
    if found.is_empty() && !args.json {
        say!("no plans are kept yet. Keep one with: teal plan put FILE")?;
        return Ok(Exit::Fine);
    }
    show(&found, args.json)
}

/// Lists the versions of a plan.
pub(super) fn versions(args: &VersionsArgs) -> Result<Exit, Box<dyn Error>> {
    let PlanRef::Parameter { name, .. } = &args.plan else {
        return Err(
            format!("{}: the versions of objects are S3's to list: aws s3api list-object-versions", args.plan).into()
        );
    };
    let found = with_aws(async |aws| Ok(aws.parameter_versions(name).await?))?;
    show(&found, args.json)
}

fn show(found: &[KeptPlan], json: bool) -> Result<Exit, Box<dyn Error>> {
    if json {
        let rows: Vec<_> = found
            .iter()
            .map(|kept| {
                json!({"planRef": format!("ssm:{}", kept.name), "version": kept.version, "putAt": moment(kept), "putBy": kept.put_by})
            })
            .collect();
        say!("{}", serde_json::to_string(&rows)?)?;
        return Ok(Exit::Fine);
    }
    say!("{:<40}  {:>7}  {:<20}  by", "plan", "version", "put")?;
    for kept in found {
        let by = kept.put_by.as_deref().unwrap_or("-");
        say!("{:<40}  {:>7}  {:<20}  {by}", format!("ssm:{}", kept.name), kept.version, moment(kept))?;
    }
    Ok(Exit::Fine)
}

fn moment(kept: &KeptPlan) -> String {
    // A float of seconds loses what is finer than a second, which nobody needs here.
    let at = Timestamp::from_second(kept.put_at as i64);
    at.map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn with_aws<T>(work: impl AsyncFnOnce(&Aws) -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Plans are not in the table.
        let settings = AwsSettings {
            table: String::new(),
            event_bus: String::new(),
            deployment_strategy: None,
            clock: Clock::from_env()?,
        };
        work(&Aws::new(&sdk_config().await, settings)).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_one_in_the_store() {
        let shown = |text: &str| reference(text).map(|found| found.to_string());
        assert_eq!(shown("checkout").as_deref(), Ok("ssm:/teal/plans/checkout"));
        assert_eq!(shown("checkout:3").as_deref(), Ok("ssm:/teal/plans/checkout:3"));
        assert_eq!(shown("s3://plans/checkout.yaml").as_deref(), Ok("s3://plans/checkout.yaml"));
        assert!(shown("a b").is_err());
        assert!(plan_name("checkout:3").is_err() && plan_name("ssm:/a").is_err());
        assert!(unversioned("ssm:/a:3").is_err() && unversioned("ssm:/a").is_ok());
    }
}
