//! `teal watch`: a release's story as it is written.

use super::connect::{Connection, ReleaseError, print_json};
use crate::exit::Exit;
use std::time::Duration;
use teal::ports::{Executions, Ledger};
use teal::release::{Phase, Release, ReleaseId};
use teal::story::StoryEntry;

/// How often the story is read.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a release that was just started may be without a record: the time of a cold start, and then some.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn watch(connection: &Connection, id: &ReleaseId) -> Result<Exit, ReleaseError> {
    let mut told = 0;
    let mut waited = Duration::ZERO;
    loop {
        let release = connection.aws.load(id).await?;
        let story = connection.aws.story(id).await?;
        for entry in story.iter().skip(told) {
            tell(connection, entry)?;
        }
        told = told.max(story.len());
        match release {
            Some(release) => {
                if let Some(exit) = ending(connection, &release).await? {
                    return Ok(exit);
                }
            }
            None if waited >= PATIENCE => return Err(ReleaseError::Unknown(id.clone())),
            None => waited += INTERVAL,
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn tell(connection: &Connection, entry: &StoryEntry) -> Result<(), ReleaseError> {
    if connection.json {
        return print_json(entry);
    }
    println!("{}  {}", entry.at, entry.fact);
    Ok(())
}

/// The exit status of a release that has ended. One that needs a person has ended once its execution has.
async fn ending(connection: &Connection, release: &Release) -> Result<Option<Exit>, ReleaseError> {
    Ok(match release.phase {
        Phase::Promoted => Some(Exit::Fine),
        Phase::RolledBack => Some(Exit::RolledBack),
        Phase::Refused => {
            if let (false, Some(setback)) = (connection.json, &release.setback) {
                println!("refused, {}: {}", setback.error, setback.cause);
            }
            Some(Exit::Refused)
        }
        Phase::RollbackNeedsHuman => connection.aws.ended_with(&release.execution).await?.map(|_| Exit::NeedsHuman),
        _ => None,
    })
}
/// The exit status of a release of which there is no record, if nothing more is to be waited for. Accept writes none when it
/// refuses a plan, or a route that another release holds: then the execution says why.
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
    match state {
        // The record may have been written just before the execution ended.
        Execution::Ended { .. } if connection.aws.load(id).await?.is_some() => Ok(None),
        Execution::Ended { status, error, cause } => {
            let exit = ended_without_record(id, &status, error.as_deref(), cause.as_deref())?;
            if connection.json {
                print_json(&json!({"release": id, "status": status, "error": error, "cause": cause}))?;
            } else {
                println!("{}", [error, cause].into_iter().flatten().collect::<Vec<_>>().join(": "));
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

