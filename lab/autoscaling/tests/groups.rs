//! Groups with a registry that only takes notes, and instances that are a shell script.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use teal_lab_autoscaling::{AutoScaling, AutoScalingOptions, InstanceView};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, TargetAddress, TargetRegistry};

const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/blue/0123456789abcdef";
const GREEN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/green/0123456789abcdef";

#[derive(Default)]
struct Registry(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    registered: BTreeSet<(String, u16)>,
    draining: BTreeSet<u16>,
    unhealthy: BTreeSet<u16>,
    drains: bool,
}

impl Registry {
    fn ports(&self, group: &str) -> Vec<u16> {
        let notes = self.0.lock().unwrap();
        notes.registered.iter().filter(|(known, _)| known == group).map(|(_, port)| *port).collect()
    }
}

impl TargetRegistry for Registry {
    fn register(&self, group: &str, target: TargetAddress) -> Result<(), String> {
        assert!(self.0.lock().unwrap().registered.insert((group.to_owned(), target.address.port())));
        Ok(())
    }

    fn deregister(&self, group: &str, target: &TargetAddress) -> Result<(), String> {
        let mut notes = self.0.lock().unwrap();
        notes.registered.remove(&(group.to_owned(), target.address.port()));
        if notes.drains {
            notes.draining.insert(target.address.port());
        }
        Ok(())
    }

    fn is_unhealthy(&self, _: &str, target: &TargetAddress) -> bool {
        self.0.lock().unwrap().unhealthy.contains(&target.address.port())
    }

    fn is_draining(&self, _: &str, target: &TargetAddress) -> bool {
        self.0.lock().unwrap().draining.contains(&target.address.port())
    }
}

struct Lab {
    service: Arc<AutoScaling>,
    registry: Arc<Registry>,
    template: String,
}

impl Lab {
    /// With a launch template of one version.
    async fn start() -> Self {
        let registry = Arc::new(Registry::default());
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecs/tests/common/task.sh");
        let clock = LabClock::starting_now(60.0);
        let service = AutoScaling::new(clock, Arc::<Registry>::clone(&registry), AutoScalingOptions::new(program));
        let created = service
            .handle_ec2(request(
                "CreateLaunchTemplate",
                &[("LaunchTemplateName", "web"), ("LaunchTemplateData.ImageId", "ami-1")],
            ))
            .await;
        let template = text(&body(&created), "launchTemplateId");
        Self { service, registry, template }
    }

    async fn call(&self, action: &str, params: &[(&str, &str)]) -> Result<String, String> {
        let answer = self.service.handle(request(action, params)).await;
        let body = body(&answer);
        if answer.status.is_success() { Ok(body) } else { Err(text(&body, "Code")) }
    }

    async fn ok(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call(action, params).await.unwrap_or_else(|code| panic!("{action}: {code}"))
    }

    /// A new version whose instances get this environment.
    async fn version(&self, script: &str) -> String {
        use base64::Engine;
        let data = base64::prelude::BASE64_STANDARD.encode(script);
        let params = [
            ("LaunchTemplateId", self.template.as_str()),
            ("SourceVersion", "1"),
            ("LaunchTemplateData.UserData", data.as_str()),
        ];
        text(&body(&self.service.handle_ec2(request("CreateLaunchTemplateVersion", &params)).await), "versionNumber")
    }

    async fn group(&self, name: &str, version: &str, desired: &str, more: &[(&str, &str)]) -> Result<String, String> {
        let mut params = vec![
            ("AutoScalingGroupName", name),
            ("LaunchTemplate.LaunchTemplateId", self.template.as_str()),
            ("LaunchTemplate.Version", version),
            ("MinSize", "0"),
            ("MaxSize", "4"),
            ("DesiredCapacity", desired),
            ("VPCZoneIdentifier", "subnet-1,subnet-2"),
        ];
        params.extend_from_slice(more);
        self.call("CreateAutoScalingGroup", &params).await
    }

    async fn until(&self, what: &str, condition: impl Fn(&[InstanceView]) -> bool) -> Vec<InstanceView> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let instances = self.service.instances();
            if condition(&instances) {
                return instances;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}: {instances:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_in_service(&self, count: usize) -> Vec<InstanceView> {
        let all = |instances: &[InstanceView]| {
            instances.len() == count && instances.iter().all(|instance| instance.lifecycle == "InService")
        };
        self.until(&format!("{count} instances are in service"), all).await
    }
}

fn request(action: &str, params: &[(&str, &str)]) -> AwsRequest {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).extend_pairs(params);
    AwsRequest {
        method: http::Method::POST,
        uri: http::Uri::from_static("/"),
        headers: http::HeaderMap::new(),
        body: form.finish().into(),
    }
}

