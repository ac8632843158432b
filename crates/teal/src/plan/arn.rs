//! ARNs of Elastic Load Balancing, checked for their shape.
//!
//! Forms: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>

use crate::units::{Invalid, text_newtype};
use std::fmt;

text_newtype! {
    /// The ARN of a listener of an Application or Network Load Balancer.
    ListenerArn {
        noun: "the ARN of a listener",
        pattern: r"^arn:aws(-cn|-us-gov)?:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/(app|net)/[A-Za-z0-9-]{1,32}/[0-9a-f]+/[0-9a-f]+$",
        examples: &["arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"],
        check: check_listener,
    }
}

text_newtype! {
    /// The ARN of a rule of an Application Load Balancer's listener.
    RuleArn {
        noun: "the ARN of a listener rule",
        pattern: r"^arn:aws(-cn|-us-gov)?:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener-rule/app/[A-Za-z0-9-]{1,32}/[0-9a-f]+/[0-9a-f]+/[0-9a-f]+$",
        examples: &["arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"],
        check: check_rule,
    }
}

text_newtype! {
    /// The ARN of a target group.
    TargetGroupArn {
        noun: "the ARN of a target group",
        pattern: r"^arn:aws(-cn|-us-gov)?:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+$",
        examples: &["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067"],
        check: check_target_group,
    }
}

impl ListenerArn {
    /// Whether its load balancer is a Network Load Balancer.
    #[must_use]
    pub fn is_of_network_load_balancer(&self) -> bool {
        self.load_balancer().starts_with("net/")
    }

    /// The load balancer as CloudWatch's dimension `LoadBalancer` has it: `app/name/id` or `net/name/id`.
    #[must_use]
    pub fn load_balancer(&self) -> &str {
        load_balancer(self.as_str())
    }
}

impl RuleArn {
    /// The load balancer as CloudWatch's dimension `LoadBalancer` has it: `app/name/id`.
    #[must_use]
    pub fn load_balancer(&self) -> &str {
        load_balancer(self.as_str())
    }
}

impl TargetGroupArn {
    /// The target group as CloudWatch's dimension `TargetGroup` has it: `targetgroup/name/id`.
    #[must_use]
    pub fn dimension(&self) -> &str {
        resource(self.as_str())
    }

    /// The target group's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.dimension().split('/').nth(1).unwrap_or_default()
    }
}

/// What follows the account.
fn resource(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or_default()
}

/// Where a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Home<'a> {
    /// The number of its account.
    pub(crate) fn account(&self) -> &'a str {
        self.account
    }

    /// Whether it is in another account, or partition, than something else.
    pub(crate) fn is_elsewhere(&self, other: &Home<'_>) -> bool {
        (self.partition, self.account) != (other.partition, other.account)
    }
}

impl fmt::Display for Home<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, account {} ({})", self.region, self.account, self.partition)
    }
}

pub(crate) fn home(arn: &str) -> Home<'_> {
    let mut parts = arn.split(':').skip(1).chain(std::iter::repeat(""));
    let mut next = || parts.next().unwrap_or_default();
    let (partition, _service, region, account) = (next(), next(), next(), next());
    Home { partition, region, account }
}

/// Where a resource is that may be given by its name alone.
pub(crate) fn home_of(text: &str) -> Option<Home<'_>> {
    text.starts_with("arn:").then(|| home(text))
}

/// `app/name/id` of a listener's or a rule's ARN.
fn load_balancer(arn: &str) -> &str {
    let path = resource(arn).split_once('/').map_or("", |(_, path)| path);
    let end = path.match_indices('/').nth(2).map_or(path.len(), |(at, _)| at);
    &path[..end]
}

pub(crate) const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

/// Checks everything before the resource and gives the resource. `remedy` shows the whole form.
fn check_head<'a>(text: &'a str, service: &str, remedy: &str) -> Result<&'a str, Invalid> {
    let invalid = |reason: String| Invalid::new(reason, remedy);
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, found, region, account, resource] = parts.as_slice() else {
        return Err(invalid("it is not an ARN".to_owned()));
    };
    if !PARTITIONS.contains(partition) {
        return Err(invalid(format!("{partition:?} is not a partition of AWS ({})", PARTITIONS.join(", "))));
    }
    if *found != service {
        return Err(invalid(format!("it is an ARN of {found:?}, not of {service:?}")));
    }
    let is_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > 32 || !region.chars().all(is_region) {
        return Err(invalid(format!("{region:?} is not a region")));
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(format!("{account:?} is not an account's number of 12 digits")));
    }
    Ok(resource)
}

/// The resource behind `prefix` if the text is an ARN, or the text itself if it is a plain name.
pub(crate) fn resource_or_name<'a>(text: &'a str, service: &str, prefix: &str) -> Result<&'a str, Invalid> {
    if !text.starts_with("arn:") {
        return Ok(text);
    }
    let example = format!("arn:aws:{service}:eu-central-1:123456789012:{prefix}…");
    let resource = check_head(text, service, &format!("Write it in the form \"{example}\""))?;
    resource.strip_prefix(prefix).ok_or_else(|| {
        Invalid::new(format!("it is the ARN of {resource:?}"), format!("Write a name or an ARN like \"{example}\""))
    })
}

/// Whether the text can be the last parts of an ELB ARN, as ELB makes them: hexadecimal.
fn is_id(part: &str) -> bool {
    !part.is_empty() && part.len() <= 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the text can be the name of a load balancer or target group.
fn is_name(part: &str) -> bool {
    (1..=32).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_elb(text: &str, kind: &str, form: &str) -> Result<(), Invalid> {
    let or = if kind == "listener" { ", with \"net\" for \"app\" if it is of a Network Load Balancer" } else { "" };
    let remedy = format!("Write it in the form \"arn:aws:elasticloadbalancing:REGION:ACCOUNT:{form}\"{or}");
    let resource = check_head(text, "elasticloadbalancing", &remedy)?;
    let invalid = |reason: String| Err(Invalid::new(reason, remedy.clone()));
    let parts: Vec<&str> = resource.split('/').collect();
    let (found, rest) = parts.split_first().unwrap_or((&"", &[]));
    if *found != kind {
        return invalid(format!("it is the ARN of a {found:?}, not of a {kind:?}"));
    }
    if parts.len() != form.split('/').count() {
        return invalid("it has the wrong number of parts".to_owned());
    }
    let names = if kind == "targetgroup" {
        rest
    } else {
        let (family, names) = rest.split_first().unwrap_or((&"", &[]));
        match *family {
            "app" => names,
            "net" if kind == "listener" => names,
            "net" => return invalid("it belongs to a Network Load Balancer, which has no rules".to_owned()),
            other => return invalid(format!("{other:?} is not a kind of load balancer that Teal shifts")),
        }
    };
    let (name, ids) = names.split_first().unwrap_or((&"", &[]));
    if !is_name(name) {
        return invalid(format!("{name:?} is not the name of a load balancer or target group"));
    }
    match ids.iter().find(|id| !is_id(id)) {
        Some(id) => invalid(format!("{id:?} is not an id as Elastic Load Balancing makes them")),
        None => Ok(()),
    }
}

fn check_listener(text: &str) -> Result<(), Invalid> {
    check_elb(text, "listener", "listener/app/NAME/ID/ID")
}

fn check_rule(text: &str) -> Result<(), Invalid> {
    check_elb(text, "listener-rule", "listener-rule/app/NAME/ID/ID/ID")
}

fn check_target_group(text: &str) -> Result<(), Invalid> {
    check_elb(text, "targetgroup", "targetgroup/NAME/ID")
}
