//! Which disturbance meets which moment.

use crate::course::FaultKind;
use crate::disturbance::{Disturbance, Happening};
use crate::function::Function;
use crate::place::Place;
use crate::simulation::Setting;
use fastrand::Rng;
use std::fmt;
use std::sync::LazyLock;
use teal::state::State;

/// A disturbance and its moment: the `nth` call of a function (or wait in a state), counted from 0 over all its runs, or the `nth` time
/// that the function writes to a listener or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    pub(crate) place: Place,
    pub(crate) nth: u32,
    pub(crate) at_write: bool,
    pub(crate) what: Disturbance,
    pub(crate) met: bool,
}

/// Every cell of the matrix that can be reached.
static CELLS: LazyLock<Vec<(Place, Disturbance)>> = LazyLock::new(|| {
    let cells = Place::ALL.iter().flat_map(|place| Disturbance::all().map(|what| (*place, what)));
    cells.filter(|(place, what)| what.can_happen_in(*place)).collect()
});

impl Planned {
    /// At the nth call in a place, or the first after it that can be disturbed so.
    #[must_use]
    pub fn at_call(place: Place, nth: u32, what: Disturbance) -> Self {
        Self { place, nth, at_write: false, what, met: false }
    }

    /// At the nth write in a place.
    #[must_use]
    pub fn at_write(place: Place, nth: u32, what: Disturbance) -> Self {
        Self { at_write: true, ..Self::at_call(place, nth, what) }
    }

    /// The cell of the matrix that every second seed is aimed at, all of them in turn.
    pub(crate) fn aimed(seed: u64) -> Option<(Place, Disturbance)> {
        let index = usize::try_from(seed / 2).unwrap_or_default() % CELLS.len();
        (seed % 2 == 1).then(|| CELLS[index])
    }

    /// What a seed plans: the cell that it is aimed at, if it is; the rest is drawn.
    pub(crate) fn of_seed(seed: u64, rng: &mut Rng, setting: Setting) -> Vec<Self> {
        let count = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7][rng.usize(0..10)];
        let mut planned: Vec<Planned> = Vec::with_capacity(count);
        if let Some((place, what)) = Self::aimed(seed) {
            let nth = rng.u32(0..4);
            // Many a wait comes once only.
            let nth = if matches!(place, Place::Waits(_)) { nth.saturating_sub(2) } else { nth };
            planned.push(Self::at_call(place, nth, what));
        }
        for _ in 0..count {
            let near = planned.last().copied().filter(|_| rng.u8(0..10) < 4);
            planned.push(Self::draw(rng, near, setting));
        }
        if setting.alarming && rng.bool() {
            // Just when it is decided whether the alarm is passed over.
            let flaps = Disturbance::World(Happening::AlarmFlaps);
            planned.push(Self::at_call(Place::Runs(Function::Accept), rng.u32(4..12), flaps));
        }
        let preludes: Vec<Planned> = planned.iter().filter_map(|one| Self::prelude(rng, one.place)).collect();
        let changes: Vec<Planned> = planned.iter().filter_map(Self::change_to_be_missed).collect();
        planned.extend(preludes);
        planned.extend(changes);
        planned
    }

    /// What somebody changes for a read to be late where a function reads without having written: drawn by nothing, since it is there for the read.
    #[must_use]
    pub fn change_to_be_missed(&self) -> Option<Self> {
        let writes_first = matches!(
            self.place,
            Place::Runs(Function::ShiftTraffic | Function::Promote | Function::RollBack | Function::OnAlarm)
        );
        let changes = Disturbance::World(Happening::WeightsChanged);
        let is_late = self.what == Disturbance::Call(FaultKind::StaleRead);
        (is_late && !writes_first).then(|| Self::at_call(self.place, self.nth, changes))
    }

    /// What lets a place be reached that a release without trouble never comes to.
    fn prelude(rng: &mut Rng, place: Place) -> Option<Self> {
        let choices: &[Happening] = match place {
            Place::Runs(Function::OnAlarm) => &[Happening::AlarmRaised],
            Place::Runs(Function::OnExecutionEnd) => &[Happening::Stopped, Happening::Stopped, Happening::Regression],
            Place::Runs(Function::Sweep) if rng.bool() => &[Happening::StoppedUnheard],
            Place::Runs(Function::RollBack) | Place::Waits(State::WaitForRollBack) => {
                &[Happening::AlarmRaised, Happening::Aborted, Happening::ChecksFail, Happening::GreenSick]
            }
            _ => return None,
        };
        let what = Disturbance::World(choices[rng.usize(0..choices.len())]);
        let places = [Function::PrepareGreen, Function::ShiftTraffic, Function::EvaluateHealth, Function::Promote];
        let place = Place::Runs(places[rng.usize(0..places.len())]);
        Some(Self::at_call(place, rng.u32(0..15), what))
    }

    fn draw(rng: &mut Rng, near: Option<Planned>, setting: Setting) -> Self {
        let is_there = |place: &Place| match place {
            Place::Runs(Function::OnLifecycleHook) => setting.is_asked(),
            Place::Waits(State::WaitForValidation) => setting.is_built(),
            Place::Runs(_) | Place::Waits(_) => true,
        };
        let places: Vec<Place> = Place::ALL.into_iter().filter(is_there).collect();
        let place = near.map_or_else(|| places[rng.usize(0..places.len())], |near| near.place);
        let most = match place {
            Place::Runs(Function::EvaluateHealth | Function::PrepareGreen | Function::Sweep) => 40,
            Place::Runs(Function::ShiftTraffic | Function::RollBack) => 20,
            Place::Runs(_) => 12,
            Place::Waits(_) => 4,
        };
        let at_write = matches!(place, Place::Runs(function) if function.acts()) && rng.u8(0..3) == 0;
        let nth = match near {
            Some(near) if near.at_write == at_write => near.nth + rng.u32(0..4),
            _ if at_write => rng.u32(0..4),
            _ => rng.u32(0..most),
        };
        let mut what = Disturbance::draw(rng, setting);
        while !what.can_happen_in(place) {
            what = Disturbance::draw(rng, setting);
        }
        Self { place, nth, at_write, what, met: false }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match (self.place, self.at_write) {
            (Place::Waits(_), _) => "wait",
            (Place::Runs(_), true) => "write",
            (Place::Runs(_), false) => "call",
        };
        write!(f, "{} at {of} {} of {}", self.what, self.nth, self.place)
    }
}
