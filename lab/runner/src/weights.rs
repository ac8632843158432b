//! Moves of traffic other than on load balancers, as changes of weights.

use std::collections::BTreeMap;
use teal_lab_beanstalk::{Move, TIME_TO_LIVE};
use teal_lab_elb::WeightChange;
use teal_lab_functions::AliasChange;
use teal_lab_wire::Millis;

/// What was set of an alias as a change of weights.
pub(crate) fn of_alias(change: AliasChange) -> WeightChange {
    let AliasChange { at, instant, function, alias, weights, access_key_id } = change;
    WeightChange { at, instant, resource_arn: format!("{function}:{alias}"), weights, access_key_id }
}

/// A domain name's move as a change of weights, from when the last of its clients have followed it.
pub(crate) fn of_name(moved: &Move) -> WeightChange {
    /// Requests that are under way then, in milliseconds.
    const UNDER_WAY: Millis = 2_000;
    WeightChange {
        at: moved.at + TIME_TO_LIVE + UNDER_WAY,
        instant: moved.instant,
        resource_arn: moved.name.clone(),
        weights: BTreeMap::from([(moved.environment.clone(), 100)]),
        access_key_id: None,
    }
}
