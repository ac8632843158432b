//! An environment as DescribeEnvironments shows it.
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_EnvironmentDescription.html>

use serde_json::Value;
use teal::ports::TargetHealth;

#[derive(Debug)]
pub(super) struct Environment {
    document: Value,
}

impl Environment {
    pub(super) fn new(document: Value) -> Self {
        Self { document }
    }

    /// A member that is a text; empty where there is none.
    fn text(&self, member: &str) -> &str {
        text(&self.document, member)
    }

    pub(super) fn name(&self) -> &str {
        self.text("EnvironmentName")
    }

    pub(super) fn id(&self) -> &str {
        self.text("EnvironmentId")
    }

    pub(super) fn application(&self) -> &str {
        self.text("ApplicationName")
    }

    pub(super) fn version(&self) -> &str {
        self.text("VersionLabel")
    }

    pub(super) fn status(&self) -> &str {
        self.text("Status")
    }

    pub(super) fn cname(&self) -> &str {
        self.text("CNAME")
    }

    /// The name of its load balancer, or the address of its only instance; empty while it has neither.
    pub(super) fn endpoint(&self) -> &str {
        self.text("EndpointURL")
    }

    /// The role with whose permissions Elastic Beanstalk acts on what the environment is made of.
    pub(super) fn operations_role(&self) -> Option<&str> {
        Some(self.text("OperationsRole")).filter(|role| !role.is_empty())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status() == "Ready"
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.status(), "Terminating" | "Terminated")
    }

    /// Whether something is done to it that may be a swap of domain names.
    pub(super) fn is_changing(&self) -> bool {
        matches!(self.status(), "Updating" | "Aborting" | "LinkingFrom" | "LinkingTo")
    }

    /// Whether it has come up, and nothing is wrong with it.
    pub(super) fn is_well(&self) -> bool {
        self.is_ready() && self.text("Health") == "Green"
    }

    /// What its colour means for what it answers. Yellow is a warning: it serves.
    /// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/health-enhanced-status.html>
    pub(super) fn health(&self) -> TargetHealth {
        match (self.status(), self.text("Health")) {
            ("Launching", _) => TargetHealth::Initial,
            ("Terminating" | "Terminated", _) => TargetHealth::Draining,
            (_, "Green" | "Yellow") => TargetHealth::Healthy,
            (_, "Red") => TargetHealth::Unhealthy,
            // Grey: it is not watched, or there is no data.
            _ => TargetHealth::Unavailable,
        }
    }

    /// Status, colour and, with enhanced health reporting, health status, for people.
    pub(super) fn condition(&self) -> String {
        let (status, colour) = (self.status(), self.text("Health"));
        match self.text("HealthStatus") {
            "" => format!("{status}, health {colour}"),
            health => format!("{status}, health {colour} ({health})"),
        }
    }
}

/// What an environment is made of, as DescribeEnvironmentResources shows it.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) document: Value,
}

impl Resources {
    fn list(&self, member: &str) -> &[Value] {
        self.document.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The identifiers of its instances.
    pub(super) fn instances(&self) -> Vec<&str> {
        self.list("Instances").iter().map(|instance| text(instance, "Id")).collect()
    }

    /// The group that its instances are in; none while it is being made.
    pub(super) fn group(&self) -> Option<&str> {
        self.list("AutoScalingGroups").first().map(|group| text(group, "Name"))
    }

    /// Of an Application Load Balancer `app/name/id`. A classic one is called by its name alone.
    pub(super) fn load_balancer(&self) -> Option<&str> {
        let named = self.list("LoadBalancers").iter().map(|balancer| text(balancer, "Name"));
        named
            .filter_map(|name| name.split_once(":loadbalancer/"))
            .map(|(_, path)| path)
            .find(|path| path.starts_with("app/"))
    }
}

/// A text among a document's members, empty where there is none.
pub(super) fn text<'a>(document: &'a Value, member: &str) -> &'a str {
    document.get(member).and_then(Value::as_str).unwrap_or_default()
}
