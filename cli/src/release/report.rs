//! `teal report`: everything on record about a release.

use super::connect::{Connection, ReleaseError, print_json};
use super::status::lines;
use crate::exit::Exit;
use serde_json::json;
use teal::ports::Ledger;
use teal::release::{Release, ReleaseId};
use teal::request::Requests;
use teal::story::StoryEntry;
use teal::time::seconds_until;

pub(super) async fn report(connection: &Connection, id: &ReleaseId) -> Result<Exit, ReleaseError> {
    let release = connection.release(id).await?;
    let story = connection.aws.story(id).await?;
    let requests = connection.aws.requests(id).await?;
    if connection.json {
        let Requests { read, unread } = requests;
        print_json(&json!({"release": release, "story": story, "requests": read, "unreadRequests": unread}))?;
        return Ok(Exit::Fine);
    }
    for line in whole_story(&release, &story, &requests.unread) {
        say!("{line}")?;
    }
    Ok(Exit::Fine)
}

/// Where the release is, then everything that happened to it, by the seconds since it started.
fn whole_story(release: &Release, story: &[StoryEntry], unread: &[String]) -> Vec<String> {
    let mut text = lines(release, story, unread);
    text.push(String::new());
    text.push(format!("{:>9}  what happened", "after"));
    let told = |entry: &StoryEntry| {
        format!("{:>8}s  {}  [{}]", seconds_until(release.started_at, entry.at), entry.fact, entry.by)
    };
    text.extend(story.iter().map(told));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use teal_sim::{Machine, World, plan};

    #[test]
    fn everything_that_happened_is_told_in_order_with_who_did_it() {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.finish();
        let release = world.record(machine.release()).unwrap();
        let story = world.state().stories[machine.release()].clone();
        let text = whole_story(&release, &story, &[]);
        let gap = text.iter().position(String::is_empty).unwrap();
        assert!(text[2].starts_with("phase      Promoted since "), "{text:?}");
        let told = &text[gap + 2..];
        assert_eq!(told.len(), story.len());
        assert!(told[0].starts_with("       0s  accepted, execution"), "{told:?}");
        let index = |words: &str| {
            told.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("no {words:?} in {told:?}"))
        };
        assert!(index("green has 10% of") < index("green has 50% of"));
        assert!(index("green has 50% of") < index("blue is taken in"));
        assert!(told[index("green has 10% of")].ends_with("[ShiftTraffic]"));
    }
}
