//! The judge, looked at after every minute.

use super::Rule;
use crate::service::{Release, STEP_MINUTES};
use jiff::Timestamp;
use teal::judge::{Calibration, Interval, JudgeConfig, MetricState};

/// Teal's judge with its defaults.
pub struct TealJudge {
    /// Whether it trusts no calibration.
    pub strict: bool,
    /// Where it knows the noise from.
    pub noise: Noise,
}

/// Where the judge knows the noise from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Measured on blue against blue.
    FromHistory,
    /// What is assumed without history.
    Assumed,
}

impl TealJudge {
    /// `ln E` after each minute, and whether the judge rolls back at it.
    #[must_use]
    pub fn path(&self, release: &Release) -> Vec<(f64, bool)> {
        let config = JudgeConfig::default().with_strict(self.strict);
        let calibration = match self.noise {
            Noise::FromHistory => Calibration::from_history(&release.history),
            Noise::Assumed => Calibration::without_history(),
        };
        let mut state = MetricState::default();
        let mut path = Vec::with_capacity(release.minutes.len());
        let mut period_end = Timestamp::UNIX_EPOCH;
        for (step, minutes) in (1..).zip(release.minutes.chunks(STEP_MINUTES)) {
            for minute in minutes {
                period_end += jiff::SignedDuration::from_mins(1);
                let interval =
                    Interval { step, period_end, begun_after_shift: true, green: minute.green, blue: minute.blue };
                state.observe(&config, &calibration, &interval);
                path.push((state.ln_e(&config), state.rejects(&config)));
            }
        }
        path
    }
}

impl Rule for TealJudge {
    fn name(&self) -> &'static str {
        match (self.strict, self.noise) {
            (false, Noise::FromHistory) => "Teal",
            (false, Noise::Assumed) => "Teal, no history",
            (true, _) => "Teal, strict",
        }
    }

    fn rolls_back_at(&self, release: &Release) -> Option<usize> {
        self.path(release).iter().position(|(_, rejects)| *rejects).map(|minute| minute + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::simulate;
    use crate::service::{Noise as ServiceNoise, Service};

    /// How low blue's own share must be for a rise by five points at 10 requests a second to be found by minute 4 of the plan: see
    /// docs/judge.md.
    #[test]
    fn five_points_at_ten_requests_a_second_are_found_by_minute_4_where_blue_fails_three_in_a_thousand() {
        for (blue, by) in [(0.001, 3), (0.003, 4), (0.01, 6)] {
            let service = Service { rps: 10, blue, green: blue + 0.05, noise: ServiceNoise::Plain };
            let judge: Box<dyn Rule> = Box::new(TealJudge { strict: false, noise: Noise::FromHistory });
            let median = simulate(&service, &[judge], 500, 7)[0].median_minute();
            assert_eq!(median, Some(by), "from {} %", 100.0 * blue);
        }
    }
}
