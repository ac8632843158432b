//! The values of a plan that are written as one string, by their names in the JSON Schema.

use super::{
    AlarmName, AliasName, AppConfigId, AutoScalingGroupName, BaseUrl, CheckPath, CloudWatchName, Cluster,
    CodeDeployName, ColouredName, CountStatistic, EcsServiceName, EnvironmentDomain, EnvironmentName, ExternalId,
    FlagKey, FunctionName, FunctionVersionNumber, HeaderName, HeaderValue, LambdaFunctionName, LaunchTemplateVersion,
    ListenerArn, LogCommands, LogField, LogGroup, LogText, MathExpression, MathId, MetricName, ParameterPath,
    Percentile, ProjectName, ReleaseRoleArn, RuleArn, ServiceName, TargetGroupArn, TaskDefinition, VariableName,
    VariableValue, Version, VersionLabel,
};
use crate::strategy::GateName;
use crate::units::{Invalid, Latency, Percent, Share, Span, Text};

/// A kind of value that is written as one string.
pub(super) struct TextKind {
    pub(super) name: &'static str,
    pub(super) noun: &'static str,
    pub(super) pattern: &'static str,
    pub(super) example: &'static str,
    pub(super) unit: Option<&'static str>,
    /// Whether a message may repeat such a value.
    pub(super) may_be_shown: bool,
    pub(super) check: fn(&str) -> Result<(), Invalid>,
}

const fn kind<T: Text>() -> TextKind {
    TextKind {
        name: T::NAME,
        noun: T::NOUN,
        pattern: T::PATTERN,
        example: T::EXAMPLES[0],
        unit: T::UNIT,
        may_be_shown: true,
        check: |text| text.parse::<T>().map(drop),
    }
}

const KINDS: [TextKind; 47] = [
    kind::<AlarmName>(),
    kind::<AliasName>(),
    kind::<AppConfigId>(),
    kind::<BaseUrl>(),
    kind::<CheckPath>(),
    kind::<CloudWatchName>(),
    kind::<Cluster>(),
    kind::<CodeDeployName>(),
    kind::<CountStatistic>(),
    kind::<ColouredName>(),
    kind::<AutoScalingGroupName>(),
    kind::<LaunchTemplateVersion>(),
    kind::<EcsServiceName>(),
    kind::<ExternalId>(),
    kind::<FlagKey>(),
    kind::<EnvironmentDomain>(),
    kind::<EnvironmentName>(),
    kind::<FunctionName>(),
    kind::<FunctionVersionNumber>(),
    kind::<GateName>(),
    kind::<HeaderName>(),
    // Somebody will put a token there.
    TextKind { may_be_shown: false, ..kind::<HeaderValue>() },
    kind::<LambdaFunctionName>(),
    kind::<Latency>(),
    kind::<ListenerArn>(),
    kind::<LogCommands>(),
    kind::<LogField>(),
    kind::<LogGroup>(),
    kind::<LogText>(),
    kind::<MathExpression>(),
    kind::<MathId>(),
    kind::<MetricName>(),
    kind::<ParameterPath>(),
    kind::<Percent>(),
    kind::<Percentile>(),
    kind::<ProjectName>(),
    kind::<ReleaseRoleArn>(),
    kind::<RuleArn>(),
    kind::<ServiceName>(),
    kind::<Share>(),
    kind::<Span>(),
    kind::<TargetGroupArn>(),
    kind::<TaskDefinition>(),
    kind::<VariableName>(),
    TextKind { may_be_shown: false, ..kind::<VariableValue>() },
    kind::<Version>(),
    kind::<VersionLabel>(),
];

/// The kind with this name in the JSON Schema.
pub(super) fn by_name(name: &str) -> Option<&'static TextKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The kind with this pattern: schemars describes the keys of a map by their pattern alone.
pub(super) fn by_pattern(pattern: &str) -> Option<&'static TextKind> {
    KINDS.iter().find(|kind| kind.pattern == pattern)
}
