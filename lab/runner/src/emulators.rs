//! The AWS services that the lab serves itself, behind the gateway.

use crate::Aws;
use crate::LabError;
use crate::codedeploy::ServicesOfDeployments;
use crate::demo_functions::DemoFunctions;
use crate::instances::{DeployedInstances, Machine};
use crate::traces::Traces;
use crate::user_functions::UserFunctions;
use std::path::PathBuf;
use std::sync::Arc;
use teal_lab_appconfig::AppConfig;
use teal_lab_autoscaling::{AutoScaling, AutoScalingOptions};
use teal_lab_beanstalk::{Beanstalk, Services};
use teal_lab_cloudwatch::CloudWatch;
use teal_lab_codedeploy::CodeDeploy;
use teal_lab_ecs::{Ecs, EcsOptions, Neighbours};
use teal_lab_elb::{Elb, ElbOptions};
use teal_lab_functions::Functions;
use teal_lab_gateway::Gateway;
use teal_lab_logs::Logs;
use teal_lab_pipeline::{CodeBuild, CodePipeline};
use teal_lab_wire::{AlarmReader, AwsRequest, LabClock, LogSink, MetricSink, TargetRegistry, TrafficShifter};
use tokio::task::JoinHandle;

/// Makes the choices of weights and faults repeatable.
const SEED: u64 = 1;

/// The gateway with load balancing, metrics, alarms, containers and their logs, groups of instances and users' functions behind it.
pub(crate) struct Emulators {
    pub(crate) gateway: Gateway,
    pub(crate) elb: Arc<Elb>,
    pub(crate) ecs: Arc<Ecs>,
    pub(crate) codepipeline: Arc<CodePipeline>,
    pub(crate) appconfig: Arc<AppConfig>,
    autoscaling: Arc<AutoScaling>,
    pub(crate) instances: Arc<DeployedInstances>,
    pub(crate) beanstalk: Arc<Beanstalk>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) user_functions: UserFunctions,
    pub(crate) codebuild: CodeBuild,
    pub(crate) metrics: Arc<dyn MetricSink>,
    pub(crate) logs: Arc<Logs>,
    alarms: JoinHandle<()>,
}

impl Emulators {
    /// Starts them. Tasks of containers, instances of groups and versions of functions run `task_binary`.
    pub(crate) async fn start(clock: &LabClock, task_binary: PathBuf, machine: Machine) -> Result<Self, LabError> {
        let gateway = Gateway::start(clock.clone(), SEED).await.map_err(LabError::io("starting the gateway"))?;
        let events = gateway.event_sender();
        let cloudwatch = Arc::new(CloudWatch::new(clock.clone(), move |event| events.send(event)));
        // Buckets fill in real time. On a fast clock the calls of a minute come within seconds and would be throttled
        // as they never are on AWS.
        let options = ElbOptions { throttle: clock.scale() <= 1.0, seed: Some(SEED) };
        let metrics = Arc::clone(&cloudwatch) as Arc<dyn MetricSink>;
        let elb = Elb::new(clock.clone(), Arc::new(Traces(Arc::clone(&metrics))), options);
        let registry = Arc::clone(&elb) as Arc<dyn TargetRegistry>;
        let embedded = Arc::clone(&cloudwatch);
        // Metrics that CloudWatch does not take are lost, as they are on AWS.
        let publish = move |input| drop(embedded.put_metric_data(input));
        let logs = Arc::new(Logs::new(clock.clone()).publish_through(publish));
        let log_sink = Some(Arc::clone(&logs) as Arc<dyn LogSink>);
        let neighbours = Neighbours {
            functions: Some(gateway.function_invoker("ECS")),
            traffic: Some(Arc::clone(&elb) as Arc<dyn TrafficShifter>),
            alarms: Some(Arc::clone(&cloudwatch) as Arc<dyn AlarmReader>),
        };
        let options = EcsOptions { logs: log_sink.clone(), neighbours, ..EcsOptions::new(task_binary.clone()) };
        let ecs = Ecs::new(clock.clone(), Arc::clone(&registry), options);
        let options = AutoScalingOptions { logs: log_sink, ..AutoScalingOptions::new(task_binary.clone()) };
        let autoscaling = AutoScaling::new(clock.clone(), registry, options);
        let user_functions = UserFunctions::new(DemoFunctions::new(clock.clone(), task_binary));
        let runtime = Arc::new(user_functions.clone());
        let functions = Arc::new(Functions::new(clock.clone(), Arc::clone(&metrics), runtime, SEED));

        // Of all that Teal may change only where it carries a tag, the lab has listeners and rules.
        let tagged = Arc::clone(&elb);
        gateway.set_resource_tags(move |arn| tagged.tags(arn));
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
        let beanstalk = Arc::new(Beanstalk::new(clock.clone(), services_of_environments(&elb, &autoscaling)));
        let service = Arc::clone(&beanstalk);
        gateway.serve("elasticbeanstalk", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let service = Arc::clone(&logs);
        gateway.serve("logs", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(&request) }
        });
        // Teal's own functions are ministack's.
        let service = Arc::clone(&functions);
        gateway.serve_some("lambda", move |request: AwsRequest| {
            let service = Arc::clone(&service);
            async move { service.handle(&request).await }
        });
        let codepipeline = Arc::new(CodePipeline::new(clock.clone()));
        let service = Arc::clone(&codepipeline);
        gateway.serve("codepipeline", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(request).await }
        });
        let services = ServicesOfDeployments::new(&elb, &ecs, &functions);
        let (invoker, watched) = (gateway.function_invoker("CodeDeploy"), Arc::clone(&cloudwatch));
        let aws = Aws::new(gateway.endpoint_url());
        let instances = DeployedInstances::start(&autoscaling, machine, aws).await;
        let instances = Arc::new(instances.map_err(LabError::io("starting the instances' metadata"))?);
        let deployed = Arc::<DeployedInstances>::clone(&instances);
        let codedeploy = Arc::new(CodeDeploy::new(clock.clone(), Arc::new(services), invoker, watched, deployed));
        gateway.serve("codedeploy", move |request| {
            let service = Arc::clone(&codedeploy);
            async move { service.handle(request).await }
        });
        let appconfig = Arc::new(AppConfig::new(clock.clone()));
        let service = Arc::clone(&appconfig);
        gateway.serve("appconfig", move |request| {
            let service = Arc::clone(&service);
            async move { service.handle(&request) }
        });
        let codebuild = CodeBuild::new(clock.clone());
        let service = codebuild.clone();
        gateway.serve("codebuild", move |request| {
            let service = service.clone();
            async move { service.handle(request).await }
        });
        let alarms = tokio::spawn(async move { cloudwatch.run().await });
        Ok(Self {
            gateway,
            elb,
            ecs,
            codepipeline,
            appconfig,
            autoscaling,
            instances,
            beanstalk,
            functions,
            user_functions,
            codebuild,
            metrics,
            logs,
            alarms,
        })
    }

    /// Ends every task process and closes every port.
    pub(crate) async fn stop(&self) {
        self.alarms.abort();
        tokio::join!(self.ecs.shutdown(), self.autoscaling.shutdown(), self.user_functions.shutdown());
        self.elb.shutdown();
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        self.alarms.abort();
    }
}

