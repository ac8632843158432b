//! Actions of listeners and rules: read, checked and described.

use super::{Result, missing};
use crate::model::{Account, Action, ActionKind, Authenticate, AuthenticateKind, Forward, Kind, Redirect, forward_of};
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// "Target groups per action per Application Load Balancer". Source: Application Load Balancers guide, "Quotas".
const MOST_TARGET_GROUPS: usize = 5;
/// Seven days. Source: API Reference, TargetGroupStickinessConfig.
const LONGEST_STICKINESS: u64 = 604_800;

/// Where actions are to be put.
pub(super) struct Place<'a> {
    pub(super) account: &'a Account,
    pub(super) load_balancer_arn: &'a str,
    pub(super) kind: Kind,
    /// Of the listener.
    pub(super) protocol: &'a str,
    /// The actions that are replaced; none at creation.
    pub(super) before: &'a [Action],
}

/// Reads the list `name` and checks it as AWS does; the actions come out in their order.
pub(super) fn read(params: &Params<'_>, name: &str, place: &Place<'_>) -> Result<Vec<Action>> {
    let structures = params.structures(name);
    let mut actions = Vec::with_capacity(structures.len());
    for structure in &structures {
        let order = structure.number("Order", 1..=50_000_u32)?;
        actions.push(Action { order, kind: read_one(structure, place)? });
    }
    // Order is needed once there are several actions, and the last one has to end the request.
    // Source: API Reference, Action; CreateRule, Actions.
    if actions.len() > 1 {
        let mut orders: Vec<u32> = actions.iter().filter_map(|action| action.order).collect();
        orders.sort_unstable();
        orders.dedup();
        if orders.len() < actions.len() {
            return Err(invalid("You must specify a unique order for each of several actions"));
        }
        actions.sort_by_key(|action| action.order);
    }
    let (last, others) = actions.split_last().ok_or_else(|| invalid(format!("'{name}' must have an action")))?;
    if matches!(last.kind, ActionKind::Authenticate(_)) {
        return Err(invalid_action("The last action must be of type forward, fixed-response or redirect"));
    }
    if others.iter().any(|action| !matches!(action.kind, ActionKind::Authenticate(_))) {
        return Err(invalid_action("Only the last action can be of type forward, fixed-response or redirect"));
    }
    if !others.is_empty() && place.protocol != "HTTPS" {
        return Err(invalid_action("Actions that authenticate are supported only on HTTPS listeners"));
    }
    Ok(actions)
}

fn read_one(params: &Params<'_>, place: &Place<'_>) -> Result<ActionKind> {
    let kind = params.required("Type")?;
    // Source: Network Load Balancers guide, "Listeners", Default action.
    if place.kind == Kind::Network && kind != "forward" {
        return Err(invalid_action(&format!(
            "Actions of type '{kind}' are not supported for load balancers of type 'network'"
        )));
    }
    match kind {
        "forward" => Ok(ActionKind::Forward(read_forward(params, place)?)),
        "fixed-response" => read_fixed_response(params),
        "redirect" => read_redirect(params),
        "authenticate-oidc" => read_oidc(params, place.before),
        "authenticate-cognito" => read_cognito(params),
        other => Err(invalid(format!("Value '{other}' at 'type' is not an action type that the lab serves"))),
    }
}

fn read_forward(params: &Params<'_>, place: &Place<'_>) -> Result<Forward> {
    let single = params.text("TargetGroupArn");
    let forward = match params.structure("ForwardConfig") {
        Some(config) => read_forward_config(&config)?,
        None => Forward {
            groups: single.iter().map(|arn| ((*arn).to_owned(), 1)).collect(),
            sticky: false,
            sticky_seconds: None,
        },
    };
    // Both may be sent only if they say the same. Source: API Reference, Action.
    if let Some(single) = single
        && !matches!(forward.groups.as_slice(), [(arn, _)] if arn == single)
    {
        return Err(invalid(
            "If you specify both ForwardConfig and TargetGroupArn, ForwardConfig can have only one target group, and it \
             must be the one of TargetGroupArn",
        ));
    }
    if forward.groups.is_empty() {
        return Err(invalid("A forward action must have a target group"));
    }
    if forward.groups.len() > MOST_TARGET_GROUPS {
        return Err(invalid(format!(
            "A forward action can have at most {MOST_TARGET_GROUPS} target groups, not {}",
            forward.groups.len()
        )));
    }
    // Source: API Reference, TargetGroupStickinessConfig: not supported by Network Load Balancers.
    if place.kind == Kind::Network && forward.sticky {
        return Err(invalid("You cannot enable target group stickiness on load balancers of type 'network'"));
    }
    check_groups(&forward, place)?;
    Ok(forward)
}

