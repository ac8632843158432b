//! What people ask of a release.

use super::at;
use crate::testing::{Script, id};
use serde_json::{Value, json};
use teal::ports::Ledger;
use teal::request::{Ask, Request};

fn request(ask: Ask, minute: u32) -> Request {
    Request { ask, by: "ann".into(), at: at(&format!("2026-11-22T10:{minute:02}:00Z")), note: None }
}

fn item(request: &Request) -> Value {
    json!({"sk": {"S": request.ask.key()}, "request": {"S": serde_json::to_string(request).unwrap()}})
}

#[tokio::test]
async fn what_was_asked_is_read_in_one_page_the_oldest_first() {
    let (late, early) = (request(Ask::Abort, 30), request(Ask::Approve { stage: 0 }, 0));
    let script = Script::default().json(&json!({"Items": [item(&late), item(&early)]}));
    let requests = script.aws().requests(&id("checkout-7")).await.unwrap();
    assert_eq!((requests.read, requests.unread), (vec![early, late], Vec::new()));
    let sent = script.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].json()["ConsistentRead"], true);
    assert_eq!(sent[0].json()["Limit"], 250);
}

#[tokio::test]
async fn an_abort_is_heard_however_much_else_was_written() {
    let key = json!({"pk": {"S": "request#checkout-7"}, "sk": {"S": "aaa-249"}});
    let junk: Vec<Value> = (0..250).map(|n| json!({"sk": {"S": format!("aaa-{n}")}, "request": {"S": "{}"}})).collect();
    let (abort, reject) = (request(Ask::Abort, 30), request(Ask::Reject { stage: 1 }, 0));
    let spoilt = json!({"sk": {"S": "approve#x"}, "request": {"S": "yes"}});
    let script = Script::default()
        .json(&json!({"Items": junk, "LastEvaluatedKey": key}))
        .json(&json!({"Item": item(&abort)}))
        .json(&json!({}))
        .json(&json!({}))
        .json(&json!({"Items": [item(&reject)]}))
        .json(&json!({"Items": vec![spoilt; 250], "LastEvaluatedKey": key}));
    let requests = script.aws().requests(&id("checkout-7")).await.unwrap();
    assert_eq!(requests.read, [reject, abort]);
    assert_eq!(requests.unread.len(), 12, "{:?}", requests.unread);
    assert_eq!(requests.unread[10], "240 more requests in request#checkout-7 cannot be read");
    assert!(requests.unread[11].contains("more than 250 requests"), "{}", requests.unread[11]);
    let sent = script.sent();
    let keys: Vec<Value> = sent[1..4].iter().map(|sent| sent.json()["Key"]["sk"]["S"].clone()).collect();
    assert_eq!(keys, ["abort", "giveUp", "leaveOnGreen"]);
    assert!(sent[1..4].iter().all(|sent| sent.json()["ConsistentRead"] == true));
    assert_eq!(sent.len(), 6, "no page but the first of each");
}

#[tokio::test]
async fn no_more_of_a_persons_text_is_read_than_records_have_room_for() {
    let long = Request { by: "b".repeat(100_000), note: Some("ä".repeat(100_000)), ..request(Ask::Abort, 0) };
    let script = Script::default().json(&json!({"Items": [item(&long)]}));
    let read = script.aws().requests(&id("checkout-7")).await.unwrap().read.remove(0);
    assert_eq!(read.by, format!("{}…", "b".repeat(700)));
    assert_eq!(read.note, Some(format!("{}…", "ä".repeat(2_000))));
}

#[tokio::test]
async fn asking_twice_changes_nothing() {
    let exists = json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no"});
    let script = Script::default().json(&json!({})).answers(400, exists.to_string());
    let aws = script.aws();
    let request =
        Request { ask: Ask::Reject { stage: 1 }, by: "ann".into(), at: at("2026-11-22T10:00:00Z"), note: None };
    for _ in 0..2 {
        assert_eq!(aws.ask(&id("checkout-7"), &request).await, Ok(()));
    }
    let item = script.sent()[0].json()["Item"].clone();
    assert_eq!((&item["pk"]["S"], &item["sk"]["S"]), (&json!("request#checkout-7"), &json!("reject#1")));
}

#[tokio::test]
async fn one_spoilt_request_keeps_no_other_from_being_heard() {
    let abort = Request { ask: Ask::Abort, by: "ann".into(), at: at("2026-11-22T10:00:00Z"), note: None };
    let item =
        |sk: &str, request: Value| json!({"pk": {"S": "request#checkout-7"}, "sk": {"S": sk}, "request": request});
    let text = |text: &str| json!({"S": text});
    let script = Script::default().json(&json!({"Items": [
        item("abort", text(&serde_json::to_string(&abort).unwrap())),
        item("approve#0", text("yes please")),
        item("giveUp", json!({"N": "1"})),
        item("pause", text(r#"{"ask": "pause", "by": "ann", "at": "2026-11-22T09:00:00Z"}"#)),
        {"pk": {"S": "request#checkout-7"}, "sk": {"S": "reject#1"}},
    ]}));
    let requests = script.aws().requests(&id("checkout-7")).await.unwrap();
    assert_eq!(requests.read, [abort]);
    assert_eq!(requests.unread.len(), 4, "{:?}", requests.unread);
    for (unread, sk) in requests.unread.iter().zip(["approve#0", "giveUp", "pause", "reject#1"]) {
        assert!(unread.contains(&format!("{sk:?}")), "{unread}");
    }
}

#[tokio::test]
async fn asking_takes_the_place_of_a_request_that_cannot_be_read() {
    let abort = Request { ask: Ask::Abort, by: "ann".into(), at: at("2026-11-22T10:00:00Z"), note: None };
    let exists = |request: Option<Value>| {
        let mut item = json!({"pk": {"S": "request#checkout-7"}, "sk": {"S": "abort"}});
        if let Some(request) = request {
            item["request"] = request;
        }
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no", "Item": item})
    };
    let spoilt = [Some(json!({"S": "yes please"})), Some(json!({"N": "1"})), None];
    for spoilt in spoilt {
        let script = Script::default().answers(400, exists(spoilt.clone()).to_string()).json(&json!({}));
        assert_eq!(script.aws().ask(&id("checkout-7"), &abort).await, Ok(()));
        let sent = script.sent();
        assert_eq!(sent.len(), 2, "{spoilt:?}");
        let put = sent[1].json();
        assert_eq!(put["Item"], sent[0].json()["Item"]);
        match spoilt {
            Some(there) => assert_eq!(put["ExpressionAttributeValues"][":there"], there),
            None => assert_eq!(put["ConditionExpression"], "attribute_not_exists(#request)"),
        }
    }
    let readable = json!({"S": serde_json::to_string(&abort).unwrap()});
    let script = Script::default().answers(400, exists(Some(readable)).to_string());
    assert_eq!(script.aws().ask(&id("checkout-7"), &abort).await, Ok(()), "asked already");
    assert_eq!(script.sent().len(), 1);
}
