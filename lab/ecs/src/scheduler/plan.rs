//! How many tasks to start and to stop now, from counts alone.

use crate::state::DeploymentBounds;

/// Tasks that are to run, of one deployment or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) pending: u64,
    pub(super) running: u64,
}

impl Counts {
    fn total(self) -> u64 {
        self.pending + self.running
    }
}

/// How many tasks of the PRIMARY deployment, and of those before it, to start or stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) start: u64,
    pub(super) stop_primary: u64,
    pub(super) stop_old: u64,
}

/// The rolling update's rule
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>): at least
/// `minimum_healthy` percent of `desired` (rounded up) keep running, at most `maximum` percent (rounded down) exist.
pub(super) fn plan(desired: u64, bounds: DeploymentBounds, primary: Counts, old: Counts) -> Plan {
    let at_least = (desired * bounds.minimum_healthy).div_ceil(100);
    let at_most = desired * bounds.maximum / 100;
    let room = at_most.saturating_sub(primary.total() + old.total());
    let healthy = primary.running.min(desired) + old.running;
    Plan {
        start: desired.saturating_sub(primary.total()).min(room),
        stop_primary: primary.total().saturating_sub(desired),
        stop_old: old.pending + old.running.min(healthy.saturating_sub(at_least)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: DeploymentBounds = DeploymentBounds { minimum_healthy: 100, maximum: 200 };

    fn counts(pending: u64, running: u64) -> Counts {
        Counts { pending, running }
    }

    fn planned(desired: u64, primary: Counts, old: Counts) -> (u64, u64, u64) {
        let plan = plan(desired, USUAL, primary, old);
        (plan.start, plan.stop_primary, plan.stop_old)
    }

    #[test]
    fn scales_to_the_desired_count() {
        assert_eq!(planned(3, counts(0, 0), counts(0, 0)), (3, 0, 0));
        assert_eq!(planned(3, counts(1, 1), counts(0, 0)), (1, 0, 0));
        assert_eq!(planned(3, counts(1, 2), counts(0, 0)), (0, 0, 0));
        assert_eq!(planned(1, counts(0, 3), counts(0, 0)), (0, 2, 0));
        assert_eq!(planned(0, counts(1, 3), counts(0, 2)), (0, 4, 2));
    }

    #[test]
    fn an_old_task_stops_only_when_a_new_one_runs_for_it() {
        assert_eq!(planned(2, counts(0, 0), counts(0, 2)), (2, 0, 0));
        assert_eq!(planned(2, counts(2, 0), counts(0, 2)), (0, 0, 0));
        assert_eq!(planned(2, counts(1, 1), counts(0, 2)), (0, 0, 1));
        assert_eq!(planned(2, counts(0, 2), counts(0, 2)), (0, 0, 2));
    }

    #[test]
    fn without_room_for_more_old_tasks_make_way() {
        let tight = DeploymentBounds { minimum_healthy: 50, maximum: 100 };
        assert_eq!(plan(2, tight, counts(0, 0), counts(0, 2)), Plan { start: 0, stop_primary: 0, stop_old: 1 });
        assert_eq!(plan(2, tight, counts(0, 0), counts(0, 1)), Plan { start: 1, stop_primary: 0, stop_old: 0 });
        assert_eq!(plan(2, tight, counts(0, 1), counts(0, 1)), Plan { start: 0, stop_primary: 0, stop_old: 1 });
    }

    #[test]
    fn old_tasks_that_are_not_up_yet_are_of_no_use() {
        assert_eq!(planned(2, counts(0, 0), counts(2, 0)), (2, 0, 2));
    }

    #[test]
    fn every_rolling_update_ends_without_breaking_its_bounds() {
        for desired in 1..6_u64 {
            for (minimum_healthy, maximum) in [(100, 200), (50, 100), (0, 100), (50, 150), (100, 134), (0, 200)] {
                let bounds = DeploymentBounds { minimum_healthy, maximum };
                let at_least = (desired * minimum_healthy).div_ceil(100);
                let at_most = desired * maximum / 100;
                if at_least == at_most {
                    continue; // No room at all: such an update cannot move, on AWS either.
                }
                let (mut primary, mut old) = (counts(0, 0), counts(0, desired));
                for _ in 0..100 {
                    let plan = plan(desired, bounds, primary, old);
                    old.running -= plan.stop_old;
                    assert!(primary.running + old.running >= at_least, "{desired} {bounds:?}");
                    primary.pending += plan.start;
                    assert!(primary.total() + old.total() <= at_most, "{desired} {bounds:?}");
                    // One task comes up before the next look.
                    if primary.pending > 0 {
                        primary = counts(primary.pending - 1, primary.running + 1);
                    }
                }
                assert_eq!((primary, old), (counts(0, desired), counts(0, 0)), "{bounds:?}");
            }
        }
    }
}