fn read_forward_config(config: &Params<'_>) -> Result<Forward> {
    let tuples = config.structures("TargetGroups");
    let mut groups: Vec<(String, u16)> = Vec::with_capacity(tuples.len());
    for tuple in &tuples {
        let arn = tuple.required("TargetGroupArn")?;
        if groups.iter().any(|(other, _)| other == arn) {
            return Err(invalid(format!("The target group '{arn}' is in the action more than once")));
        }
        // Several groups need a weight each; a single one has 1. Source: API Reference, TargetGroupTuple.
        let weight = match tuple.text("Weight") {
            None if tuples.len() == 1 => Some(1),
            None => None,
            Some(text) => text.parse().ok().filter(|weight| (0..=999).contains(weight)),
        };
        let weight =
            weight.ok_or_else(|| invalid("The weight for each target group must be between 0 and 999, inclusive"))?;
        groups.push((arn.to_owned(), weight));
    }
    let stickiness = config.structure("TargetGroupStickinessConfig");
    let sticky = stickiness.as_ref().map(|s| s.flag("Enabled")).transpose()?.flatten().unwrap_or(false);
    let sticky_seconds = stickiness.as_ref().and_then(|s| s.text("DurationSeconds"));
    let sticky_seconds = match sticky_seconds {
        None if sticky => Err(()),
        None => Ok(None),
        Some(text) => text.parse().ok().filter(|s| (1..=LONGEST_STICKINESS).contains(s)).map(Some).ok_or(()),
    };
    let sticky_seconds = sticky_seconds.map_err(|()| {
        invalid(format!("Target group stickiness duration must be between 1 and {LONGEST_STICKINESS} seconds"))
    })?;
    Ok(Forward { groups, sticky, sticky_seconds })
}

fn check_groups(forward: &Forward, place: &Place<'_>) -> Result<()> {
    for (arn, _) in &forward.groups {
        super::check_arn(arn, "targetgroup")?;
        let group = place.account.target_groups.get(arn).ok_or_else(|| missing::target_group(arn))?;
        check_protocol(arn, group.settings.protocol, place)?;
        // Source: API Reference, TargetGroupAssociationLimit.
        if let Some(other) = place.account.load_balancer_of(arn)
            && other.arn != place.load_balancer_arn
        {
            return Err(AwsFault::client(
                "TargetGroupAssociationLimit",
                format!("The following target groups cannot be associated with more than one load balancer: {arn}"),
            ));
        }
        // Source: Application Load Balancers guide, "Sticky sessions": with several target groups, one of which has
        // sticky sessions, the action needs target group stickiness.
        let target_sticky = group.attributes.get("stickiness.enabled").is_some_and(|value| value == "true");
        if place.kind == Kind::Application && target_sticky && forward.groups.len() > 1 && !forward.sticky {
            return Err(invalid(format!(
                "You must enable target group stickiness on the action, because the target group '{arn}' has \
                 stickiness enabled"
            )));
        }
    }
    Ok(())
}

/// Whether the actions that a listener has go with its new protocol.
pub(super) fn check_protocols(actions: &[Action], place: &Place<'_>) -> Result<()> {
    let groups = forward_of(actions).into_iter().flat_map(|forward| &forward.groups);
    for (arn, _) in groups {
        if let Some(group) = place.account.target_groups.get(arn) {
            check_protocol(arn, group.settings.protocol, place)?;
        }
    }
    Ok(())
}

