//! Calls of services that speak AWS's JSON protocol, with documents in the place of types.
//!
//! What Teal reads from ECS and Application Auto Scaling goes back to them, member for member: a document keeps members that no
//! release of the SDK knows yet, and a function need not carry code for hundreds of shapes of which Teal reads a handful. Everything
//! else is the SDK's: credentials, signing, retries with their classification, timeouts, user agent (ADR 0010).
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

#[cfg(test)]
mod tests;

use crate::error::port_error;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Map, Value};
use std::fmt;
use teal::ports::{PortError, PortResult};
use teal::time::Timestamp;
use teal::units::Span;

/// The members of a document.
pub(crate) type Members = Map<String, Value>;

/// A service of AWS.
#[derive(Debug)]
pub(crate) struct Service {
    /// The beginning of its endpoints and its name in signatures: one and the same here.
    pub(crate) name: &'static str,
    /// The beginning of `X-Amz-Target`, before the operation; empty where the protocol has none.
    pub(crate) target: &'static str,
    /// The version of its JSON protocol; empty where it speaks another one.
    pub(crate) version: &'static str,
    /// The SDK's name of it, for the user agent.
    pub(crate) id: &'static str,
}

/// A client of one service.
#[derive(Debug)]
pub(crate) struct Client {
    operation: Operation<Request, Value, ServiceError>,
    service: &'static Service,
}

#[derive(Debug)]
struct Request {
    target: String,
    version: &'static str,
    body: Vec<u8>,
}

impl Client {
    /// A client as `config` reaches AWS.
    pub(crate) fn new(config: &SdkConfig, service: &'static Service) -> Self {
        Self { operation: runtime(config, service).serializer(write).deserializer(read).build(), service }
    }

    /// One call. `call` is its IAM action, which ends in the operation's name; `what` names the thing that the call is about.
    ///
    /// # Errors
    /// Those of the call.
    pub(crate) async fn call(&self, call: &'static str, what: &str, input: &Value) -> PortResult<Value> {
        let operation = call.rsplit(':').next().unwrap_or(call);
        let request = Request {
            target: format!("{}.{operation}", self.service.target),
            version: self.service.version,
            body: input.to_string().into_bytes(),
        };
        self.operation.invoke(request).await.map_err(|error| port_error(call, what, &error))
    }

    /// The elements of the member `list` of every page of a call's answer.
    ///
    /// # Errors
    /// Those of the calls.
    pub(crate) async fn call_paged(
        &self,
        call: &'static str,
        what: &str,
        input: Value,
        list: &str,
    ) -> PortResult<Vec<Value>> {
        self.call_pages(call, what, input).await.map(|pages| elements(pages, list))
    }

    /// Every page of a call's answer.
    ///
    /// # Errors
    /// Those of the calls.
    pub(crate) async fn call_pages(&self, call: &'static str, what: &str, input: Value) -> PortResult<Vec<Value>> {
        pages(call, input, async |input| self.call(call, what, input).await).await
    }
}

/// A time as the protocol has it: seconds since 1970.
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#timestampformat-trait>
pub(crate) fn time(at: Timestamp) -> Value {
    // Whole milliseconds of this millennium are exact in both numbers.
    Value::from(at.as_millisecond() as f64 / 1000.0)
}

/// The time of a member, if it is one.
pub(crate) fn time_of(value: &Value) -> Option<Timestamp> {
    let milliseconds = (value.as_f64()? * 1000.0).round();
    Timestamp::from_millisecond(milliseconds as i64).ok()
}

/// A number of minutes, if it is one.
pub(crate) fn minutes(value: &Value) -> Option<Span> {
    value.as_u64().map(|minutes| Span::minutes(u32::try_from(minutes).unwrap_or(u32::MAX)))
}

/// The elements of the member `list` of all pages.
pub(crate) fn elements(pages: Vec<Value>, list: &str) -> Vec<Value> {
    let lists = pages.into_iter().filter_map(|mut page| match page.get_mut(list).map(Value::take) {
        Some(Value::Array(found)) => Some(found),
        _ => None,
    });
    lists.flatten().collect()
}

/// Every page of a call's answer, of which `one` gives one.
///
/// # Errors
/// Those of the calls.
pub(crate) async fn pages(
    call: &'static str,
    mut input: Value,
    one: impl AsyncFn(&Value) -> PortResult<Value>,
) -> PortResult<Vec<Value>> {
    let mut pages = Vec::new();
    loop {
        let mut page = one(&input).await?;
        let next = NEXT_TOKEN.into_iter().find_map(|name| Some((name, page.get_mut(name)?.take())));
        pages.push(page);
        let Some((name, token)) = next else { return Ok(pages) };
        if input.get(name) == Some(&token) {
            return Err(PortError::Unavailable { call, message: "a page of its answer leads to itself".to_owned() });
        }
        input[name] = token;
    }
}

