//! The gateway between clients, a service of its own, and a small stand-in for ministack.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use teal_lab_gateway::{
    CallKey, CallPattern, DeliveryOutcome, FaultKind, FaultRule, Gateway, ROOT_ACCESS_KEY, execution_access_key,
};
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A request as the upstream got it.
#[derive(Debug)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Answers EventBridge's lists with two pages of rules, and everything else with its path.
fn upstream_answer(seen: &Seen) -> Response<Full<Bytes>> {
    let target = seen.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let query: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let rule = |name: &str, state: &str, pattern: Value| json!({"Name": name, "State": state, "EventPattern": pattern.to_string()});
    let document = match (target, query["NextToken"].as_str(), query["Rule"].as_str()) {
        ("AWSEvents.ListRules", None, _) => json!({
            "Rules": [rule("off", "DISABLED", json!({"source": ["aws.cloudwatch"]})),
                      rule("other", "ENABLED", json!({"source": ["aws.states"]}))],
            "NextToken": "more",
        }),
        ("AWSEvents.ListRules", ..) => json!({
            "Rules": [rule("alarm", "ENABLED", json!({"detail": {"state": {"value": ["ALARM"]}}}))],
        }),
        ("AWSEvents.ListTargetsByRule", _, Some("alarm")) => json!({"Targets": [
            {"Id": "f", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:on-alarm:live"},
            {"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:queue"},
        ]}),
        ("AWSEvents.ListTargetsByRule", ..) => json!({"Targets": []}),
        _ => json!({"path": seen.path}),
    };
    Response::builder()
        .header("x-from", "upstream")
        .header("connection", "x-private")
        .header("x-private", "1")
        .body(Full::new(Bytes::from(document.to_string())))
        .unwrap()
}

async fn upstream() -> (SocketAddr, UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let send = send.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| upstream_respond(request, send.clone()));
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, receive)
}

async fn upstream_respond(
    request: Request<Incoming>,
    send: UnboundedSender<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = Seen { method: head.method, path, headers: head.headers, body };
    let answer = upstream_answer(&seen);
    // The test may have ended.
    let _ = send.send(seen);
    Ok(answer)
}

struct Lab {
    gateway: Gateway,
    upstream: UnboundedReceiver<Seen>,
    /// The operations that the lab's own load balancing service was asked for.
    served: Arc<Mutex<Vec<String>>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

async fn lab() -> Lab {
    let gateway = Gateway::start(LabClock::starting_now(1.0), 7).await.unwrap();
    let (address, upstream) = upstream().await;
    gateway.forward_to(address);
    let served = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&served);
    gateway.serve("elasticloadbalancing", move |request: AwsRequest| {
        sink.lock().unwrap().push(String::from_utf8_lossy(&request.body).into_owned());
        async { AwsAnswer::new(StatusCode::OK, "text/xml", "<served/>") }
    });
    Lab { gateway, upstream, served, client: Client::builder(TokioExecutor::new()).build_http() }
}

