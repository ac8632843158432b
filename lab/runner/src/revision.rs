//! Revisions for instances: what infra/ec2 has, and in place of an application the variables of a service of the scenario.

use crate::deploy::Function;
use crate::instances::ENVIRONMENT;
use crate::setup::run;
use crate::{Aws, LabError};
use std::fs;
use std::path::Path;
use tokio::process::Command;

/// Where revisions are.
pub(crate) const BUCKET: &str = "teal-lab-revisions";

/// What the agent of an instance runs and reads, as infra/ec2/appspec.yml names it.
const SHIPPED: [&str; 2] = ["appspec.yml", "teal-hook.sh"];

/// Between two questions of the hook (lab seconds).
const PAUSE: f64 = 15.0;

/// Where a service's revision is in the bucket.
pub(crate) fn key(scenario: &str, service: &str) -> String {
    format!("{scenario}/{service}.tar")
}

/// Packs a revision in `folder`, and puts it into the bucket.
pub(crate) async fn keep(
    aws: &Aws,
    repository: &Path,
    folder: &Path,
    key: &str,
    exports: &str,
    hook: &Function,
    scale: f64,
) -> Result<(), LabError> {
    let failed = |what: &Path| LabError::io(format!("writing {}", what.display()));
    let top = folder.join("revision");
    let app = top.join("app");
    fs::create_dir_all(&app).map_err(failed(&app))?;
    for name in SHIPPED {
        let from = repository.join("infra/ec2").join(name);
        fs::copy(&from, top.join(name)).map_err(failed(&from))?;
    }
    let function = hook.arns.last().cloned().unwrap_or_default();
    let pause = PAUSE / scale;
    let settings = top.join("teal-hook.env");
    fs::write(&settings, format!("TEAL_HOOK_FUNCTION={function}\nTEAL_HOOK_PAUSE={pause}\n"))
        .map_err(failed(&settings))?;
    // The name that it has where it is installed.
    let environment = app.join(Path::new(ENVIRONMENT).file_name().unwrap_or_default());
    fs::write(&environment, exports).map_err(failed(&environment))?;
    let archive = folder.join("revision.tar");
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&top).arg(".")).await?;
    let packed = fs::read(&archive).map_err(LabError::io(format!("reading {}", archive.display())))?;
    aws.put_s3(&format!("{BUCKET}/{key}"), packed.into()).await
}
