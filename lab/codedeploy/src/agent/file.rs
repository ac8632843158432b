//! The AppSpec file of a revision for servers, and the files that it has installed.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file.html>

use serde_json::Value;
use std::fs;
use std::path::{Component, Path, PathBuf};
use teal::document::Document;

/// What the scripts of one event may take together, in seconds, and what each may that does not say.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html>
pub(super) const EVENT_WITHIN: u64 = 3600;

/// A script of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    /// In the archive.
    pub(crate) location: String,
    /// Seconds.
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerSpec {
    /// From where in the archive to where on the instance.
    files: Vec<(String, String)>,
    hooks: Vec<(String, Vec<Script>)>,
}

impl ServerSpec {
    /// Reads the file at the top of an archive.
    pub(super) fn read(archive: &Path) -> Result<Self, String> {
        let file =
            ["appspec.yml", "appspec.yaml"].map(|name| archive.join(name)).into_iter().find(|file| file.exists());
        let file =
            file.ok_or("The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory")?;
        let text = fs::read_to_string(&file).map_err(|problem| format!("{}: {problem}", file.display()))?;
        Self::parse(&text)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|flaws| {
            let reasons: Vec<String> = flaws.into_iter().map(|flaw| flaw.reason).collect();
            format!("The deployment specification is not valid YAML: {}", reasons.join("; "))
        })?;
        let document = document.value;
        if document["version"].as_f64() != Some(0.0) || document["os"] != "linux" {
            return Err("The AppSpec file needs `version: 0.0` and, in the lab, `os: linux`".to_owned());
        }
        let text = |value: &Value, what: &str| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("The AppSpec file has {what} that is missing or no text"))
        };
        let mut files = Vec::new();
        for file in document["files"].as_array().into_iter().flatten() {
            let (source, destination) =
                (text(&file["source"], "a source")?, text(&file["destination"], "a destination")?);
            files.push((inside(&source)?, inside(&destination)?));
        }
        let mut hooks = Vec::new();
        for (event, scripts) in document["hooks"].as_object().into_iter().flatten() {
            let mut read = Vec::new();
            for script in scripts.as_array().into_iter().flatten() {
                let timeout = match &script["timeout"] {
                    Value::Null => EVENT_WITHIN,
                    seconds => {
                        let whole = seconds.as_u64().filter(|seconds| *seconds > 0);
                        whole.ok_or_else(|| format!("{event}: {seconds} is no timeout of a script"))?
                    }
                };
                read.push(Script { location: inside(&text(&script["location"], "a script's location")?)?, timeout });
            }
            hooks.push((event.clone(), read));
        }
        Ok(Self { files, hooks })
    }

    pub(super) fn scripts(&self, event: &str) -> impl Iterator<Item = &Script> {
        self.hooks.iter().filter(move |(name, _)| name == event).flat_map(|(_, scripts)| scripts)
    }

    /// Copies what `files` says, a folder's content into the destination; what is there already is not replaced.
    pub(super) fn install(&self, archive: &Path, root: &Path) -> Result<Copied, String> {
        let mut copied = Copied::default();
        for (source, destination) in &self.files {
            let (source, destination) = (archive.join(source), root.join(destination));
            let destination = match source.file_name() {
                Some(name) if source.is_file() => destination.join(name),
                _ => destination,
            };
            copied.copy(&source, &destination)?;
        }
        Ok(copied)
    }
}

/// A path below some folder, with or without a slash at its beginning.
fn inside(path: &str) -> Result<String, String> {
    let relative = path.trim_start_matches('/');
    let is_inside =
        Path::new(relative).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_inside { Ok(relative.to_owned()) } else { Err(format!("{path} leads out of its folder")) }
}

/// Files on an instance that deployments have put there.
#[derive(Clone, Debug, Default)]
pub(super) struct Copied(Vec<PathBuf>);

impl Copied {
    /// A list that an earlier deployment has left, or none.
    pub(super) fn read(list: &Path) -> Self {
        let text = fs::read_to_string(list).unwrap_or_default();
        Self(text.lines().map(PathBuf::from).collect())
    }

    pub(super) fn write(&self, list: &Path) -> Result<(), String> {
        let lines: Vec<String> = self.0.iter().map(|file| file.display().to_string()).collect();
        let failed = |problem| format!("{}: {problem}", list.display());
        if let Some(folder) = list.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(list, lines.join("\n")).map_err(failed)
    }

    pub(super) fn remove(&self) {
        for file in &self.0 {
            // Somebody else may have taken it away.
            let _ = fs::remove_file(file);
        }
    }

    fn copy(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        let failed = |problem| format!("{} cannot be copied to {}: {problem}", from.display(), to.display());
        if from.is_dir() {
            for entry in fs::read_dir(from).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                self.copy(&entry.path(), &to.join(entry.file_name()))?;
            }
            return Ok(());
        }
        if to.exists() {
            return Err(format!(
                "The deployment failed because a specified file already exists at this location: {}",
                to.display()
            ));
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::copy(from, to).map_err(failed)?;
        self.0.push(to.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_app_spec_asks_at_validate_service() {
        let spec = ServerSpec::parse(include_str!("../../../../infra/ec2/appspec.yml")).unwrap();
        assert_eq!(spec.files, [("app".to_owned(), "srv/app".to_owned())]);
        let asks = Script { location: "teal-hook.sh".to_owned(), timeout: 1800 };
        assert_eq!(spec.scripts("ValidateService").collect::<Vec<_>>(), [&asks]);
        assert_eq!(spec.scripts("ApplicationStart").count(), 0);
    }

    #[test]
    fn what_no_agent_takes_is_told() {
        let whole = "version: 0.0\nos: linux\nfiles: [{source: /, destination: /srv}]\nhooks:\n  AfterInstall: [{location: a.sh}]\n";
        assert_eq!(ServerSpec::parse(whole).unwrap().scripts("AfterInstall").next().unwrap().timeout, 3600);
        for (text, problem) in [
            (whole.replace("linux", "windows"), "os: linux"),
            (whole.replace("0.0", "1.0"), "version: 0.0"),
            (whole.replace("a.sh", "../../a.sh"), "leads out"),
            (whole.replace("source: /", "path: /"), "a source"),
            (whole.replace("{location: a.sh}", "{location: a.sh, timeout: 0}"), "no timeout"),
            (whole.replace("{location: a.sh}", "{location: a.sh, timeout: long}"), "no timeout"),
            ("a: [".to_owned(), "not valid YAML"),
        ] {
            let told = ServerSpec::parse(&text).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
