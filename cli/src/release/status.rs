//! `teal status`.

use super::connect::{Connection, ReleaseError, print_json};
use crate::exit::Exit;
use teal::compare;
use teal::judge::{ACCEPT_LIMIT, Calibration, Evidence};
use teal::ports::Ledger;
use teal::release::{Phase, Release, ReleaseId};
use teal::story::{Fact, StoryEntry};

pub(super) async fn status(connection: &Connection, id: &ReleaseId) -> Result<Exit, ReleaseError> {
    let release = connection.release(id).await?;
    if connection.json {
        print_json(&release)?;
        return Ok(Exit::Fine);
    }
    let story = connection.aws.story(id).await?;
    for line in lines(&release, &story) {
        println!("{line}");
    }
    Ok(Exit::Fine)
}

/// Where a release is, and why, for a person.
pub(super) fn lines(release: &Release, story: &[StoryEntry]) -> Vec<String> {
    let mut lines = vec![
        format!("release    {}", release.id),
        format!("service    {} {}", release.plan.service, release.plan.version),
        format!("phase      {} since {}", release.phase, release.phase_since),
        format!("traffic    {} green, {} blue", release.green_share, release.green_share.rest()),
        format!("blue       {} ({})", release.green.blue_service, release.colours.blue.name()),
        format!(
            "green      {} ({}), {}",
            release.green.green_service,
            release.colours.green.name(),
            release.green.task_definition
        ),
        format!("started    {}, deadline {}", release.started_at, release.deadline_at),
    ];
    if let Some(look) = story.iter().rev().find(|entry| matches!(entry.fact, Fact::Looked { .. })) {
        lines.push(format!("last look  {} {}", look.at, look.fact));
    }
    lines.extend(evidence(release));
    if let Some(setback) = &release.setback {
        lines.push(format!("why        {}: {}", setback.error, setback.cause));
        lines.push(format!("decided    {} by {}", setback.decided_at, setback.by));
    }
    lines.extend(next_action(release, story));
    lines
}

/// What the comparison with blue has come to, metric by metric, and what is known of each one's noise.
fn evidence(release: &Release) -> Vec<String> {
    let Ok(config) = release.judge_config() else { return Vec::new() };
    let line = |(evidence, calibration): (Evidence, Calibration)| {
        format!(
            "compared   {evidence} (rolls back at E {:.0}, accepts at {ACCEPT_LIMIT}; {})",
            config.limit(),
            calibration.basis()
        )
    };
    compare::evidence(&config, &release.compared).into_iter().map(line).collect()
}

/// What a person can do now, if anything.
fn next_action(release: &Release, story: &[StoryEntry]) -> Option<String> {
    match release.phase {
        Phase::AwaitApproval { stage } => {
            let gate = release.timeline.stages().get(stage)?.gate_before.as_ref()?;
            Some(format!(
                "next       gate {:?}: `teal approve {id}` or `teal reject {id}`, within {} of {}",
                gate.name.as_str(),
                gate.within,
                release.phase_since,
                id = release.id
            ))
        }
        Phase::RollbackNeedsHuman => story.iter().rev().find_map(|entry| match &entry.fact {
            Fact::NeedsHuman { todo } => Some(format!("next       {todo}")),
            _ => None,
        }),
        _ => None,
    }
}
