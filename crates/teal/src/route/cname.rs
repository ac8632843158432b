//! The domain name that two Elastic Beanstalk environments swap.

use super::kind::{Granularity, GreenReached, MovedBy, PlannedRoute, RouteFacts, SplitsTraffic, TakesTraffic};
use super::meter::{DimensionOf, Meter};
use super::{Destination, DestinationKind, Named, PartRef, RouteKind};
use crate::fleet::{EnvironmentName, Green};
use crate::plan::check::{Fields, Findings, check_duplicates, check_useless};
use crate::plan::problem::Path;
use crate::plan::texts::kind;
use crate::units::{Invalid, Span, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The domain name that two Elastic Beanstalk environments swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CnameRoute {
    /// The domain name that the service's clients use. The environment that has it is blue.
    pub name: EnvironmentDomain,
    /// The two environments, in any order. The one that does not have the name need not exist.
    pub environments: [EnvironmentName; 2],
}

/// A domain name that one of two Elastic Beanstalk environments has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CnamePart {
    pub name: EnvironmentDomain,
    pub environments: [EnvironmentName; 2],
}

/// The record's time to live. Blue must answer until the records that are kept have expired.
/// <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.CNAMESwap.html>
const PROPAGATION: Span = Span::minutes(1);

impl Meter {
    /// The Application Load Balancer that green alone is behind: an environment's own. What metrics call it is known when it is there.
    pub const OWN_LOAD_BALANCER: Self = Self {
        counts: "counts green's requests",
        is_greens_own: true,
        dimensions: &[("LoadBalancer", DimensionOf::Route)],
        ..Self::APPLICATION_LOAD_BALANCER
    };
}

impl PlannedRoute for CnameRoute {
    const FACTS: RouteFacts = RouteFacts {
        sends_to: DestinationKind::Environment,
        granularity: Granularity::Whole,
        meter: Meter::OWN_LOAD_BALANCER,
        propagation: PROPAGATION,
        given_back_within: PROPAGATION,
        may_take_no_http: false,
        is_kept_between_releases: true,
        lists_idle: true,
        // The environments have an address each besides.
        green_reached: GreenReached::AtItsAddress,
        moved_by: MovedBy::NOBODY,
        texts: &[kind::<EnvironmentDomain>()],
        check,
    };

    fn parts(&self) -> Vec<PartRef> {
        let Self { name, environments } = self.clone();
        vec![PartRef::Cname(Box::new(CnamePart { name, environments }))]
    }

    fn named(&self, _green: &Green) -> Named {
        Named::Pair(self.environments.clone().map(Destination::Environment))
    }
}

fn check(cname: &Path, fields: &Fields<'_>, findings: &mut Findings) {
    check_duplicates(&fields.items::<EnvironmentName>(&cname.field("environments")), findings);
    let second = "a domain name has no second one for tests: green answers at its own address";
    let leave_out = "Leave `test` out, or write a `url` that reaches green";
    check_useless("traffic.test.listener", second, leave_out, fields, findings);
    check_useless("traffic.test.rule", second, leave_out, fields, findings);
    let weights = "stack templates set no weights of a domain name";
    check_useless("traffic.weightParameters", weights, "Leave it out", fields, findings);
}

impl SplitsTraffic for CnamePart {
    fn noun(&self) -> &'static str {
        "domain name"
    }

    fn kind(&self) -> RouteKind {
        RouteKind::Cname
    }

    fn key(&self) -> &str {
        self.name.as_str()
    }
}

impl TakesTraffic for EnvironmentName {
    const NOUN: &'static str = "environment";
    const PLURAL: &'static str = "environments of Elastic Beanstalk";

    fn full_name(&self) -> &str {
        self.as_str()
    }
}

text_newtype! {
    /// A domain name of an Elastic Beanstalk environment, in lower case.
    EnvironmentDomain {
        noun: "a domain name of an environment",
        pattern: r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){2,9}$",
        examples: &["checkout.eu-central-1.elasticbeanstalk.com"],
        check: check_domain,
    }
}

fn check_domain(text: &str) -> Result<(), Invalid> {
    let labels: Vec<&str> = text.split('.').collect();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |label: &&str| (1..=63).contains(&label.len()) && label.chars().all(allowed);
    if (3..=10).contains(&labels.len()) && labels.iter().all(is_label) {
        return Ok(());
    }
    let remedy = "Write the whole name that clients use, such as \"checkout.eu-central-1.elasticbeanstalk.com\"";
    Err(Invalid::new("it is not a domain name as Elastic Beanstalk gives them", remedy))
}
