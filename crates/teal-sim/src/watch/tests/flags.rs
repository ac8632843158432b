//! Flags that go with a version.

use super::{broken, plan};
use crate::Machine;
use crate::deed::Deed;
use crate::function::Function;
use crate::link::{Who, later};
use crate::promise::Promise;
use crate::state::{GROUP_A, GROUP_B, LISTENER, forward};
use crate::watch::{Moved, Watch};
use crate::world::World;
use serde_json::json;
use teal::release::{Act, Intent, Phase, Release};
use teal::route::Action;
use teal::state::State;

const FLAG: &str = "appconfig:shop123/prod123/flag123/new-checkout";

fn flag(on: u16) -> Vec<Action> {
    vec![forward(&[(&format!("{FLAG}#off"), 1000 - on), (&format!("{FLAG}#on"), on)])]
}

/// A release that bakes with green at 10 %, and a run that begins now and has announced what it does.
fn with_flag() -> (World, Release, Who) {
    let world = World::new();
    world.state().parts.insert(FLAG.to_owned(), flag(0));
    let mut document = plan();
    document["flags"] =
        json!([{"application": "shop123", "environment": "prod123", "profile": "flag123", "flag": "new-checkout"}]);
    let mut machine = Machine::new(&world, "r-1", document);
    machine.run_until(|state| state == State::Bake);
    let mut release = world.record(machine.release()).unwrap();
    let who = Who { invocation: "run-1".to_owned(), function: Function::Promote, started: world.now() };
    let act_by = later(world.now(), 10_000);
    release.intents = vec![Intent { invocation: who.invocation.clone(), act: Act::Restore, act_by }];
    world.state().records.insert(release.id.clone(), release.clone());
    (world, release, who)
}

fn on_green() -> Vec<Action> {
    vec![forward(&[(GROUP_A, 0), (GROUP_B, 100)])]
}

/// Who has brought a listener to what it has while a run turns a flag on.
#[derive(Clone, Copy)]
enum By {
    /// Nobody: it was so when the run read it.
    Nobody,
    SomebodyElse,
    /// A run that may still act.
    AnotherRun,
    /// A run that is done since this one read it.
    AnotherRunThatIsDone,
}

/// What is noticed when a run turns the flag on, where this is on the listener.
fn turns_on(found: &[Action], by: By) -> Vec<Promise> {
    let (world, release, who) = with_flag();
    let part = release.flags[0].part.clone();
    let mut watch = Watch::default();
    {
        let mut state = world.state();
        state.parts.insert(LISTENER.to_owned(), found.to_vec());
        match by {
            By::Nobody => _ = watch.teal_wrote.insert(LISTENER.to_owned(), later(world.now(), -1_000)),
            By::SomebodyElse => _ = state.outside.insert(LISTENER.to_owned(), world.now()),
            By::AnotherRun => {
                let acts = [("run-0".to_owned(), later(world.now(), 20_000))];
                watch.announced.entry(release.id.clone()).or_default().extend(acts);
            }
            By::AnotherRunThatIsDone => _ = watch.teal_wrote.insert(LISTENER.to_owned(), later(world.now(), 10)),
        }
    }
    watch.read(&who, &release.route[0].part, world.now());
    let deed = Deed::SetActions { part, actions: flag(1000), based_on: world.now() };
    watch.sent_off(&world.state(), &deed, &who, world.now());
    broken(&watch)
}

#[test]
fn a_flag_is_turned_on_only_where_green_has_everything_as_far_as_its_run_can_know() {
    let split = [forward(&[(GROUP_A, 900), (GROUP_B, 100)])];
    assert_eq!(turns_on(&on_green(), By::Nobody), []);
    assert_eq!(turns_on(&split, By::Nobody), [Promise::FlagsFollow]);
    for by in [By::SomebodyElse, By::AnotherRun, By::AnotherRunThatIsDone] {
        assert_eq!(turns_on(&split, by), []);
    }
}

/// What is noticed when a run gives everything back to blue, with the flag on for so many users, after it asked about the flag or did not.
fn gives_back(on: u16, asked: bool) -> Vec<Promise> {
    let (world, release, who) = with_flag();
    let who = Who { function: Function::RollBack, ..who };
    {
        let mut state = world.state();
        state.parts.insert(LISTENER.to_owned(), on_green());
        state.parts.insert(FLAG.to_owned(), flag(on));
    }
    let mut watch = Watch::default();
    if asked {
        watch.requested(&who, &release.flags[0].part, 1, 0, Moved::ByTeal);
    }
    let (part, actions) = (release.route[0].part.clone(), vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])]);
    watch.before(&world.state(), &Deed::SetActions { part, actions, based_on: world.now() }, &who, world.now());
    broken(&watch)
}

#[test]
fn blue_gets_everything_back_only_after_its_run_has_asked_for_flags_that_are_on() {
    assert_eq!(gives_back(1000, false), [Promise::FlagsFollow]);
    assert_eq!(gives_back(1, false), [Promise::FlagsFollow]);
    assert_eq!(gives_back(1000, true), [], "it could not be turned off");
    assert_eq!(gives_back(0, false), [], "it is off");
}

/// What is noticed when a release ends so, with the flag on for so many users.
fn ends(phase: Phase, on: u16) -> Vec<Promise> {
    let (world, release, who) = with_flag();
    let who = Who { function: Function::RollBack, ..who };
    let found = if phase == Phase::Promoted { on_green() } else { vec![forward(&[(GROUP_A, 100), (GROUP_B, 0)])] };
    {
        let mut state = world.state();
        state.parts.insert(LISTENER.to_owned(), found);
        state.parts.insert(FLAG.to_owned(), flag(on));
    }
    let new = Release { phase, intents: Vec::new(), ..release };
    let mut watch = Watch::default();
    let colour = if phase == Phase::Promoted { teal::route::Colour::Green } else { teal::route::Colour::Blue };
    watch.check_flags(&world.state(), &new, colour, &who);
    broken(&watch)
}

#[test]
fn a_release_ends_with_its_flags_where_its_traffic_is() {
    assert_eq!(ends(Phase::Promoted, 1000), []);
    assert_eq!(ends(Phase::RolledBack, 0), []);
    for (phase, on) in [(Phase::Promoted, 0), (Phase::Promoted, 500), (Phase::RolledBack, 1000), (Phase::RolledBack, 1)]
    {
        assert_eq!(ends(phase, on), [Promise::FlagsFollow], "{phase} with {on}");
    }
}
