//! What the watch allows, and what it must still notice beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod deployments;
mod flags;

use super::{Moved, Seen, Watch};
use crate::deed::Deed;
use crate::function::Function;
use crate::link::{Who, later};
use crate::promise::Promise;
use crate::state::{GROUP_A, GROUP_B, LISTENER, forward};
use crate::world::World;
use crate::{Machine, plan};
use serde_json::json;
use teal::error::ErrorName;
use teal::plan::Account;
use teal::release::{Act, Intent, Phase, Release};
use teal::request::Ask;
use teal::route::{Action, PartRef};
use teal::state::State;
use teal::story::{Fact, StoryEntry};
use teal::units::Share;

/// A release that bakes with green at 10 %, a run that begins now, and the same release set back.
fn set_back(world: &World) -> (Release, Who) {
    let mut machine = Machine::new(world, "r-1", plan());
    machine.run_until(|state| state == State::Bake);
    let mut release = world.record(machine.release()).unwrap();
    release.set_back(ErrorName::AlarmRaised, "it burns", "on-alarm", world.now()).unwrap();
    let who = Who { invocation: "run-1".to_owned(), function: Function::RollBack, started: world.now() };
    (release, who)
}

fn broken(watch: &Watch) -> Vec<Promise> {
    watch.breaches.iter().map(|breach| breach.promise).collect()
}

/// What is noticed when a run says that the route is restored, and it is not, while another run has announced an act until so many
/// milliseconds after this run began.
fn says_restored(other_acts_by: Option<i64>) -> Vec<Promise> {
    let world = World::new();
    let (old, who) = set_back(&world);
    let mut new = Release { restored_at: Some(world.now()), ..old.clone() };
    new.intents.extend(other_acts_by.map(|millis| Intent {
        invocation: "run-0".to_owned(),
        act: Act::Restore,
        act_by: later(who.started, millis),
    }));
    let mut watch = Watch::default();
    // Long enough for the other run's time to be over when the record is written.
    watch.saved(&world.state(), &old, &new, &who, &Seen::default(), later(who.started, 25_000));
    broken(&watch)
}

#[test]
fn restored_is_only_said_of_a_split_route_where_another_run_may_have_split_it_since_it_was_read() {
    assert_eq!(says_restored(None), [Promise::RouteWhole]);
    assert_eq!(says_restored(Some(20_000)), [], "read before, written after that run's act; it is read once more");
    assert_eq!(says_restored(Some(-5_000)), [Promise::RouteWhole], "that run was over when this one began");
}

/// What is noticed when a rollback gives the route to blue, with the services of these names sick since before it began.
fn gives_back(sick: &[&str], unread: bool) -> Vec<Promise> {
    let world = World::new();
    let (release, who) = set_back(&world);
    world.state().sick.extend(sick.iter().map(ToString::to_string));
    let mut watch = Watch::default();
    watch.observe(&world.state(), world.now());
    if unread {
        watch.could_not_read_health(&who);
    }
    let part = PartRef::Listener(LISTENER.parse().unwrap());
    let current = world.state().parts[LISTENER].clone();
    watch.before_giving_back(&release, &part, &current, &[forward(&[(GROUP_A, 100), (GROUP_B, 0)])], &who);
    broken(&watch)
}

#[test]
fn blue_gets_the_route_where_it_serves_no_worse_or_nobody_could_know() {
    let (blue, green) = ("checkout-a", "checkout-b");
    assert_eq!(gives_back(&[], false), []);
    assert_eq!(gives_back(&[blue, green], false), [], "neither is healthy");
    assert_eq!(gives_back(&[blue], false), [Promise::LesserEvil]);
    assert_eq!(gives_back(&[blue], true), [], "health could not be read");
}