/// What Elastic Beanstalk makes environments of.
fn services_of_environments(elb: &Arc<Elb>, autoscaling: &Arc<AutoScaling>) -> Services {
    let (elb, autoscaling) = (Arc::clone(elb), Arc::clone(autoscaling));
    Arc::new(move |service, request| {
        let (elb, autoscaling) = (Arc::clone(&elb), Arc::clone(&autoscaling));
        Box::pin(async move {
            match service {
                "elasticloadbalancing" => elb.handle(request).await,
                "ec2" => autoscaling.handle_ec2(request).await,
                _ => autoscaling.handle(request).await,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::LAB_ACCESS_KEY;
    use crate::cloudformation::Template;
    use serde_json::{Value, json};
    use teal_lab_wire::{ACCOUNT, REGION};

    /// A policy of template.yaml in a stack with this `RouteTag`.
    fn with_route_tag(part: &Value, tag: &str) -> Value {
        match part {
            Value::Array(items) => items.iter().map(|item| with_route_tag(item, tag)).collect(),
            Value::Object(fields) => match (&part["Fn::If"], &part["Fn::Sub"], &part["Ref"]) {
                (Value::Array(cases), ..) => {
                    assert_eq!(cases[0], "OnlyTaggedRoutes");
                    with_route_tag(&cases[1], tag)
                }
                (_, Value::String(text), _) => {
                    let names = [("Partition", "aws"), ("Region", REGION), ("AccountId", ACCOUNT)];
                    let resolved = names
                        .iter()
                        .fold(text.clone(), |text, (name, value)| text.replace(&format!("${{AWS::{name}}}"), value));
                    resolved.into()
                }
                (.., Value::String(name)) => {
                    assert_eq!(name, "RouteTag");
                    tag.into()
                }
                _ => fields.iter().map(|(name, part)| (name.clone(), with_route_tag(part, tag))).collect(),
            },
            other => other.clone(),
        }
    }

    #[tokio::test]
    async fn a_stack_with_a_route_tag_changes_only_what_carries_it() {
        let emulators =
            Emulators::start(&LabClock::starting_now(1.0), PathBuf::new(), Machine::default()).await.unwrap();
        let aws = Aws::new(emulators.gateway.endpoint_url());
        let elb = async |action, parameters| aws.call("elasticloadbalancing", action, parameters).await;
        let created = elb("CreateLoadBalancer", json!({"Name": "shop", "Subnets": ["subnet-a", "subnet-b"]})).await;
        let balancer = created.unwrap()["LoadBalancers"][0]["LoadBalancerArn"].clone();
        let actions = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]);
        let mut listeners = Vec::new();
        for (port, tag) in [(8080, "shop"), (8081, "another"), (8082, "")] {
            let mut listener = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port});
            listener["DefaultActions"] = actions.clone();
            if !tag.is_empty() {
                listener["Tags"] = json!([{"Key": "teal", "Value": tag}]);
            }
            let created = elb("CreateListener", listener).await.unwrap();
            listeners.push(created["Listeners"][0]["ListenerArn"].clone());
        }
        let mut rules = Vec::new();
        for (priority, tags) in [(1, json!([{"Key": "teal", "Value": "shop"}])), (2, json!([]))] {
            let conditions = json!([{"Field": "path-pattern", "Values": ["/cart"]}]);
            let mut rule = json!({"ListenerArn": listeners[0], "Priority": priority, "Conditions": conditions});
            rule["Actions"] = actions.clone();
            rule["Tags"] = tags;
            let created = elb("CreateRule", rule).await.unwrap();
            rules.push(created["Rules"][0]["RuleArn"].clone());
        }

        let template = crate::yaml::parse(include_str!("../../../template.yaml")).unwrap();
        let policy = &template["Resources"]["RouteWritePolicy"]["Properties"]["PolicyDocument"];
        let policy = with_route_tag(policy, "shop");
        emulators.gateway.register_caller([LAB_ACCESS_KEY.to_owned()], "shift-traffic", &[policy]).unwrap();
        let mut allowed = Vec::new();
        for listener in listeners {
            let change = json!({"ListenerArn": listener, "DefaultActions": actions});
            allowed.push(elb("ModifyListener", change).await.map(drop));
        }
        for rule in rules {
            allowed.push(elb("ModifyRule", json!({"RuleArn": rule, "Actions": actions})).await.map(drop));
        }
        for (change, is_tagged) in allowed.into_iter().zip([true, false, false, true, false]) {
            match change {
                Ok(()) => assert!(is_tagged),
                Err(LabError::Aws { code, .. }) => assert!(!is_tagged && code == "AccessDenied", "{code}"),
                Err(other) => panic!("{other}"),
            }
        }
        emulators.stop().await;
    }

    #[tokio::test]
    async fn the_shipped_template_makes_a_service_whose_deployments_shift_traffic() {
        let emulators =
            Emulators::start(&LabClock::starting_now(1.0), PathBuf::new(), Machine::default()).await.unwrap();
        let aws = Aws::new(emulators.gateway.endpoint_url());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/cloudformation/ecs-blue-green.yaml");
        let mut template = Template::read(file.as_ref()).unwrap();
        // Parameters are ministack's, which is not here.
        let groups = json!([{"TargetGroupArn": {"Ref": "TargetGroupA"}, "Weight": 1},
            {"TargetGroupArn": {"Ref": "TargetGroupB"}, "Weight": 0}]);
        let rule = json!({"Properties": {"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}});
        let changes = json!({"ProductionRule": rule, "TestRule": rule});
        template.change_resources(changes.as_object().unwrap());
        let given = [
            ("Name", "shop"),
            ("VpcId", "vpc-1ab00000"),
            ("PublicSubnets", "subnet-1ab00001,subnet-1ab00002"),
            ("PrivateSubnets", "subnet-1ab00003,subnet-1ab00004"),
            ("Image", "demo"),
            ("TestAccess", "127.0.0.0/8"),
            ("ListenerPort", "18080"),
            ("TestListenerPort", "18081"),
            ("HookFunctionArn", "arn:aws:lambda:us-east-1:000000000000:function:hook"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        template.create(&aws, "shop", &given).await.unwrap();

        let services = json!({"cluster": "shop", "services": ["shop"]});
        let service = aws.call("ecs", "DescribeServices", services).await.unwrap()["services"][0].take();
        let configuration = &service["deploymentConfiguration"];
        assert_eq!(configuration["strategy"], "CANARY");
        assert_eq!(configuration["canaryConfiguration"], json!({"canaryPercent": 10, "canaryBakeTimeInMinutes": 1}));
        let hook = &configuration["lifecycleHooks"][0];
        assert_eq!(hook["hookDetails"], json!({"planRef": "ssm:/teal/ecs/shop/shop"}));
        let arns = json!({"serviceDeploymentArns": [service["currentServiceDeployment"]]});
        let found = aws.call("ecs", "DescribeServiceDeployments", arns).await.unwrap();
        assert_eq!(found["serviceDeployments"][0]["serviceArn"], service["serviceArn"]);
        emulators.stop().await;
    }
}
