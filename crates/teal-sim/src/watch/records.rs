//! What Teal writes to its table.

use super::drift::is_closed;
use super::{Seen, Watch};
use crate::deed::short;
use crate::function::Function;
use crate::link::{Who, later};
use crate::ports::READ_LAG;
use crate::promise::Promise;
use crate::state::State;
use teal::error::ErrorName;
use teal::ports::BuildState;
use teal::release::{Phase, Release};
use teal::request::Ask;
use teal::route::{Colour, Colours, weight_in};
use teal::story::Fact;
use teal::time::Timestamp;
use teal::units::Share;

/// How far clocks of functions differ at most, in milliseconds.
pub(crate) const SKEW_MILLIS: i64 = 400;

impl Watch {
    /// A record was written: `old` became `new`.
    pub(crate) fn saved(
        &mut self,
        state: &State,
        old: &Release,
        new: &Release,
        who: &Who,
        seen: &Seen,
        now: Timestamp,
    ) {
        self.check_reasons(old, new, who);
        if old.setback.is_none() && new.setback.is_some() {
            self.before_setback.insert(new.id.clone(), (now, old.clone()));
        }
        self.check_alarms(old, new, seen);
        self.check_event(old, new, who);
        self.note_taken_on(old, new, who);
        self.check_kept(old, new, who);
        self.check_locks(state, new);
        self.check_share(state, old, new, who);
        self.note_intents(new, who, now);
        if old.build.is_none() && new.build.is_some() && seen.probed_well {
            self.probed.insert(new.id.clone());
        }
        if old.restored_at.is_none() && new.restored_at.is_some() && !is_unsettled(new, who) {
            self.check_whole(state, new, Colour::Blue, who);
            self.check_flags(state, new, Colour::Blue, who);
        }
        let passes = old.bake_passed_at.is_none() && new.bake_passed_at.is_some();
        if passes {
            self.check_advance(old, new, seen, who);
        }
        let ends = matches!(new.phase, Phase::RollBack | Phase::RollbackNeedsHuman | Phase::RolledBack);
        if passes || (old.phase != new.phase && old.bake_passed_at.is_none() && !ends) {
            self.check_baked(old, new, who);
        }
        self.check_gate(old, new, who);
        if old.phase != new.phase {
            self.check_heard(old, new, who);
            self.check_deadline(old, new, who);
            self.check_kept_warm(new, who);
            self.note_clocks(old, new, who, now);
            self.phase_changed(state, old, new, who, seen, now);
        }
    }

    fn check_reasons(&mut self, old: &Release, new: &Release, who: &Who) {
        if old.setback.is_some() && old.setback != new.setback {
            let what = format!("{}: {:?} became {:?}", new.id, old.setback, new.setback);
            self.breach(Promise::FirstReasonStands, what);
        }
        let by_its_end = matches!(who.function, Function::OnExecutionEnd | Function::Sweep);
        if let (None, Some(setback)) = (&old.setback, &new.setback)
            && by_its_end
            && self.timed_out.contains(&new.id)
            && setback.error != ErrorName::DeadlineExceeded
        {
            self.breach(Promise::EndingExplained, format!("{} has timed out, and says {setback:?}", new.id));
        }
        let goes_on =
            !matches!(new.phase, Phase::RollBack | Phase::RolledBack | Phase::RollbackNeedsHuman | Phase::Refused);
        if new.setback.is_some() && goes_on {
            self.breach(Promise::FirstReasonStands, format!("{} is set back and goes on to {}", new.id, new.phase));
        }
        let past_return = matches!(old.phase, Phase::RetireBlue | Phase::Promoted);
        if past_return && !matches!(new.phase, Phase::RetireBlue | Phase::Promoted) {
            self.breach(Promise::PhasesInOrder, format!("{} went from {} to {}", new.id, old.phase, new.phase));
        }
        if old.phase.is_terminal() && old.phase != new.phase {
            self.breach(Promise::PhasesInOrder, format!("{} ended as {} and is now {}", new.id, old.phase, new.phase));
        }
    }

    /// A look goes on although the deadline has passed before it began.
    fn check_deadline(&mut self, old: &Release, new: &Release, who: &Who) {
        let looks =
            matches!(old.phase, Phase::Bake { .. } | Phase::AwaitApproval { .. }) && old.bake_passed_at.is_none();
        let ends = matches!(new.phase, Phase::RollBack | Phase::RollbackNeedsHuman | Phase::RolledBack);
        let allowed = 1000 * i64::from(new.plan.deadline.as_seconds());
        // Not by what the record says of it: that is what is to be checked.
        if looks && !ends && later(new.started_at, allowed + SKEW_MILLIS) < who.started {
            let what = format!("{} goes from {} to {} after its deadline", new.id, old.phase, new.phase);
            self.breach(Promise::DeadlineKept, what);
        }
    }

