//! What a seed lets go wrong, where and when.

use crate::course::{Course, Failure, FaultKind};
use crate::function::{ACT_MARGIN_MILLIS, Function};
use crate::link::{Op, OpKind, Who};
use crate::matrix::Matrix;
use crate::place::Place;
use crate::watch::SKEW_MILLIS;
use fastrand::Rng;
use std::fmt;
use teal::state::State;
use teal::time::Timestamp;

/// Something that happens to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disturbance {
    /// A call of a function goes wrong.
    Call(FaultKind),
    /// Something happens beside the call, or during a wait.
    World(Happening),
}

/// Something that happens in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happening {
    /// The function is invoked a second time with the same input, while it runs.
    RunTwice,
    /// Step Functions loses the invocation's answer and tries again, while the function goes on.
    InvocationLost,
    /// An alarm goes off, and its event comes soon, late, twice or never; it may recover.
    AlarmRaised,
    /// An alarm has no data for a while.
    AlarmSilent,
    /// Green's metrics stop for a while.
    MetricsGone,
    /// Green answers with errors from now on.
    Regression,
    /// No target of green is healthy, for a while or for good.
    GreenSick,
    /// No target of blue is healthy for a while.
    BlueSick,
    /// Checks of green fail.
    ChecksFail,
    /// Somebody stops the execution; its event comes soon, late, twice or never.
    Stopped,
    /// Somebody asks to abort.
    Aborted,
    /// Somebody says yes at every gate, before or while it is waited at.
    Approved,
    /// Somebody says no.
    Rejected,
    /// Another release of the same service starts.
    SecondRelease,
    /// Somebody sets other weights, perhaps those from before the release.
    WeightsChanged,
    /// Somebody adds a third target group.
    GroupAdded,
    /// Somebody changes the action list otherwise.
    ActionsChanged,
    /// Somebody deletes a listener.
    ListenerDeleted,
    /// Somebody takes blue out of the forward action.
    BlueRemoved,
    /// Teal loses the permission to modify listeners for a while.
    Denied,
    /// Hours pass in a moment, and running functions end: their sandboxes were frozen.
    ClockJump,
    /// A sweep comes just now.
    SweepNow,
}

impl Happening {
    /// Everything that can happen, with how often it is drawn.
    const WEIGHTED: [(Happening, u32); 22] = [
        (Happening::RunTwice, 6),
        (Happening::InvocationLost, 6),
        (Happening::AlarmRaised, 10),
        (Happening::AlarmSilent, 3),
        (Happening::MetricsGone, 3),
        (Happening::Regression, 3),
        (Happening::GreenSick, 4),
        (Happening::BlueSick, 3),
        (Happening::ChecksFail, 3),
        (Happening::Stopped, 6),
        (Happening::Aborted, 3),
        (Happening::Approved, 2),
        (Happening::Rejected, 2),
        (Happening::SecondRelease, 6),
        (Happening::WeightsChanged, 4),
        (Happening::GroupAdded, 3),
        (Happening::ActionsChanged, 3),
        (Happening::ListenerDeleted, 2),
        (Happening::BlueRemoved, 2),
        (Happening::Denied, 3),
        (Happening::ClockJump, 2),
        (Happening::SweepNow, 3),
    ];

    /// Everything that can happen.
    pub fn all() -> impl Iterator<Item = Happening> {
        Self::WEIGHTED.iter().map(|(happening, _)| *happening)
    }

    fn draw(rng: &mut Rng) -> Happening {
        let total: u32 = Self::WEIGHTED.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.u32(0..total);
        for (happening, weight) in Self::WEIGHTED {
            if left < weight {
                return happening;
            }
            left -= weight;
        }
        Happening::SweepNow
    }

    /// Whether it happens to a running function rather than to the world.
    pub(crate) const fn is_of_a_run(self) -> bool {
        matches!(self, Happening::RunTwice | Happening::InvocationLost)
    }
}

/// Faults of a call, with how often each is drawn.
const CALL_FAULTS: [(FaultKind, u32); 10] = [
    (FaultKind::CrashBefore, 4),
    (FaultKind::CrashAfter, 4),
    (FaultKind::Throttle, 2),
    (FaultKind::LostAnswer, 3),
    (FaultKind::NoEffect, 2),
    (FaultKind::LateEffect, 4),
    (FaultKind::Hang, 2),
    (FaultKind::HangAfter, 2),
    (FaultKind::HangUntilLate, 3),
    (FaultKind::StaleRead, 2),
];

/// A disturbance that waits for its moment: the `nth` opportunity in a place, or the `nth` time that something is written to a
/// listener or a service there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    place: Place,
    nth: u32,
    at_deed: bool,
    what: Disturbance,
    met: bool,
}

/// What goes wrong in one run of the simulation.
#[derive(Debug)]
pub(crate) struct Chaos {
    rng: Rng,
    planned: Vec<Planned>,
    opportunities: [u32; Place::COUNT],
    deeds: [u32; Place::COUNT],
    /// The share of calls that are throttled.
    throttled: f64,
    slow: bool,
    /// What has its moment now; the scheduler carries it out.
    pub(crate) due: Vec<Happening>,
    pub(crate) matrix: Matrix,
}

