//! `teal report`: everything on record about a release.

use super::connect::{Connection, ReleaseError, print_json};
use super::status::lines;
use crate::exit::Exit;
use serde_json::json;
use teal::ports::Ledger;
use teal::release::ReleaseId;
use teal::time::seconds_until;

pub(super) async fn report(connection: &Connection, id: &ReleaseId) -> Result<Exit, ReleaseError> {
    let release = connection.release(id).await?;
    let story = connection.aws.story(id).await?;
    let requests = connection.aws.requests(id).await?;
    if connection.json {
        print_json(&json!({"release": release, "story": story, "requests": requests}))?;
        return Ok(Exit::Fine);
    }
    for line in lines(&release, &story) {
        println!("{line}");
    }
    println!();
    println!("{:>9}  what happened", "after");
    for entry in &story {
        println!("{:>8}s  {}  [{}]", seconds_until(release.started_at, entry.at), entry.fact, entry.by);
    }
    Ok(Exit::Fine)
}
