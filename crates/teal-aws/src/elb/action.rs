//! Action lists, from and to the SDK's types.
//!
//! What is read and written back must come back equal, so each spelling of the same thing has one form here: a lone
//! `TargetGroupArn` is a forward to one group, a missing weight is 1, target groups stand in the order of their ARNs (ELB promises
//! none), stickiness that is off and says nothing else is none, and so is the `Order` 1 of the only action of a list.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>

use super::settings::{self, Members};
use aws_sdk_elasticloadbalancingv2::types::{
    self as sdk, ActionTypeEnum, ForwardActionConfig, TargetGroupStickinessConfig, TargetGroupTuple,
};
use teal::plan::TargetGroupArn;
use teal::route::{Action, ActionKind, Destination, Stickiness, WeightedDestination};

/// The weight of a target group for which none is given.
const DEFAULT_WEIGHT: u16 = 1;

/// An action list as Teal keeps it.
///
/// # Errors
/// A sentence that says what Teal cannot keep, so that nothing is lost when the list is written back.
pub(super) fn read_list(actions: &[sdk::Action]) -> Result<Vec<Action>, String> {
    let mut list = actions.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    normalise(&mut list);
    Ok(list)
}

/// An action list as ELB takes it.
///
/// # Errors
/// A sentence, when what would be written is not what was asked for (a record of a newer Teal, say).
pub(super) fn write_list(actions: &[Action]) -> Result<Vec<sdk::Action>, String> {
    let written = actions.iter().map(write).collect::<Result<Vec<_>, _>>()?;
    let mut wanted = actions.to_vec();
    normalise(&mut wanted);
    if read_list(&written).as_ref() == Ok(&wanted) {
        return Ok(written);
    }
    Err(format!("Teal cannot write these actions as they are: {}", serde_json::to_string(actions).unwrap_or_default()))
}

/// One form for all spellings of a list.
fn normalise(actions: &mut [Action]) {
    if let [only] = actions {
        // ELB asks for an order only where there are several actions, and tells 1 where a client gave none.
        only.order = only.order.filter(|order| *order != 1);
    }
    for action in actions {
        if let ActionKind::Forward { groups, stickiness } = &mut action.kind {
            groups.sort_by(|one, other| one.destination.cmp(&other.destination));
            *stickiness = stickiness.filter(|stickiness| stickiness.enabled || stickiness.duration_seconds.is_some());
        }
    }
}

fn read(action: &sdk::Action) -> Result<Action, String> {
    let kind = action.r#type.as_ref().ok_or("an action has no type")?;
    let kept = |settings: Option<Members>| {
        let settings = settings.ok_or_else(|| format!("an action of type {kind} has no settings"))?;
        Ok::<_, String>(ActionKind::Kept { kind: kind.as_str().to_owned(), settings: settings.into() })
    };
    let kind = match kind {
        ActionTypeEnum::Forward => read_forward(action)?,
        ActionTypeEnum::AuthenticateOidc => {
            kept(action.authenticate_oidc_config.as_ref().map(settings::of_authenticate_oidc))?
        }
        ActionTypeEnum::AuthenticateCognito => {
            kept(action.authenticate_cognito_config.as_ref().map(settings::of_authenticate_cognito))?
        }
        ActionTypeEnum::Redirect => kept(action.redirect_config.as_ref().map(settings::of_redirect))?,
        ActionTypeEnum::FixedResponse => kept(action.fixed_response_config.as_ref().map(settings::of_fixed_response))?,
        ActionTypeEnum::JwtValidation => kept(action.jwt_validation_config.as_ref().map(settings::of_jwt_validation))?,
        other => return Err(unknown_type(other.as_str())),
    };
    Ok(Action { order: action.order, kind })
}

fn unknown_type(kind: &str) -> String {
    format!("this version of Teal does not know actions of type {kind:?}, so it cannot write the list back unchanged")
}

fn read_forward(action: &sdk::Action) -> Result<ActionKind, String> {
    let config = action.forward_config.as_ref();
    let tuples = config.map(ForwardActionConfig::target_groups).unwrap_or_default();
    let mut groups = tuples.iter().map(read_group).collect::<Result<Vec<_>, _>>()?;
    if groups.is_empty() {
        let arn = action.target_group_arn.as_deref().ok_or("a forward action names no target group")?;
        groups.push(WeightedDestination { destination: group_arn(arn)?, weight: DEFAULT_WEIGHT });
    }
    let stickiness = config.and_then(|config| config.target_group_stickiness_config.as_ref()).map(|config| {
        Stickiness { enabled: config.enabled.unwrap_or_default(), duration_seconds: config.duration_seconds }
    });
    Ok(ActionKind::Forward { groups, stickiness })
}

fn read_group(tuple: &TargetGroupTuple) -> Result<WeightedDestination, String> {
    let arn = tuple.target_group_arn.as_deref().ok_or("a forward action has a target group without ARN")?;
    let weight = tuple.weight.map_or(Ok(DEFAULT_WEIGHT), u16::try_from);
    let weight = weight.map_err(|_| format!("target group {arn} has the weight {:?}", tuple.weight))?;
    Ok(WeightedDestination { destination: group_arn(arn)?, weight })
}

fn group_arn(arn: &str) -> Result<Destination, String> {
    let parsed = arn.parse::<TargetGroupArn>().map(Destination::from);
    parsed.map_err(|invalid| format!("{arn:?} is not the ARN of a target group: {invalid}"))
}

fn write(action: &Action) -> Result<sdk::Action, String> {
    let builder = sdk::Action::builder().set_order(action.order);
    Ok(match &action.kind {
        ActionKind::Forward { groups, stickiness } => {
            let builder = builder.r#type(ActionTypeEnum::Forward).forward_config(write_forward(groups, *stickiness));
            match groups.as_slice() {
                // With one group ELB keeps both spellings; they must name the same one.
                [only] => builder.target_group_arn(only.destination.as_str()).build(),
                _ => builder.build(),
            }
        }
        ActionKind::Kept { kind, settings } => {
            let members = settings.as_object().ok_or_else(|| format!("an action of type {kind} has no settings"))?;
            let kind = ActionTypeEnum::from(kind.as_str());
            let builder = match kind {
                ActionTypeEnum::AuthenticateOidc => {
                    builder.authenticate_oidc_config(settings::to_authenticate_oidc(members))
                }
                ActionTypeEnum::AuthenticateCognito => {
                    builder.authenticate_cognito_config(settings::to_authenticate_cognito(members))
                }
                ActionTypeEnum::Redirect => builder.redirect_config(settings::to_redirect(members)),
                ActionTypeEnum::FixedResponse => builder.fixed_response_config(settings::to_fixed_response(members)),
                ActionTypeEnum::JwtValidation => builder.jwt_validation_config(settings::to_jwt_validation(members)),
                other => return Err(unknown_type(other.as_str())),
            };
            builder.r#type(kind).build()
        }
    })
}

fn write_forward(groups: &[WeightedDestination], stickiness: Option<Stickiness>) -> ForwardActionConfig {
    let tuple = |group: &WeightedDestination| {
        TargetGroupTuple::builder().target_group_arn(group.destination.as_str()).weight(group.weight.into()).build()
    };
    let stickiness = stickiness.map(|stickiness| {
        TargetGroupStickinessConfig::builder()
            .enabled(stickiness.enabled)
            .set_duration_seconds(stickiness.duration_seconds)
            .build()
    });
    ForwardActionConfig::builder()
        .set_target_groups(Some(groups.iter().map(tuple).collect()))
        .set_target_group_stickiness_config(stickiness)
        .build()
}
