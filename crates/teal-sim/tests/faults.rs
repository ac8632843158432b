//! A fault at every call of a release, one at a time: wherever a function is killed, throttled or loses an answer, the route ends
//! wholly on one colour and no lock stays behind.

use serde_json::{Value, json};
use teal::ports::AlarmState;
use teal::state::State;
use teal_sim::{Fault, FaultKind, GROUP_A, GROUP_B, LISTENER, Machine, World, plan};

/// Runs one release with one fault and checks what must hold at its end.
fn check(plan: &Value, prepare: impl Fn(&World), fault: Option<Fault>) -> (State, usize) {
    let world = World::new();
    prepare(&world);
    if let Some(fault) = fault {
        world.inject(fault);
    }
    let mut machine = Machine::new(&world, "r-1", plan.clone());
    let ending = machine.finish();
    let split = (world.weight(LISTENER, GROUP_A), world.weight(LISTENER, GROUP_B));
    let story = || format!("{fault:?}: {ending:?}, {split:?}, {:?}", machine.trace);
    match ending.state {
        State::Promoted => assert_eq!(split, (Some(0), Some(100)), "{}", story()),
        State::RolledBack | State::Refused => assert_eq!(split, (Some(100), Some(0)), "{}", story()),
        other => panic!("ended in {other}: {}", story()),
    }
    assert!(world.state().locks.is_empty(), "a lock stayed behind: {}", story());
    (ending.state, world.calls())
}

fn at_every_call(prepare: impl Fn(&World) + Copy, expected: State) {
    let plan = plan();
    let (ending, calls) = check(&plan, prepare, None);
    assert_eq!(ending, expected);
    for at_call in 0..calls {
        for kind in FaultKind::ALL {
            let (ending, _) = check(&plan, prepare, Some(Fault { at_call, kind }));
            assert_eq!(ending, expected, "one fault ({kind:?} at call {at_call}) must not change the outcome");
        }
    }
}

#[test]
fn a_good_release_survives_any_one_fault() {
    at_every_call(|_| {}, State::Promoted);
}

#[test]
fn a_bad_release_is_rolled_back_despite_any_one_fault() {
    at_every_call(|world| _ = world.state().traffic.insert(GROUP_B.to_owned(), (600.0, 60.0)), State::RolledBack);
}

#[test]
fn a_refused_release_touches_nothing_despite_any_one_fault() {
    at_every_call(|world| world.set_alarm("checkout-5xx", AlarmState::Alarm), State::Refused);
}

/// Pairs of faults: any outcome that leaves the route whole is right, since two faults may use up what one retry allows. All at once
/// is the shortest way that passes through every kind of step; `matrix.rs` has the longer ones.
#[test]
fn any_two_crashes_leave_the_route_whole() {
    let mut plan = plan();
    plan["strategy"] = json!({"allAtOnce": {}});
    plan["judge"]["metrics"] = json!([]);
    let bad = |world: &World| _ = world.state().traffic.insert(GROUP_B.to_owned(), (600.0, 60.0));
    let (_, calls) = check(&plan, bad, None);
    for first in 0..calls {
        for second in first + 1..calls + 10 {
            let prepare = |world: &World| {
                bad(world);
                world.inject(Fault { at_call: first, kind: FaultKind::CrashAfter });
            };
            check(&plan, prepare, Some(Fault { at_call: second, kind: FaultKind::CrashBefore }));
        }
    }
}
