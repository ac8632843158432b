//! The user's side of one scenario: what a template of infra/cloudformation describes, with the scenario's services in it.

mod beside;
mod functions;
mod services;

use crate::cloudformation::{Stack, Template};
use crate::deploy::Function;
use crate::load::{LoadOptions, LoadTarget, Ramp, RampPoint};
use crate::scenario::{PRODUCTION_PORT, Scenario, ServiceSpec, fill};
use crate::{Aws, Lab, LabError};
use functions::FUNCTION;
use serde_json::{Value, json};
pub(crate) use services::SECRET;
use services::{FlagPlace, add_flags, add_services, names, set_flags};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use teal_lab_beanstalk::address_of;
use teal_lab_wire::{LabClock, Millis};

/// The template of the user's side where a scenario names none.
const TEMPLATE: &str = "alb-ecs";

/// The template of the parameters that it reads.
const WEIGHTS: &str = "infra/cloudformation/weights.yaml";

/// The template of the parameter that the template of a function reads.
const VERSION: &str = "infra/cloudformation/lambda-alias-version.yaml";

/// What a scenario's URL of a function is called.
const FUNCTION_URL: &str = "Url.FunctionUrl";

/// The template of feature flags.
const FLAGS: &str = "infra/cloudformation/appconfig.yaml";

/// From making the resources until the load begins: time for scaling to bring blue to its size, and for its health
/// checks (lab time).
const WARM_UP: Duration = Duration::from_secs(150);
/// When blue is still not healthy then, the scenario is given up (lab time).
const WARM_UP_LIMIT: Duration = Duration::from_secs(900);
/// Requests under way at once; see `LoadOptions`.
const MAX_IN_FLIGHT: usize = 200;
/// A user who waits longer has given up (real time).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Placeholders of a plan that Teal itself fills, for each colour: they stay as they are.
pub(crate) const FILLED_BY_TEAL: [&str; 5] = ["colour", "loadBalancer", "service", "targetGroup", "variant"];

/// The user's side of a scenario, up and serving.
#[derive(Debug)]
pub struct Stage {
    stack: Stack,
    beside: Option<Stack>,
    weights: Stack,
    /// When the load begins.
    zero: Millis,
    /// What placeholders stand for.
    pub(crate) names: BTreeMap<String, String>,
    address: IpAddr,
}

impl Stage {
    /// Makes the resources and waits until blue is healthy.
    ///
    /// # Errors
    /// If a resource cannot be made, or blue does not become healthy.
    pub async fn set(lab: &Lab, scenario: &Scenario) -> Result<Self, LabError> {
        let (aws, clock, repository) = (lab.aws(), lab.clock(), &lab.places().repository);
        let template = scenario.infrastructure.template.as_deref().unwrap_or(TEMPLATE);
        let file = repository.join(format!("infra/cloudformation/{template}.yaml"));
        let problem = |problem: &str| LabError::document(&file, problem);
        let zero = clock.now_millis() + WARM_UP.as_millis() as Millis;
        let mut template = Template::read(&file)?;
        template.change_resources(&scenario.infrastructure.resources);
        add_services(&mut template.document, &scenario.services, zero).map_err(|text| problem(&text))?;
        let name = BTreeMap::from([("Name".to_owned(), scenario.name.clone())]);
        let flags = match scenario.services.values().find(|service| service.flag.is_some()) {
            Some(service) => {
                let mut template = Template::read(&repository.join(FLAGS))?;
                set_flags(&mut template.document, &scenario.services).map_err(|text| problem(&text))?;
                let namespace = service.behaviour.metrics.iter().map(|it| ("MetricNamespace".to_owned(), it.clone()));
                let parameters = name.clone().into_iter().chain(namespace).collect();
                Some(template.create(aws, &scenario.name, &parameters).await?)
            }
            None => None,
        };
        if let Some(flags) = &flags {
            let place = FlagPlace { endpoint: aws.endpoint(), outputs: &flags.outputs };
            add_flags(&mut template.document, &scenario.services, &place, zero).map_err(|text| problem(&text))?;
        }
        let parameters_of = if template.document["Resources"].get(FUNCTION).is_some() { VERSION } else { WEIGHTS };
        let weights = Template::read(&repository.join(parameters_of))?.create(aws, &scenario.name, &name).await?;
        let stack = template
            .create(aws, &scenario.name, &parameters(scenario, &template.document, lab.deployment().hook()))
            .await?;
        let mut names = names(&stack, &scenario.services);
        let beside = match &scenario.infrastructure.beside {
            Some(spec) => Some(beside::make(lab, scenario, spec, &mut names).await?),
            None => None,
        };
        names.extend(flags.into_iter().flat_map(|flags| flags.outputs));
        let address = client_address(&names).map_err(|text| problem(&text))?;
        let stage = Self { stack, beside, weights, zero, names, address };
        stage.wait_until_blue_serves(aws, clock).await?;
        stage.wait_until_deployed(aws, clock).await?;
        let rest = u64::try_from(zero - clock.now_millis()).unwrap_or(0);
        clock.sleep(Duration::from_millis(rest)).await;
        Ok(stage)
    }

