//! What CodeDeploy's agent does on an instance: unpacks a revision, copies its files, runs its scripts.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/codedeploy-agent.html>

mod file;
mod script;

use crate::Inner;
use crate::appspec::{Bundle, Resource};
use crate::model::Deployment;
use file::{Copied, EVENT_WITHIN, ServerSpec};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use teal_lab_wire::{LabClock, Millis};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How much of what scripts wrote is told with an event.
const LOG_TAIL: usize = 2048;

/// Events that belong to the revision that was installed before.
const OF_THE_LAST_ONE: [&str; 3] = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"];

/// Why an event failed on an instance.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// One of <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_Diagnostics.html>.
    pub(crate) code: &'static str,
    /// The script, if it was one.
    pub(crate) script: String,
    pub(crate) message: String,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { code: "UnknownError", script: String::new(), message }
    }
}

/// The agent of one instance, for one deployment.
pub(crate) struct Agent<'a> {
    inner: &'a Inner,
    deployment: &'a Deployment,
    group: String,
    instance: String,
    root: PathBuf,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(inner: &'a Inner, deployment: &'a Deployment, group: &str, instance: &str) -> Self {
        let root = inner.instances.root(instance);
        Self { inner, deployment, group: group.to_owned(), instance: instance.to_owned(), root }
    }

    fn clock(&self) -> &LabClock {
        &self.inner.clock
    }

    fn deployment_root(&self) -> PathBuf {
        self.root.join("opt/codedeploy-agent/deployment-root")
    }

    /// Where a deployment of this group has its revision and its log.
    fn folder(&self, deployment: &str) -> PathBuf {
        self.deployment_root().join(&self.group).join(deployment)
    }

    fn instructions(&self, what: &str) -> PathBuf {
        self.deployment_root().join(format!("deployment-instructions/{}{what}", self.group))
    }

    /// Fetches the revision and unpacks it.
    pub(crate) async fn download(&self) -> Result<(), Failure> {
        let Resource::Bundle(Bundle { bucket, key, kind }) = &self.deployment.app_spec.resource else {
            return Err(Failure::from("the deployment has no archive".to_owned()));
        };
        let archive = self.inner.instances.object(bucket, key).await?;
        let folder = self.folder(&self.deployment.id).join("deployment-archive");
        fs::create_dir_all(&folder).map_err(|problem| format!("{}: {problem}", folder.display()))?;
        let mut tar = Command::new("tar");
        tar.arg(if kind == "tgz" { "-xzpf" } else { "-xpf" }).arg("-").arg("-C").arg(&folder);
        tar.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut tar = tar.spawn().map_err(|problem| format!("tar cannot be run: {problem}"))?;
        if let Some(mut stdin) = tar.stdin.take() {
            // What is wrong with it, tar says.
            let _ = stdin.write_all(&archive).await;
        }
        let output = tar.wait_with_output().await.map_err(|problem| format!("tar: {problem}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("s3://{bucket}/{key} is no archive: {}", String::from_utf8_lossy(&output.stderr)).into())
    }

    /// Copies the revision's files, and takes away those of the deployment before.
    pub(crate) fn install(&self) -> Result<(), Failure> {
        let archive = self.folder(&self.deployment.id).join("deployment-archive");
        let spec = ServerSpec::read(&archive)?;
        let list = self.instructions("-cleanup");
        Copied::read(&list).remove();
        let copied = spec.install(&archive, &self.root)?;
        Ok(copied.write(&list)?)
    }

    /// Runs an event's scripts one after another, as long as they succeed.
    pub(crate) async fn run_scripts(&self, event: &str) -> Result<(), Failure> {
        let own = self.folder(&self.deployment.id);
        let folder = if OF_THE_LAST_ONE.contains(&event) {
            // Nothing was installed yet, or somebody has tidied up.
            let Ok(last) = fs::read_to_string(self.instructions("_last_successful_install")) else { return Ok(()) };
            PathBuf::from(last)
        } else {
            own.clone()
        };
        let archive = folder.join("deployment-archive");
        let spec = ServerSpec::read(&archive)?;
        let variables = [
            ("LIFECYCLE_EVENT", event),
            ("DEPLOYMENT_ID", &self.deployment.id),
            ("APPLICATION_NAME", &self.deployment.application),
            ("DEPLOYMENT_GROUP_NAME", &self.deployment.group),
            ("DEPLOYMENT_GROUP_ID", &self.group),
        ];
        let mut environment = self.inner.instances.environment(&self.instance);
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let log = own.join(format!("logs/{event}.log"));
        let until = self.clock().now_millis() + EVENT_WITHIN as Millis * 1000;
        for one in spec.scripts(event) {
            let left = u64::try_from(until - self.clock().now_millis()).unwrap_or(0) / 1000;
            let within = Duration::from_secs(one.timeout.min(left));
            script::run(one, within, &archive, &self.root, &environment, &log, self.clock()).await?;
        }
        Ok(())
    }

    /// The end of what an event's scripts wrote.
    pub(crate) fn log_of(&self, event: &str) -> String {
        let written = fs::read(self.folder(&self.deployment.id).join(format!("logs/{event}.log"))).unwrap_or_default();
        let from = written.len().saturating_sub(LOG_TAIL);
        String::from_utf8_lossy(&written[from..]).into_owned()
    }

    /// From now on this is the revision whose scripts stop the service.
    pub(crate) fn remember(&self) {
        let place = self.instructions("_last_successful_install");
        // Without it the next deployment runs none of them, as after somebody has tidied up.
        let _ = fs::write(place, self.folder(&self.deployment.id).as_os_str().as_encoded_bytes());
    }
}
