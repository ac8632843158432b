//! What Teal does to listeners and services.

use super::{SKEW_MILLIS, Watch, Written};
use crate::deed::{Deed, short};
use crate::link::{Who, later};
use crate::ports::READ_LAG;
use crate::promise::Promise;
use crate::state::State;
use teal::release::{Phase, Release};
use teal::route::{
    Action, ActionKind, Colours, Destination, PartRef, RoutePart, RuleAhead, green_share, key_in, weight_in,
};
use teal::time::Timestamp;

/// How long requests may still reach a group whose weight was taken away, in milliseconds. As Teal takes it; said again here.
const KNOWN_WITHIN_MILLIS: i64 = 15_000;

/// A write to a part of a route, by a run that had read it at a moment.
struct Write<'a> {
    part: &'a PartRef,
    actions: &'a [Action],
    based_on: Timestamp,
}

impl Watch {
    /// A deed is about to have its effect.
    pub(crate) fn before(&mut self, state: &State, deed: &Deed, who: &Who, now: Timestamp) {
        let Some(key) = key_of(state, deed) else { return };
        let holder = state.locks.get(&key).and_then(|holder| state.records.get(holder));
        let Some(release) = holder else {
            let what = format!("{} does \"{deed}\", and no release under way holds {}", who.invocation, short(&key));
            self.breach(Promise::OneHolder, what);
            return;
        };
        let announced = |intent: &&teal::release::Intent| intent.invocation == who.invocation;
        match release.intents.iter().find(announced) {
            None => {
                let what = format!("{} does \"{deed}\", which {} does not announce", who.invocation, release.id);
                self.breach(Promise::IntentBeforeAct, what);
            }
            Some(intent) if intent.act_by < now => {
                let what = format!("{} does \"{deed}\" after its actBy, {}", who.invocation, intent.act_by);
                self.breach(Promise::IntentBeforeAct, what);
            }
            Some(_) => {}
        }
        match deed {
            Deed::SetActions { part, actions, based_on } => {
                let write = Write { part, actions, based_on: *based_on };
                self.before_write(state, release, &write, who, now);
            }
            Deed::ScaleIn { service } => self.before_scale_in(state, release, service, who, now),
            Deed::BringUp(_) | Deed::ScaleOut { .. } | Deed::Hold { .. } | Deed::Free { .. } => {}
        }
    }

    fn before_write(&mut self, state: &State, release: &Release, write: &Write<'_>, who: &Who, now: Timestamp) {
        let Write { part, actions, based_on } = *write;
        let Some(current) = state.parts.get(part.key()) else { return };
        let Some(colours) = &release.colours_at(part) else { return };
        let raced = Self::changed_by_others(state, part.key(), based_on);
        // Written over what was not read, it may bring back a blue that somebody had just taken out.
        self.before_change(state, now);
        let is_kept =
            |found: &[Action]| frame(found, colours) == frame(actions, colours) || attaches(release, found, actions);
        if !is_kept(current) && !self.was_there(part, based_on, is_kept) {
            let what = format!("{} writes {actions:?} over {current:?}", who.invocation);
            self.breach(Promise::OnlyTwoWeights, what);
        }
        self.before_replacing(part.key(), current, now);
        let Some(known) = release.route.iter().chain(&release.flags).find(|known| known.part == *part) else { return };
        self.before_giving_back(release, part, current, actions, who);
        if weight_in(current, &colours.blue).is_none_or(|weight| weight == 0)
            && weight_in(actions, &colours.blue).is_some_and(|weight| weight > 0)
        {
            self.before_blue_serves(state, release, who);
        }
        let has_weight = |actions: &[Action]| weight_in(actions, &colours.green).is_some_and(|weight| weight > 0);
        if has_weight(current) && !has_weight(actions) && !state.denied {
            self.weight_taken.insert((part.key().to_owned(), colours.green.to_string()), now);
            let is_production = release.route.iter().any(|known| known.part == *part);
            if release.setback.is_some() && is_production {
                self.given_back.entry(release.id.clone()).or_insert(now);
            }
        }
        let green = weight_in(actions, &colours.green).unwrap_or_default();
        // Of two runs that attach blue the later one gives green nothing that it did not read: green had everything then.
        let only_attaches = |found: &[Action]| attaches(release, found, actions);
        if green == 0 || only_attaches(current) || self.was_there(part, based_on, only_attaches) {
            return;
        }
        if !raced && *current != known.expected && current != actions && self.is_foreign(state, part.key()) {
            let what =
                format!("{} gives green weight on {} over what somebody else set", who.invocation, short(part.key()));
            self.breach(Promise::NotBlindly, what);
        }
        if self.overlooks_rule(state, known, who) {
            let what = format!("{} gives green weight on {} behind a new rule", who.invocation, short(part.key()));
            self.breach(Promise::NotBlindly, what);
        }
        self.before_weight(state, release, actions, who, now);
    }

