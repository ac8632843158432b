//! The lab: gateway, emulators and Teal's stack, up together.

use crate::binaries::{Binaries, DEMO_SERVICE};
use crate::chores::{read_logs, scheduled_event, sweep_by_schedule};
use crate::deploy::{Deployment, deploy};
use crate::directory::RunDirectory;
use crate::emulators::Emulators;
use crate::function_logs::FunctionLogs;
use crate::instances::{DeployedInstances, Machine};
use crate::ledger::Ledger;
use crate::ministack::{Ministack, MinistackOptions, free_address};
use crate::scenario::Scenario;
use crate::user_functions::UserFunctions;
use crate::watch::Watcher;
use crate::{Aws, LabError, Places, Progress, ScenarioResult};
use crate::{open_files, run, setup, weights};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use teal::plan::PlanRef;
use teal::route::FlagRef;
use teal_lab_appconfig::FlagChange;
use teal_lab_ecs::TaskView;
use teal_lab_elb::WeightChange;
use teal_lab_gateway::{CallKey, Gateway, Violation, execution_access_key};
use teal_lab_pipeline::{CodeBuild, CodePipeline};
use teal_lab_wire::{LabClock, MetricSink, Millis, REGION};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How a lab runs.
#[derive(Clone)]
pub struct LabOptions {
    /// Lab seconds in a real second, above 0.
    pub scale: f64,
    pub progress: Progress,
}

/// A running lab. Scenarios may run in it at the same time: each has load balancer, cluster and alarms of its own.
///
/// Dropping it ends every process it started and removes its files.
pub struct Lab {
    clock: LabClock,
    places: Places,
    python: PathBuf,
    demo_service: PathBuf,
    aws: Aws,
    emulators: Emulators,
    ledger: Ledger,
    deployment: Deployment,
    /// Functions by access key.
    callers: BTreeMap<String, String>,
    function_logs: Arc<FunctionLogs>,
    sweeper: JoinHandle<()>,
    log_reader: JoinHandle<()>,
    ministack: Mutex<Ministack>,
    // After everything that writes into it.
    directory: RunDirectory,
}

impl Lab {
    /// Builds what is missing, starts everything and deploys Teal's stack.
    ///
    /// # Errors
    /// If something the lab needs is missing on the machine, does not build or does not start.
    pub async fn start(options: LabOptions) -> Result<Self, LabError> {
        let places = Places::find()?;
        let binaries = Binaries::build(&places, &options.progress).await?;
        Self::start_with(options, places, binaries).await
    }

    /// Starts everything with these programs and deploys Teal's stack.
    pub(crate) async fn start_with(options: LabOptions, places: Places, binaries: Binaries) -> Result<Self, LabError> {
        let LabOptions { scale, progress } = options;
        open_files::allow();
        let python = setup::ensure_venv(&places, &progress).await?;
        let directory = RunDirectory::create(&places.cache())?;
        let clock = LabClock::starting_now(scale);
        let programs = python.parent().map(Path::to_owned).unwrap_or_default();
        let machine = Machine { programs, folder: directory.path().join("instances") };
        let emulators = Emulators::start(&clock, binaries.path(DEMO_SERVICE), machine).await?;
        let address = free_address()?;
        emulators.gateway.forward_to(address);
        let endpoint = emulators.gateway.endpoint_url();
        let options = MinistackOptions {
            address,
            python: python.clone(),
            directory: directory.path().to_owned(),
            endpoint: endpoint.clone(),
            scale,
            environment: vec![("TEAL_LAB_CLOCK".into(), format!("{}:{scale}", clock.origin_millis()))],
        };
        let ministack = Ministack::start(&options, &progress).await?;
        let aws = Aws::new(endpoint.clone());
        let deployment = deploy(&aws, &places, &binaries, scale, &progress).await?;
        // The stack's resources are made in ministack, and AppConfig is the gateway's.
        emulators.appconfig.adopt_strategy(&deployment.deployment_strategy);
        let callers = register_functions(&emulators.gateway, &deployment)?;
        let ledger = Ledger::new(&endpoint, &deployment.table, clock.clone()).await?;
        let ministacks_own = Aws::new(format!("http://{address}"));
        let logs = Arc::clone(&emulators.logs);
        let function_logs = Arc::new(FunctionLogs::new(ministacks_own, deployment.log_group.clone(), logs));
        let log_reader = tokio::spawn(read_logs(Arc::clone(&function_logs), clock.clone()));
        let sweeper = tokio::spawn(sweep_by_schedule(aws.clone(), clock.clone(), sweep_function(&deployment)));
        progress.say("the lab is up");
        Ok(Self {
            clock,
            places,
            python,
            demo_service: binaries.path(DEMO_SERVICE),
            aws,
            emulators,
            ledger,
            deployment,
            callers,
            function_logs,
            sweeper,
            log_reader,
            ministack: Mutex::new(ministack),
            directory,
        })
    }

