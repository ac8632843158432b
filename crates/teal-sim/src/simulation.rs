//! One simulated world from a seed: releases, everything that goes wrong, and one scheduler that decides what happens next.

mod deploying;
mod executions;
mod happenings;
mod lists;
mod queue;
mod runs;
mod setting;

use crate::chaos::Chaos;
use crate::deed::Late;
use crate::link::later;
use crate::matrix::Matrix;
use crate::mutation::Mutation;
use crate::place::Place;
use crate::planned::Planned;
use crate::promise::{Breach, Promise};
use crate::watch::is_impossible;
use crate::world::World;
use executions::Exec;
use fastrand::Rng;
use queue::{Event, Queue};
use runs::{Invoke, Run};
pub(crate) use setting::Setting;
use std::collections::{BTreeMap, BTreeSet};
use teal::hook::HookEvent;
use teal::release::{Phase, Release};
use teal::time::Timestamp;

/// Sweeps in all; no release is under way for so long.
const MAX_SWEEPS: u32 = 500;
/// So many sweeps may still be disturbed when nothing else is under way.
const CALM_AFTER_SWEEPS: u32 = 3;
const SWEEP_MILLIS: i64 = 300_000;
/// Events in all; more means that something goes in circles.
const MAX_EVENTS: u32 = 50_000;

/// What one run of the simulation came to.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    /// The promises that were broken; the run ends with the first.
    pub breaches: Vec<Breach>,
    /// Where each release ended, with how many ended there.
    pub endings: BTreeMap<String, u64>,
    /// What went wrong where.
    pub matrix: Matrix,
    /// Calls to the world.
    pub calls: u64,
    /// Every call of a rehearsal in order: the function, and how many calls all its runs had made before.
    pub points: Vec<(Place, u32)>,
    /// What happened, line by line, where that was asked for.
    pub story: Vec<String>,
}

/// Runs the schedule of a seed. The same seed gives the same run.
#[must_use]
pub fn simulate(seed: u64, mutation: Option<Mutation>) -> Report {
    run(seed, None, mutation, false)
}

/// The releases of a seed, and nothing goes wrong but what is planned.
#[must_use]
pub fn rehearse(seed: u64, planned: Vec<Planned>) -> Report {
    run(seed, Some(planned), None, false)
}

/// The same, and tells what happened.
#[must_use]
pub fn replay(seed: u64, mutation: Option<Mutation>) -> Report {
    run(seed, None, mutation, true)
}

fn run(seed: u64, planned: Option<Vec<Planned>>, mutation: Option<Mutation>, tell: bool) -> Report {
    let mut rng = Rng::with_seed(seed);
    let setting = Setting::of_seed(seed, &mut rng);
    let chaos = match planned {
        Some(planned) => Chaos::scripted(rng.fork(), planned),
        None => Chaos::of_seed(seed, rng.fork(), setting),
    };
    let world = World::with(Some(chaos), mutation);
    if tell {
        world.keep_log();
    }
    setting.furnish(&world);
    world.observe();
    let mut simulation = Simulation::new(&world, setting, rng);
    simulation.run();
    simulation.report(seed)
}

pub(crate) struct Simulation<'w> {
    world: &'w World,
    setting: Setting,
    rng: Rng,
    queue: Queue,
    executions: Vec<Exec>,
    runs: Vec<Option<Run<'w>>>,
    alive: usize,
    sweeps: u32,
    quiet_sweeps: u32,
    alarm_raised_at: Option<Timestamp>,
    /// When the deployment was last found to move next.
    moves_at: Option<Timestamp>,
    /// The hooks that were called, by the deployment's id.
    hooks_called: BTreeSet<(String, HookEvent)>,
    over: bool,
}

impl<'w> Simulation<'w> {
    fn new(world: &'w World, setting: Setting, rng: Rng) -> Self {
        Self {
            world,
            setting,
            rng,
            queue: Queue::default(),
            executions: Vec::new(),
            runs: Vec::new(),
            alive: 0,
            sweeps: 0,
            quiet_sweeps: 0,
            alarm_raised_at: None,
            moves_at: None,
            hooks_called: BTreeSet::new(),
            over: false,
        }
    }

