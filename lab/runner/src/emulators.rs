//! The AWS services that the lab serves itself, behind the gateway.

use crate::LabError;
use std::path::PathBuf;
use std::sync::Arc;
use teal_lab_cloudwatch::CloudWatch;
use teal_lab_ecs::{Ecs, EcsOptions};
use teal_lab_elb::{Elb, ElbOptions};
use teal_lab_gateway::Gateway;
use teal_lab_logs::Logs;
use teal_lab_pipeline::CodePipeline;
use teal_lab_wire::{LabClock, LogSink, MetricSink, TargetRegistry};
use tokio::task::JoinHandle;

/// Makes the choices of weights and faults repeatable.
const SEED: u64 = 1;

/// The gateway with load balancing, metrics, alarms, containers and their logs behind it.
pub(crate) struct Emulators {
    pub(crate) gateway: Gateway,
    pub(crate) elb: Arc<Elb>,
    pub(crate) ecs: Arc<Ecs>,
    pub(crate) codepipeline: Arc<CodePipeline>,
    alarms: JoinHandle<()>,
}

impl Emulators {
    /// Starts them. Tasks of containers run `task_binary`.
    pub(crate) async fn start(clock: &LabClock, task_binary: PathBuf) -> Result<Self, LabError> {
        let gateway = Gateway::start(clock.clone(), SEED).await.map_err(LabError::io("starting the gateway"))?;
        let events = gateway.event_sender();
        let cloudwatch = Arc::new(CloudWatch::new(clock.clone(), move |event| events.send(event)));
        // Buckets fill in real time. On a fast clock the calls of a minute come within seconds and would be throttled
        // as they never are on AWS.
        let options = ElbOptions { throttle: clock.scale() <= 1.0, seed: Some(SEED) };
        let elb = Elb::new(clock.clone(), Arc::clone(&cloudwatch) as Arc<dyn MetricSink>, options);
        let registry = Arc::clone(&elb) as Arc<dyn TargetRegistry>;
        let logs = Arc::new(Logs::new(clock.clone()));
        let options = EcsOptions { logs: Some(Arc::clone(&logs) as Arc<dyn LogSink>), ..EcsOptions::new(task_binary) };
        let ecs = Ecs::new(clock.clone(), registry, options);

        let service = Arc::clone(&elb);
        gateway.serve("elasticloadbalancing", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let service = Arc::clone(&cloudwatch);
        gateway.serve("monitoring", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let service = Arc::clone(&ecs);
        gateway.serve("ecs", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let service = Arc::clone(&ecs);
        gateway.serve("application-autoscaling", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle_autoscaling(request).await }
        });
        gateway.serve("logs", move |request| {
            let service = Arc::clone(&logs);
            async move { service.handle(&request) }
        });
        let codepipeline = Arc::new(CodePipeline::new(clock.clone()));
        let service = Arc::clone(&codepipeline);
        gateway.serve("codepipeline", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let alarms = tokio::spawn(async move { cloudwatch.run().await });
        Ok(Self { gateway, elb, ecs, codepipeline, alarms })
    }

    /// Ends every task process and closes every port.
    pub(crate) async fn stop(&self) {
        self.alarms.abort();
        self.ecs.shutdown().await;
        self.elb.shutdown();
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.alarms.abort();
    }
}
