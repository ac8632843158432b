//! The two sides of a release: Teal's own account, and the one that the service runs in.

use super::{Deployments, Fleet, Logs, Router, Signals, Testers};
use std::ops::Deref;
use std::sync::Arc;

/// What belongs to a service: its route, its fleet, its alarms, metrics and logs, what tests it, and whose deployment moves its traffic.
pub trait Side: Router + Fleet + Signals + Logs + Testers + Deployments {}
impl<T: Router + Fleet + Signals + Logs + Testers + Deployments> Side for T {}

/// A side, for as long as it is needed.
#[derive(Debug)]
pub enum Held<'a, T> {
    /// Teal's own account.
    Own(&'a T),
    /// Another one, reached by a role.
    Other(Arc<T>),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Held::Own(side) => side,
            Held::Other(side) => side,
        }
    }
}
