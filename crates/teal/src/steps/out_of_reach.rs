//! A look, or the end of a release, that finds the service's account closed: the role there cannot be assumed.

use super::{Answer, Step};
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{PortError, World};
use crate::release::{Act, Phase, Release};
use crate::state::State;
use crate::story::Fact;
use crate::time::after;

/// How long looks wait for the role, in seconds: what passes by itself has passed by then, and nothing is given back without the role
/// either.
const WAITS_SECONDS: u64 = 900;

/// How long it is waited from one try to the next, in seconds, where all that is left of a release is to let its services go, or to see
/// once more that all is on blue.
const POLL_SECONDS: u64 = 60;

impl Release {
    /// Whether the whole route was read on blue when nothing that Teal had begun could give green traffic any more: that the account is
    /// closed now harms nobody.
    pub(super) fn is_on_blue_for_good(&self) -> bool {
        self.restored_at
            .is_some_and(|at| self.intents.iter().all(|intent| intent.act == Act::Restore || intent.act_by <= at))
    }
}

impl<W: World> Step<'_, W> {
    /// Whether the end of a release may still wait for the role: what was held is let go by it.
    pub(super) fn may_wait_for_role(&self, release: &Release) -> bool {
        release.out_of_reach_since.is_none_or(|since| self.now() < after(since, WAITS_SECONDS))
    }

    /// Waits with the end of a release where `error` is that the role cannot be assumed. All traffic is where it should be.
    pub(super) async fn wait_with_end(&mut self, release: &mut Release, error: TealError) -> TealResult<Answer> {
        if error.name != ErrorName::AccessDenied || !self.may_wait_for_role(release) {
            return Err(error);
        }
        if release.out_of_reach_since.is_none() {
            release.out_of_reach_since = Some(self.now());
            self.note(Fact::Noted { note: format!("the end waits, for 15 minutes at most: {error}") });
        }
        self.settle(release);
        self.save_and_announce(release).await?;
        Ok(Answer::waiting(release, State::WaitForRollBack, POLL_SECONDS))
    }

    /// Holds where `error` is that the role cannot be assumed, for a while: one refusal of AWS STS is no reason to call a person. What
    /// cannot be seen never advances a release.
    pub(super) async fn wait_for_role(&mut self, release: &mut Release, error: TealError) -> TealResult<Answer> {
        if error.name != ErrorName::AccessDenied
            || !matches!(self.side(release).await, Err(PortError::NotAssumed { .. }))
        {
            return Err(error);
        }
        let end = match release.out_of_reach_since {
            Some(since) => after(since, WAITS_SECONDS),
            None => {
                release.out_of_reach_since = Some(self.now());
                self.note(Fact::Noted {
                    note: format!("this look and those to come hold, for 15 minutes at most: {error}"),
                });
                after(self.now(), WAITS_SECONDS)
            }
        };
        if self.now() >= end {
            return Err(error);
        }
        let state = match release.phase {
            Phase::AwaitApproval { .. } => State::AwaitApproval,
            _ => State::Bake,
        };
        self.look_again(release, state, Some(end)).await
    }
}