    /// Runs a scenario to its end.
    ///
    /// # Errors
    /// If the lab itself fails. A release that ends otherwise than expected is a result with `passed` false.
    pub async fn run(&self, scenario: &Scenario, watcher: &mut dyn Watcher) -> Result<ScenarioResult, LabError> {
        run::run(self, scenario, watcher).await
    }

    /// Ends everything and waits for that.
    pub async fn stop(self) {
        self.sweeper.abort();
        self.log_reader.abort();
        self.emulators.stop().await;
        self.ministack.lock().await.stop().await;
    }

    /// The lab's clock.
    #[must_use]
    pub fn clock(&self) -> &LabClock {
        &self.clock
    }

    /// A client with the account's administrator's rights.
    #[must_use]
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Where the repository and the build are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The Python of the lab's virtual environment, with what lab/requirements.txt pins: boto3, and beside it the AWS CLI.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Teal's stack.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// CloudWatch as services of AWS publish to it: PutMetricData refuses their namespaces. Samples may lie in the past, as long as
    /// those of a series come in order.
    #[must_use]
    pub fn metrics(&self) -> &dyn MetricSink {
        self.emulators.metrics.as_ref()
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The environment that points the AWS CLI, SDKs and `teal` to this lab.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let clock = format!("{}:{}", self.clock.origin_millis(), self.clock.scale());
        vec![
            ("AWS_ENDPOINT_URL", self.aws.endpoint().to_owned()),
            ("AWS_ACCESS_KEY_ID", crate::aws::LAB_ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "lab".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("TEAL_STATE_MACHINE", self.deployment.state_machine.clone()),
            ("TEAL_TABLE", self.deployment.table.clone()),
            ("TEAL_LAB_CLOCK", clock),
        ]
    }

    /// Invokes sweep besides its schedule.
    pub(crate) async fn sweep_now(&self) -> Result<Value, LabError> {
        self.aws.invoke(&sweep_function(&self.deployment), &scheduled_event()).await
    }

    pub(crate) fn weight_changes(&self) -> Vec<WeightChange> {
        let mut changes = self.emulators.elb.weight_changes();
        changes.extend(self.emulators.beanstalk.moves().iter().map(weights::of_name));
        changes.extend(self.emulators.functions.alias_changes().into_iter().map(weights::of_alias));
        changes
    }

    /// The shares of an alias's versions, in permille.
    pub(crate) fn alias_weights(&self, function: &str, alias: &str) -> Option<BTreeMap<String, u16>> {
        self.emulators.functions.alias(function, alias).map(|alias| alias.weights())
    }

    /// The value of a flag as clients are handed it.
    pub(crate) fn flag(&self, flag: &FlagRef) -> Option<Value> {
        let [application, environment, profile, key] = flag.parts();
        self.emulators.appconfig.flag(application, environment, profile, key)
    }

    /// What was deployed of every flag, by its whole name.
    pub(crate) fn flag_changes(&self) -> Vec<(String, FlagChange)> {
        let named = |change: FlagChange| {
            let FlagChange { application, environment, profile, key, .. } = &change;
            (format!("appconfig:{application}/{environment}/{profile}/{key}"), change)
        };
        self.emulators.appconfig.flag_changes().into_iter().map(named).collect()
    }

    pub(crate) fn tasks(&self) -> Vec<TaskView> {
        self.emulators.ecs.tasks()
    }

    pub(crate) fn kill_task(&self, task: &str) -> bool {
        self.emulators.ecs.kill_task(task)
    }

    /// The instances of Auto Scaling groups, as deployments have them.
    pub(crate) fn instances(&self) -> &DeployedInstances {
        &self.emulators.instances
    }

    /// What lasts as long as the lab may lie there.
    pub(crate) fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// The program of the demo service.
    pub(crate) fn demo_service(&self) -> PathBuf {
        self.demo_service.clone()
    }

    /// Whether calls are throttled as the account's published rates say; from the start those of Elastic Load Balancing are at scale 1 and
    /// below.
    pub(crate) fn throttle(&self, on: bool) {
        self.emulators.elb.throttle(on);
        self.gateway().limit_rates(on);
    }

    pub(crate) fn scale_in(&self, cluster: &str, service: &str) {
        self.emulators.ecs.scale_in(cluster, service);
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.emulators.gateway
    }

    /// AWS CodePipeline.
    pub(crate) fn codepipeline(&self) -> Arc<CodePipeline> {
        Arc::clone(&self.emulators.codepipeline)
    }

    /// Makes a job of a pipeline's Lambda action that no function is invoked with, and gives its id: for who wants to answer it.
    #[must_use]
    pub fn open_pipeline_job(&self) -> String {
        self.emulators.codepipeline.open_job(&self.function("on-pipeline-job"), "{}", None).0
    }

    /// The name of a deployed function.
    pub(crate) fn function(&self, binary: &str) -> String {
        let found = self.deployment.functions.iter().find(|function| function.binary == binary);
        found.map(|function| function.name.clone()).unwrap_or_default()
    }

    /// AWS CodeBuild.
    pub(crate) fn codebuild(&self) -> &CodeBuild {
        &self.emulators.codebuild
    }

    pub(crate) fn user_functions(&self) -> &UserFunctions {
        &self.emulators.user_functions
    }

    /// Keeps a plan where a start can name it.
    pub(crate) async fn keep_plan(&self, place: &PlanRef, plan: &Value) -> Result<(), LabError> {
        match place {
            PlanRef::Parameter { name, .. } => {
                let parameters = json!({"Name": name, "Value": plan.to_string(), "Type": "String", "Overwrite": true});
                self.aws.call("ssm", "PutParameter", parameters).await.map(|_| ())
            }
            PlanRef::Object { bucket, key, .. } => {
                self.aws.put_s3(&format!("{bucket}/{key}"), plan.to_string().into()).await
            }
        }
    }

    /// Every line that Teal's functions have logged since a lab time, of runs that have ended.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub async fn function_lines(&self, since: Millis) -> Result<Vec<String>, LabError> {
        self.function_logs.lines(since).await
    }