    fn check_locks(&mut self, state: &State, new: &Release) {
        if new.phase.is_terminal() {
            return;
        }
        for key in new.lock_keys() {
            if state.locks.get(&key) != Some(&new.id) {
                self.breach(
                    Promise::OneHolder,
                    format!("{} is in {} and does not hold {}", new.id, new.phase, short(&key)),
                );
            }
        }
    }

    /// What is announced counts until its writer takes it back, or its time is over.
    fn note_intents(&mut self, new: &Release, who: &Who, now: Timestamp) {
        let announced = self.announced.entry(new.id.clone()).or_default();
        announced.remove(&who.invocation);
        announced.extend(new.intents.iter().map(|intent| (intent.invocation.clone(), intent.act_by)));
        announced.retain(|_, act_by| later(*act_by, SKEW_MILLIS) > now);
    }

    pub(super) fn others_may_act(&self, release: &Release, who: &Who, now: Timestamp) -> bool {
        let announced = self.announced.get(&release.id).into_iter().flatten();
        // A function's clock may run ahead by so much.
        announced.into_iter().any(|(by, act_by)| *by != who.invocation && later(*act_by, -2 * SKEW_MILLIS) > now)
    }

    fn phase_changed(&mut self, state: &State, old: &Release, new: &Release, who: &Who, seen: &Seen, now: Timestamp) {
        match (old.phase, new.phase) {
            (Phase::Accept, Phase::PrepareGreen) => self.accepted(new, seen),
            (Phase::ValidateGreen, next) => {
                let answered = seen.probed_well || self.probed.contains(&new.id);
                if (new.plan.validate.http.is_empty() || answered) && is_built_well(state, new) {
                    self.validated.insert(new.id.clone());
                }
                if next != Phase::RollBack {
                    self.check_first_weight(new, seen);
                    self.check_tested(state, new, who);
                }
            }
            // The deployment moves what it moves, and what it went past is judged where it has come to.
            (Phase::ShiftTraffic { .. } | Phase::Promote, Phase::Bake { .. })
                if new.plan.traffic.shifted_by.is_some() => {}
            (Phase::Bake { stage }, Phase::Bake { stage: reached }) if reached > stage && has_come_to(new, reached) => {
            }
            (Phase::ShiftTraffic { .. } | Phase::Promote, Phase::Bake { .. }) => self.check_shifted(new, who, seen),
            (Phase::Bake { .. }, next) if next != Phase::RollBack => self.check_advance(old, new, seen, who),
            (Phase::AwaitApproval { stage }, next) if next != Phase::RollBack => {
                if stage == 0 {
                    self.check_first_weight(new, seen);
                } else if !self.alarms_allow(new, seen) {
                    let what = format!("{} goes through a gate: alarms {:?}", new.id, seen.alarms);
                    self.breach(Promise::NoDataNoAdvance, what);
                }
                if !state.has_asked(&new.id, Ask::Approve { stage }) {
                    let what = format!("{} went through the gate before stage {stage} unasked", new.id);
                    self.breach(Promise::WeightOfStage, what);
                }
            }
            _ => {}
        }
        match new.phase {
            Phase::ShiftTraffic { stage } => {
                let share = new.timeline.stages().get(stage).map_or(0, |stage| stage.weight.permille());
                self.reached.insert(new.id.clone(), share);
            }
            Phase::Promote => _ = self.reached.insert(new.id.clone(), 1000),
            Phase::RollbackNeedsHuman => self.check_impossible(state, new, who, now),
            phase if phase.is_terminal() => self.ended(state, new, who, now),
            _ => {}
        }
    }

    /// A run that turns flags alone has read the route: green still had everything.
    fn check_read(&mut self, new: &Release, who: &Who) {
        for part in &new.route {
            let key = part.part.key();
            if !self.read_at.contains_key(&(who.invocation.clone(), key.to_owned())) {
                let what = format!("{} turns flags further, and has not read {}", who.invocation, short(key));
                self.breach(Promise::FlagsFollow, what);
            }
        }
    }

