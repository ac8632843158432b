//! How often each disturbance was met in each place.

use crate::disturbance::Disturbance;
use crate::place::Place;
use std::collections::BTreeMap;
use std::fmt;

/// Places by disturbances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    cells: BTreeMap<(Disturbance, Place), u64>,
}

impl Matrix {
    pub(crate) fn met(&mut self, place: Place, what: Disturbance) {
        *self.cells.entry((what, place)).or_default() += 1;
    }

    /// Adds what another run met.
    pub fn add(&mut self, other: &Matrix) {
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
    }

    /// Whether a disturbance was met in a place.
    #[must_use]
    pub fn has(&self, place: Place, what: Disturbance) -> bool {
        self.cells.contains_key(&(what, place))
    }

    /// The cells that can be reached and were not.
    #[must_use]
    pub fn empty_cells(&self) -> Vec<(Place, Disturbance)> {
        let cells = Place::ALL.iter().flat_map(|place| Disturbance::all().map(|what| (*place, what)));
        cells.filter(|(place, what)| what.can_happen_in(*place) && !self.has(*place, *what)).collect()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}", "")?;
        for place in Place::ALL {
            write!(f, " {:>8.8}", short(&place.to_string()))?;
        }
        for what in Disturbance::all() {
            write!(f, "\n{:<16}", what.to_string())?;
            for place in Place::ALL {
                match self.cells.get(&(what, place)) {
                    Some(count) => write!(f, " {count:>8}")?,
                    None if what.can_happen_in(place) => write!(f, " {:>8}", "none")?,
                    None => write!(f, " {:>8}", "-")?,
                }
            }
        }
        Ok(())
    }
}

/// A place's name in eight characters.
fn short(name: &str) -> String {
    let short = match name {
        "PrepareGreen" => "Prepare",
        "ValidateGreen" => "Validate",
        "ShiftTraffic" => "Shift",
        "EvaluateHealth" => "Evaluate",
        "RetireBlue" => "Retire",
        "OnExecutionEnd" => "OnExecEnd",
        "OnLifecycleHook" => "OnHook",
        "WaitForGreen" => "w.Green",
        "WaitForValidation" => "w.Build",
        "AwaitApproval" => "w.Gate",
        "Bake" => "w.Bake",
        "WaitForRetirement" => "w.Retire",
        "WaitForRollBack" => "w.Back",
        other => other,
    };
    short.to_owned()
}
