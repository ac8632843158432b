//! `teal approve`, `teal reject`, `teal abort`: requests that the release's next look finds.

use super::AskArgs;
use super::connect::{Connection, ReleaseError, print_json};
use crate::exit::Exit;
use teal::ports::Ledger;
use teal::release::{Phase, Release};
use teal::request::{Ask, Request};

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Approve,
    Reject,
    Abort,
}

pub(super) async fn ask(args: &AskArgs, wish: Wish) -> Result<Exit, ReleaseError> {
    let connection = Connection::new(&args.target).await?;
    let release = connection.release(&args.release).await?;
    let ask = possible(&release, wish).map_err(ReleaseError::NotNow)?;
    let by = connection.aws.caller().await?;
    let request = Request { ask, by, at: connection.now(), note: args.note.clone() };
    connection.aws.ask(&release.id, &request).await?;
    if connection.json {
        print_json(&request)?;
        return Ok(Exit::Fine);
    }
    let every = release.timeline.every();
    let done = match wish {
        Wish::Approve => "approved",
        Wish::Reject => "rejected; it rolls back",
        Wish::Abort => "aborted; it rolls back",
    };
    println!("release {} is {done}. Its next look acts on it, within {every}: teal watch {}", release.id, release.id);
    Ok(Exit::Fine)
}

/// The request that the wish comes to in the release's phase.
fn possible(release: &Release, wish: Wish) -> Result<Ask, String> {
    let id = &release.id;
    match (wish, release.phase) {
        (Wish::Approve, Phase::AwaitApproval { stage }) => Ok(Ask::Approve { stage }),
        (Wish::Reject, Phase::AwaitApproval { stage }) => Ok(Ask::Reject { stage }),
        (Wish::Approve | Wish::Reject, phase) => {
            Err(format!("release {id} waits at no gate; it is in phase {phase}. `teal status {id}` shows what it does"))
        }
        (Wish::Abort, phase) if phase.is_terminal() => Err(format!("release {id} has ended: {phase}")),
        (Wish::Abort, Phase::RetireBlue) => Err(format!(
            "release {id} is past the point of no return: green has everything and blue is being taken in. Release the old version to go back"
        )),
        (Wish::Abort, _) => Ok(Ask::Abort),
    }
}
