//! What the watch allows where a deployment moves the traffic.

use super::{broken, set_back};
use crate::deed::Deed;
use crate::link::{Link, Who, later};
use crate::promise::Promise;
use crate::state::{GROUP_A, GROUP_B, LISTENER, forward};
use crate::watch::{Moved, Seen, Watch};
use crate::world::World;
use crate::{Cause, DEPLOYMENT, Deployment, Move};
use serde_json::json;
use teal::deployment::DeploymentUnderWay;
use teal::error::{ErrorName, TealError};
use teal::hook::{HookAnswer, HookEvent};
use teal::release::{Act, Event, Intent, Phase, Release, ReleaseId};
use teal::route::PartRef;
use teal::units::Share;

/// A release that is set back, and whose traffic a deployment moves.
fn moved_by_deployment(world: &World) -> (Release, Who) {
    let (mut release, who) = set_back(world);
    let by = json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout"}});
    release.plan.traffic.shifted_by = Some(serde_json::from_value(by).unwrap());
    release.deployment = Some(DeploymentUnderWay::new(DEPLOYMENT.parse().unwrap(), world.now()));
    // It holds the deployment group, too.
    for key in release.lock_keys() {
        world.state().locks.insert(key, release.id.clone());
    }
    (release, who)
}

/// What is noticed when a person is called so many minutes after the deployment was stopped, which goes on, or ended so many seconds after
/// the run began that calls.
fn calls_a_person(minutes: i64, ended_after: Option<i64>) -> Vec<Promise> {
    let world = World::new();
    let (mut old, who) = moved_by_deployment(&world);
    old.deployment.as_mut().unwrap().stopped_at = Some(later(world.now(), -60_000 * minutes));
    let mut deployment = Deployment::new(vec![Move::Wait], world.now());
    if ended_after.is_some() {
        (deployment.back_seconds, deployment.back_fails) = (0, true);
        deployment.stop("it was stopped", world.now());
    }
    world.state().deployment = Some(deployment);
    world.pass(0);
    if let (Some(seconds), Some(deployment)) = (ended_after, world.state().deployment.as_mut()) {
        deployment.ended_at = Some(later(who.started, 1000 * seconds));
    }
    let mut new = old.clone();
    new.apply(&Event::RestoreFailed, world.now()).unwrap();
    let mut watch = Watch::default();
    watch.saved(&world.state(), &old, &new, &who, &Seen::default(), world.now());
    broken(&watch)
}

#[test]
fn a_person_is_called_for_a_deployment_that_goes_back_for_half_an_hour_and_for_no_other() {
    let could = vec![Promise::HumanOnlyWhenImpossible];
    assert_eq!(calls_a_person(30, None), []);
    assert_eq!(calls_a_person(20, None), could, "it had not all its time");
    assert_eq!(calls_a_person(30, Some(1)), [], "it ended while the run looked");
    assert_eq!(calls_a_person(30, Some(-1)), could, "it was over before");
}

/// What is noticed when a run writes these over those where a deployment moves the traffic, or where none does.
fn writes(deployed: bool, current: &[(&str, u16)], actions: &[(&str, u16)]) -> Vec<Promise> {
    let world = World::new();
    let (mut record, who) = moved_by_deployment(&world);
    if !deployed {
        record.plan.traffic.shifted_by = None;
    }
    let act_by = later(who.started, 32_000);
    record.intents.push(Intent { invocation: who.invocation.clone(), act: Act::Restore, act_by });
    let mut state = world.state();
    state.records.insert(record.id.clone(), record);
    state.parts.insert(LISTENER.to_owned(), vec![forward(current)]);
    let part = PartRef::Listener(LISTENER.parse().unwrap());
    let deed = Deed::SetActions { part, actions: vec![forward(actions)], based_on: who.started };
    let mut watch = Watch::default();
    watch.before(&state, &deed, &who, who.started);
    broken(&watch)
}

