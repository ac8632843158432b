//! What a function is about to do to the route, recorded before it does it.
//!
//! Load balancers have no conditional write, and neither stopping an execution nor a task's timeout ends a running Lambda.
//! So every act is announced in the record with the moment after which it can no longer happen (`act_by`: the function's own
//! timeout plus a margin). Nobody calls the route settled before every `act_by` has passed.

use crate::time::Timestamp;
use crate::units::Share;
use serde::{Deserialize, Serialize};

/// One act that may still be under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The invocation that acts, so that it can take its own intent back when it has read the route again.
    pub invocation: String,
    pub act: Act,
    /// After this moment the act cannot happen any more.
    pub act_by: Timestamp,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Green is attached at weight 0.
    Attach,
    /// Green's service is ordered. Ordered late, it would bring this version back into a later release.
    BringUp,
    /// The deployment that brings green up and moves the traffic is begun.
    BeginDeployment,
    /// That deployment goes on from where it waited.
    Continue,
    /// The test route goes to green.
    PointTestRoute,
    /// Green gets this share of production traffic.
    Shift { share: Share },
    /// Everything goes back to blue, and green is taken in.
    Restore,
    /// Blue is taken in. Taken in late, it would be the green of a later release.
    RetireBlue,
}
