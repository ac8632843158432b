//! What a release left on its route, and whether that is still there: between releases Teal does not hold a route, and whoever else writes
//! weights (a stack update with the old numbers, a person) may send users to a colour without tasks.

use crate::plan::{Account, ParameterPath};
use crate::release::{Phase, Release, ReleaseId};
use crate::route::{Action, Colour, Destination, PartRef, RoutePart, key_in, pair_share, weight_in};
use crate::time::{Timestamp, after};
use crate::units::Share;
use serde::{Deserialize, Serialize};

/// What the last release left on one part of its route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteLeft {
    pub part: PartRef,
    /// The account that it is in, where that is not Teal's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    pub release: ReleaseId,
    pub at: Timestamp,
    /// Whether the release left green the traffic, so that before it the other destination served.
    pub promoted: bool,
    /// The destination that all the traffic was left on.
    pub serving: Destination,
    /// The other one of the pair.
    pub idle: Destination,
    /// Where stack templates read the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_parameters: Option<ParameterPath>,
    /// Since when every sweep that read the part was told that there is no such listener or rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// When it was last told that the role by which the part is reached cannot be assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_told_at: Option<Timestamp>,
}

/// How long a part of a route must have been missing before it is forgotten, in seconds: a day, in which sweep has asked for it many
/// times. ARNs of listeners and rules do not come back.
const FORGOTTEN_AFTER_SECONDS: u64 = 86_400;

/// How often it is told that a role cannot be assumed, in seconds: once a day.
const CLOSED_TOLD_EVERY_SECONDS: u64 = 86_400;

impl RouteLeft {
    /// The number of the account that it is in; `None` where that is Teal's own.
    #[must_use]
    pub fn account_number(&self) -> Option<&str> {
        self.account.as_ref().map(Account::number)
    }

    /// What names the part among those of all accounts.
    #[must_use]
    pub fn key(&self) -> String {
        key_in(self.account_number(), self.part.key())
    }

    /// Whether its part of the route, missing now, has been so for long enough to be forgotten.
    #[must_use]
    pub fn is_long_missing(&self, now: Timestamp) -> bool {
        self.missing_since.is_some_and(|since| now >= after(since, FORGOTTEN_AFTER_SECONDS))
    }

    /// Whether somebody is to be told, now, that the role cannot be assumed.
    #[must_use]
    pub fn is_closed_to_be_told(&self, now: Timestamp) -> bool {
        self.closed_told_at.is_none_or(|told| now >= after(told, CLOSED_TOLD_EVERY_SECONDS))
    }

    /// The same, and that was told now.
    #[must_use]
    pub fn closed(&self, now: Timestamp) -> RouteLeft {
        Self { closed_told_at: Some(now), ..self.clone() }
    }

    /// The same, there and reached.
    #[must_use]
    pub fn reached(&self) -> RouteLeft {
        Self { missing_since: None, closed_told_at: None, ..self.clone() }
    }

    /// The same, missing since then, or there.
    #[must_use]
    pub fn missing(&self, since: Option<Timestamp>) -> RouteLeft {
        Self { missing_since: since, ..self.clone() }
    }

    /// What a release leaves, part by part; nothing while it is under way, or when it never began, and nothing of a part that a person gave
    /// up and that sends its traffic to neither of the pair, or to both.
    #[must_use]
    pub fn by(release: &Release) -> Vec<RouteLeft> {
        let serving = |part: &RoutePart| match release.phase {
            Phase::Promoted => Some(Colour::Green),
            // A person may have left everything on green, or given up a part that is.
            Phase::RolledBack => match pair_share(&part.expected, &release.colours)? {
                Share::ALL => Some(Colour::Green),
                Share::NONE => Some(Colour::Blue),
                _ => None,
            },
            _ => None,
        };
        let left = |part: &RoutePart| {
            let serving = serving(part)?;
            let idle = if serving == Colour::Green { Colour::Blue } else { Colour::Green };
            Some(RouteLeft {
                part: part.part.clone(),
                account: release.plan.account.clone(),
                release: release.id.clone(),
                at: release.phase_since,
                promoted: serving == Colour::Green,
                serving: release.colours.of(serving).clone(),
                idle: release.colours.of(idle).clone(),
                weight_parameters: release.plan.traffic.weight_parameters.clone(),
                missing_since: None,
                closed_told_at: None,
            })
        };
        let kept = release.route.iter().filter(|part| part.part.facts().is_kept_between_releases);
        kept.filter_map(left).collect()
    }

    /// What is not as it was left, in words. Only who gets the traffic of the pair counts: everything else on a listener is its owner's
    /// to change between releases.
    #[must_use]
    pub fn drift(&self, found: &[Action]) -> Option<String> {
        let weight = |group| weight_in(found, group);
        let (serving, idle) = (weight(&self.serving), weight(&self.idle).unwrap_or(0));
        if serving.is_some_and(|weight| weight > 0) && idle == 0 {
            return None;
        }
        let Self { part, release, .. } = self;
        let has = serving.map_or("is not there any more".to_owned(), |weight| format!("has weight {weight}"));
        let what = format!(
            "{part}: {} {has} and {} has {idle}; release {release} left it all the traffic",
            self.serving, self.idle
        );
        let is_as_before = self.promoted && serving == Some(0) && idle > 0;
        Some(if is_as_before {
            format!(
                "{what}. This is how it was before that release: a stack update or an apply has probably set the old weights again"
            )
        } else {
            what
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
    const B: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/83e2d6bc24d8a068";
    const LISTENER: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";

    fn left(promoted: bool) -> RouteLeft {
        let (serving, idle) = if promoted { (B, A) } else { (A, B) };
        serde_json::from_value(json!({
            "part": {"listener": LISTENER}, "release": "r-1", "at": "2026-11-22T10:00:00Z", "promoted": promoted,
            "serving": serving, "idle": idle,
        }))
        .unwrap()
    }

    fn actions(groups: &[(&str, u16)]) -> Vec<Action> {
        let groups: Vec<_> = groups.iter().map(|(arn, weight)| json!({"targetGroup": arn, "weight": weight})).collect();
        serde_json::from_value(json!([{"forward": {"groups": groups}}])).unwrap()
    }

    #[test]
    fn only_who_gets_the_traffic_counts() {
        for fine in [vec![(A, 0), (B, 100)], vec![(B, 1)], vec![(A, 0), (B, 999)]] {
            assert_eq!(left(true).drift(&actions(&fine)), None, "{fine:?}");
        }
        assert_eq!(left(false).drift(&actions(&[(A, 100), (B, 0)])), None);
    }

    #[test]
    fn a_reset_to_the_weights_before_the_release_is_told_from_any_other_change() {
        let reset = left(true).drift(&actions(&[(A, 100), (B, 0)])).unwrap();
        assert!(reset.contains("a stack update"), "{reset}");
        for other in [vec![(A, 50), (B, 50)], vec![(A, 100)], vec![]] {
            let told = left(true).drift(&actions(&other)).unwrap();
            assert!(!told.contains("a stack update") && told.contains("r-1"), "{told}");
        }
        let split = left(false).drift(&actions(&[(A, 0), (B, 100)])).unwrap();
        assert!(!split.contains("a stack update"), "after a rollback there were no other weights before: {split}");
    }
}
