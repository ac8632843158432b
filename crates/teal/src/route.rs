//! The route: what splits traffic between blue and green, and how Teal changes nothing of it but two weights.

mod action;
mod ahead;
mod alb;
mod cname;
mod colours;
mod destination;
mod difference;
mod flag;
pub(crate) mod kind;
mod lambda;
mod meter;
mod nlb;
pub(crate) mod pattern;

pub use action::{Action, ActionKind, Stickiness, WeightedDestination};
pub use ahead::{Condition, PartReading, RuleAhead};
pub use alb::{AlbRoute, WEIGHTS_KNOWN_WITHIN};
pub use cname::{CnamePart, CnameRoute, EnvironmentDomain};
pub use colours::{Colour, Colours, Named, NotShiftable, attach, attach_blue, discover};
pub use destination::{Destination, DestinationKind};
pub use difference::{Difference, differences, differences_beside_pair};
pub use flag::{AppConfigId, FlagKey, FlagRef, FlagRoute, FlagState, Turn};
pub use kind::{Granularity, GreenReached, MovedBy, RouteFacts};
pub use lambda::{AliasName, AliasRoute, FunctionAlias, FunctionVersion, LambdaFunctionName};
pub use meter::{Meter, Outcome, RequestMetrics};
pub use nlb::NlbRoute;

use crate::plan::{ListenerArn, RuleArn};
use crate::units::Share;
use kind::{SplitsTraffic, kinds_of_routes, routes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

routes!(kinds_of_routes);

kind::parts! { ($)
    Listener(ListenerArn);
    Rule(RuleArn);
    /// The percentage of a feature flag.
    Flag(FlagRef);
    /// A domain name that one of two environments has.
    Cname(Box<CnamePart>);
    Alias(FunctionAlias);
}

impl PartRef {
    /// What metrics call it: of a listener or rule the load balancer, as CloudWatch's dimension `LoadBalancer` has it (`app/name/id`, `net/name/id`), of an
    /// alias what `Resource` has, `function:alias`. Nothing
    /// publishes metrics about a domain name: they are its environments'.
    #[must_use]
    pub fn name_in_metrics(&self) -> &str {
        for_part!(self, it => it.name_in_metrics())
    }

    /// Of which kind of route it is.
    #[must_use]
    pub fn kind(&self) -> RouteKind {
        for_part!(self, it => it.kind())
    }

    /// What the rest of Teal must know of its kind of route.
    #[must_use]
    pub fn facts(&self) -> &'static RouteFacts {
        self.kind().facts()
    }

    /// What names it among all parts of all routes of one account, for locks (see [`key_in`]): the ARN of a listener or rule, a flag's whole name, a domain name,
    /// `function:alias`.
    #[must_use]
    pub fn key(&self) -> &str {
        for_part!(self, it => it.key())
    }

    /// The parameter that stack templates set it by, below a path, and its value: where it is one and not the weights of a pair.
    pub(crate) fn parameter(&self, serving: &Destination) -> Option<(String, String)> {
        for_part!(self, it => it.parameter(serving))
    }
}

/// A key among those of all accounts: an ARN says which account it is of, any other name of another account gets its number before it.
#[must_use]
pub fn key_in(account: Option<&str>, key: &str) -> String {
    match account {
        Some(account) if !key.starts_with("arn:") => format!("{account}/{key}"),
        Some(_) | None => key.to_owned(),
    }
}

impl fmt::Display for PartRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", for_part!(self, it => it.noun()), self.key())
    }
}

/// One part of the route with what it was before the release and what Teal left there last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutePart {
    pub part: PartRef,
    /// The whole action list when the release was accepted. Rolling back restores it.
    pub original: Vec<Action>,
    /// The whole action list as Teal expects to find it now.
    pub expected: Vec<Action>,
    /// The rules that could take requests before this part when the release was accepted, by their ARNs. Not known of flags that go with
    /// a version, nor in records of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<BTreeSet<String>>,
}

impl RoutePart {
    /// Blue and green of a part by itself, as it was when the release was accepted; `None` where neither had all the weight.
    #[must_use]
    pub fn own_colours(&self) -> Option<Colours> {
        discover(&[(self.part.clone(), self.original.clone())], &Named::Nothing).ok()
    }