#[test]
fn blue_is_attached_where_a_deployment_took_it_out_and_nothing_else_is() {
    const OTHER: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-c/93e2d6bc24d8a069";
    let lone = [(GROUP_B, 100)];
    let attached = [(GROUP_B, 100), (GROUP_A, 0)];
    assert_eq!(writes(true, &lone, &attached), []);
    assert!(writes(false, &lone, &attached).contains(&Promise::OnlyTwoWeights), "Teal itself leaves it there");
    let frame = vec![Promise::OnlyTwoWeights];
    assert_eq!(writes(true, &[(GROUP_B, 100), (GROUP_A, 0)], &[(GROUP_B, 0)]), frame, "blue is taken out");
    assert_eq!(
        writes(true, &lone, &[(GROUP_B, 0), (GROUP_A, 100)]),
        frame,
        "it is given what it is not known to serve"
    );
    assert!(writes(true, &lone, &[(GROUP_B, 100), (GROUP_A, 0), (OTHER, 0)]).contains(&Promise::OnlyTwoWeights));
    let more = writes(true, &[(GROUP_B, 100), (GROUP_A, 900)], &[(GROUP_B, 500), (GROUP_A, 500)]);
    assert!(more.contains(&Promise::WeightOfStage), "Teal gives green weight: {more:?}");
}

/// What is noticed when a run attaches blue over what another run gave back; these were there until so many milliseconds after it began.
fn attaches_too_late(before: &[(&str, u16)], until: i64) -> Vec<Promise> {
    let world = World::new();
    let (mut record, who) = moved_by_deployment(&world);
    let act_by = later(who.started, 32_000);
    record.intents.push(Intent { invocation: who.invocation.clone(), act: Act::Restore, act_by });
    let mut state = world.state();
    state.records.insert(record.id.clone(), record);
    state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_B, 0), (GROUP_A, 100)])]);
    let part = PartRef::Listener(LISTENER.parse().unwrap());
    let actions = vec![forward(&[(GROUP_B, 100), (GROUP_A, 0)])];
    let deed = Deed::SetActions { part, actions, based_on: who.started };
    let mut watch = Watch::default();
    watch.before_replacing(LISTENER, &[forward(before)], later(who.started, until));
    watch.before(&state, &deed, &who, later(who.started, 10_000));
    broken(&watch)
}

#[test]
fn blue_is_attached_over_what_another_run_gave_back_only_where_green_had_everything_when_it_was_read() {
    let lone = [(GROUP_B, 100)];
    assert_eq!(attaches_too_late(&lone, 5_000), [], "it was given back since");
    let weighted = Promise::WeightOfStage;
    assert!(attaches_too_late(&lone, -5_000).contains(&weighted), "it was given back before");
    assert!(attaches_too_late(&[(GROUP_B, 100), (GROUP_A, 900)], 5_000).contains(&weighted), "green had a tenth");
    assert!(attaches_too_late(&[(GROUP_B, 50)], 5_000).contains(&weighted), "it is not what was read");
}

/// What is noticed when a release that is to take the route over is refused as busy, with an older one in a phase and a deployment that has come
/// so far.
fn refuses_a_newer_one(older: Phase, course: Option<&[Move]>, goes_back: bool) -> Vec<Promise> {
    let world = World::new();
    let (release, _) = moved_by_deployment(&world);
    let newer = ReleaseId::new("r-2").unwrap();
    let mut watch = Watch::default();
    watch.began(&release.id, false, world.now());
    watch.began(&newer, true, later(world.now(), 1_000));
    world.state().records.insert(release.id.clone(), Release { phase: older, ..release });
    world.state().deployment = course.map(|course| Deployment::new(course.to_vec(), world.now()));
    world.pass(0);
    if let (Some(deployment), true) = (world.state().deployment.as_mut(), goes_back) {
        deployment.stop("somebody stopped it", world.now());
    }
    watch.not_accepted(&world.state(), &newer, &TealError::new(ErrorName::RouteBusy, "it is under way"));
    broken(&watch)
}

