//! The values of a plan that are written as one string, by their names in the JSON Schema. Those of a kind of fleet or route are in its
//! facts.

use super::{
    AlarmName, BaseUrl, CheckPath, CloudWatchName, CodeDeployName, ColouredName, CountStatistic, ExternalId,
    FunctionName, HeaderName, HeaderValue, ListenerArn, LogCommands, LogField, LogGroup, LogText, MathExpression,
    MathId, MetricName, ParameterPath, Percentile, ProjectName, ReleaseRoleArn, RuleArn, ServiceName, TargetGroupArn,
    VariableName, VariableValue, Version,
};
use crate::fleet::Green;
use crate::route::RouteKind;
use crate::strategy::GateName;
use crate::units::{Invalid, Latency, Percent, Share, Span, Text};

/// A kind of value that is written as one string.
pub(crate) struct TextKind {
    pub(super) name: &'static str,
    pub(super) noun: &'static str,
    pub(super) pattern: &'static str,
    pub(super) example: &'static str,
    pub(super) unit: Option<&'static str>,
    /// Whether a message may repeat such a value.
    pub(super) may_be_shown: bool,
    pub(super) check: fn(&str) -> Result<(), Invalid>,
}

pub(crate) const fn kind<T: Text>() -> TextKind {
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

/// Those that belong to no kind of fleet or route.
const KINDS: [TextKind; 34] = [
    kind::<AlarmName>(),
    // Somebody will put a token there, or a password.
    TextKind { may_be_shown: false, ..kind::<BaseUrl>() },
    TextKind { may_be_shown: false, ..kind::<CheckPath>() },
    kind::<CloudWatchName>(),
    kind::<CodeDeployName>(),
    kind::<CountStatistic>(),
    kind::<ColouredName>(),
    kind::<ExternalId>(),
    kind::<FunctionName>(),
    kind::<GateName>(),
    kind::<HeaderName>(),
    TextKind { may_be_shown: false, ..kind::<HeaderValue>() },
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
    kind::<VariableName>(),
    TextKind { may_be_shown: false, ..kind::<VariableValue>() },
    kind::<Version>(),
];

fn all() -> impl Iterator<Item = &'static TextKind> {
    let of_fleets = Green::KINDS.iter().flat_map(|fleet| fleet.texts);
    let of_routes = RouteKind::ALL.iter().flat_map(|route| route.facts().texts);
    KINDS.iter().chain(of_fleets).chain(of_routes)
}

/// The kind with this name in the JSON Schema.
pub(super) fn by_name(name: &str) -> Option<&'static TextKind> {
    all().find(|kind| kind.name == name)
}

/// The kind with this pattern: schemars describes the keys of a map by their pattern alone.
pub(super) fn by_pattern(pattern: &str) -> Option<&'static TextKind> {
    all().find(|kind| kind.pattern == pattern)
}
