//! `teal releases`.

use super::ListArgs;
use super::connect::{Connection, ReleaseError, print_json};
use crate::exit::Exit;
use teal::ports::Ledger;
use teal::release::Summary;

pub(super) async fn list(args: &ListArgs) -> Result<Exit, ReleaseError> {
    let connection = Connection::new(&args.target).await?;
    let releases = connection.aws.list(args.service.as_deref(), usize::from(args.limit)).await?;
    if connection.json {
        print_json(&releases)?;
        return Ok(Exit::Fine);
    }
    if releases.is_empty() {
        say!("no releases yet. Start one with: teal start PLAN")?;
        return Ok(Exit::Fine);
    }
    say!("{:<20}  {:<40}  {:<20}  {:<12}  {:>6}  phase", "started", "release", "service", "version", "green")?;
    for release in &releases {
        say!("{}", row(release))?;
    }
    Ok(Exit::Fine)
}

fn row(release: &Summary) -> String {
    let error = release.error.map_or(String::new(), |error| format!(" ({error})"));
    format!(
        "{:<20}  {:<40}  {:<20}  {:<12}  {:>6}  {}{error}",
        release.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        release.id.as_str(),
        release.service,
        release.version,
        release.green_share.to_string(),
        release.phase,
    )
}