#[test]
fn a_newer_release_is_refused_where_the_deployment_of_one_that_has_ended_has_yet_to_take_blue_in() {
    let noticed = vec![Promise::NewerTakesOver];
    let shifted = [Move::Shift(1000, 0), Move::EndBlue(600)];
    assert_eq!(refuses_a_newer_one(Phase::Promoted, Some(&shifted), false), []);
    assert_eq!(
        refuses_a_newer_one(Phase::RetireBlue, Some(&shifted), false),
        noticed,
        "the older one can be waited for"
    );
    assert_eq!(refuses_a_newer_one(Phase::Promoted, Some(&shifted), true), noticed, "it goes back");
    assert_eq!(refuses_a_newer_one(Phase::Promoted, Some(&[Move::Wait]), false), noticed, "it has moved nothing");
    assert_eq!(refuses_a_newer_one(Phase::Promoted, None, false), noticed, "there is none");
}

/// What is noticed when a release goes from the first bake to the second, with green at so many permille.
fn goes_past_a_stage(deployed: bool, permille: u16) -> Vec<Promise> {
    let world = World::new();
    let (back, who) = moved_by_deployment(&world);
    let green_share = Share::from_permille(permille).unwrap();
    let mut old = Release { setback: None, phase: Phase::Bake { stage: 0 }, green_share, ..back };
    if !deployed {
        old.plan.traffic.shifted_by = None;
    }
    let new = Release { phase: Phase::Bake { stage: 1 }, ..old.clone() };
    let mut watch = Watch::default();
    watch.saved(&world.state(), &old, &new, &who, &Seen::default(), world.now());
    broken(&watch)
}

#[test]
fn a_stage_is_passed_unjudged_only_where_its_deployment_has_come_to_the_next() {
    assert_eq!(goes_past_a_stage(true, 500), []);
    assert_eq!(goes_past_a_stage(true, 100), [Promise::NoDataNoAdvance], "green has what the first is to have");
    assert_eq!(goes_past_a_stage(false, 500), [Promise::NoDataNoAdvance], "Teal moves the traffic");
}

/// What becomes of a hook that was heard and has no answer.
struct Unanswered {
    /// How the release about its deployment stands, if there is one.
    record: Option<Phase>,
    /// Whether the execution that the hook started has ended without a record.
    ended: bool,
    /// After how many minutes it was heard.
    heard_after: u64,
    /// After how many minutes time jumps, and by how many.
    jump: Option<(u64, u64)>,
}

fn leaves_a_hook(left: &Unanswered) -> Vec<Promise> {
    let world = World::new();
    let (release, _) = moved_by_deployment(&world);
    let event = HookEvent::BeforeInstall;
    let mut watch = Watch::default();
    {
        let mut state = world.state();
        state.records.clear();
        if let Some(phase) = left.record {
            state.records.insert(release.id.clone(), Release { phase, ..release });
        }
        if left.ended {
            let named = ReleaseId::new(format!("codedeploy-{DEPLOYMENT}")).unwrap();
            state.ends.insert(named, "no plan".to_owned());
        }
        state.deployment = Some(Deployment::new(vec![Move::Ask(event)], world.now()));
    }
    world.pass(60 * left.heard_after);
    watch.hook_heard(&world.state(), &DEPLOYMENT, &event.to_string(), world.now());
    if let Some((after, by)) = left.jump {
        world.pass(60 * after);
        watch.time_jumps(&world.state(), later(world.now(), 60_000 * i64::try_from(by).unwrap()));
        world.pass(60 * by);
    }
    world.pass(3_700);
    watch.check_hooks(&world.state());
    broken(&watch)
}

#[test]
fn a_hook_may_have_no_answer_where_its_release_was_refused_or_its_hour_passed_in_a_moment() {
    let bakes = Some(Phase::Bake { stage: 0 });
    let left = vec![Promise::HookAnswered];
    let cases = [
        ("a release under way is about it", bakes, false, None, left.clone()),
        ("its release was refused", Some(Phase::Refused), false, None, vec![]),
        ("it was refused without a record", None, true, None, vec![]),
        ("nothing is known of a release", None, false, None, left.clone()),
        ("its hour passed in a moment", bakes, false, Some((0, 60)), vec![]),
        ("it had minutes left", bakes, false, Some((0, 55)), vec![]),
        ("it had time enough after that", bakes, false, Some((0, 30)), left.clone()),
        ("its hour was over before", bakes, false, Some((61, 60)), left),
    ];
    for (what, record, ended, jump, expected) in cases {
        assert_eq!(leaves_a_hook(&Unanswered { record, ended, heard_after: 0, jump }), expected, "{what}");
    }
    for (heard_after, expected) in [(49, vec![Promise::HookAnswered]), (51, vec![])] {
        let left = Unanswered { record: bakes, ended: false, heard_after, jump: None };
        assert_eq!(leaves_a_hook(&left), expected, "heard after {heard_after} minutes");
    }
}

