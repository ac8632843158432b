//! What others do to the action list of a listener.

use crate::state::{GROUP_A, GROUP_B, GROUP_C, forward};
use teal::route::{Action, ActionKind, WeightedDestination};

fn groups_of(actions: &mut [Action]) -> impl Iterator<Item = &mut Vec<WeightedDestination>> {
    actions.iter_mut().filter_map(|action| match &mut action.kind {
        ActionKind::Forward { groups, .. } => Some(groups),
        ActionKind::Kept { .. } => None,
    })
}

pub(super) fn set_weights(actions: &mut [Action], (a, b): (u16, u16)) {
    // The weight of a lone group means nothing.
    for group in groups_of(actions).filter(|groups| groups.len() > 1).flatten() {
        match group.destination.as_str() {
            GROUP_A => group.weight = a,
            GROUP_B => group.weight = b,
            _ => {}
        }
    }
}

/// The second of two destinations gets so much of a thousand, the first the rest.
pub(super) fn share_between(actions: &mut [Action], second: u16) {
    for groups in groups_of(actions) {
        groups.iter_mut().zip([1000 - second, second]).for_each(|(group, weight)| group.weight = weight);
    }
}

/// With its weight; a deployment may have left it on no listener.
pub(super) fn give_all_to(actions: &mut [Action], green: &str) {
    let whole = forward(&[(green, 100)]);
    for groups in groups_of(actions) {
        groups.retain(|group| group.destination.as_str() != green);
        groups.iter_mut().for_each(|group| group.weight = 0);
        groups.extend_from_slice(whole.groups());
    }
}

pub(super) fn add_group(actions: &mut [Action]) {
    let added = forward(&[(GROUP_C, 10)]);
    for groups in groups_of(actions) {
        if groups.iter().all(|group| group.destination.as_str() != GROUP_C) {
            groups.extend_from_slice(added.groups());
        }
    }
}
