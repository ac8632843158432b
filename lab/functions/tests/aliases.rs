//! Functions as their users call them: over the wire of Lambda's API.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use teal_lab_functions::{EXECUTED_VERSION, FUNCTION_ERROR, Functions, Running};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, MetricSample, MetricSink};

#[derive(Default)]
struct Seen(Mutex<Vec<MetricSample>>);

impl MetricSink for Seen {
    fn record(&self, sample: MetricSample) {
        self.0.lock().unwrap().push(sample);
    }
}

impl Seen {
    /// The sum of a metric by the values of its dimensions.
    fn sums(&self, name: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.0.lock().unwrap().iter().filter(|sample| sample.name == name) {
            let of: Vec<&str> = sample.dimensions.iter().map(|(_, value)| value.as_str()).collect();
            *sums.entry(of.join(" ")).or_default() += sample.value * sample.count;
        }
        sums
    }
}

/// Version 2 fails.
fn runtime(_: &str, version: &str, payload: Bytes) -> Running {
    let outcome = if version == "2" { Err("it crashed".to_owned()) } else { Ok(payload) };
    Box::pin(std::future::ready(outcome))
}

struct Lab {
    functions: Functions,
    seen: Arc<Seen>,
}

impl Lab {
    fn new() -> Self {
        let seen = Arc::<Seen>::default();
        let sink = Arc::clone(&seen) as Arc<dyn MetricSink>;
        Self { functions: Functions::new(LabClock::starting_now(1.0), sink, Arc::new(runtime), 7), seen }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<AwsAnswer> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let uri = format!("/2015-03-31/functions{path}").parse().unwrap();
        self.functions.handle(&AwsRequest { method, uri, headers: HeaderMap::new(), body }).await
    }

    async fn answer(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.call(method, path, &body).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// A function `shop` with two versions, of which its alias `live` names the first.
    async fn with_two_versions() -> Self {
        let lab = Self::new();
        let shop = json!({"FunctionName": "shop", "Role": "arn:role", "Code": {"ZipFile": "1"}, "Publish": true});
        assert_eq!(lab.answer(Method::POST, "", shop).await.1["Version"], "1");
        let live = json!({"Name": "live", "FunctionVersion": "1"});
        assert_eq!(lab.answer(Method::POST, "/shop/aliases", live).await.0, StatusCode::CREATED);
        let code = json!({"ZipFile": "2", "Publish": true});
        assert_eq!(lab.answer(Method::PUT, "/shop/code", code).await.1["Version"], "2");
        lab
    }

    async fn weigh(&self, alias: Value) -> (StatusCode, Value) {
        self.answer(Method::PUT, "/shop/aliases/live", alias).await
    }
}

fn weights(weights: &Value) -> Value {
    json!({"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": weights}})
}

#[tokio::test]
async fn invocations_of_an_alias_are_split_by_its_weights_and_counted_by_the_version_that_was_executed() {
    let lab = Lab::with_two_versions().await;
    lab.weigh(weights(&json!({"2": 0.25}))).await;
    let mut failed = 0.0;
    for _ in 0..400 {
        let answer = lab.call(Method::POST, "/shop/invocations?Qualifier=live", &json!({"n": 1})).await.unwrap();
        let version = &answer.headers[EXECUTED_VERSION];
        assert_eq!(answer.headers.contains_key(FUNCTION_ERROR), version == "2", "{answer:?}");
        failed += f64::from(u8::from(version == "2"));
    }
    assert!((60.0..=140.0).contains(&failed), "{failed} of 400 at 25 %");
    let of = |all: f64, first: f64, second: f64| {
        let sets = [
            ("", all),
            ("shop", all),
            ("shop shop:live", all),
            ("shop shop:live 1", first),
            ("shop shop:live 2", second),
        ];
        BTreeMap::from(sets.map(|(name, value)| (name.to_owned(), value)))
    };
    assert_eq!(lab.seen.sums("Invocations"), of(400.0, 400.0 - failed, failed));
    assert_eq!(lab.seen.sums("Errors"), of(failed, 0.0, failed));
}

#[tokio::test]
async fn an_alias_is_shown_as_it_was_set_and_without_weights_when_they_are_taken_away() {
    let lab = Lab::with_two_versions().await;
    let (_, set) = lab.weigh(weights(&json!({"2": 0.05}))).await;
    let (status, shown) = lab.answer(Method::GET, "/shop/aliases/live", Value::Null).await;
    assert_eq!((status, &shown), (StatusCode::OK, &set));
    assert_eq!(shown["RoutingConfig"], json!({"AdditionalVersionWeights": {"2": 0.05}}));
    let (_, over) = lab.weigh(json!({"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {}}})).await;
    assert_eq!((over["FunctionVersion"].as_str(), over.get("RoutingConfig")), (Some("2"), None));
    assert_eq!(lab.functions.alias("shop", "live").unwrap().version, "2");
}

#[tokio::test]
async fn a_write_that_somebody_overtook_is_refused() {
    let lab = Lab::with_two_versions().await;
    let (_, read) = lab.answer(Method::GET, "/shop/aliases/live", Value::Null).await;
    let mut mine = weights(&json!({"2": 0.5}));
    mine["RevisionId"] = read["RevisionId"].clone();
    lab.weigh(json!({"Description": "somebody else's"})).await;
    let refused = lab.call(Method::PUT, "/shop/aliases/live", &mine).await.unwrap();
    assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(refused.headers["x-amzn-errortype"], "PreconditionFailedException");
    assert_eq!(lab.functions.alias("shop", "live").unwrap().additional, None);
}

#[tokio::test]
async fn what_lambda_refuses_about_weights_is_refused() {
    let lab = Lab::with_two_versions().await;
    let table = [
        (weights(&json!({"2": 1.5})), StatusCode::BAD_REQUEST),
        (weights(&json!({"1": 0.5})), StatusCode::BAD_REQUEST),
        (weights(&json!({"$LATEST": 0.5})), StatusCode::BAD_REQUEST),
        (weights(&json!({"2": 0.1, "3": 0.1})), StatusCode::BAD_REQUEST),
        (weights(&json!({"3": 0.1})), StatusCode::NOT_FOUND),
        (json!({"FunctionVersion": "3"}), StatusCode::NOT_FOUND),
        (
            json!({"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}),
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (alias, status) in table {
        assert_eq!(lab.weigh(alias.clone()).await.0, status, "{alias}");
    }
}

#[tokio::test]
async fn functions_of_others_and_their_versions_are_told_apart() {
    let lab = Lab::with_two_versions().await;
    assert!(lab.call(Method::POST, "/teal-accept/invocations", &json!({})).await.is_none(), "ministack's");
    let arn = "/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ashop";
    let (_, second) = lab.answer(Method::GET, &format!("{arn}/configuration?Qualifier=2"), Value::Null).await;
    assert_eq!((second["Version"].as_str(), second["State"].as_str()), (Some("2"), Some("Active")));
    let (status, _) = lab.answer(Method::GET, "/shop/configuration?Qualifier=3", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let direct = lab.call(Method::POST, "/shop:1/invocations", &json!({"n": 1})).await.unwrap();
    assert_eq!((&direct.body[..], &direct.headers[EXECUTED_VERSION]), (&br#"{"n":1}"#[..], &"1".parse().unwrap()));
}
