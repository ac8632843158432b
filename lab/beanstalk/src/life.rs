//! What environments go through: made, deployed to, swapped, terminated.

use crate::model::{Environment, Options, Parts, Status};
use crate::{Inner, Move, domain};
use http::{HeaderMap, Method, Uri};
use std::sync::Arc;
use std::time::Instant;
use teal_lab_wire::AwsRequest;

const ELB: &str = "elasticloadbalancing";
const AUTOSCALING: &str = "autoscaling";
const GROUP: &str = "aws:autoscaling:asg";
const NETWORK: &str = "aws:ec2:vpc";
const PROCESS: &str = "aws:elasticbeanstalk:environment:process:default";
const BALANCER: &str = "aws:elbv2:loadbalancer";

/// Rules of environments that share a load balancer come behind those with priorities up to this.
const FIRST_RULE: u32 = 100;

/// Where environments listen: ports below 1024 are not everybody's to bind.
pub(crate) const PORT: u16 = 8080;

/// From one look at an environment's instances to the next, in seconds.
const LOOK: u64 = 10;
/// Until a swap has exchanged the names, and from then until both environments are ready, in seconds.
const SWAP: [u64; 2] = [10, 10];

/// A call to another service: its answer, where it was good.
async fn call(inner: &Inner, service: &'static str, action: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let fields = [("Action", action)].into_iter().chain(fields.iter().copied());
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = AwsRequest {
        method: Method::POST,
        uri: Uri::from_static("/"),
        headers: HeaderMap::new(),
        body: form.into_bytes().into(),
    };
    let answer = (inner.services)(service, request).await;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status.is_success() { Ok(body) } else { Err(element(&body, "Message").unwrap_or(body)) }
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).into_iter().next()
}

fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inside = xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
    inside.map(|(text, _)| text.to_owned()).collect()
}

/// Brings an environment up, and then keeps an eye on it until it is gone.
pub(crate) async fn launch(inner: Arc<Inner>, name: String) {
    let Some(environment) = copy(&inner, &name) else { return };
    tell(&inner, &name, "INFO", "createEnvironment is starting.");
    if let Err(problem) = make(&inner, &environment).await {
        tell(&inner, &name, "ERROR", format!("Failed to launch environment. {problem}"));
        change(&inner, &name, |environment| (environment.status, environment.health) = (Status::Ready, "Red"));
        return;
    }
    watch(inner, name).await;
}

/// Makes what an environment is made of, and writes down what there is after each step.
async fn make(inner: &Inner, environment: &Environment) -> Result<(), String> {
    let (name, options) = (&environment.name, &environment.options);
    let own = format!("awseb-{}", environment.id);
    let set = |part: &dyn Fn(&mut Parts)| change(inner, name, |environment| part(&mut environment.parts));

    let health = options.get(PROCESS, "HealthCheckPath", "/");
    let made = call(
        inner,
        ELB,
        "CreateTargetGroup",
        &[
            ("Name", &own),
            ("Protocol", "HTTP"),
            ("Port", options.get(PROCESS, "Port", "80")),
            ("VpcId", options.get(NETWORK, "VPCId", "vpc-1ab00000")),
            ("TargetType", "instance"),
            ("HealthCheckPath", health),
            ("HealthCheckIntervalSeconds", options.get(PROCESS, "HealthCheckInterval", "15")),
            ("HealthyThresholdCount", "2"),
            ("UnhealthyThresholdCount", "2"),
        ],
    )
    .await?;
    let target_group = element(&made, "TargetGroupArn").ok_or("no target group")?;
    call(
        inner,
        ELB,
        "ModifyTargetGroupAttributes",
        &[
            ("TargetGroupArn", &target_group),
            ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
            ("Attributes.member.1.Value", options.get(PROCESS, "DeregistrationDelay", "20")),
        ],
    )
    .await?;
    set(&|parts| parts.target_group = Some(target_group.clone()));

    match options.get(BALANCER, "SharedLoadBalancer", "") {
        "" => balance_alone(inner, environment, &own, &target_group).await?,
        shared => share(inner, environment, shared, &target_group).await?,
    }

    let data = user_data(inner, environment);
    call(
        inner,
        "ec2",
        "CreateLaunchTemplate",
        &[("LaunchTemplateName", own.as_str()), ("LaunchTemplateData.UserData", &data)],
    )
    .await?;
    call(
        inner,
        AUTOSCALING,
        "CreateAutoScalingGroup",
        &[
            ("AutoScalingGroupName", own.as_str()),
            ("LaunchTemplate.LaunchTemplateName", own.as_str()),
            ("LaunchTemplate.Version", "1"),
            ("MinSize", options.get(GROUP, "MinSize", "1")),
            ("MaxSize", options.get(GROUP, "MaxSize", "4")),
            ("VPCZoneIdentifier", options.get(NETWORK, "Subnets", "subnet-1ab00003,subnet-1ab00004")),
            ("TargetGroupARNs.member.1", &target_group),
            ("HealthCheckType", "EC2"),
        ],
    )
    .await?;
    set(&|parts| parts.group = Some(own.clone()));
    Ok(())
}

