//! What a pipeline is told of a release.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use teal::error::ErrorName;
use teal::pipeline::{FailureKind, JobAnswer, PipelineJob, StageFailure};
use teal::ports::AlarmState;
use teal::release::{Phase, ReleaseId};
use teal::state::State;
use teal_sim::{ALARM, Fault, FaultKind, Machine, World, plan};

const JOB: &str = "11111111-abcd-1111-abcd-000000000001";
const NAME: &str = "pipeline-11111111-abcd-1111-abcd-000000000001";
const REFERENCE: &str = "ssm:/teal/plans/checkout";

fn job(id: &str, parameters: &Value, token: Option<String>) -> PipelineJob {
    PipelineJob { id: id.to_owned(), user_parameters: parameters.to_string(), token }
}

/// The answer to the job of an action that releases.
fn told(world: &World, token: Option<String>) -> JobAnswer {
    told_of(world, &json!({"planRef": REFERENCE, "version": "9"}), token)
}

fn told_of(world: &World, parameters: &Value, token: Option<String>) -> JobAnswer {
    world.pipeline_job(&job(JOB, parameters, token)).unwrap();
    world.state().answers.pop().unwrap().1
}

/// A pipeline's action has started a release, whose machine is handed back with the token.
fn started(world: &World) -> (Machine<'_>, String) {
    world.state().plans.insert(REFERENCE.to_owned(), plan().to_string());
    let JobAnswer::Continue { token, progress } = told(world, None) else { panic!("it goes on") };
    assert_eq!((progress.release.as_str(), progress.percent), (NAME, 0));
    let input = world.state().started[&ReleaseId::new(NAME).unwrap()].clone();
    (Machine::new(world, NAME, serde_json::from_str(&input).unwrap()), token)
}

#[test]
fn an_action_goes_on_until_its_release_is_promoted_and_has_variables_then() {
    let world = World::new();
    let (mut machine, token) = started(&world);
    assert!(matches!(told(&world, Some(token.clone())), JobAnswer::Continue { .. }), "before there is a record");
    machine.run_until(|state| state == State::Bake);
    let JobAnswer::Continue { progress, .. } = told(&world, Some(token.clone())) else { panic!("it goes on") };
    assert_eq!(progress.percent, 10);
    assert!(progress.summary.contains("checkout 9") && progress.summary.contains("10%"), "{}", progress.summary);
    machine.finish();
    let JobAnswer::Success { variables, .. } = told(&world, Some(token)) else { panic!("it has succeeded") };
    assert_eq!((variables["outcome"].as_str(), variables["version"].as_str()), ("promoted", "9"));
    assert_eq!((variables["releaseId"].as_str(), variables["greenShare"].as_str()), (NAME, "100%"));
}

#[test]
fn a_job_that_is_handed_over_again_starts_nothing_new() {
    let world = World::new();
    let _ = started(&world);
    assert!(matches!(told(&world, None), JobAnswer::Continue { .. }));
    assert_eq!(world.state().started.len(), 1);
}

#[test]
fn a_release_that_rolls_back_fails_the_action_with_the_reason() {
    let world = World::new();
    let (mut machine, token) = started(&world);
    machine.run_until(|state| state == State::Bake);
    world.set_alarm(ALARM, AlarmState::Alarm);
    machine.finish();
    let JobAnswer::Failure { kind, message, release } = told(&world, Some(token)) else { panic!("it has failed") };
    assert_eq!((kind, release.unwrap().as_str()), (FailureKind::JobFailed, NAME));
    for words in ["checkout 9 was rolled back; blue serves every request", "Teal.AlarmRaised", ALARM, "teal report"] {
        assert!(message.contains(words), "no {words:?}: {message}");
    }
}

#[test]
fn a_start_that_was_refused_fails_the_action_though_there_is_no_record() {
    let world = World::new();
    let (_, token) = started(&world);
    let why = "Teal.PlanUnreadable: Refused, nothing was touched: planRef ...".to_owned();
    world.state().ends.insert(ReleaseId::new(NAME).unwrap(), why);
    let JobAnswer::Failure { message, .. } = told(&world, Some(token)) else { panic!("it has failed") };
    assert!(message.contains("Teal.PlanUnreadable"), "{message}");
}

#[test]
fn until_baked_an_action_succeeds_while_blue_is_kept_and_another_takes_the_release_back() {
    let world = World::new();
    let (mut machine, token) = started(&world);
    let wish = json!({"planRef": REFERENCE, "version": "9", "until": "baked"});
    let baked = |world: &World| {
        let record = world.record(&ReleaseId::new(NAME).unwrap());
        record.is_some_and(|record| record.bake_passed_at.is_some())
    };
    machine.run_until(|state| state == State::Bake);
    while !baked(&world) {
        assert!(matches!(told_of(&world, &wish, Some(token.clone())), JobAnswer::Continue { .. }));
        machine.enter();
    }
    assert!(matches!(told(&world, Some(token.clone())), JobAnswer::Continue { .. }), "blue is kept");
    let JobAnswer::Success { variables, .. } = told_of(&world, &wish, Some(token)) else { panic!("it has succeeded") };
    assert_eq!(variables["outcome"], "baked");

    let abort = json!({"abort": variables["releaseId"]});
    let JobAnswer::Continue { token, .. } = told_of(&world, &abort, None) else { panic!("it goes on") };
    let ending = machine.finish();
    assert_eq!((ending.state, ending.error), (State::RolledBack, Some(ErrorName::Aborted)));
    assert!(ending.cause.unwrap().contains("CodePipeline"));
    let JobAnswer::Success { variables, .. } = told_of(&world, &abort, Some(token)) else { panic!("it is back") };
    assert_eq!(variables["outcome"], "rolledBack");
}

