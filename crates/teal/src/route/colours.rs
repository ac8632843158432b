//! Which of the two destinations is blue: the one with all the weight.

use super::{Action, ActionKind, Destination, PartRef, WeightedDestination};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Blue serves now, green is to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Colour {
    Blue,
    Green,
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Colour::Blue => "blue",
            Colour::Green => "green",
        })
    }
}

/// The two destinations by colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Colours {
    pub blue: Destination,
    pub green: Destination,
}

impl Colours {
    /// The destination of a colour.
    #[must_use]
    pub fn of(&self, colour: Colour) -> &Destination {
        match colour {
            Colour::Blue => &self.blue,
            Colour::Green => &self.green,
        }
    }
}

/// What a plan says of the two destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Nothing: they are those that the route has.
    Nothing,
    /// Both, in any order.
    Pair([Destination; 2]),
    /// Green; blue is what the route has.
    Green(Destination),
}

/// Why a route cannot be shifted as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShiftable {
    #[error(
        "{part} has no forward action (it has: {found}). Teal shifts the weights of a forward action; give this \
         listener or rule one with blue's target group at full weight and the other at 0"
    )]
    NoForward { part: PartRef, found: String },
    #[error(
        "{part} forwards to one target group only, {only}. Attach the second one at weight 0, or name both in \
         traffic.{field}.targetGroups and Teal attaches it", field = part.kind().field()
    )]
    OneGroup { part: PartRef, only: Destination },
    #[error("{part} forwards to {count} target groups. Teal shifts between exactly two; take the others out")]
    TooManyGroups { part: PartRef, count: usize },
    #[error(
        "{part} forwards to {found}, which traffic.{field}.targetGroups does not name. Correct the plan, or the forward action",
        field = part.kind().field()
    )]
    OtherGroup { part: PartRef, found: Destination },
    #[error(
        "{part} is split {first_weight} to {second_weight} between {first} and {second}, so neither of them is blue. Put \
         all the weight on the one that is to serve, then start again"
    )]
    Split { part: PartRef, first: Destination, first_weight: u16, second: Destination, second_weight: u16 },
    #[error(
        "{part} has {found} in front, but {other} has {expected}: the parts of one route must agree on blue. Bring them \
         together, then start again"
    )]
    Disagree { part: PartRef, found: Box<Destination>, other: PartRef, expected: Box<Destination> },
    #[error(
        "{part}: {green} has all the traffic already, so there is nothing to release. Correct the plan, or end here"
    )]
    AlreadyGreen { part: PartRef, green: Destination },
    #[error("the route has no part; name at least one listener or rule in the plan's traffic")]
    Empty,
}

/// Finds blue and green in the action lists of all parts of a route.
///
/// Only where the plan names green may a part lack it (see [`attach`]).
///
/// # Errors
/// The first part that cannot be shifted, with what to do about it.
pub fn discover(parts: &[(PartRef, Vec<Action>)], named: &Named) -> Result<Colours, NotShiftable> {
    let mut agreed: Option<(&PartRef, Colours)> = None;
    for (part, actions) in parts {
        let colours = colours_of(part, actions, named)?;
        if let Named::Green(green) = named
            && colours.blue == *green
        {
            return Err(NotShiftable::AlreadyGreen { part: part.clone(), green: green.clone() });
        }
        match &agreed {
            None => agreed = Some((part, colours)),
            Some((_, expected)) if *expected == colours => {}
            Some((other, expected)) => {
                return Err(NotShiftable::Disagree {
                    part: part.clone(),
                    found: Box::new(colours.blue),
                    other: (*other).clone(),
                    expected: Box::new(expected.blue.clone()),
                });
            }
        }
    }
    agreed.map(|(_, colours)| colours).ok_or(NotShiftable::Empty)
}

fn colours_of(part: &PartRef, actions: &[Action], named: &Named) -> Result<Colours, NotShiftable> {
    let part = || part.clone();
    let groups: Vec<&WeightedDestination> = actions.iter().flat_map(Action::groups).collect();
    if let Named::Pair(pair) = named
        && let Some(stranger) = groups.iter().find(|group| !pair.contains(&group.destination))
    {
        return Err(NotShiftable::OtherGroup { part: part(), found: stranger.destination.clone() });
    }
    match groups.as_slice() {
        [] => Err(NotShiftable::NoForward { part: part(), found: kinds(actions) }),
        [only] => {
            let blue = &only.destination;
            let green = match named {
                Named::Nothing => None,
                Named::Pair(pair) => pair.iter().find(|group| *group != blue),
                Named::Green(green) => Some(green),
            };
            green
                .map(|green| Colours { blue: blue.clone(), green: green.clone() })
                .ok_or_else(|| NotShiftable::OneGroup { part: part(), only: blue.clone() })
        }
        [first, second] => match (first.weight, second.weight) {
            (1.., 0) => Ok(Colours { blue: first.destination.clone(), green: second.destination.clone() }),
            (0, 1..) => Ok(Colours { blue: second.destination.clone(), green: first.destination.clone() }),
            (first_weight, second_weight) => Err(NotShiftable::Split {
                part: part(),
                first: first.destination.clone(),
                first_weight,
                second: second.destination.clone(),
                second_weight,
            }),
        },
        more => Err(NotShiftable::TooManyGroups { part: part(), count: more.len() }),
    }
}

fn kinds(actions: &[Action]) -> String {
    let kinds: Vec<&str> = actions
        .iter()
        .map(|action| match &action.kind {
            ActionKind::Forward { .. } => "forward",
            ActionKind::Kept { kind, .. } => kind.as_str(),
        })
        .collect();
    if kinds.is_empty() { "no action".to_owned() } else { kinds.join(", ") }
}

/// The same actions with green attached at weight 0, if it was not attached and such a route lists what is idle. A lone group may have had any weight: it gets 100,
/// since with two groups the numbers begin to matter. The groups stand in the order in which lists are read.
#[must_use]
pub fn attach(part: &PartRef, actions: &[Action], colours: &Colours) -> Vec<Action> {
    let mut actions = actions.to_vec();
    if !part.facts().lists_idle {
        return actions;
    }
    for action in &mut actions {
        if let ActionKind::Forward { groups, .. } = &mut action.kind
            && let [only] = groups.as_mut_slice()
        {
            only.weight = only.weight.max(100);
            groups.push(WeightedDestination { destination: colours.green.clone(), weight: 0 });
            groups.sort_by(|one, other| one.destination.cmp(&other.destination));
        }
    }
    actions
}

/// The same actions with blue attached at weight 0, if it is not attached.
#[must_use]
pub fn attach_blue(actions: &[Action], colours: &Colours) -> Vec<Action> {
    let mut actions = actions.to_vec();
    if actions.iter().flat_map(Action::groups).any(|group| group.destination == colours.blue) {
        return actions;
    }
    let groups = actions.iter_mut().find_map(|action| match &mut action.kind {
        ActionKind::Forward { groups, .. } => Some(groups),
        ActionKind::Kept { .. } => None,
    });
    if let Some(groups) = groups {
        groups.push(WeightedDestination { destination: colours.blue.clone(), weight: 0 });
        groups.sort_by(|one, other| one.destination.cmp(&other.destination));
    }
    actions
}