/// A load balancer of its own with one listener.
async fn balance_alone(inner: &Inner, environment: &Environment, own: &str, target_group: &str) -> Result<(), String> {
    let (name, options) = (&environment.name, &environment.options);
    let set = |part: &dyn Fn(&mut Parts)| change(inner, name, |environment| part(&mut environment.parts));
    let mut fields = vec![("Name", own.to_owned()), ("Type", "application".to_owned())];
    let subnets: Vec<&str> = options.get(NETWORK, "ELBSubnets", "subnet-1ab00001,subnet-1ab00002").split(',').collect();
    let keys: Vec<String> = (1..=subnets.len()).map(|number| format!("Subnets.member.{number}")).collect();
    fields.extend(keys.iter().map(String::as_str).zip(subnets.iter().map(|subnet| (*subnet).to_owned())));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let made = call(inner, ELB, "CreateLoadBalancer", &fields).await?;
    let load_balancer = element(&made, "LoadBalancerArn").ok_or("no load balancer")?;
    let endpoint = format!("{}:{PORT}", element(&made, "DNSName").ok_or("no load balancer")?);
    let port = PORT.to_string();
    set(&|parts| parts.load_balancer = Some(load_balancer.clone()));
    let made = call(
        inner,
        ELB,
        "CreateListener",
        &[
            ("LoadBalancerArn", &load_balancer),
            ("Protocol", "HTTP"),
            ("Port", &port),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", target_group),
        ],
    )
    .await?;
    set(&|parts| {
        parts.endpoint = Some(endpoint.clone());
        parts.listener = element(&made, "ListenerArn");
    });
    Ok(())
}

/// A rule on a load balancer that others use, too: requests with the environment's name are its own.
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/environments-cfg-alb-shared.html>
async fn share(inner: &Inner, environment: &Environment, shared: &str, target_group: &str) -> Result<(), String> {
    let set = |part: &dyn Fn(&mut Parts)| change(inner, &environment.name, |environment| part(&mut environment.parts));
    let found = call(inner, ELB, "DescribeLoadBalancers", &[("LoadBalancerArns.member.1", shared)]).await?;
    let endpoint = format!("{}:{PORT}", element(&found, "DNSName").ok_or("no load balancer")?);
    let found = call(inner, ELB, "DescribeListeners", &[("LoadBalancerArn", shared)]).await?;
    let ports = elements(&found, "Port").into_iter().zip(elements(&found, "ListenerArn"));
    let port = PORT.to_string();
    let listener = ports.into_iter().find(|(found, _)| *found == port).ok_or("no listener on the default port")?.1;
    let found = call(inner, ELB, "DescribeRules", &[("ListenerArn", &listener)]).await?;
    let last = elements(&found, "Priority").iter().filter_map(|priority| priority.parse::<u32>().ok()).max();
    let priority = (last.unwrap_or_default().max(FIRST_RULE) + 1).to_string();
    let made = call(
        inner,
        ELB,
        "CreateRule",
        &[
            ("ListenerArn", &listener),
            ("Priority", &priority),
            ("Conditions.member.1.Field", "host-header"),
            ("Conditions.member.1.HostHeaderConfig.Values.member.1", &environment.cname),
            ("Actions.member.1.Type", "forward"),
            ("Actions.member.1.TargetGroupArn", target_group),
        ],
    )
    .await?;
    set(&|parts| {
        parts.load_balancer = Some(shared.to_owned());
        parts.endpoint = Some(endpoint.clone());
        parts.rule = element(&made, "RuleArn");
    });
    Ok(())
}

