//! What goes wrong in one run of the simulation, where and when.

use crate::course::{Course, Failure, FaultKind};
use crate::disturbance::{Disturbance, Happening};
use crate::function::ACT_MARGIN_MILLIS;
use crate::link::{Op, OpKind, Who, later};
use crate::matrix::Matrix;
use crate::place::Place;
use crate::planned::Planned;
use crate::simulation::Setting;
use crate::watch::SKEW_MILLIS;
use fastrand::Rng;
use teal::state::State;
use teal::time::Timestamp;

/// How long an account is busy: less than a deployment waits for a hook.
const BUSY_MILLIS: i64 = 1_800_000;

/// What goes wrong in one run of the simulation.
#[derive(Debug)]
pub(crate) struct Chaos {
    rng: Rng,
    planned: Vec<Planned>,
    opportunities: [u32; Place::COUNT],
    deeds: [u32; Place::COUNT],
    /// The share of calls that are throttled while the account is busy.
    throttled: f64,
    /// The share of invocations that Lambda has no room for then.
    crowded: f64,
    /// How many milliseconds after the first call the account begins to be busy, and when that was.
    busy_after: i64,
    busy_from: Option<Timestamp>,
    slow: bool,
    /// What has its moment now; the scheduler carries it out.
    pub(crate) due: Vec<(Place, Happening)>,
    pub(crate) matrix: Matrix,
    /// Every call of a run that is scripted, in order.
    pub(crate) points: Option<Vec<(Place, u32)>>,
}

impl Chaos {
    /// What is planned, in a run that is otherwise calm.
    pub(crate) fn scripted(rng: Rng, planned: Vec<Planned>) -> Self {
        let (opportunities, deeds) = ([0; Place::COUNT], [0; Place::COUNT]);
        let (due, matrix) = (Vec::new(), Matrix::default());
        let points = Some(Vec::new());
        Self {
            rng,
            planned,
            opportunities,
            deeds,
            throttled: 0.0,
            crowded: 0.0,
            busy_after: 0,
            busy_from: None,
            slow: false,
            due,
            matrix,
            points,
        }
    }

    /// What a seed lets go wrong.
    pub(crate) fn of_seed(seed: u64, mut rng: Rng, setting: Setting) -> Self {
        let planned = Planned::of_seed(seed, &mut rng, setting);
        let throttled = if rng.u8(0..10) == 0 { 0.15 } else { 0.0 };
        let slow = rng.u8(0..5) == 0;
        let crowded = if rng.u8(0..12) == 0 { 0.2 } else { 0.0 };
        // Most are busy from the beginning.
        let busy_after = if rng.bool() { 0 } else { rng.i64(0..3_600_000) };
        Self { throttled, crowded, busy_after, slow, points: None, ..Self::scripted(rng, planned) }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn calm_down(&mut self) {
        self.planned.clear();
        (self.throttled, self.crowded) = (0.0, 0.0);
    }

    pub(crate) fn planned(&self) -> &[Planned] {
        &self.planned
    }

    /// An execution waits in a state.
    pub(crate) fn waits(&mut self, state: State) {
        if let Some(place) = Place::waiting(state) {
            self.meet(place, None);
        }
    }

    /// Whether Lambda has no room for an invocation.
    pub(crate) fn turns_away(&mut self, now: Timestamp) -> bool {
        self.is_busy(now) && self.crowded > 0.0 && self.rng.f64() < self.crowded
    }

    /// Whether the account is just busy: it passes, as what others ask of it does.
    fn is_busy(&mut self, now: Timestamp) -> bool {
        let from = *self.busy_from.get_or_insert(later(now, self.busy_after));
        from <= now && now < later(from, BUSY_MILLIS)
    }

    /// Something that was planned for a place had an effect.
    pub(crate) fn happened(&mut self, place: Place, happening: Happening) {
        self.matrix.met(place, Disturbance::World(happening));
    }

    /// Whether a function that reads a listener which has just changed is told what was there before.
    pub(crate) fn reads_late(&mut self, place: Place) -> bool {
        let late = Disturbance::Call(FaultKind::StaleRead);
        let (calls, deeds) = (self.opportunities[place.index()], self.deeds[place.index()]);
        let is_due = |planned: &&mut Planned| {
            let reached = if planned.at_write { deeds } else { calls };
            !planned.met && planned.place == place && planned.what == late && planned.nth < reached
        };
        let Some(planned) = self.planned.iter_mut().find(is_due) else { return false };
        planned.met = true;
        self.matrix.met(place, late);
        true
    }

    /// How a call of a function goes.
    pub(crate) fn course(&mut self, who: &Who, op: Op, now: Timestamp) -> Course {
        let (effect, answer) = (self.latency(), self.latency());
        let course = Course { effect: Some(effect), answer: Some(answer), ..Course::WELL };
        // How long this run may still act. Its clock and the world's are not quite the same.
        let ends = who.function.timeout_millis() + ACT_MARGIN_MILLIS - 3 * SKEW_MILLIS;
        let left = ends - i64::try_from(now.duration_since(who.started).as_millis()).unwrap_or(i64::MAX);
        if let Some(kind) = self.meet(Place::of(who.function), Some(op)) {
            let late_by = match kind {
                FaultKind::HangUntilLate => left - self.rng.i64(0..1_000),
                _ => {
                    let most = [200, 5_000, 40_000][self.rng.usize(0..3)];
                    self.rng.i64(1..=(left - answer).clamp(1, most))
                }
            };
            return course.with(kind, late_by.max(1));
        }
        if self.is_busy(now) && self.throttled > 0.0 && self.rng.f64() < self.throttled {
            return Course { effect: None, error: Some(Failure::Throttled), ..course };
        }
        course
    }

    fn latency(&mut self) -> i64 {
        match (self.slow, self.rng.u8(0..30)) {
            (_, 0) => self.rng.i64(100..3_000),
            (true, _) => self.rng.i64(20..900),
            (false, _) => self.rng.i64(1..30),
        }
    }

    /// An opportunity: what is planned for it becomes due. At most one fault of a call.
    fn meet(&mut self, place: Place, op: Option<Op>) -> Option<FaultKind> {
        let count = &mut self.opportunities[place.index()];
        let nth = *count;
        *count += 1;
        if let Some(points) = self.points.as_mut().filter(|_| op.is_some()) {
            points.push((place, nth));
        }
        let nth_deed = op.filter(|op| op.kind == OpKind::Deed).map(|_| {
            let count = &mut self.deeds[place.index()];
            *count += 1;
            *count - 1
        });
        let mut fault = None;
        for planned in &mut self.planned {
            let now = if planned.at_write { nth_deed } else { Some(nth) };
            let Some(now) = now.filter(|now| !planned.met && planned.place == place && planned.nth <= *now) else {
                continue;
            };
            match (planned.what, op) {
                (Disturbance::World(happening), _) if planned.nth == now => {
                    planned.met = true;
                    self.due.push((place, happening));
                }
                // A fault that this call cannot have waits for one that can.
                (Disturbance::Call(kind), Some(op)) if fault.is_none() && can_have(op, kind) => {
                    planned.met = true;
                    fault = Some(kind);
                    self.matrix.met(place, planned.what);
                }
                _ => {}
            }
        }
        fault
    }
}

fn can_have(op: Op, kind: FaultKind) -> bool {
    match kind {
        FaultKind::LateEffect => op.kind == OpKind::Deed,
        // It waits for a read that may be late, which is known when the listener is read.
        FaultKind::StaleRead => false,
        _ => true,
    }
}