/// What is noticed when a hook is answered Succeeded so many milliseconds after the run began, with the release set back that long after.
fn answers_a_hook(set_back_after: Option<i64>, validated: bool) -> Vec<Promise> {
    let world = World::new();
    let (back, who) = set_back(&world);
    let phase = if validated { Phase::Bake { stage: 0 } } else { Phase::ValidateGreen };
    let before = Release { setback: None, phase, ..back.clone() };
    world.state().records.insert(back.id.clone(), if set_back_after.is_some() { back.clone() } else { before.clone() });
    let mut watch = Watch::default();
    if let Some(millis) = set_back_after {
        watch.saved(&world.state(), &before, &back, &who, &Seen::default(), later(who.started, millis));
        watch.breaches.clear();
    }
    watch.answers_hook(&world.state(), HookEvent::AfterAllowTestTraffic, HookAnswer::Succeeded, &who);
    broken(&watch)
}

#[test]
fn a_hook_is_told_what_the_record_said_when_the_run_that_answers_had_begun() {
    assert_eq!(answers_a_hook(None, true), []);
    assert_eq!(answers_a_hook(None, false), [Promise::HookToldTruth], "it is not validated");
    assert_eq!(answers_a_hook(Some(500), true), [], "it was set back while the run went on");
    assert_eq!(answers_a_hook(Some(500), false), [Promise::HookToldTruth], "it never was validated");
    assert_eq!(answers_a_hook(Some(-500), true), [Promise::HookToldTruth], "it was set back before");
}

#[test]
fn a_promoted_route_may_go_back_by_what_teal_has_no_say_in() {
    let world = World::new();
    let (release, _) = moved_by_deployment(&world);
    let event = HookEvent::AfterAllowTraffic;
    for (cause, heard, expected) in [
        (None, false, false),
        (Some(Cause::Other), false, true),
        (Some(Cause::Teal), false, false),
        (Some(Cause::Hook), false, false),
        (Some(Cause::Unanswered(event)), false, true),
        (Some(Cause::Unanswered(event)), true, false),
    ] {
        let mut watch = Watch::default();
        world.state().deployment = Some(Deployment::new(vec![Move::Ask(event)], world.now()));
        if heard {
            watch.hook_heard(&world.state(), &DEPLOYMENT, &event.to_string(), world.now());
        }
        world.state().deployment.as_mut().unwrap().cause = cause;
        assert_eq!(watch.is_moved_on(&world.state(), &release), expected, "{cause:?} {heard}");
    }
}

#[test]
fn whether_blue_is_to_be_attached_is_seen_by_the_listener_and_the_plan() {
    let lone: &[(&str, u16)] = &[(GROUP_B, 100)];
    let both: &[(&str, u16)] = &[(GROUP_A, 0), (GROUP_B, 100)];
    for (deployed, found, expected) in
        [(true, lone, Moved::LeftWithoutBlue), (true, both, Moved::ByTeal), (false, lone, Moved::ByTeal)]
    {
        let world = World::new();
        let (mut record, who) = moved_by_deployment(&world);
        if !deployed {
            record.plan.traffic.shifted_by = None;
        }
        let part = PartRef::Listener(LISTENER.parse().unwrap());
        world.state().records.insert(record.id.clone(), record);
        world.state().parts.insert(LISTENER.to_owned(), vec![forward(found)]);
        let link = Link::new(&world, who);
        assert_eq!(link.moved(&part), expected, "{deployed} {found:?}");
        world.state().parts.insert(LISTENER.to_owned(), vec![forward(both)]);
        assert_eq!(link.moved(&part), expected, "it has attached blue itself");
    }
}
