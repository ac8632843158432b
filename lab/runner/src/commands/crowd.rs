//! `cargo lab crowd`: many releases at once under the token buckets of Elastic Load Balancing.

use crate::crowd::{CrowdOptions, crowd as run};
use crate::lab::{Lab, LabOptions};
use crate::{LabError, Progress};
use std::sync::Arc;

/// Runs many releases at once, with alarms in the middle, and prints how they ended and how long going back took.
///
/// The answer is false when one did not end as it should, or others' calls came before those that restore.
///
/// # Errors
/// If the lab cannot be set up or fails.
pub async fn crowd(options: CrowdOptions, scale: f64) -> Result<bool, LabError> {
    let progress = Progress::on_stderr();
    let lab = Arc::new(Lab::start(LabOptions { scale, progress: progress.clone() }).await?);
    let result = run(Arc::clone(&lab), options, &progress).await?;
    if let Some(lab) = Arc::into_inner(lab) {
        lab.stop().await;
    }
    println!("{result}");
    Ok(result.is_fine())
}
