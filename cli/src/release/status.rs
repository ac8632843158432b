//! `teal status`.

use super::WatchArgs;
use super::connect::{Connection, ReleaseError, print_json};
use super::watch::execution_of;
use crate::exit::Exit;
use serde_json::json;
use teal::compare;
use teal::judge::{ACCEPT_LIMIT, Calibration, Evidence};
use teal::ports::Ledger;
use teal::release::{Phase, Release, ReleaseId};
use teal::story::{Fact, StoryEntry};
use teal_aws::Execution;

pub(super) async fn status(args: &WatchArgs) -> Result<Exit, ReleaseError> {
    let id = &args.release.release;
    let connection = &Connection::new(&args.release.target).await?;
    let Some(release) = connection.aws.load(id).await? else {
        return without_record(connection, id, execution_of(args)?).await;
    };
    if connection.json {
        print_json(&release)?;
        return Ok(Exit::Fine);
    }
    let story = connection.aws.story(id).await?;
    let unread = connection.aws.requests(id).await?.unread;
    for line in lines(&release, &story, &unread) {
        say!("{line}")?;
    }
    Ok(Exit::Fine)
}

/// A release of which there is no record was refused, or failed before there was one: then nothing was touched, and its execution says
/// why.
async fn without_record(
    connection: &Connection,
    id: &ReleaseId,
    execution: Option<String>,
) -> Result<Exit, ReleaseError> {
    let unknown = || ReleaseError::Unknown(id.clone());
    let execution = connection.aws.execution(&execution.ok_or_else(unknown)?).await?;
    let Execution::Ended { status, error, cause } = execution else { return Err(unknown()) };
    if connection.json {
        print_json(&json!({"release": id, "status": status, "error": error, "cause": cause}))?;
        return Ok(Exit::Fine);
    }
    say!("release    {id}")?;
    say!("phase      ended {status} before there was a record of it: nothing was touched")?;
    say!("why        {}", [error, cause].into_iter().flatten().collect::<Vec<_>>().join(": "))?;
    Ok(Exit::Fine)
}

