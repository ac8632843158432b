//! Artifacts as CodePipeline hands them from action to action: a zip file in a bucket.

use crate::{Aws, LabError};
use serde_json::Value;
use std::io::{Cursor, Read as _, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The bucket that the pipeline keeps its artifacts in.
pub(crate) const ARTIFACT_BUCKET: &str = "teal-lab-artifacts";

/// The most bytes of a file that is an input: of an execution's input Step Functions takes no more.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const LARGEST_INPUT: u64 = 262_144;

/// What a stage before has put out, in the artifact store.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    /// `bucket/key`
    place: String,
}

impl Artifact {
    /// Puts a folder of files into the store, as a build's output is.
    ///
    /// # Errors
    /// If it cannot be packed or stored.
    pub(crate) async fn store(aws: &Aws, run: &str, files: &[(&str, &str)]) -> Result<Self, LabError> {
        let place = format!("{ARTIFACT_BUCKET}/{run}/Built.zip");
        let packed = pack(files).map_err(|problem| LabError::document(&place, problem))?;
        aws.put_s3(&place, packed.into()).await?;
        Ok(Self { place })
    }

    /// What a file of it says, as the input of an execution.
    ///
    /// # Errors
    /// A message as the action fails with it: there is no such file, or it is no JSON.
    pub(crate) async fn input(&self, aws: &Aws, path: &str) -> Result<String, String> {
        let packed = aws.get_s3(&self.place).await.map_err(|problem| problem.to_string())?;
        let text = unpack(&packed, path)?;
        serde_json::from_str::<Value>(&text).map_err(|problem| format!("{path} is no JSON: {problem}"))?;
        Ok(text)
    }
}

fn pack(files: &[(&str, &str)]) -> Result<Vec<u8>, String> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*path, options).map_err(|problem| problem.to_string())?;
        writer.write_all(text.as_bytes()).map_err(|problem| problem.to_string())?;
    }
    Ok(writer.finish().map_err(|problem| problem.to_string())?.into_inner())
}

fn unpack(packed: &[u8], path: &str) -> Result<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(packed)).map_err(|problem| problem.to_string())?;
    let file = archive.by_name(path).map_err(|_| format!("the input artifact has no file {path}"))?;
    let mut text = String::new();
    let read =
        file.take(LARGEST_INPUT + 1).read_to_string(&mut text).map_err(|problem| format!("{path}: {problem}"))?;
    if read as u64 > LARGEST_INPUT {
        return Err(format!("{path} has more than {LARGEST_INPUT} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_artifact_is_what_was_put_in() {
        let packed = pack(&[("plan.json", "{\"service\": \"shop\"}"), ("infra/template.yaml", "{}")]).unwrap();
        assert_eq!(unpack(&packed, "plan.json"), Ok("{\"service\": \"shop\"}".to_owned()));
        assert_eq!(unpack(&packed, "infra/template.yaml"), Ok("{}".to_owned()));
        assert_eq!(unpack(&packed, "teal/plan.json"), Err("the input artifact has no file teal/plan.json".to_owned()));
        let large = " ".repeat(usize::try_from(LARGEST_INPUT).unwrap() + 1);
        let packed = pack(&[("plan.json", &large)]).unwrap();
        assert_eq!(unpack(&packed, "plan.json"), Err("plan.json has more than 262144 bytes".to_owned()));
    }
}
