//! The accounts: Teal's own, and the one that the service may be in.

use crate::link::{Link, Op, later};
use crate::state::TEAL_ACCOUNT;
use std::sync::Arc;
use teal::plan::Account;
use teal::ports::{Held, PortError, PortResult, World};
use teal::release::ReleaseId;
use teal::time::Timestamp;

/// The account that functions run in.
pub(crate) fn own_account() -> Option<String> {
    Some(TEAL_ACCOUNT.to_owned())
}

impl World for Link<'_> {
    type Side = Self;

    fn time(&self) -> Timestamp {
        self.mutated_time(later(self.world.now(), self.clock_ahead))
    }

    fn own_side(&self) -> &Self {
        self
    }

    async fn side(&self, account: Option<&Account>, _release: &ReleaseId) -> PortResult<Held<'_, Self>> {
        let Some(account) = account else { return Ok(Held::Own(self)) };
        let assumed = self.call(Op::other("AssumeRole"), |_| {
            let asked_for = self.world.state().external_id.clone();
            if asked_for.is_some_and(|asked_for| asked_for != account.external_id.as_str()) {
                let message = "AccessDenied: not authorized to perform: sts:AssumeRole".to_owned();
                return Err(PortError::NotAssumed { role: account.role.to_string(), message });
            }
            Ok(())
        });
        if let Err(error) = self.mutated_role(assumed.await) {
            // Whatever it was to read, it does not know.
            self.world.watch.borrow_mut().could_not_read_health(&self.who);
            return Err(error);
        }
        #[allow(
            clippy::arc_with_non_send_sync,
            reason = "the world in memory has one thread; on AWS a side may have more"
        )]
        Ok(Held::Other(Arc::new(self.in_account(account.number()))))
    }
}
