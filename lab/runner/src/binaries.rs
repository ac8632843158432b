//! The programs a lab needs: Teal's functions and the demo service, built by cargo.

use crate::setup::{lock, run};
use crate::{LabError, Places, Progress, archive};
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The demo service's package and binary.
pub(crate) const DEMO_SERVICE: &str = "teal-lab-demo";

/// The profile of what is deployed.
const RELEASE: &str = "release";

/// The command-line program.
const TEAL: &str = "teal";

/// Where the built programs are.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    directory: PathBuf,
    cache: PathBuf,
}

impl Binaries {
    /// Builds the functions and the demo service with this program's own profile.
    ///
    /// With `TEAL_LAB_BIN_DIR` set nothing is built: that directory's programs are used as they are, for example the
    /// ones of a release build.
    ///
    /// # Errors
    /// If cargo fails; its output is part of the message.
    pub(crate) async fn build(places: &Places, progress: &Progress) -> Result<Self, LabError> {
        Self::build_profile(places, &places.profile(), places.binaries.clone(), progress).await
    }

    /// Builds the functions as they are deployed to AWS, and the demo service.
    ///
    /// # Errors
    /// As [`Binaries::build`].
    pub(crate) async fn build_release(places: &Places, progress: &Progress) -> Result<Self, LabError> {
        Self::build_profile(places, RELEASE, places.target.join(RELEASE), progress).await
    }

    async fn build_profile(
        places: &Places,
        profile: &str,
        directory: PathBuf,
        progress: &Progress,
    ) -> Result<Self, LabError> {
        let cache = places.cache().join("packages");
        if let Some(directory) = std::env::var_os("TEAL_LAB_BIN_DIR") {
            return Ok(Self { directory: directory.into(), cache });
        }
        progress.say(format!("building the functions and the demo service ({profile} profile)"));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&places.repository).args(["build", "--quiet", "--profile", profile]);
        cargo.arg("--target-dir").arg(&places.target);
        // By package they have only the dependencies' features that they use, as on AWS. By program they share them with the whole
        // workspace, so that what one build has compiled the tests and the next program find done.
        let named_by = if profile == RELEASE { "-p" } else { "--bin" };
        for function in functions(places)? {
            cargo.args([named_by, &function]);
        }
        run(cargo.args([named_by, DEMO_SERVICE])).await?;
        Ok(Self { directory, cache })
    }

    /// Builds `teal` beside them, and gives its path.
    ///
    /// # Errors
    /// As [`Binaries::build`].
    pub(crate) async fn build_teal(places: &Places, progress: &Progress) -> Result<PathBuf, LabError> {
        if let Some(directory) = std::env::var_os("TEAL_LAB_BIN_DIR") {
            return Ok(PathBuf::from(directory).join(TEAL));
        }
        progress.say("building teal");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&places.repository).args(["build", "--quiet", "--profile", &places.profile()]);
        run(cargo.arg("--target-dir").arg(&places.target).args(["--bin", TEAL])).await?;
        Ok(places.binaries.join(TEAL))
    }

    /// The path of one program.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The deployment package of one function, as `bootstrap` in a zip.
    ///
    /// # Errors
    /// If the function was not built.
    pub(crate) async fn package(&self, function: &str) -> Result<Bytes, LabError> {
        let program = self.path(function);
        let content = self.stripped(function, &program).await?;
        let package = archive::bootstrap_package(&content);
        package.map(Bytes::from).map_err(|problem| LabError::document(&program, problem.to_string()))
    }

    /// A development build is mostly debug information. Where the `strip` of the C tool chain is at hand, what is
    /// deployed goes without; a copy is kept as long as the program does not change.
    async fn stripped(&self, function: &str, program: &Path) -> Result<Vec<u8>, LabError> {
        let reading = || LabError::io(format!("reading {}", program.display()));
        let built = fs::metadata(program).and_then(|meta| meta.modified()).map_err(reading())?;
        let _lock = lock(&self.cache, "packages.lock").await?;
        // Builds of other profiles and directories have copies of their own.
        let origin = crc32fast::hash(program.as_os_str().as_encoded_bytes());
        let copy = self.cache.join(format!("{function}-{origin:08x}"));
        let current = fs::metadata(&copy).and_then(|meta| meta.modified()).is_ok_and(|copied| copied >= built);
        if !current {
            let mut strip = Command::new("strip");
            strip.arg("-o").arg(&copy).arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let stripped = strip.status().await.is_ok_and(|status| status.success());
            if !stripped {
                return fs::read(program).map_err(reading());
            }
        }
        fs::read(&copy).map_err(LabError::io(format!("reading {}", copy.display())))
    }
}

/// The packages under functions/: one folder each, named like the package.
fn functions(places: &Places) -> Result<Vec<String>, LabError> {
    let folder = places.repository.join("functions");
    let entries = fs::read_dir(&folder).map_err(LabError::io(format!("listing {}", folder.display())))?;
    let mut packages: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    packages.sort();
    Ok(packages)
}
