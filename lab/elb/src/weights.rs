//! The log of who set which weights when.

use crate::model::Forward;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use teal_lab_wire::Millis;
use tokio::sync::broadcast;

/// One change of the weights of a forward action, recorded once requests follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightChange {
    /// Lab time.
    pub at: Millis,
    /// Real time.
    pub instant: Instant,
    /// The ARN of the listener (its default action) or of the rule.
    pub resource_arn: String,
    /// Weight (0-999) by target group ARN.
    pub weights: BTreeMap<String, u16>,
    /// The caller's access key id, if the request was signed; the service principal, if a service did it.
    pub access_key_id: Option<String>,
}

#[derive(Debug)]
pub(crate) struct WeightLog {
    changes: Mutex<Vec<WeightChange>>,
    news: broadcast::Sender<WeightChange>,
}

impl Default for WeightLog {
    fn default() -> Self {
        Self { changes: Mutex::default(), news: broadcast::channel(1024).0 }
    }
}

impl WeightLog {
    pub(crate) fn add(&self, at: Millis, shifted: Vec<(String, Forward)>, by: Option<&str>) {
        let instant = Instant::now();
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for (resource_arn, forward) in shifted {
            let weights = forward.groups.into_iter().collect();
            let change = WeightChange { at, instant, resource_arn, weights, access_key_id: by.map(str::to_owned) };
            // There need not be anybody listening.
            let _ = self.news.send(change.clone());
            changes.push(change);
        }
    }

    pub(crate) fn all(&self) -> Vec<WeightChange> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<WeightChange> {
        self.news.subscribe()
    }
}