/// Where a release is, and why, for a person. `unread` are requests that cannot be read.
pub(super) fn lines(release: &Release, story: &[StoryEntry], unread: &[String]) -> Vec<String> {
    let mut lines = vec![
        format!("release    {}", release.id),
        format!("service    {} {}", release.plan.service, release.plan.version),
        format!("phase      {} since {}", release.phase, release.phase_since),
        format!("traffic    {} green, {} blue", release.green_share, release.green_share.rest()),
        format!("blue       {} ({})", release.green.blue.name(), release.colours.blue.name()),
        format!("green      {} ({}), {}", release.green.green.name(), release.colours.green.name(), release.green.runs),
        format!("started    {}, deadline {}", release.started_at, release.deadline_at),
        format!("execution  {} (who started it: CloudTrail's event StartExecution)", release.execution),
    ];
    let asked = story.iter().filter(|entry| matches!(entry.fact, Fact::Asked { .. }));
    lines.extend(asked.map(|entry| format!("asked      {} {}", entry.at, entry.fact)));
    lines.extend(unread.iter().map(|why| format!("unheard    {why}")));
    if let Some(account) = &release.plan.account {
        lines.insert(2, format!("account    {} by {}", account.number(), account.role));
    }
    if let Some(share) = release.flags_share() {
        let traffic = lines.iter().position(|line| line.starts_with("traffic")).map_or(lines.len(), |at| at + 1);
        lines.insert(traffic, format!("flags      {share} of the users"));
    }
    if let Some(look) = story.iter().rev().find(|entry| matches!(entry.fact, Fact::Looked { .. })) {
        lines.push(format!("last look  {} {}", look.at, look.fact));
    }
    let retired = story.iter().skip_while(|entry| entry.fact != Fact::Entered { phase: Phase::RetireBlue });
    let too_late = retired.filter(|entry| matches!(entry.fact, Fact::AlarmSeen { .. }));
    lines.extend(too_late.map(|entry| format!("alarm      {} {}", entry.at, entry.fact)));
    lines.extend(evidence(release));
    if let Some(setback) = &release.setback {
        lines.push(format!("why        {}: {}", setback.error, setback.cause));
        lines.push(format!("decided    {} by {}", setback.decided_at, setback.by));
    }
    if release.phase == Phase::Promoted || release.judged.unjudged > 0 {
        lines.push(format!("judged     {}", release.judged));
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use teal::ports::AlarmState;
    use teal::request::Ask;
    use teal::state::State;
    use teal_sim::{ALARM, Machine, World, forward, plan};

    /// What is said of a release when it is about to enter a state, or has ended in it.
    fn told(world: &World, plan: Value, state: State) -> Vec<String> {
        let mut machine = Machine::new(world, "r-1", plan);
        machine.run_until(|next| next == state);
        let release = world.record(machine.release()).unwrap();
        let story = world.state().stories[machine.release()].clone();
        lines(&release, &story, &[])
    }

    #[track_caller]
    fn field<'a>(lines: &'a [String], name: &str) -> &'a str {
        let found = lines.iter().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name:?} in {lines:#?}")).trim()
    }

    #[test]
    fn how_far_the_flags_of_a_version_are_turned_is_told() {
        let flag = "appconfig:shop123/prod123/flag123/new-checkout";
        let (off, on) = (format!("{flag}#off"), format!("{flag}#on"));
        let with_flag = || {
            let world = World::new();
            world.state().parts.insert(flag.to_owned(), vec![forward(&[(&off, 1000), (&on, 0)])]);
            world
        };
        let mut plan = plan();
        assert!(!told(&World::new(), plan.clone(), State::Promoted).iter().any(|line| line.starts_with("flags")));
        plan["flags"] = serde_json::json!([
            {"application": "shop123", "environment": "prod123", "profile": "flag123", "flag": "new-checkout"}
        ]);
        assert_eq!(field(&told(&with_flag(), plan.clone(), State::Promote), "flags"), "0% of the users");
        let lines = told(&with_flag(), plan, State::Promoted);
        assert_eq!(field(&lines, "flags"), "100% of the users");
    }

    #[test]
    fn who_asked_what_of_a_release_and_which_execution_it_is_are_told() {
        let world = World::new();
        let mut plan = plan();
        plan["strategy"] =
            serde_json::json!({"steps": [{"gate": {"name": "QA", "within": "2h"}}, {"weight": "50%", "bake": "5m"}]});
        let mut machine = Machine::new(&world, "r-1", plan);
        machine.run_until(|next| next == State::AwaitApproval);
        let release = machine.release().clone();
        world.ask(&release, Ask::Approve { stage: 0 });
        machine.finish();
        let story = world.state().stories[&release].clone();
        let lines = lines(&world.record(&release).unwrap(), &story, &[]);
        assert!(field(&lines, "asked").contains("user/ada"), "{lines:#?}");
        assert!(field(&lines, "execution").contains("r-1 (who started it: CloudTrail"), "{lines:#?}");
    }

    #[test]
    fn a_release_under_way_shows_its_traffic_its_colours_and_its_last_look() {
        let world = World::new();
        let lines = told(&world, plan(), State::Promote);
        assert_eq!(field(&lines, "release"), "r-1");
        assert_eq!(field(&lines, "service"), "checkout 2");
        assert_eq!(field(&lines, "traffic"), "50% green, 50% blue");
        assert_eq!(field(&lines, "blue"), "checkout-a (checkout-a)");
        assert_eq!(field(&lines, "green"), "checkout-b (checkout-b), checkout:2");
        assert!(field(&lines, "last look").contains("look "), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.starts_with("why") || line.starts_with("next")), "{lines:#?}");
    }

    #[test]
    fn of_a_promoted_release_the_last_line_says_by_what_it_was_judged() {
        let world = World::new();
        let lines = told(&world, plan(), State::Promoted);
        assert_eq!(
            lines.last().unwrap(),
            "judged     no evidence against green in 2 steps, which does not prove that green is good"
        );
        let mut unwatched = plan();
        unwatched["judge"] = json!({"metrics": []});
        let world = World::new();
        let lines = told(&world, unwatched, State::Promoted);
        assert_eq!(lines.last().unwrap(), "judged     green was not compared with blue");
    }

    #[test]
    fn at_a_gate_it_says_what_can_be_done_and_until_when() {
        let mut gated = plan();
        gated["strategy"]["steps"] =
            json!([{"gate": {"name": "QA looks", "within": "1h"}}, {"weight": "10%", "bake": "5m"}]);
        let world = World::new();
        let lines = told(&world, gated, State::AwaitApproval);
        let next = field(&lines, "next");
        assert!(
            next.starts_with("gate \"QA looks\": `teal approve r-1` or `teal reject r-1`, within 1h of "),
            "{next}"
        );
    }

    #[test]
    fn an_alarm_past_the_point_of_no_return_is_told_and_no_other() {
        let world = World::new();
        // Told at the start, and of no interest later.
        world.set_alarm(ALARM, AlarmState::InsufficientData);
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|next| next == State::PrepareGreen);
        world.set_alarm(ALARM, AlarmState::Ok);
        machine.run_until(|next| next == State::RetireBlue);
        let told = |release: &ReleaseId| lines(&world.record(release).unwrap(), &world.state().stories[release], &[]);
        assert!(!told(machine.release()).iter().any(|line| line.starts_with("alarm")));
        world.alarm_raised(None, ALARM).unwrap().unwrap();
        let lines = told(machine.release());
        assert!(field(&lines, "alarm ").contains("after the point of no return"), "{lines:#?}");
    }

    #[test]
    fn a_release_that_rolled_back_says_why_and_who_decided_it() {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|next| next == State::Bake);
        world.set_alarm(ALARM, AlarmState::Alarm);
        machine.finish();
        let release = world.record(machine.release()).unwrap();
        let lines = lines(&release, &[], &[]);
        assert_eq!(field(&lines, "traffic"), "0% green, 100% blue");
        assert!(field(&lines, "why").starts_with("Teal.AlarmRaised: "), "{lines:#?}");
        assert!(field(&lines, "decided").ends_with(" by EvaluateHealth"), "{lines:#?}");
    }

    #[test]
    fn a_request_that_cannot_be_read_is_shown() {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan());
        machine.run_until(|next| next == State::Bake);
        let unread = "the request \"pause\" cannot be read by this version of Teal".to_owned();
        let lines = lines(&world.record(machine.release()).unwrap(), &[], &[unread]);
        assert!(field(&lines, "unheard").starts_with("the request \"pause\" cannot be read"), "{lines:#?}");
    }
}
