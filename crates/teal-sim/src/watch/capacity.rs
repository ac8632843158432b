//! Capacity: how the two groups stand, and what that lets a rollback do.

use super::Watch;
use super::records::SKEW_MILLIS;
use crate::deed::short;
use crate::link::{Who, later};
use crate::promise::Promise;
use crate::state::{GROUP_A, GROUP_B, State};
use teal::ports::TargetHealth;
use teal::release::{Phase, Release};
use teal::request::Ask;
use teal::route::{Action, Colours, PartRef, RoutePart, weight_in};
use teal::time::Timestamp;

/// How long a rollback waits for blue before it calls for a person, in milliseconds.
const BLUE_PATIENCE_MILLIS: i64 = 900_000;

/// What a group can do for requests, from the worst to the best. The same as Teal reads out of its targets; said again here,
/// since the watch is to notice when Teal reads it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Empty,
    NoneHealthy,
    Healthy,
}

impl Standing {
    fn of(state: &State, group: &str, now: Timestamp) -> Self {
        let targets = group.parse().map(|group| state.targets(&group, now)).unwrap_or_default();
        let standing = targets.iter().map(|target| match target.health {
            TargetHealth::Healthy => Standing::Healthy,
            TargetHealth::Unused => Standing::Empty,
            _ => Standing::NoneHealthy,
        });
        standing.max().unwrap_or(Standing::Empty)
    }
}

impl Watch {
    pub(super) fn observe_standing(&mut self, state: &State, now: Timestamp) {
        for group in [GROUP_A, GROUP_B] {
            let stands = Standing::of(state, group, now);
            let known = self.standing.entry(group).or_insert((stands, now));
            if known.0 != stands {
                *known = (stands, now);
            }
        }
    }

    /// How a group has stood from `since` until now, where that has not changed.
    pub(super) fn stood(&self, group: &str, since: Timestamp) -> Option<Standing> {
        self.standing.get(group).filter(|(_, at)| *at <= since).map(|(standing, _)| *standing)
    }

    /// Whether a group had no healthy target from `since` until now.
    pub(super) fn was_down(&self, group: &str, since: Timestamp) -> bool {
        self.stood(group, since).is_some_and(|standing| standing != Standing::Healthy)
    }

    /// A release was tested well: green could serve, and nobody else was asked through its test route, as far as its last run could know.
    pub(super) fn check_tested(&mut self, state: &State, release: &Release, who: &Who) {
        let Colours { blue, green } = &release.colours;
        if release.plan.traffic.shifted_by.is_none() && self.was_down(green.as_str(), who.started) {
            self.breach(
                Promise::GreenReadyFirst,
                format!("{} was tested, and green has no healthy target", release.id),
            );
        }
        let Some(part) = release.test_route.as_ref().filter(|_| release.plan.validate.tests_anything()) else { return };
        let key = part.part.key();
        let weighs =
            |group| state.parts.get(key).and_then(|found| weight_in(found, group)).is_some_and(|weight| weight > 0);
        let is_greens = weighs(green) && !weighs(blue);
        if !is_greens && !Self::changed_by_others(state, key, self.last_read(who, key)) {
            let what = format!("{} was tested through {}, which is not green's", release.id, short(key));
            self.breach(Promise::GreenReadyFirst, what);
        }
    }

    /// Green is about to get its first weight: it has all the targets that were ordered. One without any healthy target is noticed as such.
    pub(super) fn check_size_of_green(&mut self, state: &State, release: &Release, now: Timestamp) {
        if !release.green.green.facts().is_sized_by_teal {
            return;
        }
        let targets = state.targets(&release.colours.green, now);
        let healthy = targets.iter().filter(|target| target.health == TargetHealth::Healthy).count();
        let ordered = release.green.desired as usize;
        if healthy > 0 && healthy < ordered {
            let what =
                format!("{} gives green its first weight with {healthy} of {ordered} healthy targets", release.id);
            self.breach(Promise::GreenReadyFirst, what);
        }
    }

    /// Green is about to get weight: automatic scaling takes no tasks of blue then. By what it may do in the world: the record may not know that
    /// there is any.
    pub(super) fn before_weight_beside_blue(&mut self, state: &State, release: &Release) {
        let blue = release.green.blue.name();
        let rule = state.scaling.get(blue);
        let tasks = state.services.get(blue).map_or(0, |service| service.desired);
        let is_held = rule.is_none_or(|rule| {
            rule.scale_in_suspended && rule.min_capacity >= release.green.desired.min(rule.max_capacity)
        });
        if !is_held || release.green.hold.is_some_and(|hold| rule != Some(&hold.held)) {
            let what = format!("{} gives green weight while {rule:?} may take from blue's {tasks} tasks", release.id);
            self.breach(Promise::BlueKeepsCapacity, what);
        }
    }

