//! Where something can go wrong: in a function, or while an execution waits.

use crate::function::Function;
use std::fmt;
use teal::state::State;

/// A function that runs, or a state that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Runs(Function),
    Waits(State),
}

const WAITS: [State; 6] = [
    State::WaitForGreen,
    State::WaitForValidation,
    State::AwaitApproval,
    State::Bake,
    State::WaitForRetirement,
    State::WaitForRollBack,
];

impl Place {
    /// How many places there are.
    pub const COUNT: usize = Function::ALL.len() + WAITS.len();

    /// Every place.
    pub const ALL: [Place; Self::COUNT] = {
        let mut all = [Place::Waits(State::Bake); Self::COUNT];
        let mut index = 0;
        while index < Function::ALL.len() {
            all[index] = Place::Runs(Function::ALL[index]);
            index += 1;
        }
        while index < Self::COUNT {
            all[index] = Place::Waits(WAITS[index - Function::ALL.len()]);
            index += 1;
        }
        all
    };

    pub(crate) const fn of(function: Function) -> Self {
        Place::Runs(function)
    }

    pub(crate) fn waiting(state: State) -> Option<Self> {
        WAITS.contains(&state).then_some(Place::Waits(state))
    }

    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|place| *place == self).unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Runs(function) => write!(f, "{function}"),
            Place::Waits(state) => write!(f, "{state}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    #[test]
    fn every_state_of_the_machine_that_runs_a_function_or_waits_is_a_place() {
        let text = include_str!("../../../statemachine/release.asl.json");
        let machine: Value = serde_json::from_str(text).unwrap_or_else(|problem| panic!("{problem}"));
        let states = machine["States"].as_object().into_iter().flatten();
        let waits = states.filter(|(_, state)| state["Type"] == "Wait").map(|(name, _)| name.clone());
        assert_eq!(waits.collect::<BTreeSet<_>>(), WAITS.iter().map(ToString::to_string).collect());
        let runs = machine["States"].as_object().into_iter().flatten().filter(|(_, state)| state["Type"] == "Task");
        for (name, _) in runs {
            assert!(Function::ALL.iter().any(|function| function.to_string() == *name), "{name}");
        }
    }
}