/// What the instances of an environment's version have as their environment.
fn user_data(inner: &Inner, environment: &Environment) -> String {
    let version = (environment.application.clone(), environment.version.clone());
    let key = inner.state().versions.get(&version).cloned().unwrap_or_default();
    key.split_once('/').map_or("", |(_, data)| data).to_owned()
}

/// Looks at the instances again and again: an environment is ready when they are healthy, and its colour is theirs.
async fn watch(inner: Arc<Inner>, name: String) {
    loop {
        let Some(environment) = copy(&inner, &name) else { return };
        if environment.status == Status::Terminating {
            return;
        }
        let healthy = look(&inner, &environment).await;
        let least: usize = environment.options.get(GROUP, "MinSize", "1").parse().unwrap_or(1);
        let mut came_up = false;
        change(&inner, &name, |environment| match environment.status {
            Status::Launching if healthy >= least => {
                (environment.status, environment.health) = (Status::Ready, "Green");
                came_up = true;
            }
            Status::Ready => environment.health = if healthy > 0 { "Green" } else { "Red" },
            Status::Launching | Status::Updating | Status::Terminating => {}
        });
        if came_up {
            tell(&inner, &name, "INFO", format!("Successfully launched environment: {name}"));
        }
        inner.sleep(LOOK).await;
    }
}

/// How many instances are healthy. Notes which there are.
async fn look(inner: &Inner, environment: &Environment) -> usize {
    let parts = &environment.parts;
    let (Some(target_group), Some(group)) = (&parts.target_group, &parts.group) else { return 0 };
    let groups = [("AutoScalingGroupNames.member.1", group.as_str())];
    if let Ok(found) = call(inner, AUTOSCALING, "DescribeAutoScalingGroups", &groups).await {
        let instances = elements(&found, "InstanceId");
        change(inner, &environment.name, |environment| environment.parts.instances = instances);
    }
    let found = call(inner, ELB, "DescribeTargetHealth", &[("TargetGroupArn", target_group)]).await;
    found.map_or(0, |found| elements(&found, "State").iter().filter(|state| *state == "healthy").count())
}

/// Deploys the environment's version all at once.
pub(crate) async fn deploy(inner: Arc<Inner>, name: String) {
    let Some(environment) = copy(&inner, &name) else { return };
    tell(&inner, &name, "INFO", "Environment update is starting.");
    match replace(&inner, &environment).await {
        Ok(()) => tell(&inner, &name, "INFO", "New application version was deployed to running EC2 instances."),
        Err(problem) => tell(&inner, &name, "ERROR", format!("Failed to deploy application. {problem}")),
    }
    change(&inner, &name, |environment| environment.status = Status::Ready);
}

/// The instances go, and new ones come with the version. How many, is the group's: nobody who changes that meanwhile is in the way.
async fn replace(inner: &Inner, environment: &Environment) -> Result<(), String> {
    let Some(group) = environment.parts.group.as_deref() else { return Err("It has no instances.".to_owned()) };
    let data = user_data(inner, environment);
    let template = [("LaunchTemplateName", group), ("LaunchTemplateData.UserData", &data)];
    let made = call(inner, "ec2", "CreateLaunchTemplateVersion", &template).await?;
    let version = element(&made, "versionNumber").ok_or("no version of the launch template")?;
    let update = [
        ("AutoScalingGroupName", group),
        ("LaunchTemplate.LaunchTemplateName", group),
        ("LaunchTemplate.Version", &version),
    ];
    call(inner, AUTOSCALING, "UpdateAutoScalingGroup", &update).await?;
    look(inner, environment).await;
    let instances = |inner: &Inner| copy(inner, &environment.name).map(|one| one.parts.instances).unwrap_or_default();
    let before = instances(inner);
    for instance in &before {
        // One that is going already needs no more.
        let unhealthy = [("InstanceId", instance.as_str()), ("HealthStatus", "Unhealthy")];
        let _ = call(inner, AUTOSCALING, "SetInstanceHealth", &unhealthy).await;
    }
    while look(inner, environment).await == 0 || instances(inner).iter().any(|instance| before.contains(instance)) {
        inner.sleep(LOOK).await;
    }
    Ok(())
}

