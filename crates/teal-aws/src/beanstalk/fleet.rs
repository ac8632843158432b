//! Environments as what runs blue and green.

use super::environment::{Environment, text};
use super::{Beanstalk, DESCRIBE, number_of, what};
use crate::Aws;
use crate::ec2_autoscaling::ScalingGroups;
use crate::fleet::{GreenOnAws, RunnerOnAws};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use teal::fleet::{AutoScalingGroup, BeanstalkEnvironment, GreenOrder, Runner};
use teal::plan::{BeanstalkGreen, FormerBlue};
use teal::ports::{CapacityHold, PortError, PortResult, Progress, RunnerReading, Scaling, Survey};
use teal::route::{Colours, Destination};

const CREATE: &str = "elasticbeanstalk:CreateEnvironment";
const DELETE_TEMPLATE: &str = "elasticbeanstalk:DeleteConfigurationTemplate";

/// How many of an environment's latest warnings and errors are passed on.
const EVENTS: u32 = 3;

/// Where an application keeps what often is secret.
const VARIABLES: &str = "aws:elasticbeanstalk:application:environment";

impl GreenOnAws for BeanstalkGreen {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey> {
        let (beanstalk, green) = (Beanstalk(aws), self);
        let [blue_name, green_name] = beanstalk.names_by_colour(green, colours).await?;
        let found = beanstalk.environments(&[&blue_name, &green_name]).await?;
        let named = |name: &str| found.iter().find(|environment| environment.name() == name);
        let blue = named(&blue_name).ok_or_else(|| PortError::NotFound { what: what(&blue_name) })?;
        let present = named(&green_name);
        operations_role(blue)?;
        if let Some(present) = present {
            require_usable(present, blue)?;
        }
        beanstalk.require_version(blue.application(), green.version_label.as_str()).await?;
        let by_name = matches!(colours.blue, Destination::Environment(_));
        let blue_settings = match by_name || present.is_some() {
            true => beanstalk.configuration(blue).await?,
            false => BTreeMap::new(),
        };
        if by_name {
            require_own_load_balancer(blue, &blue_settings)?;
        }
        // Without a green there is nothing to compare them with.
        let [blue_settings, green_settings] = match present {
            Some(present) => [blue_settings, beanstalk.configuration(present).await?],
            None => Default::default(),
        };
        let reading = |runner: Runner, desired, settings| RunnerReading { runner, desired, settings };
        let desired = number_of(beanstalk.resources(&blue_name).await?.instances().len());
        let green_runner = runner(&green_name, present.is_some());
        Ok(Survey {
            blue: reading(runner(&blue_name, green.blue == FormerBlue::Keep), desired, blue_settings),
            present: present.map(|_| reading(green_runner.clone(), 0, green_settings)),
            green: green_runner,
            runs: green.version_label.to_string(),
            lacking: match present {
                Some(_) => Vec::new(),
                None => vec![format!(
                    "environment {green_name} is made with blue's configuration, without its tags and without what was \
                     changed on it past Elastic Beanstalk"
                )],
            },
            green_version: BTreeMap::new(),
            blue_version: BTreeMap::new(),
        })
    }
}

impl RunnerOnAws for BeanstalkEnvironment {
    async fn scaling(&self, aws: &Aws) -> PortResult<Option<Scaling>> {
        Beanstalk(aws).scaling_group_of(&self.environment).await?.scaling(aws).await
    }