fn body(answer: &AwsAnswer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| rest.split_once(&close).map(|(inside, _)| inside.to_owned())).collect()
}

fn text(xml: &str, name: &str) -> String {
    texts(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

#[tokio::test]
async fn a_group_follows_its_desired_capacity_and_drains_what_it_terminates() {
    let lab = Lab::start().await;
    lab.group("web", "1", "3", &[("TargetGroupARNs.member.1", BLUE)]).await.unwrap();
    let running = lab.until_in_service(3).await;
    assert_eq!(lab.registry.ports(BLUE).len(), 3);

    lab.registry.0.lock().unwrap().drains = true;
    lab.ok("UpdateAutoScalingGroup", &[("AutoScalingGroupName", "web"), ("MaxSize", "1")]).await;
    let draining =
        |instances: &[InstanceView]| instances.iter().filter(|one| one.lifecycle == "Terminating").count() == 2;
    let both = lab.until("two instances drain", draining).await;
    assert_eq!(both.len(), 3, "they run until they have drained");
    // The zone with two instances gives its older one first, then the oldest of what is left.
    let going: Vec<_> = both.iter().filter(|one| one.lifecycle == "Terminating").map(|one| one.id.as_str()).collect();
    assert_eq!(going, [running[0].id.as_str(), running[1].id.as_str()]);
    lab.until("they left their target group", |_| lab.registry.ports(BLUE).len() == 1).await;
    lab.registry.0.lock().unwrap().draining.clear();
    lab.until_in_service(1).await;

    let described = lab.ok("DescribeAutoScalingGroups", &[]).await;
    assert_eq!((text(&described, "MinSize"), text(&described, "DesiredCapacity")), ("0".into(), "1".into()));
    let activities = lab.ok("DescribeScalingActivities", &[("AutoScalingGroupName", "web")]).await;
    assert_eq!(texts(&activities, "StatusCode"), ["Successful"; 5]);
}

#[tokio::test]
async fn instances_keep_the_version_they_were_launched_with() {
    let lab = Lab::start().await;
    lab.group("web", "$Latest", "1", &[]).await.unwrap();
    lab.until_in_service(1).await;
    let two = lab.version("#!/bin/sh\nexport TASK_IGNORES_SIGTERM=1\n").await;
    lab.ok("SetDesiredCapacity", &[("AutoScalingGroupName", "web"), ("DesiredCapacity", "2")]).await;
    let versions: Vec<u64> = lab.until_in_service(2).await.iter().map(|instance| instance.version).collect();
    assert_eq!((versions, two.as_str()), (vec![1, 2], "2"));
    let described = body(
        &lab.service
            .handle_ec2(request(
                "DescribeLaunchTemplateVersions",
                &[("LaunchTemplateName", "web"), ("LaunchTemplateVersion.1", "$Latest")],
            ))
            .await,
    );
    assert_eq!((texts(&described, "versionNumber"), text(&described, "imageId")), (vec!["2".into()], "ami-1".into()));
}

#[tokio::test]
async fn what_crashes_or_is_unhealthy_is_replaced_unless_that_is_suspended() {
    let lab = Lab::start().await;
    let checked = [("TargetGroupARNs.member.1", BLUE), ("HealthCheckType", "ELB"), ("HealthCheckGracePeriod", "10")];
    lab.group("web", "1", "1", &checked).await.unwrap();
    let first = lab.until_in_service(1).await.remove(0);
    assert!(lab.service.kill_instance(&first.id));
    let replaced = |than: &InstanceView| {
        let old = than.id.clone();
        move |now: &[InstanceView]| matches!(now, [one] if one.id != old && one.lifecycle == "InService")
    };
    let second = lab.until("the crashed one is replaced", replaced(&first)).await.remove(0);

    let suspended = [("AutoScalingGroupName", "web"), ("ScalingProcesses.member.1", "ReplaceUnhealthy")];
    lab.ok("SuspendProcesses", &suspended).await;
    lab.registry.0.lock().unwrap().unhealthy.insert(second.address.unwrap().port());
    let deadline = Instant::now() + Duration::from_secs(30);
    while text(&lab.ok("DescribeAutoScalingGroups", &[]).await, "HealthStatus") != "Unhealthy" {
        assert!(Instant::now() < deadline, "never unhealthy");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(lab.service.instances()[0].id, second.id);
    lab.ok("ResumeProcesses", &suspended).await;
    lab.until("the unhealthy one is replaced", replaced(&second)).await;
}

#[tokio::test]
async fn a_version_that_does_not_come_up_is_tried_again_and_told() {
    let lab = Lab::start().await;
    let bad = lab.version("export TASK_FAILS=3").await;
    lab.group("web", &bad, "1", &[]).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let activities = lab.ok("DescribeScalingActivities", &[]).await;
        if texts(&activities, "StatusCode").iter().filter(|status| *status == "Failed").count() >= 2 {
            assert!(text(&activities, "StatusMessage").contains("told to fail"), "{activities}");
            return;
        }
        assert!(Instant::now() < deadline, "{activities}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn target_groups_are_attached_and_detached_with_the_instances_that_run() {
    let lab = Lab::start().await;
    lab.group("web", "1", "2", &[("TrafficSources.member.1.Identifier", BLUE)]).await.unwrap();
    lab.until_in_service(2).await;
    let both = [("AutoScalingGroupName", "web"), ("TargetGroupARNs.member.1", GREEN)];
    lab.ok("AttachLoadBalancerTargetGroups", &both).await;
    assert_eq!((lab.registry.ports(BLUE).len(), lab.registry.ports(GREEN).len()), (2, 2));
    let sources = lab.ok("DescribeTrafficSources", &[("AutoScalingGroupName", "web")]).await;
    assert_eq!(
        (texts(&sources, "Identifier"), texts(&sources, "State")),
        (vec![BLUE.into(), GREEN.into()], vec!["InService".to_owned(); 2])
    );
    lab.ok("DetachTrafficSources", &[("AutoScalingGroupName", "web"), ("TrafficSources.member.1.Identifier", BLUE)])
        .await;
    assert_eq!((lab.registry.ports(BLUE).len(), lab.registry.ports(GREEN).len()), (0, 2));
    assert_eq!(
        lab.call(
            "DetachLoadBalancerTargetGroups",
            &[("AutoScalingGroupName", "web"), ("TargetGroupARNs.member.1", BLUE)]
        )
        .await
        .unwrap_err(),
        "ValidationError"
    );
}

#[tokio::test]
async fn protected_instances_stay_and_a_deleted_group_takes_all_with_it() {
    let lab = Lab::start().await;
    lab.group("web", "1", "2", &[("NewInstancesProtectedFromScaleIn", "true")]).await.unwrap();
    let instances = lab.until_in_service(2).await;
    let free = [
        ("AutoScalingGroupName", "web"),
        ("InstanceIds.member.1", instances[1].id.as_str()),
        ("ProtectedFromScaleIn", "false"),
    ];
    lab.ok("SetInstanceProtection", &free).await;
    lab.ok("SetDesiredCapacity", &[("AutoScalingGroupName", "web"), ("DesiredCapacity", "0")]).await;
    let left = lab.until_in_service(1).await;
    assert_eq!(left[0].id, instances[0].id);
    assert_eq!(
        lab.call("DeleteAutoScalingGroup", &[("AutoScalingGroupName", "web")]).await.unwrap_err(),
        "ResourceInUse"
    );
    lab.ok("DeleteAutoScalingGroup", &[("AutoScalingGroupName", "web"), ("ForceDelete", "true")]).await;
    lab.until_in_service(0).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while lab.ok("DescribeAutoScalingGroups", &[]).await.contains("<member>") {
        assert!(Instant::now() < deadline, "never deleted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn inputs_are_checked_and_lists_come_in_pages() {
    let lab = Lab::start().await;
    for name in ["a", "b", "c"] {
        lab.group(name, "1", "0", &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", name)]).await.unwrap();
    }
    let first = lab.ok("DescribeAutoScalingGroups", &[("MaxRecords", "2")]).await;
    assert_eq!(texts(&first, "AutoScalingGroupName"), ["a", "b"]);
    let rest = lab.ok("DescribeAutoScalingGroups", &[("NextToken", &text(&first, "NextToken"))]).await;
    assert_eq!(texts(&rest, "AutoScalingGroupName"), ["c"]);
    let of_b = [("Filters.member.1.Name", "tag:team"), ("Filters.member.1.Values.member.1", "b")];
    assert_eq!(texts(&lab.ok("DescribeAutoScalingGroups", &of_b).await, "AutoScalingGroupName"), ["b"]);

    assert_eq!(lab.group("a", "1", "0", &[]).await.unwrap_err(), "AlreadyExists");
    for (version, desired) in [("9", "0"), ("1", "5")] {
        assert_eq!(
            lab.group("new", version, desired, &[]).await.unwrap_err(),
            "ValidationError",
            "{version} {desired}"
        );
    }
    let named = ("AutoScalingGroupName", "a");
    for (action, params, code) in [
        ("UpdateAutoScalingGroup", vec![named, ("MinSize", "5")], "ValidationError"),
        ("UpdateAutoScalingGroup", vec![named, ("LaunchTemplate.LaunchTemplateName", "none")], "ValidationError"),
        ("UpdateAutoScalingGroup", vec![("AutoScalingGroupName", "none")], "ValidationError"),
        ("SetDesiredCapacity", vec![named, ("DesiredCapacity", "5")], "ValidationError"),
        ("SuspendProcesses", vec![named, ("ScalingProcesses.member.1", "Dance")], "ValidationError"),
        (
            "PutScalingPolicy",
            vec![named, ("PolicyName", "p"), ("PolicyType", "TargetTrackingScaling")],
            "ValidationError",
        ),
        ("DescribeAutoScalingGroups", vec![("NextToken", "x")], "InvalidNextToken"),
        ("TerminateEverything", vec![], "InvalidAction"),
    ] {
        assert_eq!(lab.call(action, &params).await.unwrap_err(), code, "{action} {params:?}");
    }

    let policy = [
        named,
        ("PolicyName", "cpu"),
        ("PolicyType", "TargetTrackingScaling"),
        ("TargetTrackingConfiguration.TargetValue", "50"),
        ("TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType", "ASGAverageCPUUtilization"),
    ];
    let arn = text(&lab.ok("PutScalingPolicy", &policy).await, "PolicyARN");
    let described = lab.ok("DescribePolicies", &[named]).await;
    assert_eq!((text(&described, "TargetValue"), text(&described, "PolicyARN")), ("50".into(), arn));
    let schedule = [
        named,
        ("ScheduledUpdateGroupActions.member.1.ScheduledActionName", "night"),
        ("ScheduledUpdateGroupActions.member.1.Recurrence", "0 22 * * *"),
        ("ScheduledUpdateGroupActions.member.1.MinSize", "1"),
        ("ScheduledUpdateGroupActions.member.2.ScheduledActionName", "empty"),
        ("ScheduledUpdateGroupActions.member.2.Recurrence", "0 22 * * *"),
    ];
    let failed = lab.ok("BatchPutScheduledUpdateGroupAction", &schedule).await;
    assert_eq!(texts(&failed, "ScheduledActionName"), ["empty"]);
    let described = lab.ok("DescribeScheduledActions", &[named]).await;
    assert_eq!((text(&described, "Recurrence"), texts(&described, "MinSize")), ("0 22 * * *".into(), vec!["1".into()]));
}

#[tokio::test]
async fn a_deployment_replaces_the_process_of_an_instance_that_stays() {
    let lab = Lab::start().await;
    lab.group("web", "1", "1", &[("TargetGroupARNs.member.1", BLUE)]).await.unwrap();
    let first = lab.until_in_service(1).await.remove(0);
    let (id, service) = (first.id.as_str(), &lab.service);
    assert_eq!(service.in_service("web").unwrap(), [id]);
    assert!(service.is_served(id, BLUE).unwrap() && !service.has_left(id, BLUE).unwrap());
    service.set_registered(id, BLUE, false).unwrap();
    assert!(!service.is_served(id, BLUE).unwrap() && service.has_left(id, BLUE).unwrap());
    assert!(service.start_application(id, "").await.unwrap_err().contains("runs already"));
    service.stop_application(id).await.unwrap();
    assert_eq!(service.instances()[0].pid, None);
    let problem = service.start_application(id, "export TASK_FAILS=3\n").await.unwrap_err();
    assert!(problem.contains("told to fail"), "{problem}");
    service.start_application(id, "export OTHER=1\n").await.unwrap();
    service.set_registered(id, BLUE, true).unwrap();
    let second = service.instances().remove(0);
    assert!(second.pid.is_some() && second.pid != first.pid && second.id == first.id);
    assert_eq!(lab.registry.ports(BLUE), [second.address.unwrap().port()]);
    let described = body(&service.handle_ec2(request("DescribeInstances", &[("InstanceId.1", id)])).await);
    assert_eq!(
        (text(&described, "name"), text(&described, "privateIpAddress")),
        ("running".into(), "127.0.0.1".into())
    );
    let other = service.handle_ec2(request("DescribeInstances", &[("InstanceId.1", "i-0123456789abcdef0")])).await;
    assert_eq!(text(&body(&other), "Code"), "InvalidInstanceID.NotFound");

    // One without a process ends, too.
    service.stop_application(id).await.unwrap();
    lab.ok("SetDesiredCapacity", &[("AutoScalingGroupName", "web"), ("DesiredCapacity", "0")]).await;
    lab.until("it is gone", <[InstanceView]>::is_empty).await;
    assert!(lab.registry.ports(BLUE).is_empty());
    assert!(service.stop_application(id).await.is_err());
}
