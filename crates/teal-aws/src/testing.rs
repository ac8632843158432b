//! AWS as a script: answers in their order, and the requests that they were given for. What is tested with it is the
//! wire: what Teal sends, and what it makes of what comes back.

use crate::{Aws, AwsSettings, Clock};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use teal::fleet::{EcsService, GreenOrder, Runner};
use teal::release::{RECORD_FORMAT, Release, ReleaseId};
use teal::route::{Colours, Destination};

/// The answers that are left, and the requests so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    answers: VecDeque<Option<Answer>>,
    /// The answer to every request beyond those.
    always: Option<Answer>,
    requests: Vec<Sent>,
}

/// Status, one header where there is one, and body.
type Answer = (u16, Option<(&'static str, &'static str)>, Vec<u8>);

/// A request as it went out.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The operation: of `X-Amz-Target`, of the form's `Action`, or the last part of the path.
    pub(crate) operation: String,
    pub(crate) uri: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The fields of a form in their order, without those that every request has.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let text = String::from_utf8(self.body.clone()).unwrap();
        let fields = text.split('&').filter_map(|field| field.split_once('='));
        fields
            .filter(|(name, _)| !matches!(*name, "Action" | "Version"))
            .map(|(name, value)| (name.to_owned(), percent_decoded(value)))
            .collect()
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).unwrap()
}

impl Script {
    /// Adds an answer.
    pub(crate) fn answers(self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.inner.lock().unwrap().answers.push_back(Some((status, None, body.into())));
        self
    }

    /// Adds an answer of status 201 with a header.
    pub(crate) fn with_header(self, name: &'static str, value: &'static str) -> Self {
        self.answers_with(201, (name, value), Vec::new())
    }

    /// Adds an answer with a header.
    pub(crate) fn answers_with(
        self,
        status: u16,
        header: (&'static str, &'static str),
        body: impl Into<Vec<u8>>,
    ) -> Self {
        self.inner.lock().unwrap().answers.push_back(Some((status, Some(header), body.into())));
        self
    }

    /// The same answer to every request, of status 200.
    pub(crate) fn always(body: impl Into<Vec<u8>>) -> Self {
        let script = Self::default();
        script.inner.lock().unwrap().always = Some((200, None, body.into()));
        script
    }

    /// Adds an answer of status 200 in JSON.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.answers(200, body.to_string())
    }

    /// Adds a connection that breaks off before an answer.
    pub(crate) fn breaks_off(self) -> Self {
        self.inner.lock().unwrap().answers.push_back(None);
        self
    }

    /// AWS that answers by this script, without retries.
    pub(crate) fn aws(&self) -> Aws {
        self.aws_with(RetryConfig::disabled())
    }

    /// The same with the SDK's retries, as functions have them.
    pub(crate) fn aws_with_retries(&self) -> Aws {
        self.aws_with(RetryConfig::standard())
    }

    fn aws_with(&self, retries: RetryConfig) -> Aws {
        let connector = self.clone();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKID", "secret", None, None, "test",
            )))
            .retry_config(retries)
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone())))
            .build();
        let settings = AwsSettings {
            table: "releases".into(),
            event_bus: "main".into(),
            deployment_strategy: Some("atonce1".into()),
            clock: Clock::WALL,
        };
        Aws::new(&config, settings)
    }

    /// The requests so far. Every answer of the script must have been asked for.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        let inner = self.inner.lock().unwrap();
        assert!(inner.answers.is_empty(), "{} answers were not asked for", inner.answers.len());
        inner.requests.clone()
    }

    /// How many requests were made so far.
    pub(crate) fn count(&self) -> usize {
        self.inner.lock().unwrap().requests.len()
    }

    /// The operations so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.sent().into_iter().map(|sent| sent.operation).collect()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let mut inner = self.inner.lock().unwrap();
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        inner.requests.push(Sent {
            operation: operation(&request, &body),
            uri: request.uri().to_owned(),
            headers,
            body,
        });
        let always = inner.always.clone().map(Some);
        let answer = match inner.answers.pop_front().or(always) {
            None => Err(ConnectorError::user("the script has no answer left".into())),
            Some(None) => Err(ConnectorError::io("the connection broke off".into())),
            Some(Some(answer)) => Ok(answer),
        };
        HttpConnectorFuture::ready(answer.map(|(status, header, body)| {
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            if let Some((name, value)) = header {
                response.headers_mut().insert(name, value);
            }
            response
        }))
    }
}

fn operation(request: &HttpRequest, body: &[u8]) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let form = String::from_utf8_lossy(body);
    if let Some(action) = form.split('&').find_map(|field| field.strip_prefix("Action=")) {
        return action.to_owned();
    }
    request.uri().rsplit('/').next().unwrap_or_default().to_owned()
}

pub(crate) const BLUE_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-a/73e2d6bc24d8a067";
pub(crate) const GREEN_GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/checkout-b/0123456789abcdef";
pub(crate) const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
pub(crate) const RULE: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

pub(crate) fn group(arn: &str) -> Destination {
    arn.parse().unwrap()
}

pub(crate) fn colours() -> Colours {
    Colours { blue: group(BLUE_GROUP), green: group(GREEN_GROUP) }
}

pub(crate) fn id(text: &str) -> ReleaseId {
    ReleaseId::new(text).unwrap()
}

/// A service in the cluster `prod`.
pub(crate) fn runner(name: &str) -> Runner {
    Runner::Ecs(EcsService { cluster: "prod".into(), service: name.into() })
}

/// An order for green `checkout-b` beside blue `checkout-a`, with four tasks.
pub(crate) fn order() -> GreenOrder {
    GreenOrder {
        blue: runner("checkout-a"),
        green: runner("checkout-b"),
        runs: "checkout:42".into(),
        colours: colours(),
        desired: 4,
        hold: None,
    }
}

/// A release that has just been made, watching so many alarms.
pub(crate) fn release(alarms: usize) -> Release {
    let alarms: Vec<String> = (0..alarms).map(|number| format!("alarm-{number}")).collect();
    let plan: teal::plan::Plan = serde_json::from_value(json!({
        "service": "checkout",
        "version": "2.4.0",
        "green": {"ecs": {"cluster": "prod", "services": ["checkout-a", "checkout-b"], "taskDefinition": "checkout:42"}},
        "traffic": {"alb": {"listeners": [LISTENER]}},
        "strategy": {"allAtOnce": {}},
        "judge": {"alarms": alarms},
    }))
    .unwrap();
    let route = json!([{"part": {"listener": LISTENER}, "original": [], "expected": []}]);
    let now = "2026-11-22T10:00:00.5Z";
    serde_json::from_value(json!({
        "format": RECORD_FORMAT,
        "revision": 0,
        "id": "checkout-7",
        "execution": "arn:aws:states:eu-central-1:123456789012:execution:teal:checkout-7",
        "timeline": teal::strategy::compile(&plan),
        "plan": plan,
        "phase": {"name": "Accept"},
        "phaseSince": now,
        "startedAt": now,
        "deadlineAt": "2026-11-22T14:00:00Z",
        "colours": {"blue": BLUE_GROUP, "green": GREEN_GROUP},
        "loadBalancer": "app/shop/50dc6c495c0c9188",
        "route": route,
        "testRoute": null,
        "green": order(),
        "greenShare": teal::units::Share::NONE,
        "shiftedAt": null,
        "looks": 0,
        "intents": [],
        "setback": null,
        "restoredAt": null,
        "outbox": [],
        "announced": 0,
    }))
    .unwrap()
}