/// Exchanges the names of two environments that are updating.
pub(crate) async fn swap(inner: Arc<Inner>, pair: [String; 2]) {
    inner.sleep(SWAP[0]).await;
    {
        let mut state = inner.state();
        let [first, second] = pair.each_ref().map(|name| state.environments.get(name).map(|one| one.cname.clone()));
        if let (Some(first), Some(second)) = (first, second) {
            for (name, cname) in pair.iter().zip([second, first]) {
                let at = inner.clock.now_millis();
                state.moves.push(Move { at, instant: Instant::now(), name: cname.clone(), environment: name.clone() });
                if let Some(environment) = state.environments.get_mut(name) {
                    environment.cname = cname;
                }
            }
        }
    }
    inner.sleep(SWAP[1]).await;
    for name in &pair {
        change(&inner, name, |environment| environment.status = Status::Ready);
        tell(
            &inner,
            name,
            "INFO",
            format!("Completed swapping CNAMEs for environments '{}' and '{}'.", pair[0], pair[1]),
        );
    }
}

/// Takes everything down that an environment is made of.
pub(crate) async fn terminate(inner: Arc<Inner>, name: String) {
    let Some(environment) = copy(&inner, &name) else { return };
    tell(&inner, &name, "INFO", "terminateEnvironment is starting.");
    let parts = environment.parts;
    // One that it shares is others', too.
    let own_load_balancer = parts.load_balancer.filter(|_| parts.rule.is_none());
    let calls = [
        (AUTOSCALING, "DeleteAutoScalingGroup", "AutoScalingGroupName", parts.group),
        (ELB, "DeleteListener", "ListenerArn", parts.listener),
        (ELB, "DeleteRule", "RuleArn", parts.rule),
        (ELB, "DeleteLoadBalancer", "LoadBalancerArn", own_load_balancer),
        (ELB, "DeleteTargetGroup", "TargetGroupArn", parts.target_group),
    ];
    for (service, action, key, value) in calls {
        let Some(value) = value else { continue };
        let mut fields = vec![(key, value.as_str())];
        if service == AUTOSCALING {
            fields.push(("ForceDelete", "true"));
        }
        if let Err(problem) = call(&inner, service, action, &fields).await {
            tell(&inner, &name, "WARN", problem);
        }
    }
    inner.sleep(LOOK).await;
    inner.state().environments.remove(&name);
    tell(&inner, &name, "INFO", "terminateEnvironment completed successfully.");
}

/// Gives a name its relay, where it has none.
pub(crate) fn publish(inner: &Arc<Inner>, cname: &str) {
    let mut state = inner.state();
    if !state.relayed.iter().any(|known| known == cname) {
        state.relayed.push(cname.to_owned());
        inner.spawn(domain::relay(Arc::clone(inner), cname.to_owned(), PORT));
    }
}

/// The options of a new environment: of a template, and its own.
pub(crate) fn merged(template: Option<&Options>, own: Options) -> Options {
    let mut options = template.cloned().unwrap_or_default();
    options.0.extend(own.0);
    options
}

fn copy(inner: &Inner, name: &str) -> Option<Environment> {
    inner.state().environments.get(name).cloned()
}

fn change(inner: &Inner, name: &str, change: impl FnOnce(&mut Environment)) {
    if let Some(environment) = inner.state().environments.get_mut(name) {
        change(environment);
    }
}

fn tell(inner: &Inner, name: &str, severity: &'static str, message: impl Into<String>) {
    let now = inner.clock.now_millis();
    inner.state().note(now, name, severity, message);
}