impl Chaos {
    pub(crate) fn new(mut rng: Rng) -> Self {
        let count = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7][rng.usize(0..10)];
        let mut planned: Vec<Planned> = Vec::with_capacity(count);
        for _ in 0..count {
            let near = planned.last().copied().filter(|_| rng.u8(0..10) < 4);
            planned.push(Planned::draw(&mut rng, near));
        }
        let preludes: Vec<Planned> = planned.iter().filter_map(|one| Planned::prelude(&mut rng, one.place)).collect();
        planned.extend(preludes);
        let throttled = if rng.u8(0..10) == 0 { 0.15 } else { 0.0 };
        let slow = rng.u8(0..5) == 0;
        let (opportunities, deeds) = ([0; Place::COUNT], [0; Place::COUNT]);
        Self { rng, planned, opportunities, deeds, throttled, slow, due: Vec::new(), matrix: Matrix::default() }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn calm_down(&mut self) {
        self.planned.clear();
        self.throttled = 0.0;
    }

    pub(crate) fn planned(&self) -> impl Iterator<Item = String> {
        self.planned.iter().map(|p| {
            let of = if p.at_deed { "write" } else { "call" };
            format!("{} at {of} {} of {}", p.what, p.nth, p.place)
        })
    }

    /// An execution waits in a state.
    pub(crate) fn waits(&mut self, state: State) {
        if let Some(place) = Place::waiting(state) {
            self.meet(place, None);
        }
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
        if self.throttled > 0.0 && self.rng.f64() < self.throttled {
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
        let nth_deed = op.filter(|op| op.kind == OpKind::Deed).map(|_| {
            let count = &mut self.deeds[place.index()];
            *count += 1;
            *count - 1
        });
        let mut fault = None;
        for planned in &mut self.planned {
            let now = if planned.at_deed { nth_deed } else { Some(nth) };
            let Some(now) = now.filter(|now| !planned.met && planned.place == place && planned.nth <= *now) else {
                continue;
            };
            match (planned.what, op) {
                (Disturbance::World(happening), _) if planned.nth == now => {
                    planned.met = true;
                    self.due.push(happening);
                    self.matrix.met(place, planned.what);
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
        FaultKind::StaleRead => op.kind == OpKind::ReadListener,
        _ => true,
    }
}

impl Planned {
    /// What lets a place be reached that a release without trouble never comes to.
    fn prelude(rng: &mut Rng, place: Place) -> Option<Self> {
        let choices: &[Happening] = match place {
            Place::Runs(Function::OnAlarm) => &[Happening::AlarmRaised],
            Place::Runs(Function::OnExecutionEnd) => &[Happening::Stopped, Happening::Stopped, Happening::Regression],
            Place::Runs(Function::RollBack) | Place::Waits(State::WaitForRollBack) => {
                &[Happening::AlarmRaised, Happening::Aborted, Happening::ChecksFail, Happening::GreenSick]
            }
            _ => return None,
        };
        let what = Disturbance::World(choices[rng.usize(0..choices.len())]);
        let places = [Function::PrepareGreen, Function::ShiftTraffic, Function::EvaluateHealth, Function::Promote];
        let place = Place::Runs(places[rng.usize(0..places.len())]);
        Some(Self { place, nth: rng.u32(0..15), at_deed: false, what, met: false })
    }

    fn draw(rng: &mut Rng, near: Option<Planned>) -> Self {
        let place = near.map_or_else(|| Place::ALL[rng.usize(0..Place::COUNT)], |near| near.place);
        let most = match place {
            Place::Runs(Function::EvaluateHealth | Function::PrepareGreen | Function::Sweep) => 40,
            Place::Runs(Function::ShiftTraffic | Function::RollBack) => 20,
            Place::Runs(_) => 12,
            Place::Waits(_) => 4,
        };
        let at_deed = matches!(place, Place::Runs(function) if function.acts()) && rng.u8(0..3) == 0;
        let nth = match near {
            Some(near) if near.at_deed == at_deed => near.nth + rng.u32(0..4),
            _ if at_deed => rng.u32(0..4),
            _ => rng.u32(0..most),
        };
        let in_call = matches!(place, Place::Runs(_)) && rng.bool();
        let what = if in_call {
            Disturbance::Call(draw_fault(rng))
        } else {
            let mut happening = Happening::draw(rng);
            while matches!(place, Place::Waits(_)) && happening.is_of_a_run() {
                happening = Happening::draw(rng);
            }
            Disturbance::World(happening)
        };
        Self { place, nth, at_deed, what, met: false }
    }
}

fn draw_fault(rng: &mut Rng) -> FaultKind {
    let total: u32 = CALL_FAULTS.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.u32(0..total);
    for (kind, weight) in CALL_FAULTS {
        if left < weight {
            return kind;
        }
        left -= weight;
    }
    FaultKind::Throttle
}

impl Disturbance {
    /// Everything that can go wrong.
    pub fn all() -> impl Iterator<Item = Disturbance> {
        let calls = CALL_FAULTS.iter().map(|(kind, _)| Disturbance::Call(*kind));
        calls.chain(Happening::all().map(Disturbance::World))
    }

    /// Whether it can ever happen in a place.
    #[must_use]
    pub fn can_happen_in(self, place: Place) -> bool {
        match (self, place) {
            (Disturbance::Call(_), Place::Waits(_)) => false,
            (Disturbance::World(happening), Place::Waits(_)) => !happening.is_of_a_run(),
            // What changes neither a listener nor a service has no late effect; what reads no listener reads nothing old.
            (Disturbance::Call(FaultKind::LateEffect), Place::Runs(function)) => function.acts(),
            (Disturbance::Call(FaultKind::StaleRead), Place::Runs(function)) => function != Function::ValidateGreen,
            (_, Place::Runs(_)) => true,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Call(kind) => write!(f, "{kind:?}"),
            Disturbance::World(happening) => write!(f, "{happening:?}"),
        }
    }
}
