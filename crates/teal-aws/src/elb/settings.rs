//! The settings of actions other than forward, under ELB's own member names.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>

use aws_sdk_elasticloadbalancingv2::types::{
    AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig, FixedResponseActionConfig,
    JwtValidationActionAdditionalClaim, JwtValidationActionConfig, RedirectActionConfig,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Members of a structure that are set.
pub(super) type Members = Map<String, Value>;

/// The members that have a value.
pub(super) fn members<const N: usize>(all: [(&str, Value); N]) -> Members {
    all.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn named<T: AsRef<str>>(value: Option<&T>) -> Value {
    value.map_or(Value::Null, |value| Value::from(value.as_ref()))
}

fn strings(values: Option<&HashMap<String, String>>) -> Value {
    let object =
        |values: &HashMap<String, String>| values.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
    values.map_or(Value::Null, |values| Value::Object(object(values)))
}

fn text(members: &Members, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn string_map(members: &Members, name: &str) -> Option<HashMap<String, String>> {
    let object = members.get(name)?.as_object()?;
    Some(object.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect())
}

/// The settings that both kinds of authentication have. Macros, because the SDK's types of the two have no trait in common.
macro_rules! of_authentication {
    ($config:ident) => {
        members([
            ("SessionCookieName", named($config.session_cookie_name.as_ref())),
            ("Scope", named($config.scope.as_ref())),
            ("SessionTimeout", $config.session_timeout.into()),
            ("AuthenticationRequestExtraParams", strings($config.authentication_request_extra_params.as_ref())),
            ("OnUnauthenticatedRequest", named($config.on_unauthenticated_request.as_ref())),
        ])
    };
}

macro_rules! to_authentication {
    ($builder:expr, $members:ident) => {
        $builder
            .set_session_cookie_name(text($members, "SessionCookieName"))
            .set_scope(text($members, "Scope"))
            .set_session_timeout($members.get("SessionTimeout").and_then(Value::as_i64))
            .set_authentication_request_extra_params(string_map($members, "AuthenticationRequestExtraParams"))
            .set_on_unauthenticated_request(text($members, "OnUnauthenticatedRequest").map(|name| name.as_str().into()))
            .build()
    };
}

/// ELB never tells the client secret; it is not part of what Teal keeps.
pub(super) fn of_authenticate_oidc(config: &AuthenticateOidcActionConfig) -> Members {
    let mut all = of_authentication!(config);
    all.extend(members([
        ("Issuer", named(config.issuer.as_ref())),
        ("AuthorizationEndpoint", named(config.authorization_endpoint.as_ref())),
        ("TokenEndpoint", named(config.token_endpoint.as_ref())),
        ("UserInfoEndpoint", named(config.user_info_endpoint.as_ref())),
        ("ClientId", named(config.client_id.as_ref())),
    ]));
    all
}

/// Asks ELB to keep the client secret that it has.
pub(super) fn to_authenticate_oidc(members: &Members) -> AuthenticateOidcActionConfig {
    let builder = AuthenticateOidcActionConfig::builder()
        .set_issuer(text(members, "Issuer"))
        .set_authorization_endpoint(text(members, "AuthorizationEndpoint"))
        .set_token_endpoint(text(members, "TokenEndpoint"))
        .set_user_info_endpoint(text(members, "UserInfoEndpoint"))
        .set_client_id(text(members, "ClientId"))
        .use_existing_client_secret(true);
    to_authentication!(builder, members)
}

pub(super) fn of_authenticate_cognito(config: &AuthenticateCognitoActionConfig) -> Members {
    let mut all = of_authentication!(config);
    all.extend(members([
        ("UserPoolArn", named(config.user_pool_arn.as_ref())),
        ("UserPoolClientId", named(config.user_pool_client_id.as_ref())),
        ("UserPoolDomain", named(config.user_pool_domain.as_ref())),
    ]));
    all
}

pub(super) fn to_authenticate_cognito(members: &Members) -> AuthenticateCognitoActionConfig {
    let builder = AuthenticateCognitoActionConfig::builder()
        .set_user_pool_arn(text(members, "UserPoolArn"))
        .set_user_pool_client_id(text(members, "UserPoolClientId"))
        .set_user_pool_domain(text(members, "UserPoolDomain"));
    to_authentication!(builder, members)
}

pub(super) fn of_redirect(config: &RedirectActionConfig) -> Members {
    members([
        ("Protocol", named(config.protocol.as_ref())),
        ("Port", named(config.port.as_ref())),
        ("Host", named(config.host.as_ref())),
        ("Path", named(config.path.as_ref())),
        ("Query", named(config.query.as_ref())),
        ("StatusCode", named(config.status_code.as_ref())),
    ])
}

pub(super) fn to_redirect(members: &Members) -> RedirectActionConfig {
    RedirectActionConfig::builder()
        .set_protocol(text(members, "Protocol"))
        .set_port(text(members, "Port"))
        .set_host(text(members, "Host"))
        .set_path(text(members, "Path"))
        .set_query(text(members, "Query"))
        .set_status_code(text(members, "StatusCode").map(|name| name.as_str().into()))
        .build()
}

pub(super) fn of_fixed_response(config: &FixedResponseActionConfig) -> Members {
    members([
        ("MessageBody", named(config.message_body.as_ref())),
        ("StatusCode", named(config.status_code.as_ref())),
        ("ContentType", named(config.content_type.as_ref())),
    ])
}

pub(super) fn to_fixed_response(members: &Members) -> FixedResponseActionConfig {
    FixedResponseActionConfig::builder()
        .set_message_body(text(members, "MessageBody"))
        .set_status_code(text(members, "StatusCode"))
        .set_content_type(text(members, "ContentType"))
        .build()
}

pub(super) fn of_jwt_validation(config: &JwtValidationActionConfig) -> Members {
    let claim = |claim: &JwtValidationActionAdditionalClaim| {
        members([
            ("Format", named(claim.format.as_ref())),
            ("Name", named(claim.name.as_ref())),
            ("Values", claim.values.clone().into()),
        ])
    };
    let claims = config.additional_claims.as_ref().map(|claims| claims.iter().map(claim).collect::<Value>());
    members([
        ("JwksEndpoint", named(config.jwks_endpoint.as_ref())),
        ("Issuer", named(config.issuer.as_ref())),
        ("AdditionalClaims", claims.unwrap_or_default()),
    ])
}

pub(super) fn to_jwt_validation(members: &Members) -> JwtValidationActionConfig {
    let texts = |value: &Value| {
        let list = value.as_array()?;
        Some(list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
    };
    let claim = |claim: &Value| {
        let members = claim.as_object()?;
        let claim = JwtValidationActionAdditionalClaim::builder()
            .set_format(text(members, "Format").map(|name| name.as_str().into()))
            .set_name(text(members, "Name"))
            .set_values(members.get("Values").and_then(texts))
            .build();
        Some(claim)
    };
    let claims = members.get("AdditionalClaims").and_then(Value::as_array);
    JwtValidationActionConfig::builder()
        .set_jwks_endpoint(text(members, "JwksEndpoint"))
        .set_issuer(text(members, "Issuer"))
        .set_additional_claims(claims.map(|claims| claims.iter().filter_map(claim).collect()))
        .build()
}
