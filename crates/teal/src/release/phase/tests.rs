use super::*;
use crate::strategy::compile;
use serde_json::json;

/// Two stages before the last, with a gate before the second.
fn timeline() -> Timeline {
    let plan = json!({
        "service": "s", "version": "1",
        "green": {"ecs": {"cluster": "c", "services": ["a", "b"], "taskDefinition": "s:1"}},
        "traffic": {"alb": {"listeners": []}},
        "strategy": {"steps": [
            {"weight": "10%", "bake": "5m"}, {"gate": {"name": "QA", "within": "1h"}}, {"weight": "50%", "bake": "5m"},
        ]},
    });
    compile(&serde_json::from_value(plan).unwrap())
}

const PHASES: [Phase; 16] = [
    Phase::Accept,
    Phase::PrepareGreen,
    Phase::ValidateGreen,
    Phase::AwaitApproval { stage: 1 },
    Phase::ShiftTraffic { stage: 0 },
    Phase::ShiftTraffic { stage: 1 },
    Phase::Bake { stage: 0 },
    Phase::Bake { stage: 1 },
    Phase::Bake { stage: 2 },
    Phase::Promote,
    Phase::RetireBlue,
    Phase::Promoted,
    Phase::RollBack,
    Phase::RolledBack,
    Phase::RollbackNeedsHuman,
    Phase::Refused,
];

const EVENTS: [Event; 11] = [
    Event::Accepted,
    Event::Refused,
    Event::GreenReady,
    Event::Validated,
    Event::Approved,
    Event::Shifted,
    Event::BakePassed,
    Event::BlueRetired,
    Event::RollBackDecided,
    Event::RouteRestored,
    Event::RestoreFailed,
];

/// Every transition there is; whatever is not here is illegal.
fn table() -> Vec<(Phase, Event, Phase)> {
    use Event as E;
    use Phase as P;
    let mut table = vec![
        (P::Accept, E::Accepted, P::PrepareGreen),
        (P::Accept, E::Refused, P::Refused),
        (P::Refused, E::Refused, P::Refused),
        (P::PrepareGreen, E::GreenReady, P::ValidateGreen),
        (P::ValidateGreen, E::Validated, P::ShiftTraffic { stage: 0 }),
        (P::AwaitApproval { stage: 1 }, E::Approved, P::ShiftTraffic { stage: 1 }),
        (P::ShiftTraffic { stage: 0 }, E::Shifted, P::Bake { stage: 0 }),
        (P::ShiftTraffic { stage: 1 }, E::Shifted, P::Bake { stage: 1 }),
        (P::Bake { stage: 0 }, E::BakePassed, P::AwaitApproval { stage: 1 }),
        (P::Bake { stage: 1 }, E::BakePassed, P::Promote),
        (P::Promote, E::Shifted, P::Bake { stage: 2 }),
        (P::Bake { stage: 2 }, E::BakePassed, P::RetireBlue),
        (P::RetireBlue, E::BlueRetired, P::Promoted),
        (P::Promoted, E::BlueRetired, P::Promoted),
        (P::RollBack, E::RouteRestored, P::RolledBack),
        (P::RolledBack, E::RouteRestored, P::RolledBack),
        (P::RollbackNeedsHuman, E::RouteRestored, P::RolledBack),
        (P::RollBack, E::RestoreFailed, P::RollbackNeedsHuman),
        (P::RollbackNeedsHuman, E::RestoreFailed, P::RollbackNeedsHuman),
    ];
    let revocable = PHASES.iter().filter(|phase| phase.can_roll_back());
    table.extend(revocable.map(|phase| (*phase, E::RollBackDecided, P::RollBack)));
    table
}

#[test]
fn every_transition_is_in_the_table_and_every_other_is_illegal() {
    let (timeline, table) = (timeline(), table());
    for phase in PHASES {
        for event in EVENTS {
            let expected = table.iter().find(|row| row.0 == phase && row.1 == event).map(|row| row.2);
            assert_eq!(phase.next(&event, &timeline).ok(), expected, "{phase:?} on {event:?}");
        }
    }
}

#[test]
fn nothing_turns_back_after_the_point_of_no_return() {
    for phase in [Phase::RetireBlue, Phase::Promoted, Phase::RolledBack, Phase::Refused] {
        assert!(!phase.can_roll_back(), "{phase}");
    }
    assert!(PHASES.iter().filter(|phase| phase.is_terminal()).all(|phase| !phase.can_roll_back()));
}

#[test]
fn each_step_of_a_phase_is_one_that_the_state_machine_can_take() {
    // Between two resting phases the machine passes states that only wait or look.
    let reachable =
        |from: State, to: State| from.nexts().contains(&to) || from.nexts().iter().any(|via| via.nexts().contains(&to));
    for (from, event, to) in table() {
        let caught = matches!(event, Event::RollBackDecided | Event::RestoreFailed | Event::Refused);
        if from != to && !caught && from != Phase::RollbackNeedsHuman {
            assert!(reachable(from.state(), to.state()), "{from:?} to {to:?}");
        }
    }
}