    fn check_shifted(&mut self, new: &Release, who: &Who, seen: &Seen) {
        let mut last = None;
        // At a stage of flags in steps green has everything since the one before.
        let written = if turns_flags_alone(new) {
            self.check_read(new, who);
            &new.flags
        } else {
            &new.route
        };
        for part in written {
            match self.last_write(who, part.part.key()) {
                Some((at, true)) => last = last.max(Some(at)),
                // It read what it had written, as it was told too late of what came after.
                Some((_, false)) if seen.read_late => {}
                Some((_, false)) => {
                    let what =
                        format!("{} counts on {}, which never was as it wrote it", new.id, short(part.part.key()));
                    self.breach(Promise::RouteReadBack, what);
                }
                None => {
                    let what = format!("{} counts on {}, to which it did not write", new.id, short(part.part.key()));
                    self.breach(Promise::RouteReadBack, what);
                }
            }
        }
        let weighted = [Colour::Green, Colour::Blue].into_iter().filter(|colour| {
            let share = if *colour == Colour::Green { new.green_share } else { new.green_share.rest() };
            share != Share::NONE
        });
        for colour in weighted {
            if let Some(at) = last.filter(|at| self.was_down(new.colours.of(colour).as_str(), *at)) {
                let what = format!("{} bakes, and {colour} has no healthy target since before {at}", new.id);
                self.breach(Promise::HealthyWhenWeighted, what);
            }
        }
    }

    /// What is about to get its first weight, or to be approved for it, has had its alarms read: all are there, and none is raised; where that is
    /// everything, all are OK.
    fn check_first_weight(&mut self, new: &Release, seen: &Seen) {
        let gets_all = new.timeline.stages().first().is_none_or(|stage| stage.weight == Share::ALL);
        let not_raised = !gets_all && seen.alarms.is_some_and(|alarms| !alarms.any_raised && !alarms.any_gone);
        if !not_raised && !self.alarms_allow(new, seen) {
            let what = format!("{} goes on to {}: alarms {:?}", new.id, new.phase, seen.alarms);
            self.breach(Promise::NoDataNoAdvance, what);
        }
    }

    fn check_advance(&mut self, old: &Release, new: &Release, seen: &Seen, who: &Who) {
        // What a deployment moves may be on no listener for a moment.
        if new.plan.traffic.shifted_by.is_none() && self.was_down(new.colours.green.as_str(), who.started) {
            let what = format!("{} goes on to {}, and green has no healthy target", new.id, new.phase);
            self.breach(Promise::HealthyWhenWeighted, what);
        }
        let alarms = self.alarms_allow(new, seen);
        // Once the bake at 100 % was passed, blue is merely kept and nothing is measured any more.
        let measured = seen.metrics_read || old.bake_passed_at.is_some();
        if !alarms || !measured {
            let what =
                format!("{} goes on to {}: alarms {:?}, metrics {}", new.id, new.phase, seen.alarms, seen.metrics_read);
            self.breach(Promise::NoDataNoAdvance, what);
        }
    }

    fn check_impossible(&mut self, state: &State, new: &Release, who: &Who, now: Timestamp) {
        if Self::is_taken_back_slowly(state, new, who, now) {
            return;
        }
        let was = self.impossible_until.get(&new.id).is_some_and(|until| *until + READ_LAG >= who.started);
        if !was && !is_impossible(state, new) && !self.blue_stays_down(new, who, now) {
            self.breach(Promise::HumanOnlyWhenImpossible, format!("{} calls for a person, and could restore", new.id));
        }
    }

    fn ended(&mut self, state: &State, new: &Release, who: &Who, now: Timestamp) {
        if self.others_may_act(new, who, now) {
            let what = format!("{} ended as {} while another run may still act", new.id, new.phase);
            self.breach(Promise::SettledBeforeEnd, what);
        }
        for part in new.parts() {
            self.held_until.insert(part.key().to_owned(), now);
        }
        self.note_role(state, new, who);
        match new.phase {
            Phase::Promoted => {
                self.check_whole(state, new, Colour::Green, who);
                self.check_flags(state, new, Colour::Green, who);
            }
            Phase::RolledBack => {
                self.check_stopped(state, new);
                if !left_on_green(state, new) {
                    self.check_whole(state, new, Colour::Blue, who);
                    self.check_flags(state, new, Colour::Blue, who);
                    self.check_numbers(state, new);
                }
            }
            _ => return,
        }
        for part in &new.route {
            self.ended_last.insert(part.part.key().to_owned(), new.id.clone());
        }
    }

