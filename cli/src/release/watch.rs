//! `teal watch`: a release's story as it is written.

use super::WatchArgs;
use super::connect::{Connection, ReleaseError, print_json, unless_unread};
use crate::exit::Exit;
use serde_json::json;
use std::time::Duration;
use teal::error::{Disposition, ErrorName};
use teal::ports::{Executions, Ledger};
use teal::release::{Phase, Release, ReleaseId};
use teal::story::StoryEntry;
use teal_aws::{Execution, execution_arn};

/// How often the story is read.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a release may be without a record when nothing is known of its execution: it may just have been started.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may be without one while its execution runs: Accept may wait for an hour or so until the release that it supersedes
/// is back on blue.
const PATIENCE_WHILE_RUNNING: Duration = Duration::from_secs(2 * 3600);

/// After so long without a record people are told what is waited for.
const SILENCE: Duration = Duration::from_secs(10);

pub(super) async fn watch_by_name(args: &WatchArgs) -> Result<Exit, ReleaseError> {
    let id = &args.release.release;
    let execution = execution_of(args)?;
    watch(&Connection::new(&args.release.target).await?, id, execution.as_deref()).await
}

/// The ARN of the release's execution, where the state machine is known.
pub(super) fn execution_of(args: &WatchArgs) -> Result<Option<String>, ReleaseError> {
    let named = |machine: &String| {
        let problem = || format!("{machine:?} is no ARN of a state machine");
        execution_arn(machine, &args.release.release).ok_or_else(|| ReleaseError::Setting(problem()))
    };
    args.state_machine.as_ref().map(named).transpose()
}

/// Follows a release to its end. `execution` is its ARN, where that is known.
pub(super) async fn watch(
    connection: &Connection,
    id: &ReleaseId,
    execution: Option<&str>,
) -> Result<Exit, ReleaseError> {
    let mut told = 0;
    let mut waited = Duration::ZERO;
    loop {
        let release = connection.aws.load(id).await?;
        let story = connection.aws.story(id).await?;
        for entry in story.iter().skip(told) {
            unless_unread(tell(connection, entry))?;
        }
        told = told.max(story.len());
        match release {
            Some(release) => {
                if let Some(exit) = ending(connection, &release).await? {
                    return Ok(exit);
                }
            }
            None => {
                if let Some(exit) = without_record(connection, id, execution, waited).await? {
                    return Ok(exit);
                }
                waited += INTERVAL;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The exit status of a release of which there is no record, if nothing more is to be waited for. Accept writes none when it
/// refuses a plan, or a route that another release holds, or when AWS refuses what it reads first: then the execution says why.
async fn without_record(
    connection: &Connection,
    id: &ReleaseId,
    execution: Option<&str>,
    waited: Duration,
) -> Result<Option<Exit>, ReleaseError> {
    let state = match execution {
        Some(arn) => connection.aws.execution(arn).await?,
        None => Execution::Unknown,
    };
    let patience = if state == Execution::Running { PATIENCE_WHILE_RUNNING } else { PATIENCE };
    if waited == SILENCE {
        let why = match state {
            Execution::Running => "it may be waiting for the release that it supersedes",
            _ => "where a deployment's hook starts it, that hook may not have come yet",
        };
        eprintln!("teal: there is no record of release {id} yet; {why}");
    }
    match state {
        // The record may have been written just before the execution ended.
        Execution::Ended { .. } if connection.aws.load(id).await?.is_some() => Ok(None),
        Execution::Ended { status, error, cause } => {
            let exit = ended_without_record(id, &status, error.as_deref(), cause.as_deref())?;
            if connection.json {
                let end = json!({"release": id, "status": status, "error": error, "cause": cause});
                unless_unread(print_json(&end))?;
            } else {
                unless_unread(say!("{}", [error, cause].into_iter().flatten().collect::<Vec<_>>().join(": ")))?;
            }
            Ok(Some(exit))
        }
        _ if waited >= patience => Err(ReleaseError::Unknown(id.clone())),
        _ => Ok(None),
    }
}

/// What an execution says that ended before there was a record: that the release was refused, or else that something is wrong.
fn ended_without_record(
    id: &ReleaseId,
    status: &str,
    error: Option<&str>,
    cause: Option<&str>,
) -> Result<Exit, ReleaseError> {
    let name = error.and_then(|error| error.parse::<ErrorName>().ok());
    if name.is_some_and(|name| matches!(name.disposition(), Disposition::Refuse | Disposition::Wait)) {
        return Ok(Exit::Refused);
    }
    let why = [error, cause].into_iter().flatten().map(|text| format!(", {text}")).collect();
    Err(ReleaseError::NoRecord { release: id.clone(), status: status.to_owned(), why })
}

fn tell(connection: &Connection, entry: &StoryEntry) -> Result<(), ReleaseError> {
    if connection.json {
        return print_json(entry);
    }
    say!("{}  {}", entry.at, entry.fact)?;
    Ok(())
}

/// The exit status of a release that has ended. One that needs a person has ended once its execution has.
async fn ending(connection: &Connection, release: &Release) -> Result<Option<Exit>, ReleaseError> {
    Ok(match release.phase {
        Phase::Promoted => Some(Exit::Fine),
        Phase::RolledBack => Some(Exit::RolledBack),
        Phase::Refused => {
            if let (false, Some(setback)) = (connection.json, &release.setback) {
                unless_unread(say!("refused, {}: {}", setback.error, setback.cause))?;
            }
            Some(Exit::Refused)
        }
        Phase::RollbackNeedsHuman => connection.aws.ended_with(&release.execution).await?.map(|_| Exit::NeedsHuman),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: &str, error: Option<&str>, cause: Option<&str>) -> Result<Exit, String> {
        let id = ReleaseId::new("r-1").unwrap();
        ended_without_record(&id, status, error, cause).map_err(|error| error.to_string())
    }

    #[test]
    fn an_execution_that_refused_its_plan_means_a_refused_release() {
        for error in
            ["Teal.PlanInvalid", "Teal.RouteBusy", "Teal.RouteNotShiftable", "Teal.NotFound", "Teal.RouteSuperseding"]
        {
            assert_eq!(ended("FAILED", Some(error), Some("why")), Ok(Exit::Refused), "{error}");
        }
    }

    #[test]
    fn any_other_end_without_a_record_is_told_with_its_reason() {
        let message = ended("FAILED", Some("Teal.AccessDenied"), Some("no dynamodb:GetItem")).unwrap_err();
        assert!(message.contains("FAILED, Teal.AccessDenied, no dynamodb:GetItem"), "{message}");
        let message = ended("SUCCEEDED", None, None).unwrap_err();
        assert!(message.contains("SUCCEEDED, but there is no record"), "{message}");
    }
}