#[test]
fn a_release_that_is_past_going_back_cannot_be_taken_back() {
    let world = World::new();
    let (mut machine, _) = started(&world);
    machine.finish();
    let JobAnswer::Failure { message, .. } = told_of(&world, &json!({"abort": NAME}), None) else { panic!("too late") };
    assert!(message.contains("blue is retired"), "{message}");
    let unknown = told_of(&world, &json!({"abort": "nobody"}), None);
    assert!(matches!(unknown, JobAnswer::Failure { kind: FailureKind::ConfigurationError, .. }));
}

#[test]
fn what_is_wrong_with_the_action_is_told_and_what_may_pass_is_not() {
    let world = World::new();
    let answer = told_of(&world, &json!({"version": "9"}), None);
    let JobAnswer::Failure { kind: FailureKind::ConfigurationError, message, .. } = answer else {
        panic!("{answer:?}")
    };
    assert!(message.contains("planRef"), "{message}");
    let throttled = World::new();
    throttled.inject(Fault { at_call: 0, kind: FaultKind::Throttle });
    let error = throttled.pipeline_job(&job(JOB, &json!({"planRef": REFERENCE}), None)).unwrap_err();
    assert_eq!(error.name, ErrorName::Throttled);
    assert!(throttled.state().answers.is_empty(), "Lambda hands the job over again");
}

/// Lambda hands a job over again whose function was killed. Killed once and twice, at each call: while it starts a release, and while it waits for one.
#[test]
fn a_job_whose_function_is_killed_anywhere_is_answered_once_it_runs_again_and_starts_one_release() {
    let parameters = json!({"planRef": REFERENCE, "version": "9"});
    let waiting = |world: &World| {
        let (mut machine, token) = started(world);
        machine.finish();
        Some(token)
    };
    let starting = |world: &World| {
        world.state().plans.insert(REFERENCE.to_owned(), plan().to_string());
        None
    };
    let kill = |world: &World, token: &Option<String>, call: usize| {
        world.inject(Fault { at_call: world.calls() + call, kind: FaultKind::CrashAfter });
        world.pipeline_job_disturbed(&job(JOB, &parameters, token.clone())).is_none()
    };
    for prepare in [&starting as &dyn Fn(&World) -> Option<String>, &waiting] {
        let mut pairs = 0;
        for first in 0.. {
            let mut killed = false;
            for second in 0.. {
                let world = World::new();
                let token = prepare(&world);
                killed = kill(&world, &token, first);
                if !killed || !kill(&world, &token, second) {
                    break;
                }
                let told = told(&world, token.clone());
                match &token {
                    None => {
                        assert!(matches!(told, JobAnswer::Continue { .. }), "killed at calls {first} and {second}");
                    }
                    Some(_) => {
                        assert!(matches!(told, JobAnswer::Success { .. }), "killed at calls {first} and {second}");
                    }
                }
                assert_eq!(world.state().started.len(), 1, "killed at calls {first} and {second}");
                pairs += 1;
            }
            if !killed {
                break;
            }
        }
        assert!(pairs >= 4, "{pairs} pairs");
    }
}

#[test]
fn a_stage_that_fails_takes_the_releases_of_its_run_back_and_no_others() {
    let run = "01234567-0123-0123-0123-012345678901";
    let failure = |execution: &str| StageFailure {
        pipeline: "checkout".to_owned(),
        stage: "Verify".to_owned(),
        execution: execution.parse().unwrap(),
    };
    let world = World::new();
    world.state().plans.insert(REFERENCE.to_owned(), plan().to_string());
    let parameters = json!({"planRef": REFERENCE, "until": "baked", "pipelineExecutionId": run});
    let JobAnswer::Continue { .. } = told_of(&world, &parameters, None) else { panic!("it goes on") };
    let input = world.state().started[&ReleaseId::new(NAME).unwrap()].clone();
    let mut machine = Machine::new(&world, NAME, serde_json::from_str(&input).unwrap());
    machine.run_until(|state| state == State::Promote);
    let of_another = world.stage_failed(&failure("another-run")).unwrap();
    assert_eq!((of_another.asked.len(), of_another.too_late.len()), (0, 0));
    let told = world.stage_failed(&failure(run)).unwrap();
    assert_eq!(told.asked, [ReleaseId::new(NAME).unwrap()]);
    // Delivered twice it asks the same.
    world.stage_failed(&failure(run)).unwrap();
    machine.finish();
    let release = world.state().records[&ReleaseId::new(NAME).unwrap()].clone();
    assert_eq!(release.phase, Phase::RolledBack);
    let cause = release.setback.unwrap().cause;
    assert!(cause.contains("stage Verify of checkout failed"), "{cause}");
    assert!(world.stage_failed(&failure(run)).unwrap().asked.is_empty(), "it has ended");
}

#[test]
fn an_action_may_wait_until_a_release_has_ended_that_another_one_took_to_baked() {
    let world = World::new();
    let (mut machine, _) = started(&world);
    machine.run_until(|state| state == State::Promote);
    let wait = json!({"await": NAME});
    let JobAnswer::Continue { token, .. } = told_of(&world, &wait, None) else { panic!("it goes on") };
    machine.finish();
    let JobAnswer::Success { variables, .. } = told_of(&world, &wait, Some(token)) else { panic!("it has ended") };
    assert_eq!(variables["outcome"], "promoted");
    let JobAnswer::Failure { kind, .. } = told_of(&world, &json!({"await": "another"}), None) else { panic!("none") };
    assert_eq!(kind, FailureKind::ConfigurationError);
}
