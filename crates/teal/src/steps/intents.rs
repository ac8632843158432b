//! What a run announces before it acts, and when that may be taken back.

use super::Step;
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{PortError, PortResult, World};
use crate::release::{Act, Intent, Release};

impl<W: World> Step<'_, W> {
    /// Records what is about to be done.
    pub(super) async fn intend(&mut self, release: &mut Release, act: Act) -> TealResult<()> {
        release.drop_past_intents(self.call.now);
        let intent = Intent { invocation: self.call.id.clone(), act, act_by: self.call.act_by };
        // A run that begins anew has announced it already.
        if !release.intents.contains(&intent) {
            release.intents.push(intent);
        }
        self.save(release).await
    }

    /// Takes this run's intents back: what they announced has been done and read again. Not where a write of this run got no answer: what
    /// was read again is no proof that it will not come yet, so nobody else takes the route before its time is over.
    pub(super) fn settle(&self, release: &mut Release) {
        if !self.unanswered.contains(&release.id) {
            release.intents.retain(|intent| intent.invocation != self.call.id);
        }
        if self.given_back.contains(&release.id) {
            // What no date tells yet is over only for this run.
            release.moved_beside_until = release.moved_beside_until.max(Some(self.moment()));
        }
    }

    /// Keeps in mind that a write to the route got no answer, if it got none.
    pub(super) fn heed_unanswered<T>(&mut self, release: &Release, written: &PortResult<T>) {
        if matches!(written, Err(PortError::Unavailable { .. })) {
            self.unanswered.insert(release.id.clone());
        }
    }

    /// Refuses to act while another run's act may still be under way.
    pub(super) fn wait_for_others(&self, release: &Release) -> TealResult<()> {
        match release.intents.iter().find(|i| i.act_by > self.call.now && i.invocation != self.call.id) {
            None => Ok(()),
            Some(intent) => Err(TealError::new(
                ErrorName::RouteNotSettled,
                format!("another run of Teal may still be changing the route, until {}", intent.act_by),
            )),
        }
    }
}
