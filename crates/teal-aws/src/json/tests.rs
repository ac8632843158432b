use super::*;
use crate::testing::Script;
use aws_config::Region;
use serde_json::json;

const CALL: &str = "ecs:DescribeServices";
const ECS: Service = crate::ecs::ECS;

async fn call(script: &Script) -> PortResult<Value> {
    script.aws().ecs().call(CALL, "cluster prod", &json!({"cluster": "prod"})).await
}

fn error(code: &str) -> String {
    json!({"__type": code, "message": "said so"}).to_string()
}

#[tokio::test]
async fn a_call_is_signed_and_goes_to_the_services_endpoint() {
    let script = Script::default().json(&json!({"services": []}));
    assert_eq!(call(&script).await, Ok(json!({"services": []})));
    let sent = &script.sent()[0];
    assert_eq!(sent.uri, "https://ecs.eu-central-1.amazonaws.com/");
    assert_eq!(sent.json(), json!({"cluster": "prod"}));
    assert_eq!(sent.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(sent.headers["x-amz-target"], "AmazonEC2ContainerServiceV20141113.DescribeServices");
    let signature = &sent.headers["authorization"];
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signature}");
    assert!(signature.contains("/eu-central-1/ecs/aws4_request"), "{signature}");
    for signed in ["content-type", "host", "x-amz-date", "x-amz-target"] {
        assert!(signature.contains(signed), "{signed} is not signed: {signature}");
    }
    assert!(sent.headers["x-amz-user-agent"].contains("api/ecs"), "{:?}", sent.headers);
    assert!(sent.headers["amz-sdk-request"].starts_with("attempt=1"), "{:?}", sent.headers);
}

#[test]
fn each_partition_has_its_endpoints() {
    for (region, expected) in [
        ("eu-central-1", "https://ecs.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "https://ecs.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://ecs.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "https://ecs.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "https://ecs.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "https://ecs.us-isob-east-1.sc2s.sgov.gov"),
    ] {
        let config = SdkConfig::builder().region(Region::from_static(region));
        assert_eq!(endpoint(&config.build(), &ECS), expected);
        let elsewhere = SdkConfig::builder().region(Region::from_static(region)).endpoint_url("http://127.0.0.1:4566");
        assert_eq!(endpoint(&elsewhere.build(), &ECS), "http://127.0.0.1:4566");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let passing = [
        Script::default().answers(400, error("ThrottlingException")),
        Script::default().answers(503, ""),
        Script::default().answers(500, error("ServerException")),
        Script::default().breaks_off(),
    ];
    for script in passing {
        let script = script.json(&json!({}));
        let answer = script.aws_with_retries().ecs().call(CALL, "cluster prod", &json!({})).await;
        assert_eq!(answer, Ok(json!({})));
        let sent = script.sent();
        assert_eq!(sent.len(), 2);
        assert!(sent[1].headers["amz-sdk-request"].starts_with("attempt=2"), "{:?}", sent[1].headers);
    }
    let refused = Script::default().answers(400, error("ClientException"));
    let answer = refused.aws_with_retries().ecs().call(CALL, "cluster prod", &json!({})).await;
    assert!(matches!(answer, Err(PortError::Refused { .. })), "{answer:?}");
    assert_eq!(refused.sent().len(), 1);
}

#[tokio::test]
async fn an_errors_code_is_found_wherever_the_service_put_it() {
    let not_found = Err(PortError::NotFound { what: "cluster prod".into() });
    for code in [
        "ClusterNotFoundException",
        "com.amazonaws.ecs#ClusterNotFoundException",
        "ClusterNotFoundException:http://internal.amazon.com/coral/com.amazonaws.ecs/",
    ] {
        assert_eq!(call(&Script::default().answers(400, error(code))).await, not_found, "{code}");
        let read = ServiceError::read(Some(code), br#"{"Message": "m"}"#);
        assert_eq!((read.code(), read.message()), (Some("ClusterNotFoundException"), Some("m")));
    }
    let denied = call(&Script::default().answers(400, error("AccessDeniedException"))).await;
    assert!(matches!(&denied, Err(PortError::Denied { message, .. }) if message.contains("said so")), "{denied:?}");
    let throttled = call(&Script::default().answers(400, error("ThrottlingException"))).await;
    assert_eq!(throttled, Err(PortError::Throttled { call: CALL }));
    let bare = call(&Script::default().answers(503, "<html>")).await;
    assert!(matches!(bare, Err(PortError::Unavailable { .. })), "{bare:?}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_answer() {
    let answer = call(&Script::default().answers(200, "{\"services\": [")).await;
    assert!(matches!(answer, Err(PortError::Unavailable { .. })), "{answer:?}");
    for other in ["[]", "\"x\"", "null", "7", "true"] {
        let answer = call(&Script::default().answers(200, other)).await;
        let Err(PortError::Unavailable { call, message }) = answer else { panic!("{other}: {answer:?}") };
        assert_eq!(call, CALL);
        assert!(message.contains("no object"), "{other}: {message}");
    }
    assert_eq!(call(&Script::default().answers(200, "")).await, Ok(json!({})));
    let told = json!({"services": [{"serviceName": "a", "roleArn": null}], "failures": null});
    let answer = call(&Script::default().json(&told)).await;
    assert_eq!(answer, Ok(json!({"services": [{"serviceName": "a"}]})), "null says nothing");
}

#[tokio::test]
async fn pages_are_read_to_the_last_one() {
    let page = |number: u32, next: Option<&str>| json!({"Things": [number], "NextToken": next});
    let paged = async |script: &Script| {
        let aws = script.aws();
        aws.autoscaling().call_paged("application-autoscaling:Describe", "things", json!({"Id": "x"}), "Things").await
    };
    let script = Script::default().json(&page(1, Some("a"))).json(&page(2, Some("b"))).json(&page(3, None));
    assert_eq!(paged(&script).await, Ok(vec![json!(1), json!(2), json!(3)]));
    let inputs: Vec<Value> = script.sent().iter().map(|sent| sent.json()).collect();
    let with = |token: &str| json!({"Id": "x", "NextToken": token});
    assert_eq!(inputs, [json!({"Id": "x"}), with("a"), with("b")]);

    let turning = Script::default().json(&page(1, Some("a"))).json(&page(2, Some("a")));
    assert!(matches!(paged(&turning).await, Err(PortError::Unavailable { .. })));
    let broken = Script::default().json(&page(1, Some("a"))).answers(400, error("ThrottlingException"));
    assert!(matches!(paged(&broken).await, Err(PortError::Throttled { .. })), "half of a list is none");
}