    /// Whether somebody had added a rule before a part of a route when a run began, of which the release knew nothing.
    fn overlooks_rule(&self, state: &State, known: &RoutePart, who: &Who) -> bool {
        let rules = state.rules.get(known.part.key());
        let knows = |rule: &RuleAhead| known.ahead.as_ref().is_some_and(|ahead| ahead.contains(&rule.rule));
        let added_before = state.rule_added.get(known.part.key()).is_some_and(|at| *at < who.started);
        added_before && rules.is_some_and(|rules| !rules.iter().all(knows))
    }

    /// Whether a listener had this when a run read it for what it writes, or since. What replaced it meanwhile
    /// nobody can keep from being replaced in turn: load balancers have no conditional write.
    fn was_there(&self, part: &PartRef, based_on: Timestamp, is_kept: impl Fn(&[Action]) -> bool) -> bool {
        let replaced = self.replaced.get(part.key()).into_iter().flatten();
        let mut readable = replaced.filter(|(at, _)| *at + READ_LAG >= based_on);
        readable.any(|(_, actions)| is_kept(actions))
    }

    /// Green is about to get weight.
    fn before_weight(&mut self, state: &State, release: &Release, actions: &[Action], who: &Who, now: Timestamp) {
        let Some(share) = green_share(actions, &release.colours) else { return };
        let reached = self.reached.get(&release.id).copied().unwrap_or_default();
        if share.permille() > reached {
            let what = format!("{} gives green {share}; its stages allow {reached} permille so far", release.id);
            self.breach(Promise::WeightOfStage, what);
        }
        let weighted = |group: &&Destination| weight_in(actions, group).is_some_and(|weight| weight > 0);
        for group in [&release.colours.green, &release.colours.blue].into_iter().filter(weighted) {
            if self.was_down(group.as_str(), who.started) {
                let what = format!("{} gives weight to {}, which had no healthy target", who.invocation, group.name());
                self.breach(Promise::HealthyWhenWeighted, what);
            }
        }
        let runs = state.services.get(release.green.green.name()).map(|service| service.task_definition.as_str());
        if release.green.green.facts().is_sized_by_teal && runs != Some(release.green.runs.as_str()) {
            let what = format!("{} gives green weight while it runs {runs:?}", release.id);
            self.breach(Promise::GreenReadyFirst, what);
        }
        if self.weighted.insert(release.id.clone()) {
            self.check_size_of_green(state, release, now);
        }
        self.before_weight_beside_blue(state, release);
        if !self.validated.contains(&release.id) {
            self.breach(Promise::GreenReadyFirst, format!("{} gives green weight before it was validated", release.id));
        }
    }

    fn before_scale_in(&mut self, state: &State, release: &Release, service: &str, who: &Who, now: Timestamp) {
        if service == release.green.blue.name() {
            if release.phase != Phase::RetireBlue {
                let what = format!("{} takes blue in while {} is in {}", who.invocation, release.id, release.phase);
                self.breach(Promise::BlueKeepsCapacity, what);
            }
            if self.was_down(release.colours.green.as_str(), who.started) {
                let what = format!("{} takes blue in, and green of {} cannot serve", who.invocation, release.id);
                self.breach(Promise::BlueKeepsCapacity, what);
            }
            self.without_traffic(state, release, &release.colours.blue, who, Promise::BlueKeepsCapacity);
        } else {
            self.without_traffic(state, release, &release.colours.green, who, Promise::RouteWhole);
            self.known_everywhere(state, release, who, now);
            self.before_taking_green_in(state, release, who);
        }
    }

    /// A run asks for something that nobody can call back.
    pub(crate) fn sent_off(&mut self, state: &State, deed: &Deed, who: &Who, now: Timestamp) {
        self.before_turning(state, deed, who, now);
        if let Deed::ScaleIn { service } = deed {
            self.taking_in_since.insert((who.invocation.clone(), service.clone()), now);
        }
    }

    /// Green's weight was taken away so long ago that no part of the load balancer sends it requests any more; or somebody else gave it
    /// after this run had read the route, and it has been taken away only since this run has asked for green to be taken in.
    fn known_everywhere(&mut self, state: &State, release: &Release, who: &Who, now: Timestamp) {
        let green = &release.colours.green;
        let sent_off = (who.invocation.clone(), release.green.green.name().to_owned());
        let sent_off_at = self.taking_in_since.get(&sent_off).copied().unwrap_or(now);
        for part in &release.route {
            let key = part.part.key();
            let taken = self.weight_taken.get(&(key.to_owned(), green.to_string())).copied();
            // Two functions' clocks have measured the time.
            let may_be_asked = |at: &Timestamp| later(*at, KNOWN_WITHIN_MILLIS - 2 * SKEW_MILLIS) > now;
            let excused =
                |at: Timestamp| at > sent_off_at && Self::changed_by_others(state, key, self.last_read(who, key));
            if let Some(at) = taken.filter(may_be_asked).filter(|at| !excused(*at)) {
                let what = format!("{} takes in {}, which had weight until {at}", who.invocation, green.name());
                self.breach(Promise::AnswersUntilKnown, what);
            }
        }
    }

