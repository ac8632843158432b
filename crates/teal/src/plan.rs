//! The release plan: the user's document, as one type.
//!
//! [`Plan::check`] turns a document into a [`CheckedPlan`] or says everything that is wrong with it. Reading a [`Plan`] with
//! serde alone checks each value but no rule that spans several: it is meant for plans that were checked before, such
//! as the one in a release's record.

mod account;
mod afterwards;
pub(crate) mod arn;
pub(crate) mod check;
mod cloudwatch;
pub mod defaults;
mod judge;
pub mod limits;
mod logs;
mod metrics;
pub(crate) mod name;
mod parameter;
pub(crate) mod problem;
mod reference;
mod shifted;
pub(crate) mod texts;
mod traffic;
mod url;
mod validate;

pub use account::{Account, ExternalId, ReleaseRoleArn};
pub use afterwards::{Afterwards, FlagStep};
pub use arn::{ListenerArn, RuleArn, TargetGroupArn};
pub use check::CheckedPlan;
pub use cloudwatch::{
    COLOUR_PLACEHOLDERS, CloudWatchName, CloudWatchPair, ColouredName, CountMath, CountMetric, CountSeries,
    CountStatistic, LOAD_BALANCER_PLACEHOLDER, MathExpression, MathId,
};
pub use judge::{
    AdvanceOn, AlarmName, InsufficientAction, Judge, LatencyLimit, Limits, OnInsufficient, Percentile, ShareLimit,
};
pub use logs::{LogCommands, LogField, LogGroup, LogQuery, LogSource, LogText, NewMessageAction, NewMessages};
pub use metrics::{Metric, MetricName, MetricSource, Noise, XRayGroups};
pub use name::{ServiceName, Version};
pub use parameter::{ParameterPath, WeightParameter};
pub use problem::{Path, Problem, Problems, Segment};
pub use reference::{Beside, PlanRef, StoredStart};
pub use shifted::{AppSpec, CodeDeployName, CodeDeployShift, EcsShift, ShiftedBy};
pub use traffic::{InstanceTest, RoutePlan, TestRoute, Traffic};
pub use url::{BaseUrl, is_own_machine, why_refused};
pub use validate::{
    CheckPath, CodeBuildCheck, Expectation, FunctionName, HeaderName, HeaderValue, HttpCheck, LambdaCheck, Method,
    ProjectName, Validate, VariableName, VariableValue,
};

pub use crate::fleet::{
    AutoScalingGreen, AutoScalingGroupName, BeanstalkGreen, Cluster, EcsGreen, EcsServiceName, EnvironmentName,
    ExternalGreen, FormerBlue, FunctionVersionNumber, Green, LambdaGreen, LaunchTemplateVersion, TaskDefinition,
    VersionLabel,
};
pub use crate::route::{
    AlbRoute, AliasName, AliasRoute, AppConfigId, CnameRoute, EnvironmentDomain, FlagKey, FlagRoute,
    LambdaFunctionName, NlbRoute, Turn,
};

use crate::route::Named;
use crate::strategy::Strategy;
use crate::units::Span;
use arn::{Home, home_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A release plan for Teal: what to release, how to shift the traffic to it, and what must hold on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The service that is released.
    pub service: ServiceName,
    /// The version that is released. Write it in quotes: 2.10 without them is the number 2.1.
    pub version: Version,
    /// The account that the service runs in, where that is not the one that Teal is installed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// What runs the new version.
    pub green: Green,
    /// What splits the traffic between blue and green.
    pub traffic: Traffic,
    /// Feature flags that are turned with the version, at most 5: for everybody once green has all the traffic, unless `flagSteps` says
    /// otherwise, and back before blue gets it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub flags: Vec<FlagRoute>,
    /// In which steps these flags are turned, at most 20: to rising shares of the users, once the version has baked without them. Without this
    /// they are turned for everybody at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub flag_steps: Vec<FlagStep>,
    /// In which steps the traffic moves to green.
    pub strategy: Strategy,
    /// What is tested on green before any production request reaches it.
    #[serde(default)]
    pub validate: Validate,
    /// What green is judged by while it takes traffic.
    #[serde(default)]
    pub judge: Judge,
    /// What happens once green has all the traffic.
    #[serde(default)]
    pub afterwards: Afterwards,
    /// How long the release may take from its start until the bake at 100% is over, gates included. A release that
    /// takes longer is rolled back.
    #[serde(default = "defaults::deadline")]
    pub deadline: Span,
    /// What happens when another release holds the route, or a part of it.
    #[serde(default)]
    pub on_busy: OnBusy,
}

impl Plan {
    /// The number of the account that the service runs in; `None` where that is Teal's own.
    #[must_use]
    pub fn account_number(&self) -> Option<&str> {
        self.account.as_ref().map(Account::number)
    }

    /// What the plan says of the two destinations that share the traffic.
    #[must_use]
    pub fn named(&self) -> Named {
        self.traffic.route.named(&self.green)
    }
}

/// What happens when another release holds the route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnBusy {
    /// This release is refused; the other one goes on.
    #[default]
    Refuse,
    /// The other one, if it was started earlier, is asked to go back to blue, and this one begins when that is verified. One
    /// that is past the point of no return is waited for.
    Supersede,
}
