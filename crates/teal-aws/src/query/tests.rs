use super::*;
use crate::testing::Script;
use serde_json::json;
use teal::ports::{PortError, PortResult};

const CALL: &str = "autoscaling:DescribeAutoScalingGroups";

async fn call(script: &Script) -> PortResult<Value> {
    let input =
        json!({"AutoScalingGroupNames": ["a", "b & c"], "MaxRecords": 5, "Empty": null, "Tags": [{"Key": "k"}]});
    script.aws().ec2_autoscaling().call(CALL, "groups", &input).await
}

#[tokio::test]
async fn a_document_goes_out_as_a_form_and_comes_back_from_xml() {
    let script = Script::default().answers(
        200,
        "<?xml version=\"1.0\"?>\n<DescribeAutoScalingGroupsResponse xmlns=\"http://x/\">\n  <DescribeAutoScalingGroupsResult>\
         <AutoScalingGroups><member><Name>a &amp; b&#x41;</Name>\n<Instances/><Tags><member><Key>k</Key><Value></Value></member></Tags>\
         </member></AutoScalingGroups><NextToken>t</NextToken></DescribeAutoScalingGroupsResult>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeAutoScalingGroupsResponse>",
    );
    let expected = json!({"AutoScalingGroups": [{"Name": "a & bA", "Tags": [{"Key": "k"}]}], "NextToken": "t"});
    assert_eq!(call(&script).await, Ok(expected));
    let sent = &script.sent()[0];
    assert_eq!(sent.uri, "https://autoscaling.eu-central-1.amazonaws.com/");
    assert_eq!(sent.operation, "DescribeAutoScalingGroups");
    assert_eq!(sent.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(!sent.headers.contains_key("x-amz-target"));
    assert!(String::from_utf8_lossy(&sent.body).contains("Version=2011-01-01"));
    let form: Vec<(String, String)> = sent.form();
    let expected = [
        ("AutoScalingGroupNames.member.1", "a"),
        ("AutoScalingGroupNames.member.2", "b & c"),
        ("MaxRecords", "5"),
        ("Tags.member.1.Key", "k"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn errors_are_told_by_their_codes() {
    let error = |code: &str| {
        let inside = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>said so</Message></Error>");
        Script::default().answers(400, format!("<ErrorResponse>{inside}<RequestId>1</RequestId></ErrorResponse>"))
    };
    assert_eq!(call(&error("Throttling")).await, Err(PortError::Throttled { call: CALL }));
    let refused = call(&error("ValidationError")).await;
    let expected = PortError::Refused { call: CALL, message: "ValidationError: said so (for groups)".into() };
    assert_eq!(refused, Err(expected));
    let denied = call(&error("AccessDenied")).await;
    assert!(matches!(denied, Err(PortError::Denied { .. })), "{denied:?}");
    let bare = call(&Script::default().answers(503, "<html>")).await;
    assert!(matches!(bare, Err(PortError::Unavailable { .. })), "{bare:?}");
    let cut = call(&Script::default().answers(200, "<A><B>")).await;
    assert!(matches!(cut, Err(PortError::Unavailable { .. })), "{cut:?}");
}

#[tokio::test]
async fn an_answer_without_a_result_is_empty() {
    let script = Script::default().answers(200, "<A><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></A>");
    assert_eq!(call(&script).await, Ok(json!({})));
}
