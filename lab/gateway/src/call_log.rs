//! Every call that went over the gateway, and how many of which.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use teal_lab_wire::Millis;

/// How many calls are kept with all details; counts go on.
const MOST_CALLS: usize = 100_000;

/// One request on the wire: a client's retry is a call of its own.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// When it came, on the lab clock.
    pub at: Millis,
    /// When it came, on the wall.
    #[serde(skip)]
    pub real_time: SystemTime,
    /// The name that belongs to the access key, or the key itself; empty for a request without signature.
    /// For calls by a role in another account, who has assumed it.
    pub caller: String,
    /// The name of that role.
    pub role: Option<String>,
    pub service: String,
    pub operation: String,
    /// ARNs the call is about, as far as the gateway knows the operation; of a transaction of DynamoDB its partition keys, too.
    pub resources: Vec<String>,
    /// HTTP status; 0 if the connection was closed without an answer.
    pub status: u16,
    pub error_code: Option<String>,
    /// Real time until the answer.
    #[serde(skip)]
    pub duration: Duration,
}

impl CallRecord {
    /// Whether it was refused for its rate.
    #[must_use]
    pub fn was_throttled(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| code.starts_with("Throttling"))
    }
}

/// A service's operation as one caller used it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CallKey {
    pub caller: String,
    pub service: String,
    pub operation: String,
}

#[derive(Debug, Default)]
pub(crate) struct CallLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<CallRecord>,
    counts: BTreeMap<CallKey, u64>,
}

impl CallLog {
    pub(crate) fn add(&self, call: CallRecord) {
        let mut state = self.state();
        let key =
            CallKey { caller: call.caller.clone(), service: call.service.clone(), operation: call.operation.clone() };
        *state.counts.entry(key).or_default() += 1;
        if state.calls.len() == MOST_CALLS {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.state().calls.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<CallKey, u64> {
        self.state().counts.clone()
    }

    pub(crate) fn clear(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