    /// Automatic scaling has taken tasks of a service: not of blue while green has some of its traffic.
    pub(crate) fn scaled_in(&mut self, state: &State, service: &str, now: Timestamp) {
        let is_blue = |release: &&Release| {
            release.green.blue.name() == service && !release.phase.is_terminal() && release.phase != Phase::RetireBlue
        };
        let beside = |release: &Release| {
            let weighs = |part: &RoutePart| {
                let found = state.parts.get(part.part.key()).and_then(|found| weight_in(found, &release.colours.green));
                // What somebody else gave is nobody's promise.
                found.is_some_and(|weight| weight > 0) && !self.is_foreign(state, part.part.key())
            };
            release.route.iter().any(weighs)
        };
        let missed =
            state.records.values().filter(is_blue).find(|release| beside(release)).map(|release| release.id.clone());
        if let Some(id) = missed {
            let what = format!(
                "automatic scaling takes tasks of {service} at {now}, beside which {id} has given green weight"
            );
            self.breach(Promise::BlueKeepsCapacity, what);
        }
    }

    /// A run was not told how a group stands: it then goes back to blue.
    pub(crate) fn could_not_read_health(&mut self, who: &Who) {
        self.health_unread.insert(who.invocation.clone());
    }

    /// Weight is about to be taken from green.
    pub(super) fn before_giving_back(
        &mut self,
        release: &Release,
        part: &PartRef,
        current: &[Action],
        actions: &[Action],
        who: &Who,
    ) {
        let green = |actions| weight_in(actions, &release.colours.green).unwrap_or_default();
        if green(current) == 0 || green(actions) > 0 || self.health_unread.contains(&who.invocation) {
            return;
        }
        let stood = |group: &str| self.stood(group, who.started);
        let (blue, green) = (stood(release.colours.blue.as_str()), stood(release.colours.green.as_str()));
        if let (Some(blue), Some(green)) = (blue, green)
            && green > blue
        {
            let what = format!(
                "{} gives {} back to blue ({blue:?}), and green is {green:?}",
                who.invocation,
                short(part.key())
            );
            self.breach(Promise::LesserEvil, what);
        }
    }

    /// A rollback is about to take green in: it may still be needed where blue went down after it got the traffic.
    pub(super) fn before_taking_green_in(&mut self, state: &State, release: &Release, who: &Who) {
        let given_up = [Ask::GiveUp, Ask::LeaveOnGreen].iter().any(|ask| state.has_asked(&release.id, *ask));
        // Not by what the record says of other runs: that is what is to be checked.
        let given_back = self.given_back.get(&release.id).is_some_and(|at| *at < who.started);
        let moved = release.first_shift_at.is_some() || given_back;
        if !moved || given_up || self.health_unread.contains(&who.invocation) {
            return;
        }
        let stood = |group: &str| self.stood(group, who.started);
        let (blue, green) = (stood(release.colours.blue.as_str()), stood(release.colours.green.as_str()));
        if let (Some(blue), Some(green)) = (blue, green)
            && green > blue
        {
            let what = format!("{} takes green in ({green:?}), and blue is {blue:?}", who.invocation);
            self.breach(Promise::LesserEvil, what);
        }
    }

    /// A rollback decided to leave the weights for now.
    pub(super) fn check_kept(&mut self, old: &Release, new: &Release, who: &Who) {
        let begins = old.kept_on_green_since.is_none() && new.kept_on_green_since.is_some();
        if begins && self.stood(new.colours.blue.as_str(), who.started) == Some(Standing::Healthy) {
            let what = format!("{} keeps {} on green, and blue is healthy", who.invocation, new.id);
            self.breach(Promise::LesserEvil, what);
        }
    }

    /// Whether a person may be called because of blue: it has not come up in all the time that it was given, and was not
    /// healthy at least at one moment while the run that calls looked.
    pub(super) fn blue_stays_down(&self, release: &Release, who: &Who, now: Timestamp) -> bool {
        let waited_out = release
            .kept_on_green_since
            .is_some_and(|since| later(since, BLUE_PATIENCE_MILLIS - 2 * SKEW_MILLIS) <= now);
        waited_out && self.stood(release.colours.blue.as_str(), who.started) != Some(Standing::Healthy)
    }
}
