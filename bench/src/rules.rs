//! What may roll a release back: Teal's judge, and other tools' rules with the settings that their documentation shows.

mod kayenta;
mod lindon_malek;
mod teal_judge;
mod thresholds;

use crate::service::Release;

pub use kayenta::Kayenta;
pub use lindon_malek::LindonMalek;
pub use teal_judge::{Noise, TealJudge};
pub use thresholds::{Argo, CloudWatchAlarm, Flagger};

/// Watches a release from its first minute to its last.
pub trait Rule: Sync {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// The minute, counted from 1, after which it rolls the release back.
    fn rolls_back_at(&self, release: &Release) -> Option<usize>;
}

/// All rules, Teal's own first.
#[must_use]
pub fn all() -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(TealJudge { strict: false, noise: Noise::FromHistory }),
        Box::new(TealJudge { strict: true, noise: Noise::FromHistory }),
        Box::new(TealJudge { strict: false, noise: Noise::Assumed }),
        Box::new(CloudWatchAlarm),
        Box::new(Flagger),
        Box::new(Argo::Background),
        Box::new(Argo::EveryMinute),
        Box::new(Kayenta::StepEnds),
        Box::new(Kayenta::EveryMinute),
        Box::new(LindonMalek),
    ]
}