    /// A group whose service is taken in has no weight any more, unless somebody else gave it some just now.
    fn without_traffic(&mut self, state: &State, release: &Release, group: &Destination, who: &Who, promise: Promise) {
        for part in &release.route {
            let weight =
                state.parts.get(part.part.key()).and_then(|actions| weight_in(actions, group)).unwrap_or_default();
            if weight > 0 && !Self::changed_by_others(state, part.part.key(), who.started) {
                let what = format!("{} takes in {}, which has weight {weight}", who.invocation, group.name());
                self.breach(promise, what);
            }
        }
    }

    /// A listener was written.
    pub(crate) fn wrote(&mut self, state: &State, part: &PartRef, actions: &[Action], who: &Who, now: Timestamp) {
        self.teal_wrote.insert(part.key().to_owned(), now);
        self.written.retain(|old| old.invocation != who.invocation || old.part != part.key());
        self.written.push(Written {
            invocation: who.invocation.clone(),
            part: part.key().to_owned(),
            actions: actions.to_vec(),
            at: now,
            answered: false,
            found: false,
        });
        self.part_changed(state, part.key());
    }

    /// The writer knows that it wrote.
    pub(crate) fn write_answered(&mut self, state: &State, part: &PartRef, who: &Who, _now: Timestamp) {
        for written in &mut self.written {
            written.answered |= written.invocation == who.invocation && written.part == part.key();
        }
        self.part_changed(state, part.key());
    }

    /// A listener is not as it was.
    pub(crate) fn part_changed(&mut self, state: &State, part: &str) {
        let Some(current) = state.parts.get(part) else { return };
        for written in self.written.iter_mut().filter(|written| written.answered && written.part == part) {
            written.found |= written.actions == *current;
        }
    }

    pub(super) fn last_write(&self, who: &Who, part: &str) -> Option<(Timestamp, bool)> {
        let written = self.written.iter().find(|written| written.invocation == who.invocation && written.part == part);
        written.map(|written| (written.at, written.found))
    }

    /// Whether another run wrote to a listener since this one read it, or so shortly before that its read might not have told.
    pub(super) fn others_wrote(&self, who: &Who, part: &str, read_at: Timestamp) -> bool {
        let others = self.written.iter().filter(|written| written.invocation != who.invocation && written.part == part);
        others.into_iter().any(|written| written.at + READ_LAG >= read_at)
    }

    /// Whether what is there was set by somebody else, after Teal's last write.
    pub(super) fn is_foreign(&self, state: &State, part: &str) -> bool {
        state.outside.get(part).is_some_and(|at| self.teal_wrote.get(part).is_none_or(|wrote| at >= wrote))
    }
}

/// What must be held to do it: the listener, or the target group that the service serves.
fn key_of(state: &State, deed: &Deed) -> Option<String> {
    let key = match deed {
        Deed::SetActions { part, .. } => Some(part.key().to_owned()),
        Deed::BringUp(order) => Some(order.colours.green.to_string()),
        Deed::ScaleIn { service }
        | Deed::ScaleOut { service, .. }
        | Deed::Hold { service, .. }
        | Deed::Free { service, .. } => state.services.get(service).map(|service| service.group.clone()),
    };
    key.map(|key| key_in(state.home.as_deref(), &key))
}

/// Whether a write only attaches blue, without weight. A deployment leaves it on no listener where green has everything, and Teal needs it there
/// to give everything back.
fn attaches(release: &Release, current: &[Action], actions: &[Action]) -> bool {
    let Colours { blue, green } = &release.colours;
    let without_blue = |actions: &[Action]| {
        let mut rest = actions.to_vec();
        for action in &mut rest {
            if let ActionKind::Forward { groups, .. } = &mut action.kind {
                groups.retain(|group| group.destination != *blue);
            }
        }
        rest
    };
    release.plan.traffic.shifted_by.is_some()
        && weight_in(current, green).is_some()
        && weight_in(current, blue).is_none()
        && weight_in(actions, blue) == Some(0)
        && without_blue(actions) == current
}

/// Everything in an action list but the weights of the pair, and whether green is attached.
fn frame(actions: &[Action], colours: &Colours) -> Vec<Action> {
    let mut frame = actions.to_vec();
    for action in &mut frame {
        if let ActionKind::Forward { groups, .. } = &mut action.kind {
            groups.retain(|group| group.destination != colours.green);
            for group in groups.iter_mut().filter(|group| group.destination == colours.blue) {
                group.weight = 0;
            }
        }
    }
    frame
}