/// What is noticed when green is taken in so many milliseconds after its weight was taken away, by what a run asked for so many earlier. It
/// had read the route a moment before that, and somebody else gave green the weight since, or long before.
fn takes_green_in(after: i64, asked_before: i64, by_others: bool) -> Vec<Promise> {
    let world = World::new();
    let (mut release, who) = set_back(&world);
    let part = release.route[0].part.clone();
    let taken_in_at = later(world.now(), 60_000);
    let intent = |act| Intent { invocation: who.invocation.clone(), act, act_by: later(taken_in_at, 1_000) };
    release.intents = vec![intent(Act::Restore)];
    {
        let mut state = world.state();
        state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
        state.records.insert(release.id.clone(), release);
    }
    let deed = Deed::ScaleIn { service: "checkout-b".to_owned() };
    let mut watch = Watch::default();
    watch.weight_taken.insert((LISTENER.to_owned(), GROUP_B.to_owned()), later(taken_in_at, -after));
    watch.read(&who, &part, later(taken_in_at, -asked_before - 100));
    if by_others {
        world.state().outside.insert(LISTENER.to_owned(), later(taken_in_at, -asked_before - 50));
    }
    watch.sent_off(&world.state(), &deed, &who, later(taken_in_at, -asked_before));
    watch.before(&world.state(), &deed, &who, taken_in_at);
    broken(&watch)
}

#[test]
fn green_is_taken_in_once_nobody_asks_it_but_for_what_changed_after_that_was_sent_off() {
    for by_others in [false, true] {
        assert_eq!(takes_green_in(15_000, 0, by_others), []);
        assert_eq!(takes_green_in(5_000, 4_000, by_others), [Promise::AnswersUntilKnown], "it was asked for too early");
    }
    assert_eq!(takes_green_in(5_000, 6_000, true), [], "it had been asked for when that was given back");
    assert_eq!(
        takes_green_in(5_000, 6_000, false),
        [Promise::AnswersUntilKnown],
        "green had that weight when it was asked for"
    );
}

/// What is noticed when green is taken in and blue is down, where a rollback took the traffic from green so many milliseconds before the run
/// began.
fn takes_green_in_for_a_blue_that_is_down(taken_before: Option<i64>) -> Vec<Promise> {
    let world = World::new();
    let (release, who) = set_back(&world);
    let release = Release { first_shift_at: None, ..release };
    world.state().sick.insert("checkout-a".to_owned());
    let mut watch = Watch::default();
    watch.observe(&world.state(), world.now());
    if let Some(before) = taken_before {
        watch.given_back.insert(release.id.clone(), later(who.started, -before));
    }
    watch.before_taking_green_in(&world.state(), &release, &who);
    broken(&watch)
}

#[test]
fn green_is_taken_in_for_a_blue_that_is_down_only_where_green_has_served_nobody_as_far_as_its_run_can_know() {
    assert_eq!(takes_green_in_for_a_blue_that_is_down(Some(1_000)), [Promise::LesserEvil]);
    assert_eq!(takes_green_in_for_a_blue_that_is_down(Some(-1_000)), [], "taken while it ran");
    assert_eq!(takes_green_in_for_a_blue_that_is_down(None), [], "green has had nothing");
}

/// What is noticed when a person is called after a rollback was kept on green for so many seconds.
fn calls_a_person(kept_for: i64, blue_is_sick: bool) -> Vec<Promise> {
    let world = World::new();
    let (old, who) = set_back(&world);
    if blue_is_sick {
        world.state().sick.insert("checkout-a".to_owned());
    }
    let mut watch = Watch::default();
    watch.observe(&world.state(), world.now());
    let old = Release { kept_on_green_since: Some(later(world.now(), -1000 * kept_for)), ..old };
    let mut new = old.clone();
    new.apply(&teal::release::Event::RestoreFailed, world.now()).unwrap();
    watch.saved(&world.state(), &old, &new, &who, &Seen::default(), world.now());
    broken(&watch)
}

#[test]
fn a_person_is_called_for_a_blue_that_stayed_down_and_for_no_other() {
    assert_eq!(calls_a_person(900, true), []);
    assert_eq!(calls_a_person(600, true), [Promise::HumanOnlyWhenImpossible], "blue had not all its time");
    assert_eq!(calls_a_person(900, false), [Promise::HumanOnlyWhenImpossible], "blue serves again");
}