    /// A plan or the parameters of a call with the names of what was made in place of placeholders.
    ///
    /// # Errors
    /// The placeholder that stands for nothing, with those that exist.
    pub fn filled(&self, value: &Value) -> Result<Value, String> {
        fill(value, &self.names)
    }

    /// What a service's revision installs on instances.
    ///
    /// # Errors
    /// If its behaviour cannot be written.
    pub(crate) fn exports(&self, service: &ServiceSpec) -> Result<String, String> {
        services::exports(service, self.zero)
    }

    /// Takes everything down.
    ///
    /// # Errors
    /// The first refusal; everything is tried all the same.
    pub async fn strike(&self) -> Result<(), LabError> {
        let mut struck = Ok(());
        for stack in self.stacks().chain([&self.weights]) {
            struck = struck.and(stack.delete().await);
        }
        struck
    }

    /// Does what updates of the stacks do to listeners and rules.
    ///
    /// # Errors
    /// The first refusal.
    pub(crate) async fn update(&self) -> Result<(), LabError> {
        for stack in self.stacks() {
            stack.update_listeners().await?;
        }
        Ok(())
    }

    /// What the scenario's templates made.
    fn stacks(&self) -> impl Iterator<Item = &Stack> {
        std::iter::once(&self.stack).chain(&self.beside)
    }

    /// The scenario's load on this load balancer.
    pub(crate) fn load(&self, scenario: &Scenario, clock: &LabClock) -> LoadOptions {
        let target = |port: u16, path: &str| LoadTarget {
            address: SocketAddr::new(self.address, port),
            host: format!("{}:{port}", self.address),
            path: path.to_owned(),
        };
        let load = &scenario.load;
        let changes = load
            .changes
            .iter()
            .map(|change| RampPoint { from: clock.real(change.at.as_duration()), rate: change.rate });
        let ramp = std::iter::once(RampPoint { from: Duration::ZERO, rate: load.rate }).chain(changes);
        LoadOptions {
            targets: load.targets.iter().map(|spec| target(spec.port, &spec.path)).collect(),
            protocol: load.protocol,
            ramp: Ramp::new(ramp.collect()),
            arrivals: load.arrivals,
            seed: scenario.seed,
            sessions: load.sessions,
            users: load.users,
            keep_alive: load.keep_alive.unwrap_or(true),
            session_life: load.session_life.map(|life| clock.real(life.as_duration())),
            max_in_flight: MAX_IN_FLIGHT,
            timeout: REQUEST_TIMEOUT,
        }
    }

