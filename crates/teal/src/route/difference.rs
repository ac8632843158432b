//! What somebody else changed on a route, in words.

use super::{Action, ActionKind, Colours, PartRef, complete};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that is not as Teal left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Difference {
    /// A target group has another weight.
    Weight { part: PartRef, group: String, expected: u16, found: u16 },
    /// A target group is gone from the forward action.
    GroupRemoved { part: PartRef, group: String },
    /// A target group was added to the forward action.
    GroupAdded { part: PartRef, group: String, weight: u16 },
    /// A rule that takes requests before this part gets them, and did not when the release was accepted.
    RuleAhead { part: PartRef, rule: String, priority: String, takes: String, does: String },
    /// Anything else in the action list.
    Actions { part: PartRef, expected: String, found: String },
}

impl Difference {
    /// Whether only numbers differ, so that setting weights still does what it says.
    #[must_use]
    pub fn is_weight(&self) -> bool {
        matches!(self, Difference::Weight { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Weight { part, group, expected, found } => {
                write!(f, "{part}: the weight of {group} is {found}, Teal left {expected}")
            }
            Difference::GroupRemoved { part, group } => write!(f, "{part}: {group} is no longer in the forward action"),
            Difference::GroupAdded { part, group, weight } => {
                write!(f, "{part}: {group} was added to the forward action at weight {weight}")
            }
            Difference::RuleAhead { part, rule, priority, takes, does } => {
                write!(
                    f,
                    "{part}: rule {rule} with priority {priority} now takes requests before it ({takes}), and does this with them: {does}"
                )
            }
            Difference::Actions { part, expected, found } => {
                write!(f, "{part}: the actions are {found}, Teal left {expected}")
            }
        }
    }
}

/// Compares an action list with what Teal expects there. Empty when they are the same.
#[must_use]
pub fn differences(part: &PartRef, expected: &[Action], found: &[Action]) -> Vec<Difference> {
    let mut list = Vec::new();
    let groups = |actions: &[Action]| -> Vec<_> { actions.iter().flat_map(Action::groups).cloned().collect() };
    let destinations =
        |actions: &[Action]| groups(actions).into_iter().map(|group| group.destination).collect::<Vec<_>>();
    let kind = part.kind();
    let before = groups(&complete(kind, expected, &destinations(found)));
    let after = groups(&complete(kind, found, &destinations(expected)));
    for old in &before {
        match after.iter().find(|new| new.destination == old.destination) {
            None => {
                list.push(Difference::GroupRemoved { part: part.clone(), group: old.destination.to_string() });
            }
            Some(new) if new.weight != old.weight => list.push(Difference::Weight {
                part: part.clone(),
                group: old.destination.to_string(),
                expected: old.weight,
                found: new.weight,
            }),
            Some(_) => {}
        }
    }
    for new in after.iter().filter(|new| before.iter().all(|old| old.destination != new.destination)) {
        list.push(Difference::GroupAdded {
            part: part.clone(),
            group: new.destination.to_string(),
            weight: new.weight,
        });
    }
    if without_groups(expected) != without_groups(found) {
        list.push(Difference::Actions { part: part.clone(), expected: describe(expected), found: describe(found) });
    }
    list
}

/// The same without what a deployment that moves the traffic changes: the weights of blue and green, and whether they are listed.
#[must_use]
pub fn differences_beside_pair(
    part: &PartRef,
    expected: &[Action],
    found: &[Action],
    colours: &Colours,
) -> Vec<Difference> {
    let pair = [&colours.blue, &colours.green].map(ToString::to_string);
    let mut list = differences(part, expected, found);
    list.retain(|difference| match difference {
        Difference::Weight { group, .. }
        | Difference::GroupRemoved { group, .. }
        | Difference::GroupAdded { group, .. } => !pair.contains(group),
        Difference::RuleAhead { .. } | Difference::Actions { .. } => true,
    });
    list
}

/// The list with its target groups left out: they are compared one by one.
fn without_groups(actions: &[Action]) -> Vec<Action> {
    let mut actions = actions.to_vec();
    for action in &mut actions {
        if let ActionKind::Forward { groups, .. } = &mut action.kind {
            groups.clear();
        }
    }
    actions
}

fn describe(actions: &[Action]) -> String {
    serde_json::to_string(&without_groups(actions)).unwrap_or_else(|_| format!("{} actions", actions.len()))
}
