//! Green against blue in a release: what the judge is given, from CloudWatch's series to one judgement.

mod calibrate;
mod messages;
mod metric;
mod periods;
mod replay;
mod source;

pub(crate) use calibrate::{History, edges, usual_edges};
pub(crate) use messages::Novelty;
pub use messages::{Messages, NewMessage};
pub use metric::{Compared, evidence};
pub(crate) use periods::{Comparison, Moments};
pub use replay::{Firing, Replay, ReplayError, Summary, replay};
pub use source::CountSource;
pub(crate) use source::Place;

use crate::judge::{ConfigError, JudgeConfig};
use crate::plan::Judge;
use crate::strategy::Timeline;

/// The judge's settings for a plan and the timeline that it is compiled to.
///
/// # Errors
/// When a setting is out of its range, which a checked plan's are not.
pub fn judge_config(judge: &Judge, timeline: &Timeline) -> Result<JudgeConfig, ConfigError> {
    let steps = u32::try_from(timeline.compared_stages().max(1)).unwrap_or(u32::MAX);
    Ok(JudgeConfig::default()
        .with_rho(judge.rho.as_f64())?
        .with_alpha(judge.alpha.fraction())?
        .with_steps(steps)?
        .with_strict(judge.strict)
        .with_warm_up(judge.warm_up)
        .with_minimum(judge.min_intervals, judge.min_requests.into()))
}
