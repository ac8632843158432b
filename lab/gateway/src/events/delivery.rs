//! Delivery of events to the rules of ministack's default bus.
//!
//! ministack refuses PutEvents with an `aws.` source, as AWS does. So the gateway plays EventBridge for these events: it
//! lists the rules and targets that were deployed, matches their patterns, and invokes the Lambda functions.

use crate::call_log::CallKey;
use crate::events::{pattern, queue};
use crate::fault::Faults;
use crate::invoke::{InvocationType, invocation, root_headers};
use crate::upstream::Upstream;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use teal_lab_wire::{AwsRequest, LabClock, Millis};

/// How long, in real time, the list of rules is taken to be current.
const RULES_CURRENT: Duration = Duration::from_secs(1);
/// How often an invocation is tried; EventBridge goes on for a day.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What became of an event at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryOutcome {
    Delivered,
    /// An injected fault swallowed it.
    Lost,
    /// The target is none that the gateway can deliver to, or it refused.
    Failed(String),
}

/// One event at one target of one rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryRecord {
    /// The event's id.
    pub event: String,
    pub detail_type: String,
    pub rule: String,
    /// The target's ARN; empty where the rules could not be read.
    pub target: String,
    /// When the event happened, on the lab clock.
    pub happened: Millis,
    /// When its delivery ended, on the lab clock.
    pub at: Millis,
    /// When its delivery ended, on the wall.
    #[serde(skip)]
    pub real_time: SystemTime,
    pub outcome: DeliveryOutcome,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    pattern: Value,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
struct Target {
    arn: String,
    /// A constant that the target is given instead of the event.
    input: Option<Value>,
    /// `InputPath` or `InputTransformer`, which the gateway does not have.
    transformed: bool,
}

/// Where deliveries are recorded and rules are kept for a moment.
#[derive(Default)]
pub(crate) struct Delivery {
    records: Mutex<Vec<DeliveryRecord>>,
    rules: tokio::sync::Mutex<Option<(Instant, Vec<Rule>)>>,
}

impl Delivery {
    pub(crate) fn records(&self) -> Vec<DeliveryRecord> {
        self.recorded().clone()
    }

    pub(crate) fn clear(&self) {
        self.recorded().clear();
    }

    /// Delivers an event to every matching target. `lost` swallows it.
    pub(crate) async fn deliver(
        &self,
        event: &Value,
        happened: Millis,
        lost: bool,
        faults: &Faults,
        upstream: &Upstream,
        clock: &LabClock,
    ) {
        let record = |rule: &str, target: &str, outcome: DeliveryOutcome| DeliveryRecord {
            event: text(event, "id").to_owned(),
            detail_type: text(event, "detail-type").to_owned(),
            rule: rule.to_owned(),
            target: target.to_owned(),
            happened,
            at: clock.now_millis(),
            real_time: SystemTime::now(),
            outcome,
        };
        let rules = match self.current_rules(upstream).await {
            Ok(rules) => rules,
            Err(problem) => {
                let failed = DeliveryOutcome::Failed(format!("the rules cannot be read: {problem}"));
                self.recorded().push(record("", "", failed));
                return;
            }
        };
        for rule in rules.iter().filter(|rule| pattern::matches(&rule.pattern, event)) {
            for target in &rule.targets {
                let outcome =
                    if lost { DeliveryOutcome::Lost } else { send(event, target, faults, upstream, clock).await };
                self.recorded().push(record(&rule.name, &target.arn, outcome));
            }
        }
    }

    async fn current_rules(&self, upstream: &Upstream) -> Result<Vec<Rule>, String> {
        let mut kept = self.rules.lock().await;
        match &*kept {
            Some((read, rules)) if read.elapsed() < RULES_CURRENT => Ok(rules.clone()),
            _ => {
                let rules = read_rules(upstream).await?;
                *kept = Some((Instant::now(), rules.clone()));
                Ok(rules)
            }
        }
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<DeliveryRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a fault rule matches to swallow or delay events.
pub(crate) fn delivery_call() -> CallKey {
    CallKey { caller: "EventBridge".to_owned(), service: "events".to_owned(), operation: "Deliver".to_owned() }
}

async fn read_rules(upstream: &Upstream) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for rule in all_pages(upstream, "ListRules", json!({"EventBusName": "default"}), "Rules").await? {
        let pattern = rule.get("EventPattern").and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        let (Some(pattern), "ENABLED") = (pattern, text(&rule, "State")) else { continue };
        let name = text(&rule, "Name");
        let query = json!({"EventBusName": "default", "Rule": name});
        let targets = all_pages(upstream, "ListTargetsByRule", query, "Targets").await?;
        let targets = targets
            .iter()
            .map(|target| Target {
                arn: text(target, "Arn").to_owned(),
                input: target.get("Input").and_then(Value::as_str).and_then(|input| serde_json::from_str(input).ok()),
                transformed: ["InputPath", "InputTransformer"]
                    .iter()
                    .any(|name| target.get(name).is_some_and(|value| !value.is_null())),
            })
            .collect();
        rules.push(Rule { name: name.to_owned(), pattern, targets });
    }
    Ok(rules)
}

async fn all_pages(upstream: &Upstream, operation: &str, mut query: Value, list: &str) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    loop {
        let mut headers = root_headers("events");
        let target = format!("AWSEvents.{operation}");
        headers.insert("x-amz-target", HeaderValue::from_str(&target).map_err(|error| error.to_string())?);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        let request =
            AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body: query.to_string().into() };
        let answer = upstream.forward(&request).await.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!("{operation} answered {}", answer.status));
        }
        let page: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        all.extend(page.get(list).and_then(Value::as_array).into_iter().flatten().cloned());
        match page.get("NextToken").filter(|token| token.is_string()) {
            Some(token) => query["NextToken"] = token.clone(),
            None => return Ok(all),
        }
    }
}

async fn send(
    event: &Value,
    target: &Target,
    faults: &Faults,
    upstream: &Upstream,
    clock: &LabClock,
) -> DeliveryOutcome {
    if target.transformed {
        return DeliveryOutcome::Failed("the lab has no InputPath and no InputTransformer".to_owned());
    }
    if !target.arn.starts_with("arn:aws:lambda:") {
        return DeliveryOutcome::Failed("the lab delivers to Lambda functions only".to_owned());
    }
    // As EventBridge does.
    let request = match invocation(&target.arn, InvocationType::Event, target.input.as_ref().unwrap_or(event)) {
        Ok(request) => request,
        Err(problem) => return DeliveryOutcome::Failed(problem),
    };
    if !queue::wait_for_room(faults, &request, clock).await {
        return DeliveryOutcome::Lost;
    }
    let mut pause = FIRST_PAUSE;
    let mut problem = String::new();
    for _ in 0..ATTEMPTS {
        match upstream.forward(&request).await {
            Ok(answer) if answer.status.is_success() => return DeliveryOutcome::Delivered,
            // A function that is not there stays away; what is busy is tried again.
            Ok(answer) if answer.status.is_client_error() && answer.status != StatusCode::TOO_MANY_REQUESTS => {
                return DeliveryOutcome::Failed(format!("Invoke answered {}", answer.status));
            }
            Ok(answer) => problem = format!("Invoke answered {}", answer.status),
            Err(error) => problem = error.to_string(),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    DeliveryOutcome::Failed(problem)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