/// What leads to the next page, as services write it.
const NEXT_TOKEN: [&str; 2] = ["NextToken", "nextToken"];

/// What every call of a service needs besides the shape of its requests: the SDK's runtime, as its generated clients have it.
pub(crate) fn runtime(config: &SdkConfig, service: &'static Service) -> OperationBuilder {
    let mut operation = Operation::builder()
        .service_name(service.name)
        .operation_name(service.id)
        .behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::v2026_01_12))
        .endpoint_url(&endpoint(config, service))
        .standard_retry(config.retry_config().unwrap_or(&RetryConfig::standard()))
        .retry_classifier(TransientErrorClassifier::<ServiceError>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ServiceError>::new())
        .retry_classifier(ServiceClockSkewClassifier::<ServiceError>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .with_connection_poisoning()
        .interceptor(ServiceClockSkewInterceptor::new())
        .interceptor(RequestInfoInterceptor::new())
        .interceptor(UserAgentInterceptor::new())
        .interceptor(InvocationIdInterceptor::new())
        .interceptor(RecursionDetectionInterceptor::new())
        .runtime_plugin(signing(config, service));
    if let Some(client) = config.http_client() {
        operation = operation.http_client(client);
    }
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    operation
}

/// Signature Version 4 with the configuration's credentials, and who is calling.
fn signing(config: &SdkConfig, service: &'static Service) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signing");
    let mut signing = SigV4OperationSigningConfig {
        region: config.region().cloned().map(Into::into),
        name: Some(service.name.into()),
        ..SigV4OperationSigningConfig::default()
    };
    if service.name == "s3" {
        // S3 signs the path as it stands, and wants the body's digest in a header.
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
        signing.signing_options.double_uri_encode = false;
        signing.signing_options.normalize_uri_path = false;
        signing.signing_options.content_sha256_header = true;
    }
    layer.store_put(signing);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(ApiMetadata::new(service.id, env!("CARGO_PKG_VERSION")));
    if let Some(app_name) = config.app_name() {
        layer.store_put(app_name.clone());
    }
    let mut components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_auth_scheme(SigV4AuthScheme::new());
    if let Some(provider) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, provider);
    }
    if let Some(cache) = config.identity_cache() {
        components.set_identity_cache(Some(cache));
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// The configuration's endpoint, or the service's own in the configuration's region.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn endpoint(config: &SdkConfig, service: &Service) -> String {
    let region = config.region().map_or("", AsRef::as_ref);
    match config.endpoint_url() {
        Some(url) => url.to_owned(),
        None => format!("https://{}.{region}.{}", service.name, dns_suffix(region)),
    }
}

/// The domain of the endpoints of a region's partition, as the SDK's `partitions.json` has them.
fn dns_suffix(region: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    SUFFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("amazonaws.com", |(_, suffix)| suffix)
}

fn write(request: Request) -> Result<HttpRequest, BoxError> {
    let length = request.body.len();
    let mut http = HttpRequest::new(SdkBody::from(request.body));
    http.set_method("POST")?;
    http.set_uri("/")?;
    let headers = http.headers_mut();
    headers.try_insert("content-type", format!("application/x-amz-json-{}", request.version))?;
    headers.insert("content-length", length.to_string());
    headers.try_insert("x-amz-target", request.target)?;
    Ok(http)
}

fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<ServiceError>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(ServiceError::read(response.headers().get("x-amzn-errortype"), body)));
    }
    if body.is_empty() {
        return Ok(Value::Object(Members::new()));
    }
    match serde_json::from_slice(body).map_err(OrchestratorError::other)? {
        document @ Value::Object(_) => Ok(without_nulls(document)),
        // Members are all that is read of an answer.
        _ => Err(OrchestratorError::other("what it answered is no object")),
    }
}

/// A document in which what is absent is absent: a service may say null for it.
fn without_nulls(document: Value) -> Value {
    match document {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// A service's refusal.
#[derive(Debug)]
pub(crate) struct ServiceError(ErrorMetadata);

impl ServiceError {
    /// The error's code stands in a header or in the body, with a namespace before it or the address of one behind it.
    pub(crate) fn read(header: Option<&str>, body: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| document.get(name)?.as_str());
        let code = header.or_else(|| text(&["__type", "code"]));
        let code = code.and_then(|code| code.split(':').next()?.rsplit('#').next());
        Self::of(code, text(&["message", "Message", "errorMessage"]))
    }

    /// An error by its code and message.
    pub(crate) fn of(code: Option<&str>, message: Option<&str>) -> Self {
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code {
            meta = meta.code(code);
        }
        if let Some(message) = message {
            meta = meta.message(message);
        }
        Self(meta.build())
    }
}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ServiceError {}