/// Source: Network Load Balancers guide, "Target groups for your Network Load Balancers", Routing configuration.
fn check_protocol(arn: &str, group: &str, place: &Place<'_>) -> Result<()> {
    let fits = match place.protocol {
        "TCP" => matches!(group, "TCP" | "TCP_UDP"),
        "TLS" => matches!(group, "TCP" | "TLS"),
        "UDP" => matches!(group, "UDP" | "TCP_UDP"),
        "TCP_UDP" => group == "TCP_UDP",
        _ => matches!(group, "HTTP" | "HTTPS"),
    };
    if fits {
        return Ok(());
    }
    let listener = place.protocol;
    Err(AwsFault::client(
        "IncompatibleProtocols",
        format!(
            "The protocol {group} of the target group '{arn}' is incompatible with the listener protocol {listener}"
        ),
    ))
}

fn read_fixed_response(params: &Params<'_>) -> Result<ActionKind> {
    let config = params.structure("FixedResponseConfig").ok_or_else(|| invalid("FixedResponseConfig is required"))?;
    let code = config.required("StatusCode")?;
    let status = code
        .parse()
        .ok()
        .filter(|status| matches!(status, 200..600))
        .ok_or_else(|| invalid(format!("The status code '{code}' must be 2XX, 4XX or 5XX")))?;
    let content_type = config.one_of(
        "ContentType",
        &["text/plain", "text/css", "text/html", "application/javascript", "application/json"],
    )?;
    let body = config.text("MessageBody");
    if body.is_some_and(|body| body.len() > 1024) {
        return Err(invalid("MessageBody can have at most 1024 characters"));
    }
    Ok(ActionKind::FixedResponse {
        status,
        content_type: content_type.map(str::to_owned),
        body: body.map(str::to_owned),
    })
}

fn read_redirect(params: &Params<'_>) -> Result<ActionKind> {
    let config = params.structure("RedirectConfig").ok_or_else(|| invalid("RedirectConfig is required"))?;
    let part = |name, default: &str| config.text(name).unwrap_or(default).to_owned();
    let status = match config.one_of("StatusCode", &["HTTP_301", "HTTP_302"])? {
        Some("HTTP_301") => 301,
        Some(_) => 302,
        None => return Err(invalid("StatusCode is required")),
    };
    let redirect = Redirect {
        protocol: part("Protocol", "#{protocol}"),
        host: part("Host", "#{host}"),
        port: part("Port", "#{port}"),
        path: part("Path", "/#{path}"),
        query: part("Query", "#{query}"),
        status,
    };
    // At least one component must differ, or the client would come back for ever.
    // Source: API Reference, RedirectActionConfig.
    let same = (&*redirect.protocol, &*redirect.host, &*redirect.port, &*redirect.path)
        == ("#{protocol}", "#{host}", "#{port}", "/#{path}");
    if same {
        return Err(invalid_action("You must modify at least one of protocol, port, hostname or path of a redirect"));
    }
    Ok(ActionKind::Redirect(redirect))
}

/// Fields and defaults: API Reference, AuthenticateOidcActionConfig and AuthenticateCognitoActionConfig.
const SESSION_DEFAULTS: [(&str, &str); 4] = [
    ("SessionCookieName", "AWSELBAuthSessionCookie"),
    ("Scope", "openid"),
    ("SessionTimeout", "604800"),
    ("OnUnauthenticatedRequest", "authenticate"),
];

fn read_oidc(params: &Params<'_>, before: &[Action]) -> Result<ActionKind> {
    let config =
        params.structure("AuthenticateOidcConfig").ok_or_else(|| invalid("AuthenticateOidcConfig is required"))?;
    let fields = ["Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId"];
    let authenticate = read_authenticate(AuthenticateKind::Oidc, &config, &fields)?;
    let has_one = before
        .iter()
        .any(|action| matches!(&action.kind, ActionKind::Authenticate(known) if known.kind == AuthenticateKind::Oidc));
    let keep = config.flag("UseExistingClientSecret")?.unwrap_or(false);
    match (config.text("ClientSecret"), keep) {
        (Some(_), true) => Err(invalid("You cannot specify both ClientSecret and UseExistingClientSecret")),
        (None, false) => Err(invalid("You must specify ClientSecret, or set UseExistingClientSecret to true")),
        (None, true) if !has_one => Err(invalid("UseExistingClientSecret is true, but there is no client secret yet")),
        _ => Ok(ActionKind::Authenticate(authenticate)),
    }
}

