//! Two functions that are ended, one after the other, at each pair of their calls.

use crate::cores::on_every_core;
use crate::course::FaultKind;
use crate::disturbance::{Disturbance, Happening};
use crate::function::Function;
use crate::place::Place;
use crate::planned::Planned;
use crate::promise::Breach;
use crate::simulation::rehearse;

/// A seed with one listener and one weight before all, no build and no flag.
pub const CANARY: u64 = 23;

/// A seed whose traffic a deployment moves that somebody begins, so that its hooks ask.
pub const DEPLOYED: u64 = 5;

/// Small courses of a release that together run every function that schedules have.
#[must_use]
pub fn courses() -> Vec<Vec<Planned>> {
    let at_look =
        |happening| vec![Planned::at_call(Place::Runs(Function::EvaluateHealth), 1, Disturbance::World(happening))];
    let alarm = Disturbance::World(Happening::AlarmRaised);
    vec![
        Vec::new(),
        vec![Planned::at_write(Place::Runs(Function::ShiftTraffic), 0, alarm)],
        at_look(Happening::Regression),
        at_look(Happening::Stopped),
        at_look(Happening::StoppedUnheard),
        at_look(Happening::NewerRelease),
    ]
}

/// The end of a function at a call of a run.
#[must_use]
pub fn crash((place, nth): (Place, u32), kind: FaultKind) -> Planned {
    Planned::at_call(place, nth, Disturbance::Call(kind))
}

/// What came of the pairs of one or more courses.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    pub schedules: u64,
    /// What was planned, and the first promise that it broke.
    pub broken: Vec<(Vec<Planned>, Breach)>,
}

impl Pairs {
    /// Ends each function that is to be the first at each of its calls, after its effect; and then whatever runs after that at each call, too.
    /// What comes after the first end is not what would have come without it.
    #[must_use]
    pub fn of(seed: u64, courses: &[Vec<Planned>], is_first: impl Fn(Function) -> bool) -> Self {
        let ends =
            |(_, (place, _)): &(usize, (Place, u32))| matches!(place, Place::Runs(function) if is_first(*function));
        let firsts: Vec<(usize, Vec<Planned>)> = courses
            .iter()
            .flat_map(|course| {
                let points = rehearse(seed, course.clone()).points;
                let ended =
                    |(index, point)| (index, [course.clone(), vec![crash(point, FaultKind::CrashAfter)]].concat());
                points.into_iter().enumerate().filter(ends).map(ended).collect::<Vec<_>>()
            })
            .collect();
        let parts =
            on_every_core(&firsts, |part: &mut Self, (index, planned)| part.end_once_more(seed, *index, planned));
        let mut all = Self::default();
        for part in parts {
            all.schedules += part.schedules;
            all.broken.extend(part.broken);
        }
        all
    }

    fn end_once_more(&mut self, seed: u64, index: usize, planned: &[Planned]) {
        for point in rehearse(seed, planned.to_vec()).points.into_iter().skip(index + 1) {
            let planned = [planned, &[crash(point, FaultKind::CrashAfter)]].concat();
            let report = rehearse(seed, planned.clone());
            self.schedules += 1;
            self.broken.extend(report.breaches.into_iter().next().map(|breach| (planned, breach)));
        }
    }
}