#[test]
fn a_person_is_called_when_what_was_in_the_way_went_while_the_run_looked() {
    for (removed_by, expected) in [(true, vec![]), (false, vec![Promise::HumanOnlyWhenImpossible])] {
        let world = World::new();
        let (old, who) = set_back(&world);
        world.state().records.insert(old.id.clone(), old.clone());
        let mut watch = Watch::default();
        if removed_by {
            // Blue was out of the forward action until just now.
            let before = world.state().parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_B, 100)])]);
            watch.before_change(&world.state(), world.now());
            world.state().parts.insert(LISTENER.to_owned(), before.unwrap());
        }
        let mut new = old.clone();
        new.apply(&teal::release::Event::RestoreFailed, world.now()).unwrap();
        watch.saved(&world.state(), &old, &new, &who, &Seen::default(), world.now());
        assert_eq!(broken(&watch), expected);
    }
}

/// What is noticed when a run writes an action list with an order over one without, which another run of Teal wrote so many
/// milliseconds after this one began; before that there was the one with the order.
///
/// It may have read the listener once more, so many milliseconds after it began, before it sends its write off.
fn writes_over_another_run(after: i64, order: i32, read: Option<i64>) -> Vec<Promise> {
    let world = World::new();
    let (mut record, who) = set_back(&world);
    let with = |order| vec![Action { order, ..forward(&[(GROUP_A, 100), (GROUP_B, 0)]) }];
    let mut watch = Watch::default();
    watch.before_replacing(LISTENER, &with(Some(42)), later(who.started, after));
    world.state().parts.insert(LISTENER.to_owned(), with(None));
    let part = PartRef::Listener(LISTENER.parse().unwrap());
    record.intents.push(Intent {
        invocation: who.invocation.clone(),
        act: Act::Restore,
        act_by: later(who.started, 32_000),
    });
    world.state().records.insert(record.id.clone(), record);
    if let Some(millis) = read {
        watch.read(&who, &part, later(who.started, millis));
    }
    let based_on = watch.last_read(&who, LISTENER);
    let deed = Deed::SetActions { part, actions: with(Some(order)), based_on };
    watch.before(&world.state(), &deed, &who, later(who.started, 10_000));
    broken(&watch)
}

#[test]
fn a_run_may_write_what_it_read_over_what_another_run_wrote_since_and_nothing_else() {
    assert_eq!(writes_over_another_run(5_000, 42, None), [], "it read what somebody else had set before that");
    assert_eq!(writes_over_another_run(5_000, 7, None), [Promise::OnlyTwoWeights], "this was never there");
    assert_eq!(
        writes_over_another_run(-5_000, 42, None),
        [Promise::OnlyTwoWeights],
        "it could have read what came after"
    );
    assert_eq!(writes_over_another_run(5_000, 42, Some(4_000)), [], "it had read it before that");
    assert_eq!(writes_over_another_run(5_000, 42, Some(7_000)), [Promise::OnlyTwoWeights], "it read what came after");
}

#[test]
fn three_requests_are_enough_for_a_listener_unless_calls_fail() {
    let world = World::new();
    let (release, who) = set_back(&world);
    let who = Who { function: Function::OnAlarm, ..who };
    for (requests, failed_calls, moved, noticed) in [
        (3, 0, Moved::ByTeal, 0),
        (4, 0, Moved::ByTeal, 1),
        (6, 1, Moved::ByTeal, 0),
        (7, 1, Moved::ByTeal, 1),
        (9, 2, Moved::ByTeal, 0),
        (10, 2, Moved::ByTeal, 1),
        (10, 9, Moved::ByTeal, 1),
        (6, 0, Moved::ByDeployment, 0),
        (7, 0, Moved::ByDeployment, 1),
        (12, 1, Moved::ByDeployment, 0),
        (13, 1, Moved::ByDeployment, 1),
        (6, 0, Moved::LeftWithoutBlue, 0),
        (7, 0, Moved::LeftWithoutBlue, 1),
    ] {
        let mut watch = Watch::default();
        watch.requested(&who, &release.route[0].part, requests, failed_calls, moved);
        assert_eq!(watch.breaches.len(), noticed, "{requests} requests, {failed_calls} failed");
    }
}

/// The role by which a release reaches its service.
fn account(external_id: &str) -> Account {
    let role = "arn:aws:iam::123456789012:role/TealRelease-checkout";
    serde_json::from_value(json!({"role": role, "externalId": external_id})).unwrap()
}