    fn run(&mut self) {
        let world = self.world;
        world.log(|| self.setting.to_string());
        if let Some(chaos) = world.chaos.borrow().as_ref() {
            for planned in chaos.planned() {
                world.log(|| format!("planned: {planned}"));
            }
        }
        let begin = self.rng.i64(0..60_000);
        self.begin_release(begin, false);
        if self.setting.alarming {
            self.begin_alarming();
        }
        self.after(SWEEP_MILLIS, Event::Sweep);
        let mut events = 0;
        while !self.over && world.watch.borrow().breaches.is_empty() {
            let Some((at, event)) = self.queue.pop() else { break };
            world.pass_until(at);
            world.observe();
            self.handle(event);
            self.follow_deployment();
            events += 1;
            if events > MAX_EVENTS {
                world.watch.borrow_mut().breach(Promise::AlwaysEnds, "it goes in circles".to_owned());
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Begin(execution) => self.advance(execution),
            Event::Invoke(invoke) => self.start(*invoke),
            Event::Wake { run, token } => self.wake(run, token),
            Event::Timeout { run } => self.time_out(run),
            Event::Timer { execution, token } => self.timer(execution, token),
            Event::TaskTimeout { execution, token } => self.task_timeout(execution, token),
            Event::Late(late) => self.late(&late),
            Event::Happen(happening, place) => self.happen(happening, place, None),
            Event::Heal(heal) => self.heal(heal),
            Event::Approve { release, stage } => self.approve(&release, stage),
            Event::Sweep => self.sweep(),
            Event::Deploy => self.deploy(),
            // It has come so far with the time.
            Event::Move => {}
        }
    }

    fn after(&mut self, millis: i64, event: Event) {
        self.queue.push(later(self.world.now(), millis), event);
    }

    fn late(&mut self, late: &Late) {
        self.world.log(|| format!("{}: a call that was given up has its effect after all", late.who.invocation));
        // Whether it worked interests nobody any more.
        let _ = self.world.perform(&late.deed, &late.who);
        self.world.observe();
    }

    /// What became due while a function ran or an execution began to wait, and what it left behind.
    fn collect(&mut self, of: Option<&Invoke>, within_millis: i64) {
        let late: Vec<Late> = self.world.late.borrow_mut().drain(..).collect();
        for late in late {
            self.after(late.after, Event::Late(late));
        }
        let due = self.world.chaos.borrow_mut().as_mut().map(|chaos| std::mem::take(&mut chaos.due));
        for (place, happening) in due.into_iter().flatten() {
            let place = Some(place);
            if within_millis > 0 {
                let after = self.rng.i64(0..within_millis);
                self.after(after, Event::Happen(happening, place));
            } else if happening.is_of_a_run() || self.rng.bool() {
                self.happen(happening, place, of);
            } else {
                // While the call is on its way there or back.
                let after = self.rng.i64(0..50);
                self.after(after, Event::Happen(happening, place));
            }
        }
    }

    /// Every five minutes; and the moment to see whether all is over.
    fn sweep(&mut self) {
        self.sweeps += 1;
        let busy = self.alive > 0
            || self.executions.iter().any(Exec::is_running)
            || self.queue.has_work()
            || self.is_deploying();
        if busy {
            self.quiet_sweeps = 0;
        } else {
            self.quiet_sweeps += 1;
            if self.quiet_sweeps == CALM_AFTER_SWEEPS {
                self.calm_down();
            }
            let calm_sweeps = self.quiet_sweeps.saturating_sub(CALM_AFTER_SWEEPS);
            if calm_sweeps > 0 {
                self.answer_calls();
            }
            if calm_sweeps > 2 && (self.is_settled() || calm_sweeps > 12) {
                self.world.watch.borrow_mut().at_the_end(&self.world.state());
                self.over = true;
                return;
            }
        }
        if self.sweeps > MAX_SWEEPS {
            self.world.watch.borrow_mut().breach(Promise::AlwaysEnds, "releases do not end".to_owned());
            return;
        }
        self.after(SWEEP_MILLIS, Event::Sweep);
        self.start(Invoke::sweep());
    }

    fn is_settled(&self) -> bool {
        let state = self.world.state();
        let is_over = |record: &Release| match record.phase {
            Phase::RollbackNeedsHuman => is_impossible(&state, record),
            phase => phase.is_terminal(),
        };
        state.records.values().all(is_over)
    }

    fn report(self, seed: u64) -> Report {
        let mut endings = BTreeMap::new();
        for execution in &self.executions {
            let phase = self.world.record(&execution.id).map(|record| record.phase.to_string());
            *endings.entry(phase.unwrap_or_else(|| "never on record".to_owned())).or_default() += 1;
        }
        let chaos = self.world.chaos.borrow_mut().take();
        let (matrix, points) = chaos.map(|chaos| (chaos.matrix, chaos.points)).unwrap_or_default();
        let breaches = std::mem::take(&mut self.world.watch.borrow_mut().breaches);
        let calls = u64::try_from(self.world.calls()).unwrap_or(u64::MAX);
        Report {
            seed,
            breaches,
            endings,
            matrix,
            calls,
            points: points.unwrap_or_default(),
            story: self.world.take_log(),
        }
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }
}