    async fn hold_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        Beanstalk(aws).scaling_group_of(&self.environment).await?.hold_capacity(aws, hold).await
    }

    async fn free_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()> {
        Beanstalk(aws).scaling_group_of(&self.environment).await?.free_capacity(aws, hold).await
    }

    /// Creates the environment with blue's configuration, or gives the one that is there the version.
    async fn bring_up(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()> {
        let (beanstalk, green_name) = (Beanstalk(aws), self.environment.as_str());
        let found = beanstalk.environments(&[order.blue.name(), green_name]).await?;
        let named = |name: &str| found.iter().find(|environment| environment.name() == name);
        let unavailable = |green: &Environment| {
            let message = format!("{} is {}", what(green_name), green.status());
            Err(PortError::Unavailable { call: CREATE, message })
        };
        match named(green_name) {
            Some(green) if green.is_leaving() => unavailable(green),
            Some(green) if green.version() == order.runs => Ok(()),
            Some(green) if green.is_ready() => {
                let input = json!({"EnvironmentName": green_name, "VersionLabel": order.runs});
                let call = "elasticbeanstalk:UpdateEnvironment";
                aws.beanstalk().call(call, &what(green_name), &input).await.map(|_| ())
            }
            Some(green) => unavailable(green),
            None => {
                let blue = named(order.blue.name());
                let blue = blue.ok_or_else(|| PortError::NotFound { what: order.blue.to_string() })?;
                beanstalk.create_environment(blue, green_name, &order.runs).await
            }
        }
    }

    /// Gives green blue's size, and puts its instances behind green's target group where there is one, as soon as it has a group.
    async fn bring_on(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()> {
        let (beanstalk, green_name) = (Beanstalk(aws), self.environment.as_str());
        let present = beanstalk.environment(green_name).await?;
        if present.is_none_or(|green| green.is_leaving()) {
            return Ok(());
        }
        let resources = beanstalk.resources(green_name).await?;
        let Some(group) = resources.group() else { return Ok(()) };
        if let Destination::TargetGroup(arn) = &order.colours.green {
            ScalingGroups(aws).attach(group, arn.as_str()).await?;
        }
        match &order.hold {
            Some(hold) => AutoScalingGroup { group: group.to_owned() }.hold_capacity(aws, hold).await,
            None => Ok(()),
        }
    }

    async fn progress_of_green(&self, aws: &Aws, order: &GreenOrder) -> PortResult<Progress> {
        let (beanstalk, name) = (Beanstalk(aws), self.environment.as_str());
        let Some(green) = beanstalk.environment(name).await? else {
            let events = beanstalk.events(name).await?;
            return Ok(Progress { desired: 0, running: 0, current: false, failed: None, events });
        };
        let current = green.is_well() && green.version() == order.runs;
        let running = match current {
            true => number_of(beanstalk.resources(name).await?.instances().len()),
            false => 0,
        };
        let mut events = Vec::new();
        if !current || running < order.desired {
            events = beanstalk.events(name).await?;
            events.insert(0, green.condition());
        }
        let failed = green.is_leaving().then(|| format!("{} is {}", what(name), events.join("; ")));
        Ok(Progress { desired: order.desired, running, current, failed, events })
    }

    async fn progress(&self, aws: &Aws) -> PortResult<Progress> {
        let (beanstalk, name) = (Beanstalk(aws), self.environment.as_str());
        let none = Progress { desired: 0, running: 0, current: true, failed: None, events: Vec::new() };
        let Some(environment) = beanstalk.environment(name).await? else { return Ok(none) };
        let running = match beanstalk.resources(name).await {
            Ok(resources) => number_of(resources.instances().len()),
            // It has gone in between.
            Err(PortError::NotFound { .. } | PortError::Refused { .. }) if environment.is_leaving() => 0,
            Err(error) => return Err(error),
        };
        let desired = if environment.is_leaving() { 0 } else { running };
        Ok(Progress { desired, running, ..none })
    }

    async fn scale_out(&self, aws: &Aws, instances: u32) -> PortResult<()> {
        Beanstalk(aws).scaling_group_of(&self.environment).await?.scale_out(aws, instances).await
    }

    /// Terminates an environment with everything that it is made of.
    async fn scale_in(&self, aws: &Aws) -> PortResult<()> {
        const CALL: &str = "elasticbeanstalk:TerminateEnvironment";
        let (beanstalk, name) = (Beanstalk(aws), self.environment.as_str());
        let Some(environment) = beanstalk.environment(name).await?.filter(|found| !found.is_leaving()) else {
            return Ok(());
        };
        match aws.beanstalk().call(CALL, &what(name), &json!({"EnvironmentId": environment.id()})).await {
            Ok(_) => Ok(()),
            // Something is still done to it, such as launching.
            Err(PortError::Refused { message, .. }) if !environment.is_ready() => {
                Err(PortError::Unavailable { call: CALL, message })
            }
            Err(error) => Err(error),
        }
    }
}

impl Beanstalk<'_> {
    /// A configuration template made of an environment has all its settings, platform included, as "Clone environment" takes them. One
    /// that is left from a run that was killed may be older than blue's settings.
    async fn create_environment(self, blue: &Environment, name: &str, version: &str) -> PortResult<()> {
        let (application, template) = (blue.application(), format!("teal-{name}"));
        let role = operations_role(blue)?;
        self.delete_template(application, &template).await?;
        let input = json!({"ApplicationName": application, "TemplateName": template, "EnvironmentId": blue.id()});
        let call = "elasticbeanstalk:CreateConfigurationTemplate";
        self.0.beanstalk().call(call, &format!("configuration template {template}"), &input).await?;
        let input = json!({
            "ApplicationName": application,
            "EnvironmentName": name,
            "Description": format!("Made by Teal like {}", blue.name()),
            "TemplateName": template,
            "VersionLabel": version,
            "OperationsRole": role,
        });
        self.0.beanstalk().call(CREATE, &what(name), &input).await?;
        // The environment has a copy of it.
        self.delete_template(application, &template).await
    }

    /// A template that is not there is deleted.
    async fn delete_template(self, application: &str, template: &str) -> PortResult<()> {
        let input = json!({"ApplicationName": application, "TemplateName": template});
        match self.0.beanstalk().call(DELETE_TEMPLATE, &format!("configuration template {template}"), &input).await {
            Ok(_) | Err(PortError::NotFound { .. } | PortError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Blue's environment and green's.
    async fn names_by_colour(self, green: &BeanstalkGreen, colours: &Colours) -> PortResult<[String; 2]> {
        if let (Destination::Environment(blue), Destination::Environment(green)) = (&colours.blue, &colours.green) {
            return Ok([blue.to_string(), green.to_string()]);
        }
        let Some(pair) = &green.environments else {
            let message = "the plan names no environments".to_owned();
            return Err(PortError::Refused { call: DESCRIBE, message });
        };
        let names = pair.each_ref().map(|name| name.to_string());
        let mut serving = Vec::new();
        for environment in self.environments(&names.each_ref().map(String::as_str)).await? {
            let resources = self.resources(environment.name()).await?;
            let Some(group) = resources.group().filter(|_| !environment.is_leaving()) else { continue };
            if ScalingGroups(self.0).is_behind(group, colours.blue.as_str()).await? {
                serving.push(environment.name().to_owned());
            }
        }
        let [first, second] = names;
        match serving.as_slice() {
            [blue] if *blue == first => Ok([first, second]),
            [_] => Ok([second, first]),
            [] => Err(PortError::NotFound {
                what: format!(
                    "an environment that serves blue (of {first} and {second}, whose Auto Scaling group is attached to \
                     blue's target group {})",
                    colours.blue
                ),
            }),
            _ => Err(PortError::Refused {
                call: DESCRIBE,
                message: format!(
                    "the groups of both {first} and {second} are attached to blue's target group {}. Detach the one that is \
                     not to serve",
                    colours.blue
                ),
            }),
        }
    }

    /// Refuses a version that cannot be deployed.
    async fn require_version(self, application: &str, label: &str) -> PortResult<()> {
        let input = json!({"ApplicationName": application, "VersionLabels": [label]});
        let what = format!("application version {label} of {application}");
        let call = "elasticbeanstalk:DescribeApplicationVersions";
        let answer = self.0.beanstalk().call(call, &what, &input).await?;
        let found = answer.get("ApplicationVersions").and_then(Value::as_array).and_then(|found| found.first());
        match found.map(|version| text(version, "Status")) {
            None => Err(PortError::NotFound { what }),
            Some("Failed") => {
                Err(PortError::Refused { call, message: format!("{what} could not be built or processed") })
            }
            Some(_) => Ok(()),
        }
    }

    /// Everything that a person may have set on an environment, by namespace and name. Of what may be secret only a fingerprint.
    async fn configuration(self, environment: &Environment) -> PortResult<BTreeMap<String, Value>> {
        let name = environment.name();
        let input = json!({"ApplicationName": environment.application(), "EnvironmentName": name});
        let call = "elasticbeanstalk:DescribeConfigurationSettings";
        let answer = self.0.beanstalk().call(call, &what(name), &input).await?;
        let deployed = answer.pointer("/ConfigurationSettings/0/OptionSettings").and_then(Value::as_array);
        Ok(deployed.into_iter().flatten().filter_map(setting).collect())
    }

    /// The newest warnings and errors about an environment.
    async fn events(self, name: &str) -> PortResult<Vec<String>> {
        let input = json!({"EnvironmentName": name, "Severity": "WARN", "MaxRecords": EVENTS});
        let answer = self.0.beanstalk().call("elasticbeanstalk:DescribeEvents", &what(name), &input).await?;
        let found = answer.get("Events").and_then(Value::as_array).into_iter().flatten();
        Ok(found.map(|event| text(event, "Message").to_owned()).collect())
    }
}

/// An option of an environment with its value; none where that is unset, or a name that Elastic Beanstalk gave.
fn setting(option: &Value) -> Option<(String, Value)> {
    let (namespace, name, value) = (text(option, "Namespace"), text(option, "OptionName"), option.get("Value")?);
    if !text(option, "ResourceName").is_empty() && namespace.starts_with("aws:cloudformation") {
        return None;
    }
    let shown = if namespace == VARIABLES {
        let mut hasher = DefaultHasher::new();
        value.as_str().unwrap_or_default().hash(&mut hasher);
        json!(format!("a value ({:08x})", hasher.finish() & 0xffff_ffff))
    } else {
        value.clone()
    };
    Some((format!("{namespace}:{name}"), shown))
}

/// Without such a role Elastic Beanstalk would act with Teal's permissions, and Teal has none for what environments are made of.
fn operations_role(blue: &Environment) -> PortResult<&str> {
    blue.operations_role().ok_or_else(|| PortError::Refused {
        call: DESCRIBE,
        message: format!(
            "environment {} has no operations role, so Elastic Beanstalk would need Teal's permissions for all that it is made \
             of. Give it one: aws elasticbeanstalk associate-environment-operations-role",
            blue.name()
        ),
    })
}

/// Refuses to swap the names of environments on a load balancer that they share: both names lead to it, and it goes by rules that have the
/// names in them, of which nothing says that a swap exchanges them. What it counts is everybody's besides.
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/environments-cfg-alb-shared.html>
fn require_own_load_balancer(blue: &Environment, settings: &BTreeMap<String, Value>) -> PortResult<()> {
    let is_set = |name: &str, is: fn(&str) -> bool| settings.get(name).and_then(Value::as_str).is_some_and(is);
    let is_shared = is_set("aws:elasticbeanstalk:environment:LoadBalancerIsShared", |value| value == "true")
        || is_set("aws:elbv2:loadbalancer:SharedLoadBalancer", |value| !value.is_empty());
    if !is_shared {
        return Ok(());
    }
    let message = format!(
        "environment {} shares its load balancer with others, so that a swap of names may not move its traffic. Add a rule \
         with two target groups to that load balancer's listener, and release by traffic.alb.rules with \
         green.beanstalk.environments",
        blue.name()
    );
    Err(PortError::Refused { call: DESCRIBE, message })
}

/// Refuses a green that is being changed, or that belongs to another application.
fn require_usable(green: &Environment, blue: &Environment) -> PortResult<()> {
    let problem = if green.application() != blue.application() {
        format!("belongs to application {}, blue to {}", green.application(), blue.application())
    } else if !green.is_ready() {
        format!("is {}; start again when it is ready or gone", green.status())
    } else {
        return Ok(());
    };
    Err(PortError::Refused { call: DESCRIBE, message: format!("{} is to be green and {problem}", what(green.name())) })
}

fn runner(name: &str, kept: bool) -> Runner {
    Runner::Beanstalk(BeanstalkEnvironment { environment: name.to_owned(), kept })
}