    /// Every part of the route is on one colour, unless somebody else has just changed it.
    fn check_whole(&mut self, state: &State, release: &Release, colour: Colour, who: &Who) {
        for part in &release.route {
            let arn = part.part.key();
            let Some(actions) = state.parts.get(arn) else { continue };
            let excused = Self::changed_by_others(state, arn, self.last_read(who, arn))
                // Past the point of no return, what others change is told and left.
                || (colour == Colour::Green && (self.is_foreign(state, arn) || self.is_moved_on(state, release)));
            if !excused && !is_whole(actions, &release.colours, colour) {
                let what = format!("{} in {}: {} is not wholly on {colour}", release.id, release.phase, short(arn));
                self.breach(Promise::RouteWhole, what);
            }
        }
    }

    /// Where nobody else changed anything, the numbers are those that were there before.
    fn check_numbers(&mut self, state: &State, release: &Release) {
        let Some(opened) = self.opened.get(&release.id).cloned() else { return };
        for part in release.route.iter().chain(&release.test_route) {
            let arn = part.part.key();
            let Some(actions) = state.parts.get(arn) else { continue };
            if Self::changed_by_others(state, arn, opened.at) {
                continue;
            }
            if *actions != part.original && opened.parts.get(arn) != Some(actions) {
                let what = format!("{} was rolled back; {} has {actions:?}", release.id, short(arn));
                self.breach(Promise::OnlyTwoWeights, what);
            }
        }
    }
}

/// Whether the build that tests green has ended well, where there is to be one.
fn is_built_well(state: &State, release: &Release) -> bool {
    let ended = state.build_ended.get(release.id.as_str());
    release.plan.validate.code_build.is_none() || ended == Some(&BuildState::Succeeded)
}

/// Whether the record says itself that another run may act, or may have acted since this one read the route: then it is read once
/// more before the release ends. A run goes by its own clock, which stands still at its beginning.
fn is_unsettled(release: &Release, who: &Who) -> bool {
    let pending = |act_by: Timestamp| later(act_by, SKEW_MILLIS) > who.started;
    release.intents.iter().any(|intent| intent.invocation != who.invocation && pending(intent.act_by))
}

/// Whether a deployment has brought a release's green what a stage is to have.
pub(super) fn has_come_to(release: &Release, stage: usize) -> bool {
    let weight = release.timeline.stages().get(stage).map(|stage| stage.weight);
    release.plan.traffic.shifted_by.is_some() && weight.is_some_and(|weight| weight <= release.green_share)
}

/// Whether the stage that was reached turns flags, and green had all the traffic at the one before.
fn turns_flags_alone(release: &Release) -> bool {
    let before = release.step().checked_sub(1).and_then(|before| release.timeline.stages().get(before));
    !release.flags.is_empty() && before.is_some_and(|before| before.weight == Share::ALL)
}

/// Whether the pair's whole weight is on one colour.
pub(super) fn is_whole(actions: &[teal::route::Action], colours: &Colours, colour: Colour) -> bool {
    let other = if colour == Colour::Blue { Colour::Green } else { Colour::Blue };
    weight_in(actions, colours.of(colour)).is_some_and(|weight| weight > 0)
        && weight_in(actions, colours.of(other)).is_none_or(|weight| weight == 0)
}

/// Whether Teal cannot restore a route now.
pub(crate) fn is_impossible(state: &State, release: &Release) -> bool {
    let attaches = release.plan.traffic.shifted_by.is_some();
    let lost = |part: &teal::route::PartRef| {
        let Some(actions) = state.parts.get(part.key()) else { return true };
        let Some(colours) = release.colours_at(part) else { return true };
        let is_listed = |colour| weight_in(actions, colours.of(colour)).is_some();
        // Where a deployment took blue out, Teal attaches it again.
        !(is_listed(Colour::Blue) || (attaches && is_listed(Colour::Green)))
    };
    state.denied || is_closed(state, release.plan.account.as_ref()) || release.parts().any(lost)
}

/// Whether a person who was called ended a release with all the traffic on green, or without what is missing.
pub(super) fn left_on_green(state: &State, release: &Release) -> bool {
    let is_left = release.green_share == Share::ALL || is_impossible(state, release);
    let story = state.stories.get(&release.id).into_iter().flatten();
    let was_called = story.into_iter().any(|entry| matches!(entry.fact, Fact::NeedsHuman { .. }));
    is_left && was_called && state.has_asked(&release.id, Ask::LeaveOnGreen)
}