    /// How often everybody called what so far.
    pub(crate) fn call_counts(&self) -> BTreeMap<CallKey, u64> {
        self.gateway().call_counts()
    }

    /// The calls of functions since an earlier count: by function, and by service and operation.
    pub(crate) fn calls_since(&self, before: &BTreeMap<CallKey, u64>) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut calls = BTreeMap::<String, BTreeMap<String, u64>>::new();
        for (key, count) in self.call_counts() {
            let count = count - before.get(&key).copied().unwrap_or_default();
            let is_function = self.deployment.functions.iter().any(|function| function.binary == key.caller);
            if is_function && count > 0 {
                calls.entry(key.caller).or_default().insert(format!("{}:{}", key.service, key.operation), count);
            }
        }
        calls
    }

    /// Calls since a lab time that the caller's policy does not allow, and callers that nobody knows: one sentence each.
    pub(crate) fn policy_violations(&self, since: Millis) -> Vec<String> {
        let report = self.gateway().policy_report();
        let violations = report.violations.iter().filter(|violation| violation.at >= since).map(|violation| {
            let Violation { caller, action, resource, .. } = violation;
            format!("{caller} may not {action} on {resource}")
        });
        let unknown = report.unknown_callers.iter().map(|key| format!("the access key {key} belongs to no function"));
        violations.chain(unknown).collect()
    }

    /// By function, the permissions that no call has needed so far in this lab.
    pub(crate) fn unused_permissions(&self) -> BTreeMap<String, Vec<String>> {
        let mut unused = BTreeMap::<String, Vec<String>>::new();
        for permission in self.gateway().policy_report().unused() {
            unused.entry(permission.caller.clone()).or_default().push(permission.action.clone());
        }
        unused
    }

    /// The function that an access key belongs to, or that has assumed the role whose it is, the service whose principal it is, or `lab`.
    pub(crate) fn caller_name(&self, access_key: &str) -> String {
        let service = access_key.strip_suffix(".amazonaws.com").unwrap_or("lab");
        let known = self.callers.get(access_key).cloned().or_else(|| self.gateway().assumed_by(access_key));
        known.unwrap_or_else(|| service.to_owned())
    }
}

/// Tells the gateway each function's name and policies. Gives the functions by access key.
fn register_functions(gateway: &Gateway, deployment: &Deployment) -> Result<BTreeMap<String, String>, LabError> {
    let mut callers = BTreeMap::new();
    for function in &deployment.functions {
        let keys: Vec<_> = function.arns.iter().map(|arn| execution_access_key(arn, &function.role)).collect();
        callers.extend(keys.iter().map(|key| (key.clone(), function.binary.clone())));
        gateway.register_caller(keys, &function.binary, &function.policies).map_err(|error| {
            LabError::document("template.yaml", format!("the policies of {}: {error}", function.binary))
        })?;
    }
    Ok(callers)
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.sweeper.abort();
        self.log_reader.abort();
    }
}

fn sweep_function(deployment: &Deployment) -> String {
    let sweep = deployment.functions.iter().find(|function| function.binary == "sweep");
    sweep.map(|function| function.name.clone()).unwrap_or_default()
}