fn read_cognito(params: &Params<'_>) -> Result<ActionKind> {
    let config = params
        .structure("AuthenticateCognitoConfig")
        .ok_or_else(|| invalid("AuthenticateCognitoConfig is required"))?;
    let fields = ["UserPoolArn", "UserPoolClientId", "UserPoolDomain"];
    Ok(ActionKind::Authenticate(read_authenticate(AuthenticateKind::Cognito, &config, &fields)?))
}

fn read_authenticate(kind: AuthenticateKind, config: &Params<'_>, required: &[&'static str]) -> Result<Authenticate> {
    let mut fields = Vec::new();
    for name in required {
        fields.push((*name, config.required(name)?.to_owned()));
    }
    config.one_of("OnUnauthenticatedRequest", &["deny", "allow", "authenticate"])?;
    config.number("SessionTimeout", 1..=604_800_u32)?;
    for (name, default) in SESSION_DEFAULTS {
        fields.push((name, config.text(name).unwrap_or(default).to_owned()));
    }
    Ok(Authenticate { kind, fields, extra_params: config.entries("AuthenticationRequestExtraParams") })
}

fn invalid_action(message: &str) -> AwsFault {
    AwsFault::client("InvalidLoadBalancerAction", message)
}

/// Writes an action as the Describe actions do: a forward to one target group with `TargetGroupArn` and
/// `ForwardConfig`, one to several with `ForwardConfig` only, and never a client secret.
///
/// Source: API Reference, Action and DescribeListeners; AuthenticateOidcActionConfig.
pub(super) fn write(x: &mut Xml, action: &Action, kind: Kind) {
    match &action.kind {
        ActionKind::Forward(forward) => {
            x.leaf("Type", "forward");
            if let [(arn, _)] = forward.groups.as_slice() {
                x.leaf("TargetGroupArn", arn);
            }
            x.node("ForwardConfig", |x| {
                x.list("TargetGroups", &forward.groups, |x, (arn, weight)| {
                    x.leaf("TargetGroupArn", arn);
                    x.leaf("Weight", weight);
                });
                if kind == Kind::Application {
                    x.node("TargetGroupStickinessConfig", |x| {
                        x.leaf("Enabled", forward.sticky);
                        x.maybe("DurationSeconds", forward.sticky_seconds);
                    });
                }
            });
        }
        ActionKind::FixedResponse { status, content_type, body } => {
            x.leaf("Type", "fixed-response");
            x.node("FixedResponseConfig", |x| {
                x.leaf("StatusCode", status);
                x.maybe("ContentType", content_type.as_ref());
                x.maybe("MessageBody", body.as_ref());
            });
        }
        ActionKind::Redirect(redirect) => {
            x.leaf("Type", "redirect");
            x.node("RedirectConfig", |x| {
                x.leaf("Protocol", &redirect.protocol);
                x.leaf("Port", &redirect.port);
                x.leaf("Host", &redirect.host);
                x.leaf("Path", &redirect.path);
                x.leaf("Query", &redirect.query);
                x.leaf("StatusCode", format_args!("HTTP_{}", redirect.status));
            });
        }
        ActionKind::Authenticate(authenticate) => {
            let (kind, config) = match authenticate.kind {
                AuthenticateKind::Oidc => ("authenticate-oidc", "AuthenticateOidcConfig"),
                AuthenticateKind::Cognito => ("authenticate-cognito", "AuthenticateCognitoConfig"),
            };
            x.leaf("Type", kind);
            x.node(config, |x| {
                for (name, value) in &authenticate.fields {
                    x.leaf(name, value);
                }
                if !authenticate.extra_params.is_empty() {
                    x.node("AuthenticationRequestExtraParams", |x| {
                        for (key, value) in &authenticate.extra_params {
                            x.node("entry", |x| {
                                x.leaf("key", key);
                                x.leaf("value", value);
                            });
                        }
                    });
                }
            });
        }
    }
    x.maybe("Order", action.order);
}