impl Lab {
    fn request(&self, access_key: &str, service: &str, path: &str) -> http::request::Builder {
        let request = Request::builder().method(Method::POST).uri(format!("{}{path}", self.gateway.endpoint_url()));
        if access_key.is_empty() {
            return request;
        }
        let scope = format!("Credential={access_key}/20261122/us-east-1/{service}/aws4_request");
        request.header("authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Result<(StatusCode, HeaderMap, String), ()> {
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let (head, body) = self.client.request(request).await.map_err(|_| ())?.into_parts();
        let body = body.collect().await.map_err(|_| ())?.to_bytes();
        Ok((head.status, head.headers, String::from_utf8_lossy(&body).into_owned()))
    }

    async fn modify_listener(&self, access_key: &str) -> Result<(StatusCode, String), ()> {
        let request = self
            .request(access_key, "elasticloadbalancing", "/")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let answer = self.send(request, "Action=ModifyListener&ListenerArn=arn%3Aaws%3Alistener").await?;
        Ok((answer.0, answer.2))
    }

    async fn get_item(&self, access_key: &str) -> (StatusCode, String) {
        let request = self.request(access_key, "dynamodb", "/").header("x-amz-target", "DynamoDB_20120810.GetItem");
        let answer = self.send(request, r#"{"TableName": "releases"}"#).await.unwrap();
        (answer.0, answer.2)
    }
}

fn fault(operation: &str, kind: FaultKind, times: Option<u32>) -> FaultRule {
    let calls = CallPattern { operation: Some(operation.to_owned()), ..CallPattern::default() };
    FaultRule { calls, kind, after: 0, times, probability: 1.0, may_miss: false }
}

#[tokio::test]
async fn the_credential_scope_decides_who_serves_and_every_call_is_logged() {
    let lab = lab().await;
    assert_eq!(lab.modify_listener(ROOT_ACCESS_KEY).await.unwrap(), (StatusCode::OK, "<served/>".to_owned()));
    assert_eq!(lab.get_item(ROOT_ACCESS_KEY).await, (StatusCode::OK, r#"{"path":"/"}"#.to_owned()));
    assert_eq!(*lab.served.lock().unwrap(), ["Action=ModifyListener&ListenerArn=arn%3Aaws%3Alistener"]);

    let calls = lab.gateway.calls();
    let told: Vec<_> = calls.iter().map(|call| (call.caller.as_str(), call.operation.as_str(), call.status)).collect();
    assert_eq!(told, [("lab", "ModifyListener", 200), ("lab", "GetItem", 200)]);
    assert_eq!(calls[0].resources, ["arn:aws:listener"]);
    let key = |service: &str, operation: &str| CallKey {
        caller: "lab".to_owned(),
        service: service.to_owned(),
        operation: operation.to_owned(),
    };
    assert_eq!(lab.gateway.call_counts()[&key("dynamodb", "GetItem")], 1);
    lab.gateway.clear_records();
    assert!(lab.gateway.call_counts().is_empty());
}

#[tokio::test]
async fn what_the_lab_has_of_a_service_it_serves_and_the_rest_is_forwarded() {
    let lab = lab().await;
    lab.gateway.serve_some("lambda", |request: AwsRequest| async move {
        let is_ours = request.uri.path().contains("/shop/");
        is_ours.then(|| AwsAnswer::new(StatusCode::OK, "application/json", r#""the lab's""#))
    });
    for (function, expected) in
        [("shop", r#""the lab's""#), ("teal", r#"{"path":"/2015-03-31/functions/teal/invocations"}"#)]
    {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = lab.send(lab.request(ROOT_ACCESS_KEY, "lambda", &path), "{}").await.unwrap();
        assert_eq!((answer.0, answer.2.as_str()), (StatusCode::OK, expected));
    }
}

#[tokio::test]
async fn forwarding_keeps_path_host_and_body_and_drops_what_is_about_the_connection() {
    let mut lab = lab().await;
    let request = lab
        .request("", "", "/code/a%20b.zip?versionId=1&x=%2F")
        .header("host", "bucket.example.test")
        .header("x-amz-meta-a", "1")
        .header("expect", "100-continue")
        .header("te", "trailers");
    let (status, headers, _) = lab.send(request, "content").await.unwrap();
    let seen = lab.upstream.recv().await.unwrap();
    assert_eq!((seen.method, seen.path.as_str()), (Method::POST, "/code/a%20b.zip?versionId=1&x=%2F"));
    assert_eq!(seen.headers["host"], "bucket.example.test");
    assert_eq!(seen.headers["x-amz-meta-a"], "1");
    assert!(!seen.headers.contains_key("te") && !seen.headers.contains_key("expect"));
    assert_eq!(seen.body, "content");
    assert_eq!((status, &headers["x-from"]), (StatusCode::OK, &http::HeaderValue::from_static("upstream")));
    assert!(!headers.contains_key("x-private"));
}

#[tokio::test]
async fn without_upstream_clients_get_a_bad_gateway() {
    let lab = Lab { gateway: Gateway::start(LabClock::starting_now(1.0), 7).await.unwrap(), ..lab().await };
    assert_eq!(lab.get_item(ROOT_ACCESS_KEY).await.0, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_function_is_held_to_its_policy() {
    let mut lab = lab().await;
    let key =
        execution_access_key("arn:aws:lambda:us-east-1:000000000000:function:f:1", "arn:aws:iam::000000000000:role/r");
    let policy =
        json!({"Statement": {"Effect": "Allow", "Action": "elasticloadbalancing:ModifyListener", "Resource": "*"}});
    lab.gateway.register_caller([key.clone()], "ShiftTraffic", &[policy]).unwrap();

    assert_eq!(lab.modify_listener(&key).await.unwrap().0, StatusCode::OK);
    let (status, body) = lab.get_item(&key).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["__type"], "AccessDeniedException");
    assert!(lab.upstream.try_recv().is_err(), "what is denied has no effect");

    let report = lab.gateway.policy_report();
    assert_eq!(report.violations.len(), 1);
    assert_eq!(report.violations[0].action, "dynamodb:GetItem");
    assert_eq!(report.unused().count(), 0);
    let calls = lab.gateway.calls();
    assert_eq!(
        (calls[1].caller.as_str(), calls[1].error_code.as_deref()),
        ("ShiftTraffic", Some("AccessDeniedException"))
    );
}

#[tokio::test]
async fn a_role_that_only_the_gateway_knows_is_held_to_its_policy_and_goes_on_as_root() {
    let mut lab = lab().await;
    let function = "arn:aws:lambda:us-east-1:000000000000:function:CodeDeployHook_teal:live";
    let policy = json!({"Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function}]});
    lab.gateway.register_role("ASIA1".to_owned(), "shop-instances", &[policy]).unwrap();
    let invoke = async |function: &str| {
        let path = format!("/2015-03-31/functions/{}/invocations", function.replace(':', "%3A"));
        lab.send(lab.request("ASIA1", "lambda", &path), "{}").await.unwrap().0
    };
    assert_eq!(invoke("another").await, StatusCode::FORBIDDEN);
    assert_eq!(invoke(function).await, StatusCode::OK);
    let forwarded = lab.upstream.recv().await.unwrap();
    let signed = forwarded.headers["authorization"].to_str().unwrap();
    assert!(signed.contains(&format!("Credential={ROOT_ACCESS_KEY}/")), "{signed}");
    let violations = lab.gateway.policy_report().violations;
    assert_eq!((violations.len(), violations[0].caller.as_str()), (1, "shop-instances"));
}

#[tokio::test]
async fn faults_refuse_throttle_and_lose() {
    let lab = lab().await;
    let error = FaultKind::Error { status: 500, code: "InternalFailure".to_owned(), message: "drill".to_owned() };
    let id = lab.gateway.inject(fault("ModifyListener", error, Some(1)));
    let (status, body) = lab.modify_listener(ROOT_ACCESS_KEY).await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.contains("<Code>InternalFailure</Code>"), "{body}");
    assert_eq!(lab.gateway.end_fault(id), 1);

    let id = lab.gateway.inject(fault("ModifyListener", FaultKind::Throttle, Some(1)));
    assert!(lab.modify_listener(ROOT_ACCESS_KEY).await.unwrap().1.contains("<Code>Throttling</Code>"));
    lab.gateway.end_fault(id);
    assert!(lab.served.lock().unwrap().is_empty());

    let _ = lab.gateway.inject(fault("ModifyListener", FaultKind::LostAnswer, Some(1)));
    let before = lab.served.lock().unwrap().len();
    assert_eq!(lab.modify_listener(ROOT_ACCESS_KEY).await, Err(()));
    assert_eq!(lab.served.lock().unwrap().len(), before + 1, "the effect has happened");
    assert_eq!(lab.gateway.calls().last().map(|call| call.status), Some(0));
}

#[tokio::test]
async fn a_call_is_late_before_its_effect_or_its_answer_after_it() {
    let lab = lab().await;
    // Neither is seen to have an effect, or not, by chance: the client has long gone when the time is over.
    let patience = Duration::from_millis(300);
    for (when, seen) in [("", 0), (r#", "when": "after""#, 1)] {
        let text = format!(
            r#"{{"match": {{"operation": "ModifyListener"}}, "kind": {{"latency": {{"millis": 2000{when}}}}}, "times": 1}}"#
        );
        let id = lab.gateway.inject(serde_json::from_str(&text).unwrap());
        lab.served.lock().unwrap().clear();
        let started = Instant::now();
        assert!(tokio::time::timeout(patience, lab.modify_listener(ROOT_ACCESS_KEY)).await.is_err(), "{when}");
        assert_eq!(lab.served.lock().unwrap().len(), seen, "{when}");
        while lab.gateway.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(started.elapsed() >= Duration::from_secs(2));
        assert_eq!(
            lab.served.lock().unwrap().len(),
            1,
            "a call that has arrived has its effect without its client, too"
        );
        assert_eq!(lab.gateway.end_fault(id), 1);
        lab.gateway.clear_records();
    }
}

#[tokio::test]
async fn alarm_events_reach_the_functions_of_matching_rules() {
    let mut lab = lab().await;
    let event = |state: &str| json!({"id": state, "source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": {"state": {"value": state}}});
    let lose = lab.gateway.inject(fault("Deliver", FaultKind::LostAnswer, Some(1)));
    lab.gateway.send_event(event("ALARM"));
    while lab.gateway.deliveries().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lab.gateway.end_fault(lose), 1);
    assert!(lab.gateway.deliveries().iter().all(|delivery| delivery.outcome == DeliveryOutcome::Lost));
    lab.gateway.clear_records();

    lab.gateway.send_event(event("OK"));
    lab.gateway.send_event(event("ALARM"));
    let invoked = loop {
        let seen = lab.upstream.recv().await.unwrap();
        if seen.path.starts_with("/2015-03-31/functions/") {
            break seen;
        }
    };
    assert_eq!(
        invoked.path,
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aon-alarm%3Alive/invocations"
    );
    assert_eq!(invoked.headers["x-amz-invocation-type"], "Event");
    assert_eq!(serde_json::from_slice::<Value>(&invoked.body).unwrap(), event("ALARM"));
    while lab.gateway.deliveries().len() < 2 {
        tokio::task::yield_now().await;
    }
    let deliveries = lab.gateway.deliveries();
    assert_eq!((deliveries[0].rule.as_str(), &deliveries[0].outcome), ("alarm", &DeliveryOutcome::Delivered));
    assert!(matches!(deliveries[1].outcome, DeliveryOutcome::Failed(_)), "only Lambda functions are delivered to");
}

#[tokio::test]
async fn a_service_invokes_functions_of_ministack_and_of_the_gateway() {
    let mut lab = lab().await;
    lab.gateway.serve_some("lambda", |request: AwsRequest| async move {
        let failed = request
            .uri
            .path()
            .contains("/shop/")
            .then(|| AwsAnswer::new(StatusCode::OK, "application/json", r#"{"errorMessage":"out of stock"}"#));
        failed.map(|mut answer| {
            answer.headers.insert("x-amz-function-error", http::HeaderValue::from_static("Unhandled"));
            answer
        })
    });
    let invoker = lab.gateway.function_invoker("ECS");
    let function = "arn:aws:lambda:us-east-1:000000000000:function:hook:live";
    let path =
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahook%3Alive/invocations";

    assert_eq!(invoker.invoke(function, &json!({"a": 1})).await, Ok(json!({"path": path})));
    let seen = lab.upstream.recv().await.unwrap();
    assert_eq!((seen.path.as_str(), seen.body.as_ref()), (path, br#"{"a":1}"#.as_slice()));
    assert!(!seen.headers.contains_key("x-amz-invocation-type"), "its answer is waited for");
    assert_eq!(invoker.invoke_later(function, &json!({})).await, Ok(Value::Null));
    assert_eq!(lab.upstream.recv().await.unwrap().headers["x-amz-invocation-type"], "Event");

    let failed = invoker.invoke("shop", &json!({})).await.unwrap_err();
    assert!(failed.contains("out of stock"), "{failed}");
    let _ = lab.gateway.inject(fault("Invoke", FaultKind::Throttle, Some(1)));
    assert!(invoker.invoke(function, &json!({})).await.unwrap_err().contains("TooManyRequestsException"));
    assert!(lab.upstream.try_recv().is_err(), "what is throttled has no effect");

    let calls = lab.gateway.calls();
    assert!(calls.iter().all(|call| (call.caller.as_str(), call.operation.as_str()) == ("ECS", "Invoke")));
    assert_eq!((calls.len(), calls[0].resources.as_slice()), (4, [function.to_owned()].as_slice()));
}