#[test]
fn what_a_release_held_stays_held_only_where_its_role_was_waited_for() {
    for (seconds, away, expected) in [
        (None, true, false),
        (Some(-900), true, true),
        (Some(-600), true, false),
        (Some(0), true, false),
        // It had been waited for before, and was there in the end.
        (Some(-900), false, false),
    ] {
        let world = World::new();
        let (mut release, who) = set_back(&world);
        release.plan.account = Some(account("teal-7f3c"));
        world.state().external_id = Some(if away { "teal-other" } else { "teal-7f3c" }.to_owned());
        release.out_of_reach_since = seconds.map(|seconds: i64| later(release.phase_since, 1000 * seconds));
        let mut watch = Watch::default();
        watch.note_role(&world.state(), &release, &who);
        assert_eq!(watch.ended_without_role(&release), expected, "{seconds:?} {away}");
    }
}

/// What is noticed when a sweep does not tell of a route that drifted an hour ago, of Teal's own account or of another one, with a role there that
/// is away now, or was given back so many seconds after the sweep began.
fn sweeps_silently(in_account: bool, away: bool, back_after: Option<i64>) -> Vec<Promise> {
    let world = World::new();
    let ending = Machine::new(&world, "r-1", plan()).finish();
    assert_eq!(ending.state, State::Promoted, "{ending:?}");
    let mut state = world.state();
    state.left.get_mut(LISTENER).unwrap().account = in_account.then(|| account("teal-7f3c"));
    state.external_id = Some(if away { "teal-other" } else { "teal-7f3c" }.to_owned());
    state.parts.insert(LISTENER.to_owned(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
    state.outside.insert(LISTENER.to_owned(), world.now());
    let who =
        Who { invocation: "sweep-1".to_owned(), function: Function::Sweep, started: later(world.now(), 3_600_000) };
    state.role_changed = back_after.map(|seconds| later(who.started, 1000 * seconds));
    let mut watch = Watch::default();
    watch.swept(&state, &[], &who);
    broken(&watch)
}

#[test]
fn drift_is_not_told_only_where_the_route_could_not_be_read() {
    let told = vec![Promise::DriftTold];
    assert_eq!(sweeps_silently(true, true, None), []);
    assert_eq!(sweeps_silently(true, false, Some(1)), [], "the role came back while the sweep ran");
    assert_eq!(sweeps_silently(true, false, Some(-60)), told, "it had come back before");
    assert_eq!(sweeps_silently(false, true, Some(1)), told, "no role is needed in Teal's own account");
}

/// What is noticed when a release ends with its traffic on green, after a person asked for that and was called, or not.
fn ends_on_green(asked: Option<Ask>, called: bool, on_record: u16) -> Vec<Promise> {
    let world = World::new();
    let (release, who) = set_back(&world);
    let mut new =
        Release { phase: Phase::RolledBack, green_share: Share::from_permille(on_record).unwrap(), ..release.clone() };
    new.intents.clear();
    if let Some(ask) = asked {
        world.ask(&release.id, ask);
    }
    if called {
        let fact = Fact::NeedsHuman { todo: "bring blue up".to_owned() };
        let entry = StoryEntry { at: world.now(), by: "roll-back".to_owned(), fact };
        world.state().stories.entry(release.id.clone()).or_default().push(entry);
    }
    let mut watch = Watch::default();
    watch.saved(&world.state(), &release, &new, &who, &Seen::default(), world.now());
    broken(&watch).into_iter().filter(|promise| *promise == Promise::RouteWhole).collect()
}

#[test]
fn a_release_ends_on_green_only_where_a_person_who_was_called_said_so() {
    let split = vec![Promise::RouteWhole];
    assert_eq!(ends_on_green(Some(Ask::LeaveOnGreen), true, 1000), []);
    assert_eq!(ends_on_green(Some(Ask::LeaveOnGreen), false, 1000), split, "nobody was called");
    assert_eq!(ends_on_green(Some(Ask::Abort), true, 1000), split, "something else was asked");
    assert_eq!(ends_on_green(None, true, 1000), split);
    assert_eq!(ends_on_green(Some(Ask::LeaveOnGreen), true, 100), split, "in between");
    assert_eq!(ends_on_green(Some(Ask::LeaveOnGreen), true, 0), split, "the record says that all is on blue");
}
