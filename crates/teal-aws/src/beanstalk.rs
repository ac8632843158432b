//! Environments of AWS Elastic Beanstalk: as what runs blue and green, and as what a domain name leads to.
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/api/Welcome.html>
//!
//! Elastic Beanstalk acts on an environment's load balancer, group and instances with the permissions of its operations role, so
//! that Teal needs none of them.

mod cname;
mod environment;
mod fleet;
#[cfg(test)]
mod tests;

use crate::router::DestinationOnAws;
use crate::{Aws, json, query};
use environment::{Environment, Resources};
use serde_json::{Value, json};
use teal::fleet::AutoScalingGroup;
use teal::plan::EnvironmentName;
use teal::ports::{DestinationReading, Entrance, PortError, PortResult, Target};

pub(crate) const BEANSTALK: query::Service = query::Service {
    endpoint: json::Service { name: "elasticbeanstalk", target: "", version: "", id: "elastic-beanstalk" },
    version: "2010-12-01",
};

const DESCRIBE: &str = "elasticbeanstalk:DescribeEnvironments";

/// Elastic Beanstalk's environments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beanstalk<'a>(pub(crate) &'a Aws);

impl DestinationOnAws for EnvironmentName {
    /// It has no settings of its own: they are those of what runs there.
    async fn destination(&self, _aws: &Aws) -> PortResult<DestinationReading> {
        Ok(DestinationReading::default())
    }

    /// The instances of an environment, each as well as the whole is; none where there is no such environment.
    async fn targets(&self, aws: &Aws) -> PortResult<Vec<Target>> {
        let (beanstalk, name) = (Beanstalk(aws), self.as_str());
        let Some(environment) = beanstalk.environment(name).await? else { return Ok(Vec::new()) };
        let resources = beanstalk.resources(name).await?;
        let target = |id: &str| Target {
            id: id.to_owned(),
            port: None,
            health: environment.health(),
            reason: Some(environment.condition()),
        };
        Ok(resources.instances().into_iter().map(target).collect())
    }

    /// The environment's own load balancer, which serves it whatever its domain name is.
    async fn entrance(&self, aws: &Aws) -> PortResult<Option<Entrance>> {
        let (beanstalk, name) = (Beanstalk(aws), self.as_str());
        let environment = beanstalk.environment(name).await?;
        let Some(environment) = environment.filter(|found| !found.endpoint().is_empty()) else { return Ok(None) };
        let resources = beanstalk.resources(name).await?;
        Ok(Some(Entrance {
            url: format!("http://{}", environment.endpoint()),
            load_balancer: resources.load_balancer().map(str::to_owned),
        }))
    }
}

impl Beanstalk<'_> {
    async fn environment(self, name: &str) -> PortResult<Option<Environment>> {
        Ok(self.environments(&[name]).await?.into_iter().next())
    }

    /// Those of the environments that there are, one after the other.
    async fn environments(self, names: &[&str]) -> PortResult<Vec<Environment>> {
        let input = json!({"EnvironmentNames": names, "IncludeDeleted": false});
        let what = format!("environments {}", names.join(" and "));
        let answer = self.0.beanstalk().call(DESCRIBE, &what, &input).await?;
        let found = answer.get("Environments").and_then(Value::as_array).into_iter().flatten();
        Ok(found.cloned().map(Environment::new).filter(|one| one.status() != "Terminated").collect())
    }

    async fn resources(self, name: &str) -> PortResult<Resources> {
        let input = json!({"EnvironmentName": name});
        let call = "elasticbeanstalk:DescribeEnvironmentResources";
        let mut answer = self.0.beanstalk().call(call, &what(name), &input).await?;
        Ok(Resources { document: answer.get_mut("EnvironmentResources").map(Value::take).unwrap_or_default() })
    }

    /// The Auto Scaling group of an environment.
    async fn scaling_group_of(self, name: &str) -> PortResult<AutoScalingGroup> {
        let resources = self.resources(name).await?;
        let missing = || PortError::NotFound { what: format!("the Auto Scaling group of {}", what(name)) };
        let group = resources.group().ok_or_else(missing)?.to_owned();
        Ok(AutoScalingGroup { group })
    }
}

fn what(name: &str) -> String {
    format!("environment {name}")
}

fn number_of(instances: usize) -> u32 {
    u32::try_from(instances).unwrap_or(u32::MAX)
}