    /// The names of the alarms.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = &str> {
        let resources = self.stacks().flat_map(|stack| stack.resources.values());
        let alarms = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
        resources.filter(move |resource| alarms.contains(&resource.kind.as_str())).map(|resource| resource.id.as_str())
    }

    /// Text for people: the ARNs of this stage's resources by the names that the template gives them.
    pub(crate) fn readable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let resources = self.stacks().flat_map(|stack| &stack.resources);
        let mut known: Vec<_> = resources.filter(|(_, one)| one.id.starts_with("arn:")).collect();
        // A listener's ARN begins like its rules' do.
        known.sort_by_key(|(_, resource)| std::cmp::Reverse(resource.id.len()));
        for (logical, resource) in known {
            text = text.replace(&resource.id, logical);
        }
        text
    }

    /// Waits until the first deployments of ECS services have ended, as CloudFormation does.
    async fn wait_until_deployed(&self, aws: &Aws, clock: &LabClock) -> Result<(), LabError> {
        let begun = clock.now_millis();
        for service in self.stack.resources.values().filter(|resource| resource.kind == "AWS::ECS::Service") {
            // `service/CLUSTER/NAME`
            let cluster = service.id.split('/').nth(1).unwrap_or_default();
            let named = json!({"cluster": cluster, "services": [service.id]});
            loop {
                let found = aws.call("ecs", "DescribeServices", named.clone()).await?;
                let under_way = &found["services"][0]["currentServiceDeployment"];
                let shifts = found["services"][0]["deploymentConfiguration"]["strategy"] != "ROLLING";
                if under_way.is_null() || !shifts {
                    break;
                }
                if clock.now_millis() - begun > WARM_UP_LIMIT.as_millis() as Millis {
                    return Err(LabError::Timeout {
                        what: format!("the first deployment of {}", service.id),
                        seconds: WARM_UP_LIMIT.as_secs(),
                        detail: format!(" of lab time: {under_way}"),
                    });
                }
                clock.sleep(Duration::from_secs(5)).await;
            }
        }
        Ok(())
    }

    async fn wait_until_blue_serves(&self, aws: &Aws, clock: &LabClock) -> Result<(), LabError> {
        let name = |name: &str| self.names.get(name).cloned().unwrap_or_default();
        if self.names.contains_key(FUNCTION_URL) {
            // Lambda executes the first version when it is invoked for the first time.
            return Ok(());
        }
        let group = name("TargetGroupA");
        if self.names.contains_key("EnvironmentA") {
            let environment = name("EnvironmentA");
            wait_for_environment(aws, clock, &environment).await?;
            if group.is_empty() {
                return Ok(());
            }
            put_behind(aws, &environment, &group).await?;
        }
        let least = ["MinTasks", "MinInstances"].map(name);
        let wanted: usize = least.iter().find_map(|least| least.parse().ok()).unwrap_or(1);
        let begun = clock.now_millis();
        loop {
            let parameters = json!({ "TargetGroupArn": group });
            let answer = aws.call("elasticloadbalancing", "DescribeTargetHealth", parameters).await?;
            let targets = answer["TargetHealthDescriptions"].as_array().map(Vec::as_slice).unwrap_or_default();
            let healthy = targets.iter().filter(|target| target["TargetHealth"]["State"] == "healthy").count();
            if healthy >= wanted {
                return Ok(());
            }
            if clock.now_millis() - begun > WARM_UP_LIMIT.as_millis() as Millis {
                return Err(LabError::Timeout {
                    what: format!("blue having {wanted} healthy targets"),
                    seconds: WARM_UP_LIMIT.as_secs(),
                    detail: format!(" of lab time: {targets:?}"),
                });
            }
            clock.sleep(Duration::from_secs(5)).await;
        }
    }
}

/// Where clients send their requests: to a load balancer, a domain name or the URL of a function.
fn client_address(names: &BTreeMap<String, String>) -> Result<IpAddr, String> {
    let parsed = |host: &str| host.parse().map_err(|_| format!("{host} is not an address"));
    let [balancer, domain, url] = ["LoadBalancer.DNSName", "Cname", FUNCTION_URL].map(|name| names.get(name));
    match (balancer, domain, url) {
        (Some(host), ..) => parsed(host),
        (_, Some(name), _) => Ok(IpAddr::V4(address_of(name))),
        (.., Some(url)) => parsed(url.trim_start_matches("http://").split(':').next().unwrap_or_default()),
        _ => Err("there is no LoadBalancer, Cname or Url".to_owned()),
    }
}

