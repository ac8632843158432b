//! The AWS services that the lab serves itself, behind the gateway.

use crate::LabError;
use std::path::PathBuf;
use std::sync::Arc;
use teal_lab_autoscaling::{AutoScaling, AutoScalingOptions};
use teal_lab_cloudwatch::CloudWatch;
use teal_lab_ecs::{Ecs, EcsOptions};
use teal_lab_elb::{Elb, ElbOptions};
use teal_lab_gateway::Gateway;
use teal_lab_logs::Logs;
use teal_lab_pipeline::{CodeBuild, CodePipeline};
use teal_lab_wire::{LabClock, LogSink, MetricSink, TargetRegistry};
use tokio::task::JoinHandle;

/// Makes the choices of weights and faults repeatable.
const SEED: u64 = 1;

/// The gateway with load balancing, metrics, alarms, containers and their logs, and groups of instances behind it.
pub(crate) struct Emulators {
    pub(crate) gateway: Gateway,
    pub(crate) elb: Arc<Elb>,
    pub(crate) ecs: Arc<Ecs>,
    pub(crate) codepipeline: Arc<CodePipeline>,
    autoscaling: Arc<AutoScaling>,
    pub(crate) codebuild: CodeBuild,
    alarms: JoinHandle<()>,
}

impl Emulators {
    /// Starts them. Tasks of containers and instances of groups run `task_binary`.
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
        let log_sink = Some(Arc::clone(&logs) as Arc<dyn LogSink>);
        let options = EcsOptions { logs: log_sink, ..EcsOptions::new(task_binary.clone()) };
        let ecs = Ecs::new(clock.clone(), Arc::clone(&registry), options);
        let autoscaling = AutoScaling::new(clock.clone(), registry, AutoScalingOptions::new(task_binary));

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
        let service = Arc::clone(&autoscaling);
        gateway.serve("autoscaling", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let service = Arc::clone(&autoscaling);
        gateway.serve("ec2", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle_ec2(request).await }
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
        let codebuild = CodeBuild::new(clock.clone());
        let service = codebuild.clone();
        gateway.serve("codebuild", move |request| {
            let service = service.clone();
            async move { service.handle(request).await }
        });
        let alarms = tokio::spawn(async move { cloudwatch.run().await });
        Ok(Self { gateway, elb, ecs, codepipeline, codebuild, autoscaling, alarms })
    }

    /// Ends every task process and closes every port.
    pub(crate) async fn stop(&self) {
        self.alarms.abort();
        tokio::join!(self.ecs.shutdown(), self.autoscaling.shutdown());
        self.elb.shutdown();
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.alarms.abort();
    }
}
