//! Which of several releases that go back hurts most users.

use super::{Act, Intent, Release};
use crate::compare::Compared;
use crate::units::Share;

/// What a route is taken to serve that nothing has counted: requests a minute.
const UNCOUNTED: u64 = 1_000;

impl Release {
    /// How many requests green answers: a minute's, in thousandths. That is green's share, or the larger one that a shift under way may have
    /// given it, of what the load balancer counted on the route for the comparison of green with blue. Those counts are in the record: they
    /// cost no request.
    #[must_use]
    pub fn on_green(&self) -> u64 {
        on_green(self.green_share, &self.intents, &self.compared)
    }
}

fn on_green(share: Share, intents: &[Intent], compared: &[Compared]) -> u64 {
    let shifts = intents.iter().filter_map(|intent| {
        let Act::Shift { share } = intent.act else { return None };
        Some(share)
    });
    let share = shifts.fold(share, Share::max);
    let counted = compared.iter().filter(|metric| metric.source.is_of_load_balancer());
    let a_minute = counted.filter_map(|metric| metric.state.total_per_period()).max();
    a_minute.unwrap_or(UNCOUNTED).saturating_mul(share.permille().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::CountSource;
    use crate::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState};
    use crate::time::Timestamp;

    fn share(permille: u16) -> Share {
        Share::from_permille(permille).unwrap()
    }

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_second(number * 60).unwrap()
    }

    /// Two minutes with 6,000 requests on both colours together.
    fn counted(source: CountSource) -> Compared {
        let mut state = MetricState::default();
        for number in 1..=2 {
            let interval = Interval {
                period_end: minute(number),
                step: 1,
                begun_after_shift: true,
                green: Counts::new(1_200, 0),
                blue: Counts::new(4_800, 0),
            };
            state.observe(&JudgeConfig::default(), &Calibration::without_history(), &interval);
        }
        let calibration = Calibration::without_history();
        Compared {
            name: "m".into(),
            bad_means: "failed".into(),
            weight: 1.0,
            source,
            calibration,
            state,
            messages: None,
        }
    }

    #[test]
    fn it_is_greens_share_of_what_the_load_balancer_counted() {
        assert_eq!(on_green(Share::NONE, &[], &[]), 0);
        assert_eq!(on_green(share(200), &[], &[]), 200 * UNCOUNTED, "nothing was counted");
        assert_eq!(on_green(share(200), &[], &[counted(CountSource::Errors)]), 200 * 6_000);
        let mut fresh = counted(CountSource::Errors);
        fresh.state = MetricState::default();
        assert_eq!(on_green(share(200), &[], &[fresh]), 200 * UNCOUNTED, "no period has ended");
    }

    #[test]
    fn a_shift_under_way_counts_as_done() {
        let intent = |act| Intent { invocation: "1".into(), act, act_by: minute(1) };
        let intents = [intent(Act::Shift { share: share(500) }), intent(Act::Restore)];
        assert_eq!(on_green(share(100), &intents, &[]), 500 * UNCOUNTED);
        assert_eq!(on_green(Share::ALL, &intents, &[]), 1_000 * UNCOUNTED);
    }
}
