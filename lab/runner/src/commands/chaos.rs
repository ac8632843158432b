//! `cargo lab chaos`: releases whose functions are killed at random.

use crate::chaos::{ChaosOptions, HEADING, chaos as run};
use crate::lab::{Lab, LabOptions};
use crate::{LabError, Progress};
use std::sync::Arc;

/// Runs releases whose functions are killed at random, and prints how each ended.
///
/// The answer is false when one of them is not wholly on one colour, did not end, or is not explained.
///
/// # Errors
/// If the lab cannot be set up or fails.
pub async fn chaos(options: &ChaosOptions, scale: f64) -> Result<bool, LabError> {
    let progress = Progress::on_stderr();
    let lab = Arc::new(Lab::start(LabOptions { scale, progress: progress.clone() }).await?);
    let survivors = run(Arc::clone(&lab), options, &progress).await?;
    if let Some(lab) = Arc::into_inner(lab) {
        lab.stop().await;
    }
    println!("{HEADING}");
    for survivor in &survivors {
        println!("{survivor}");
    }
    let fine = survivors.iter().filter(|survivor| survivor.is_fine()).count();
    let kills: u32 = survivors.iter().map(|survivor| survivor.kills).sum();
    println!(
        "{fine} of {} ended as promised; functions were killed {kills} times at a call (seed {})",
        survivors.len(),
        options.seed
    );
    Ok(fine == survivors.len() && survivors.len() == options.releases)
}
