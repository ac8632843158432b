//! What sweep tells of routes that no release holds.

use super::Watch;
use crate::deed::short;
use crate::link::Who;
use crate::ports::READ_LAG;
use crate::promise::Promise;
use crate::state::State;
use teal::plan::Account;
use teal::time::Timestamp;

impl Watch {
    /// A sweep is done and has said what has drifted.
    pub(crate) fn swept(&mut self, state: &State, told: &[String], who: &Who) {
        for left in state.left.values() {
            let part = left.part.key();
            let Some(actions) = state.parts.get(part) else { continue };
            let is_told = told.iter().any(|arn| arn == part);
            let holder = state.locks.get(part);
            let changed_by_others = state.outside.get(part).copied();
            let before = |at: Timestamp| at + READ_LAG < who.started;
            let held_meanwhile = self.held_until.get(part).is_some_and(|at| !before(*at));
            // A route that cannot be read is not compared.
            let was_closed = left.account.is_some() && state.role_changed.is_some_and(|at| !before(at));
            let is_readable = !was_closed && !is_closed(state, left.account.as_ref());
            let stands_alone = holder.is_none() && !held_meanwhile && is_readable;
            if left.drift(actions).is_some() && stands_alone && changed_by_others.is_some_and(before) && !is_told {
                self.breach(
                    Promise::DriftTold,
                    format!("{} does not tell that {} has drifted", who.invocation, short(part)),
                );
            }
            let held_throughout =
                holder.and_then(|holder| self.opened.get(holder)).is_some_and(|opened| opened.at < who.started);
            if is_told && held_throughout {
                let what = format!("{} says that {} has drifted, which a release shifts", who.invocation, short(part));
                self.breach(Promise::DriftTold, what);
            }
        }
    }
}

/// Whether the role by which something in another account is reached asks for something else now.
pub(super) fn is_closed(state: &State, account: Option<&Account>) -> bool {
    let asked_for = state.external_id.as_deref();
    account.is_some_and(|account| asked_for != Some(account.external_id.as_str()))
}
