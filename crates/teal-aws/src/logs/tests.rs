use super::Patience;
use crate::testing::Script;
use serde_json::{Value, json};
use std::time::Duration;
use teal::ports::{LogFinding, LogGives, LogLine, LogSearch, Logs, PortError};
use teal::time::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn search(gives: LogGives) -> LogSearch {
    LogSearch {
        groups: vec!["/ecs/checkout-b".to_owned()],
        commands: "filter level = \"error\"".to_owned(),
        from: at("2026-11-22T10:00:00Z"),
        to: at("2026-11-22T10:02:00Z"),
        gives,
    }
}

fn counts() -> LogSearch {
    search(LogGives::Counts { period: 60 })
}

fn started(id: &str) -> Value {
    json!({"queryId": id})
}

fn result(status: &str, rows: &[&[(&str, &str)]]) -> Value {
    let row = |row: &&[(&str, &str)]| {
        row.iter().map(|(field, value)| json!({"field": field, "value": value})).collect::<Vec<_>>()
    };
    json!({"status": status, "results": rows.iter().map(row).collect::<Vec<_>>()})
}

#[tokio::test]
async fn lines_are_counted_by_the_period_once_the_query_is_complete() {
    let rows: [&[(&str, &str)]; 2] = [
        &[("bin(60s)", "2026-11-22 10:01:00.000"), ("lines", "7")],
        // Written in the second after the search's end, which AWS includes.
        &[("bin(60s)", "2026-11-22 10:02:00.000"), ("lines", "1")],
    ];
    let script = Script::default().json(&started("q1")).json(&result("Running", &[])).json(&result("Complete", &rows));
    let found = script.aws().search_logs(&[counts()]).await;
    assert_eq!(found, Ok(vec![LogFinding::Counts(vec![(at("2026-11-22T10:01:00Z"), 7)])]));
    let sent = script.sent();
    let operations: Vec<&str> = sent.iter().map(|sent| sent.operation.as_str()).collect();
    assert_eq!(operations, ["StartQuery", "GetQueryResults", "GetQueryResults"]);
    let expected = json!({
        "logGroupNames": ["/ecs/checkout-b"],
        "queryString": "filter level = \"error\" | stats count(*) as lines by bin(60s)",
        "startTime": 1_795_341_600,
        "endTime": 1_795_341_720,
    });
    assert_eq!((sent[0].json(), sent[1].json()), (expected, json!({"queryId": "q1"})));
}

#[tokio::test]
async fn searches_run_side_by_side_and_give_lines_too() {
    let lines =
        LogGives::Lines { most: 10_000, longest: 500, message: "message".to_owned(), request: Some("x-id".to_owned()) };
    let told = [("tealMessage", "no card"), ("tealRequest", "r1"), ("@ptr", "x")];
    let rows: [&[(&str, &str)]; 3] = [
        &[&[("@timestamp", "2026-11-22 10:00:01.250")], &told[..]].concat(),
        &[("@timestamp", "2026-11-22 10:00:02.000")],
        &[("@timestamp", "2026-11-22 10:00:03.000"), ("tealMessage", "")],
    ];
    let script = Script::default();
    let script = script.json(&started("q1")).json(&started("q2"));
    let script = script.json(&result("Complete", &[])).json(&result("Complete", &rows));
    let nothing = LogSearch { to: at("2026-11-22T10:00:00Z"), ..counts() };
    let found = script.aws().search_logs(&[counts(), nothing, search(lines)]).await.unwrap();
    let line = LogLine { at: at("2026-11-22T10:00:01.25Z"), text: "no card".into(), request: Some("r1".into()) };
    let empty = LogFinding::Counts(Vec::new());
    assert_eq!(found, [empty.clone(), empty, LogFinding::Lines(vec![line])]);
    let query = script.sent()[1].json()["queryString"].clone();
    assert_eq!(
        query,
        "filter level = \"error\" | fields @timestamp, substr(message, 0, 500) as tealMessage, \
         substr(`x-id`, 0, 500) as tealRequest | sort @timestamp desc | limit 10000 | display @timestamp, tealMessage, tealRequest",
        "no more of a line than is used"
    );
}

#[tokio::test]
async fn a_query_that_does_not_complete_is_not_a_result() {
    let script = Script::default().json(&started("q")).json(&result("Failed", &[]));
    let error = script.aws().search_logs(&[counts()]).await.unwrap_err();
    assert!(matches!(&error, PortError::Unavailable { message, .. } if message == "it ended as Failed"), "{error}");
    let wrong: [&[(&str, &str)]; 1] = [&[("bin(60s)", "soon"), ("lines", "7")]];
    let script = Script::default().json(&started("q")).json(&result("Complete", &wrong));
    assert!(matches!(script.aws().search_logs(&[counts()]).await, Err(PortError::Unavailable { .. })));
    let missing = json!({"__type": "ResourceNotFoundException", "message": "Log group does not exist"});
    let script = Script::default().answers(400, missing.to_string());
    let error = script.aws().search_logs(&[counts()]).await;
    assert_eq!(error, Err(PortError::NotFound { what: "log group /ecs/checkout-b".to_owned() }));
    let slow = Script::default().json(&started("q")).json(&result("Running", &[]));
    let none = Patience { most: Duration::ZERO, pause: Duration::ZERO };
    let error = slow.aws().search_within(&[counts()], none).await.unwrap_err();
    assert!(error.to_string().contains("it takes longer than 0 s"), "{error}");
}
