//! Flags that go with a version.

use super::Watch;
use super::records::is_whole;
use crate::deed::{Deed, short};
use crate::link::Who;
use crate::promise::Promise;
use crate::state::State;
use teal::release::Release;
use teal::route::{Action, Colour, PartRef, weight_in};
use teal::time::Timestamp;

impl Watch {
    /// A run asks a part of a route something, or writes to it.
    pub(super) fn asks(&mut self, who: &Who, part: &PartRef) {
        if matches!(part, PartRef::Flag(_)) {
            self.flags_asked.insert((who.invocation.clone(), part.key().to_owned()));
        }
    }

    /// A run sends off what turns a flag on: green has everything by then. Not when it has its effect, for what happens in between is
    /// known to nobody.
    pub(super) fn before_turning(&mut self, state: &State, deed: &Deed, who: &Who, now: Timestamp) {
        let Deed::SetActions { part, actions, .. } = deed else { return };
        let goes_with = |release: &&Release| release.flags.iter().any(|flag| flag.part == *part);
        let Some(release) = state.records.values().find(goes_with) else { return };
        let Some(colours) = release.colours_at(part) else { return };
        let turns_on = weight_in(actions, &colours.green).is_some_and(|weight| weight > 0);
        if !turns_on || self.others_may_act(release, who, now) {
            return;
        }
        for route in &release.route {
            let key = route.part.key();
            let read_at = self.last_read(who, key);
            let raced = Self::changed_by_others(state, key, read_at)
                // By a rollback that began and was done since.
                || self.teal_wrote.get(key).is_some_and(|at| *at > read_at);
            // One that somebody has deleted meanwhile has nothing.
            let on_green = state.parts.get(key).is_none_or(|found| is_whole(found, &release.colours, Colour::Green));
            if !on_green && !raced {
                let what =
                    format!("{} turns {} on, and green has not all of {}", who.invocation, part.key(), short(key));
                self.breach(Promise::FlagsFollow, what);
            }
        }
    }

    /// Traffic is about to go back to blue: whoever gives it back has tried to turn off what Teal has turned on.
    pub(super) fn before_blue_serves(&mut self, state: &State, release: &Release, who: &Who) {
        for flag in &release.flags {
            let key = flag.part.key();
            let asked = self.flags_asked.contains(&(who.invocation.clone(), key.to_owned()));
            if !asked && is_on(state, release, &flag.part) && !self.is_foreign(state, key) {
                let what = format!("{} gives traffic back to blue, and has not turned {key} off", who.invocation);
                self.breach(Promise::FlagsFollow, what);
            }
        }
    }

    /// A release has ended, or says that blue has everything again: its flags are with it.
    pub(super) fn check_flags(&mut self, state: &State, release: &Release, colour: Colour, who: &Who) {
        for flag in &release.flags {
            let key = flag.part.key();
            let (Some(actions), Some(colours)) = (state.parts.get(key), release.colours_at(&flag.part)) else {
                continue;
            };
            let raced = Self::changed_by_others(state, key, self.last_read(who, key));
            let excused = raced || (colour == Colour::Green && self.is_foreign(state, key));
            if !excused && !is_whole(actions, &colours, colour) {
                let what = format!("{} in {}: {key} is not {colour}'s", release.id, release.phase);
                self.breach(Promise::FlagsFollow, what);
            }
        }
    }
}

fn is_on(state: &State, release: &Release, part: &PartRef) -> bool {
    let on = |found: &Vec<Action>| {
        let colours = release.colours_at(part)?;
        weight_in(found, &colours.green)
    };
    state.parts.get(part.key()).and_then(on).is_some_and(|weight| weight > 0)
}
