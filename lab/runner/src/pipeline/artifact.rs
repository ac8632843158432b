//! Artifacts as CodePipeline hands them from action to action: a zip file in a bucket.

use crate::{Aws, LabError, archive};
use serde_json::Value;

/// The bucket that the pipeline keeps its artifacts in.
pub(crate) const ARTIFACT_BUCKET: &str = "teal-lab-artifacts";

/// The most bytes of an execution's input.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const LARGEST_INPUT: u64 = 262_144;

/// What a stage before has put out, in the artifact store.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    /// `bucket/key`
    place: String,
}

impl Artifact {
    /// Puts files into the store, as a build's output is.
    ///
    /// # Errors
    /// If they cannot be packed or stored.
    pub(crate) async fn store(aws: &Aws, run: &str, files: &[(&str, &str)]) -> Result<Self, LabError> {
        let place = format!("{ARTIFACT_BUCKET}/{run}/Built.zip");
        let packed = archive::compressed(files).map_err(|problem| LabError::document(&place, problem.to_string()))?;
        aws.put_s3(&place, packed.into()).await?;
        Ok(Self { place })
    }

    /// What a file of it says, as the input of an execution.
    ///
    /// # Errors
    /// A message as the action fails with it: there is no such file, or it is no JSON.
    pub(crate) async fn input(&self, aws: &Aws, path: &str) -> Result<String, String> {
        let packed = aws.get_s3(&self.place).await.map_err(|problem| problem.to_string())?;
        let text =
            archive::text_of(&packed, path, LARGEST_INPUT).map_err(|problem| format!("input artifact: {problem}"))?;
        serde_json::from_str::<Value>(&text).map_err(|problem| format!("{path} is no JSON: {problem}"))?;
        Ok(text)
    }
}
