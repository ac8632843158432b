//! Functions as their users call them: over the wire of Lambda's API.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use teal_lab_functions::{EXECUTED_VERSION, Executed, FUNCTION_ERROR, Functions, Running};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, MetricSample, MetricSink};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
fn runtime(executed: Executed<'_>, payload: Bytes) -> Running {
    let outcome = if executed.version == "2" { Err("it crashed".to_owned()) } else { Ok(payload) };
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
        let released = if path.contains("/url") { "2021-10-31" } else { "2015-03-31" };
        let uri = format!("/{released}/functions{path}").parse().unwrap();
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
    assert!(lab.call(Method::GET, "/", &Value::Null).await.is_none(), "a list of all is ministack's");
    let arn = "/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ashop";
    let (_, second) = lab.answer(Method::GET, &format!("{arn}/configuration?Qualifier=2"), Value::Null).await;
    assert_eq!((second["Version"].as_str(), second["State"].as_str()), (Some("2"), Some("Active")));
    let (status, _) = lab.answer(Method::GET, "/shop/configuration?Qualifier=3", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let direct = lab.call(Method::POST, "/shop:1/invocations", &json!({"n": 1})).await.unwrap();
    assert_eq!((&direct.body[..], &direct.headers[EXECUTED_VERSION]), (&br#"{"n":1}"#[..], &"1".parse().unwrap()));
}

#[tokio::test]
async fn requests_to_the_url_of_an_alias_are_invocations_of_it() {
    let lab = Lab::with_two_versions().await;
    let (status, made) = lab.answer(Method::POST, "/shop/url?Qualifier=live", json!({"AuthType": "NONE"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let host = made["FunctionUrl"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let get = async || {
        let mut stream = TcpStream::connect(&host).await.unwrap();
        let request = format!("GET /cart?n=1 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let first = get().await;
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("x-amz-executed-version: 1"), "{first}");
    assert!(first.contains(r#""rawPath":"/cart","rawQueryString":"n=1""#), "{first}");
    lab.weigh(json!({"FunctionVersion": "2"})).await;
    let second = get().await;
    assert!(second.starts_with("HTTP/1.1 502") && second.contains("x-amz-executed-version: 2"), "{second}");
    assert_eq!(lab.seen.sums("Errors")["shop shop:live 2"], 1.0);
}

#[tokio::test]
async fn what_is_set_of_an_alias_is_kept_with_when_and_in_which_shares() {
    let lab = Lab::with_two_versions().await;
    lab.weigh(weights(&json!({"2": 0.001}))).await;
    lab.weigh(weights(&json!({"3": 0.5}))).await;
    lab.weigh(json!({"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {}}})).await;
    let set: Vec<_> = lab.functions.alias_changes().into_iter().map(|change| change.weights).collect();
    let shares =
        |shares: &[(&str, u16)]| shares.iter().map(|(version, share)| ((*version).to_owned(), *share)).collect();
    assert_eq!(set, [shares(&[("1", 1000)]), shares(&[("1", 999), ("2", 1)]), shares(&[("2", 1000)])]);
}

#[tokio::test]
async fn a_change_of_the_configuration_is_the_next_versions() {
    let lab = Lab::with_two_versions().await;
    let changed = json!({"Environment": {"Variables": {"COLOUR": "green"}}});
    lab.answer(Method::PUT, "/shop/configuration", changed).await;
    assert_eq!(lab.answer(Method::POST, "/shop/versions", json!({})).await.1["Version"], "3");
    let of = async |number: &str| {
        let path = format!("/shop/configuration?Qualifier={number}");
        lab.answer(Method::GET, &path, Value::Null).await.1["Environment"]["Variables"]["COLOUR"].clone()
    };
    assert_eq!((of("2").await, of("3").await), (Value::Null, json!("green")));
}
