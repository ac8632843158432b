//! What the watch allows, and what it must still notice beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::{Seen, Watch};
use crate::deed::Deed;
use crate::function::Function;
use crate::link::{Who, later};
use crate::promise::Promise;
use crate::state::{GROUP_A, GROUP_B, LISTENER, forward};
use crate::world::World;
use crate::{Machine, plan};
use teal::error::ErrorName;
use teal::release::{Act, Intent, Release};
use teal::route::{Action, PartRef};
use teal::state::State;

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
    watch.sends(&who, &part);
    let deed = Deed::SetActions { part, actions: with(Some(order)) };
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
