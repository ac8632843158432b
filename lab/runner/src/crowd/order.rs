//! Whether the releases of one alarm went back by on-alarm, and in the order of green's share.

use super::Course;
use super::town::Town;
use crate::lab::Lab;
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

/// The function that gives back the releases of one alarm, one after the other.
const IN_TURN: &str = "on-alarm";
/// The shares of green, in percent, of which the larger must have gone back first in the mean.
const LARGE: u16 = 50;
const SMALL: u16 = 10;

/// A release that watches the shared alarm.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    name: String,
    /// Green's share in percent.
    share: u16,
    /// When its route was on blue, and by which function.
    restored: Option<(Millis, String)>,
    /// When on-alarm was last at its route.
    at_it: Option<Millis>,
}

impl Shared {
    fn in_turn(&self) -> Option<Millis> {
        self.restored.as_ref().filter(|(_, by)| by == IN_TURN).map(|(at, _)| *at)
    }
}

/// Those of the town, as they went back since the alarms.
pub(super) fn shared(lab: &Lab, town: &Town, raised_at: Millis) -> Vec<Shared> {
    let calls = lab.gateway().calls();
    let since: Vec<_> = calls.iter().filter(|call| call.caller == IN_TURN && call.at >= raised_at).collect();
    let houses = town.houses.iter().filter(|house| house.course == Course::SharedAlarm);
    let shared = houses.map(|house| Shared {
        name: house.name.clone(),
        share: house.weight,
        restored: house.restored(lab),
        at_it: since.iter().rev().find(|call| call.resources.contains(&house.rule)).map(|call| call.at),
    });
    shared.collect()
}

/// What is not as it should be: a sentence each.
///
/// on-alarm gives all of them back, those with most traffic on green first. One whose own look saw the alarm earlier goes back by its own
/// state machine: then it was on blue before its turn was over, or nobody could say that rollbacks by looks did not take others' turns.
pub(super) fn wrong(shared: &[Shared]) -> Vec<String> {
    let mut wrong: Vec<String> = shared.iter().filter_map(|one| otherwise(one, shared)).collect();
    let mut in_turn: Vec<(Millis, u16)> =
        shared.iter().filter_map(|one| one.in_turn().map(|at| (at, one.share))).collect();
    in_turn.sort_unstable();
    let shares: Vec<u16> = in_turn.iter().map(|(_, share)| *share).collect();
    if !shares.is_sorted_by(|a, b| a >= b) {
        wrong.push(format!("of one alarm's releases those with less traffic on green came first: {shares:?}"));
    }
    let means = mean_by_share(shared);
    match (means.get(&LARGE), means.get(&SMALL)) {
        (Some(large), Some(small)) if large < small => {}
        (Some(large), Some(small)) => wrong.push(format!(
            "of one alarm's releases those with {LARGE} % on green were on blue at {large:.0} ms of lab time in the mean, those with {SMALL} % at {small:.0} ms"
        )),
        _ => wrong.push(format!("no two of one alarm's releases had {LARGE} % and {SMALL} % on green and went back")),
    }
    wrong
}

/// What is wrong with one that went back by another function, or did not.
fn otherwise(one: &Shared, all: &[Shared]) -> Option<String> {
    let Shared { name, share, restored, at_it } = one;
    let Some((at, by)) = restored else {
        return Some(format!("{name}, which watches the shared alarm, never went back"));
    };
    let others = all.iter().filter_map(|other| other.in_turn().map(|at| (at, other.share)));
    let (later, any): (Vec<_>, Vec<_>) = others.partition(|(_, other)| other < share);
    let next = later.into_iter().map(|(at, _)| at).min();
    let turn_over = at_it.or(next).or_else(|| any.into_iter().map(|(at, _)| at).max());
    let passed = by == IN_TURN || turn_over.is_some_and(|turn_over| *at <= turn_over);
    (!passed).then(|| {
        format!("{name}, which watches the shared alarm and had {share} % on green, went back by {by}, and not before its turn of {IN_TURN}")
    })
}

/// When those with each share were on blue, in the mean.
fn mean_by_share(shared: &[Shared]) -> BTreeMap<u16, f64> {
    let mut by_share = BTreeMap::<u16, Vec<Millis>>::new();
    for one in shared {
        by_share.entry(one.share).or_default().extend(one.restored.as_ref().map(|(at, _)| *at));
    }
    let mean = |all: &[Millis]| all.iter().sum::<Millis>() as f64 / all.len() as f64;
    by_share.iter().filter(|(_, all)| !all.is_empty()).map(|(share, all)| (*share, mean(all))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, share: u16, at: Millis, by: &str) -> Shared {
        Shared { name: name.to_owned(), share, restored: Some((at, by.to_owned())), at_it: None }
    }

    #[test]
    fn all_by_one_run_in_the_order_of_greens_share_is_right() {
        let fine = [one("a", 10, 30, "on-alarm"), one("b", 50, 10, "on-alarm"), one("c", 25, 20, "on-alarm")];
        assert_eq!(wrong(&fine), Vec::<String>::new());
        let reverse = [one("a", 10, 10, "on-alarm"), one("b", 50, 30, "on-alarm")];
        let told = wrong(&reverse);
        assert!(told[0].contains("came first: [10, 50]"), "{told:?}");
        assert!(told[1].contains("in the mean"), "{told:?}");
    }

    #[test]
    fn nothing_that_on_alarm_restored_is_not_taken_for_the_right_order() {
        let by_looks = [one("a", 10, 30, "roll-back"), one("b", 50, 10, "roll-back")];
        let told = wrong(&by_looks);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("a, ") && told[0].contains("by roll-back"), "{told:?}");
        let lost = Shared { restored: None, ..one("a", 10, 0, "") };
        let told = wrong(&[lost, one("b", 50, 10, "on-alarm")]);
        assert!(told[0].contains("never went back") && told[1].contains("no two"), "{told:?}");
    }

    #[test]
    fn one_that_goes_back_by_its_own_look_does_so_before_its_turn() {
        let others = [one("a", 10, 30, "on-alarm"), one("b", 50, 10, "on-alarm"), one("c", 25, 20, "on-alarm")];
        let with = |house: Shared| wrong(&[&others[..], &[house]].concat()).len();
        assert_eq!(with(one("d", 25, 29, "roll-back")), 0);
        assert_eq!(with(one("d", 25, 31, "roll-back")), 1);
        assert_eq!(with(one("d", 10, 29, "roll-back")), 0);
        assert_eq!(with(one("d", 10, 31, "roll-back")), 1);
        // on-alarm came to it, and found another at it.
        assert_eq!(with(Shared { at_it: Some(32), ..one("d", 10, 31, "roll-back") }), 0);
    }
}
