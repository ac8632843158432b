//! What CodeDeploy's agent finds on the lab's instances: a folder in place of a disk, programs, metadata, and the process that stands for the
//! service.
//!
//! On AWS scripts of the revision stop and start the service. Here the lab does, with the variables that [`ENVIRONMENT`] exports, which the
//! revision installs.

use crate::Aws;
use crate::metadata::{Metadata, Role};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use teal_lab_autoscaling::AutoScaling;
use teal_lab_codedeploy::{Act, Instances};

/// What of an instance's service is installed, in the place where infra/ec2/appspec.yml puts what the revision has in `/app`.
pub(crate) const ENVIRONMENT: &str = "srv/app/environment";

/// What instances are made of besides their processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// Where the AWS CLI is.
    pub(crate) programs: PathBuf,
    /// Under which each instance has its folder.
    pub(crate) folder: PathBuf,
}

/// Instances of Auto Scaling groups, as deployments have them.
pub(crate) struct DeployedInstances {
    autoscaling: Arc<AutoScaling>,
    machine: Machine,
    aws: Aws,
    metadata: Metadata,
}

impl DeployedInstances {
    /// Serves the instances' metadata from here on. `aws` is the lab's endpoint.
    pub(crate) async fn start(autoscaling: &Arc<AutoScaling>, machine: Machine, aws: Aws) -> std::io::Result<Self> {
        let of = Arc::clone(autoscaling);
        let group_of = move |id: &str| {
            let found = of.instances().into_iter().find(|instance| instance.id == id);
            found.map(|instance| instance.group)
        };
        let metadata = Metadata::start(group_of).await?;
        Ok(Self { autoscaling: Arc::clone(autoscaling), machine, aws, metadata })
    }

    /// Gives the instances of a group a role.
    pub(crate) fn set_role(&self, group: &str, role: Role) {
        self.metadata.set_role(group, role);
    }
}

impl Instances for DeployedInstances {
    fn in_service(&self, group: &str) -> Option<Vec<String>> {
        self.autoscaling.in_service(group)
    }

    fn root(&self, instance: &str) -> PathBuf {
        let root = self.machine.folder.join(instance);
        // Without it everything on the instance fails, and says so.
        let _ = std::fs::create_dir_all(root.join("tmp"));
        root
    }

    fn environment(&self, instance: &str) -> Vec<(String, String)> {
        let root = self.root(instance);
        let text = |path: &Path| path.display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = [
            ("PATH", format!("{}:{path}", text(&self.machine.programs))),
            ("HOME", text(&root)),
            ("TMPDIR", text(&root.join("tmp"))),
            ("AWS_ENDPOINT_URL", self.aws.endpoint().to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.metadata.endpoint(instance)),
            // Whatever profile the user of this machine has is not to be read.
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn object(&self, bucket: &str, key: &str) -> Act<Vec<u8>> {
        let (aws, path) = (self.aws.clone(), format!("{bucket}/{key}"));
        Box::pin(async move {
            let found = aws.get_s3(&path).await;
            found.map(|bytes| bytes.to_vec()).map_err(|problem| problem.to_string())
        })
    }

    fn set_registered(&self, instance: &str, target_group: &str, wanted: bool) -> Result<(), String> {
        self.autoscaling.set_registered(instance, target_group, wanted)
    }

    fn has_left(&self, instance: &str, target_group: &str) -> Result<bool, String> {
        self.autoscaling.has_left(instance, target_group)
    }

    fn is_served(&self, instance: &str, target_group: &str) -> Result<bool, String> {
        self.autoscaling.is_served(instance, target_group)
    }

    fn stop_application(&self, instance: &str) -> Act {
        let (autoscaling, instance) = (Arc::clone(&self.autoscaling), instance.to_owned());
        Box::pin(async move { autoscaling.stop_application(&instance).await })
    }

    fn start_application(&self, instance: &str) -> Act {
        let (autoscaling, instance) = (Arc::clone(&self.autoscaling), instance.to_owned());
        let installed = self.root(&instance).join(ENVIRONMENT);
        Box::pin(async move {
            let script = std::fs::read_to_string(&installed)
                .map_err(|problem| format!("the revision has not installed /{ENVIRONMENT}: {problem}"))?;
            autoscaling.start_application(&instance, &script).await
        })
    }
}