/// Waits until an environment is ready and green.
async fn wait_for_environment(aws: &Aws, clock: &LabClock, name: &str) -> Result<(), LabError> {
    let begun = clock.now_millis();
    loop {
        let named = json!({"EnvironmentNames": [name]});
        let found = aws.call("elasticbeanstalk", "DescribeEnvironments", named).await?;
        let environment = &found["Environments"][0];
        if environment["Status"] == "Ready" && environment["Health"] == "Green" {
            return Ok(());
        }
        if clock.now_millis() - begun > WARM_UP_LIMIT.as_millis() as Millis {
            return Err(LabError::Timeout {
                what: format!("environment {name} being ready and green"),
                seconds: WARM_UP_LIMIT.as_secs(),
                detail: format!(" of lab time: {environment}"),
            });
        }
        clock.sleep(Duration::from_secs(5)).await;
    }
}

/// Registers an environment's instances in a target group besides its own: what its owner does once, since no template can.
async fn put_behind(aws: &Aws, environment: &str, target_group: &str) -> Result<(), LabError> {
    let named = json!({"EnvironmentName": environment});
    let found = aws.call("elasticbeanstalk", "DescribeEnvironmentResources", named).await?;
    let scaling_group = &found["EnvironmentResources"]["AutoScalingGroups"][0]["Name"];
    let parameters = json!({"AutoScalingGroupName": scaling_group, "TargetGroupARNs": [target_group]});
    aws.call("autoscaling", "AttachLoadBalancerTargetGroups", parameters).await.map(drop)
}

/// The parameters that a lab gives, as far as the template has them, and those of the scenario.
fn parameters(scenario: &Scenario, template: &Value, hook: Option<&Function>) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<_, _> = [
        ("Name", scenario.name.as_str()),
        ("VpcId", "vpc-1ab00000"),
        ("PublicSubnets", "subnet-1ab00001,subnet-1ab00002"),
        ("PrivateSubnets", "subnet-1ab00003,subnet-1ab00004"),
        ("Image", "demo"),
        ("ImageId", "ami-1ab00001"),
        ("TestAccess", "127.0.0.0/8"),
        ("SolutionStackName", "64bit Amazon Linux 2023 running the lab"),
        ("SourceBucket", "lab"),
        ("SourceKey", "checkout.zip"),
    ]
    .into_iter()
    .filter(|(name, _)| template["Parameters"].get(name).is_some())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if template["Parameters"].get("ListenerPort").is_some() {
        // Ports below 1024 are not everybody's to bind.
        parameters.insert("ListenerPort".into(), PRODUCTION_PORT.to_string());
    }
    let hook = hook.and_then(|hook| Some([("HookFunction", &hook.name), ("HookFunctionArn", hook.arns.last()?)]));
    for (name, value) in hook.into_iter().flatten() {
        if template["Parameters"].get(name).is_some() {
            parameters.insert(name.into(), value.clone());
        }
    }
    for (name, value) in &scenario.infrastructure.parameters {
        parameters.insert(name.clone(), text_of(value));
    }
    parameters
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The smallest scenario there is.
    pub(super) const SCENARIO: &str = "
name: small
description: d
load: {rate: 1}
services: {blue: {version: '1'}, green: {version: '2'}}
release: {plan: {}}
expect: {outcome: promoted}
";

    const SHIPPED: [&str; 10] = [
        "alb-ecs",
        "alb-ec2",
        "beanstalk",
        "beanstalk-alb",
        "codedeploy-ecs",
        "codedeploy-lambda",
        "ecs-blue-green",
        "lambda-alias",
        "nlb-ecs",
        "nlb-ec2",
    ];

    #[test]
    fn the_shipped_templates_need_no_parameter_that_the_lab_does_not_give() {
        let scenario = Scenario::parse(SCENARIO).unwrap();
        let name = "CodeDeployHook_teal".to_owned();
        let arns = vec![format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}:live")];
        let hook = Function { binary: String::new(), name, arns, role: String::new(), policies: Vec::new() };
        for template in SHIPPED {
            let file =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../infra/cloudformation/{template}.yaml"));
            let document = Template::read(&file).unwrap().document;
            let given = parameters(&scenario, &document, Some(&hook));
            for (name, declaration) in document["Parameters"].as_object().unwrap() {
                let has_value = given.contains_key(name) || declaration.get("Default").is_some();
                assert!(has_value, "{template}: {name} gets no value");
            }
        }
    }
}