    /// The action list that gives green `share` of the traffic. At 0 % it is the original, number for number; at
    /// 100 % blue's and green's original numbers change places.
    #[must_use]
    pub fn at(&self, colours: &Colours, share: Share) -> Vec<Action> {
        let kind = self.part.kind();
        let mut actions = complete(kind, &self.original, [&colours.blue, &colours.green]);
        for group in actions.iter_mut().flat_map(Action::groups_mut) {
            let is_green = group.destination == colours.green;
            if let Some(weight) = weight_of(&self.original, colours, share, is_green) {
                group.weight = weight;
            }
        }
        as_listed(kind, actions)
    }

    /// The actions as found, with all of the pair's weight on blue; `None` where blue is not there any more.
    #[must_use]
    pub fn on_blue(&self, found: &[Action], colours: &Colours) -> Option<Vec<Action>> {
        let kind = self.part.kind();
        let is_of_pair = |group: &WeightedDestination| [&colours.blue, &colours.green].contains(&&group.destination);
        if !kind.facts().lists_idle && !found.iter().flat_map(Action::groups).all(is_of_pair) {
            // Somebody else's version has a share that the pair's weights would take away.
            return None;
        }
        let mut target = complete(kind, found, [&colours.blue, &colours.green]);
        let weight = weight_in(&target, &colours.blue)?;
        if weight > 0 && weight_in(&target, &colours.green).is_none() {
            // Green is not attached, or not any more.
            return Some(target);
        }
        let whole = weight_in(&self.original, &colours.blue).filter(|weight| *weight > 0).unwrap_or(100);
        for group in target.iter_mut().flat_map(Action::groups_mut) {
            if group.destination == colours.blue {
                group.weight = whole;
            } else if group.destination == colours.green {
                group.weight = 0;
            }
        }
        Some(as_listed(kind, target))
    }
}

/// A list with these destinations in it, at weight 0 where a route of this kind lists none that is idle.
fn complete<'a>(
    kind: RouteKind,
    actions: &[Action],
    destinations: impl IntoIterator<Item = &'a Destination>,
) -> Vec<Action> {
    let mut actions = actions.to_vec();
    if kind.facts().lists_idle {
        return actions;
    }
    let groups = actions.iter_mut().find_map(|action| match &mut action.kind {
        ActionKind::Forward { groups, .. } => Some(groups),
        ActionKind::Kept { .. } => None,
    });
    if let Some(groups) = groups {
        for destination in destinations {
            if groups.iter().all(|group| group.destination != *destination) {
                groups.push(WeightedDestination { destination: destination.clone(), weight: 0 });
            }
        }
        groups.sort_by(|one, other| one.destination.cmp(&other.destination));
    }
    actions
}

/// A list as a route of this kind lists it.
fn as_listed(kind: RouteKind, mut actions: Vec<Action>) -> Vec<Action> {
    if !kind.facts().lists_idle {
        for action in &mut actions {
            if let ActionKind::Forward { groups, .. } = &mut action.kind {
                groups.retain(|group| group.weight > 0);
            }
        }
    }
    actions
}

fn weight_of(original: &[Action], colours: &Colours, share: Share, is_green: bool) -> Option<u16> {
    let blue_whole = weight_in(original, &colours.blue)?;
    match (share.permille(), is_green) {
        (0, false) | (1000, true) => Some(blue_whole),
        (0, true) | (1000, false) => Some(0),
        (green, true) => Some(green),
        (green, false) => Some(1000 - green),
    }
}

/// The weight of a destination in the forward action, if it is there.
#[must_use]
pub fn weight_in(actions: &[Action], destination: &Destination) -> Option<u16> {
    actions.iter().flat_map(Action::groups).find(|found| &found.destination == destination).map(|found| found.weight)
}

/// The share of traffic that a list of actions gives to green, in the nearest permille; `None` where neither destination has weight.
#[must_use]
pub fn green_share(actions: &[Action], colours: &Colours) -> Option<Share> {
    let green = u32::from(weight_in(actions, &colours.green)?);
    let blue = u32::from(weight_in(actions, &colours.blue)?);
    let permille = (green * 1000 + (green + blue) / 2).checked_div(green + blue)?;
    Share::from_permille(u16::try_from(permille).ok()?).ok()
}

/// The same where either of the pair may be missing, which is as good as weight 0; `None` where neither has weight.
#[must_use]
pub fn pair_share(actions: &[Action], colours: &Colours) -> Option<Share> {
    let weight = |destination| u32::from(weight_in(actions, destination).unwrap_or(0));
    let (green, blue) = (weight(&colours.green), weight(&colours.blue));
    let permille = (green * 1000 + (green + blue) / 2).checked_div(green + blue)?;
    Share::from_permille(u16::try_from(permille).ok()?).ok()
}

#[cfg(test)]
mod tests;
