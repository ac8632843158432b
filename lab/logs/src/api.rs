//! AWS's JSON 1.1 protocol: the operation in `X-Amz-Target`, a JSON object each way, errors as `__type` and `message`.

use crate::Logs;
use crate::query::{Query, Row};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use teal_lab_wire::{AwsAnswer, AwsFault, AwsRequest};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET_PREFIX: &str = "Logs_20140328.";
/// The most rows that a query may ask for.
const MOST_ROWS: usize = 100_000;

pub(crate) fn answer(logs: &Logs, request: &AwsRequest) -> AwsAnswer {
    let target = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let result = match target.strip_prefix(TARGET_PREFIX) {
        Some("StartQuery") => members(request).and_then(|query| start_query(logs, &query)),
        Some("GetQueryResults") => members(request).and_then(|query| query_results(logs, &query)),
        _ => Err(AwsFault::client("UnknownOperationException", format!("the lab does not have {target}"))),
    };
    let mut answer = match result {
        Ok(body) => AwsAnswer::new(StatusCode::OK, CONTENT_TYPE, body.to_string()),
        Err(fault) => {
            let body = json!({"__type": fault.code, "message": fault.message});
            AwsAnswer::new(fault.status, CONTENT_TYPE, body.to_string())
        }
    };
    if let Ok(id) = HeaderValue::from_str(&new_id()) {
        answer.headers.insert(REQUEST_ID, id);
    }
    answer
}

/// The id of a request or a query.
pub(crate) fn new_id() -> String {
    let [a, b, c] = [fastrand::u32(..), fastrand::u32(..), fastrand::u32(..)];
    format!("{a:08x}-{:04x}-4{:03x}-8{:03x}-{b:08x}{:04x}", c >> 16, c & 0xfff, a & 0xfff, b & 0xffff)
}

fn members<T: DeserializeOwned>(request: &AwsRequest) -> Result<T, AwsFault> {
    serde_json::from_slice(&request.body).map_err(|problem| refused(problem.to_string()))
}

fn refused(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterException", message)
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartQuery {
    #[serde(default)]
    log_group_name: Option<String>,
    #[serde(default)]
    log_group_names: Vec<String>,
    #[serde(default)]
    log_group_identifiers: Vec<String>,
    /// Seconds since the Unix epoch; both ends are inclusive.
    start_time: i64,
    end_time: i64,
    query_string: String,
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetQueryResults {
    query_id: String,
}

fn start_query(logs: &Logs, start: &StartQuery) -> Result<Value, AwsFault> {
    let groups: Vec<&String> =
        start.log_group_name.iter().chain(&start.log_group_names).chain(&start.log_group_identifiers).collect();
    if groups.is_empty() || groups.len() > 50 {
        return Err(refused("a query has 1 to 50 log groups"));
    }
    if start.start_time > start.end_time {
        return Err(refused("the end time is before the start time"));
    }
    if start.limit.is_some_and(|limit| !(1..=MOST_ROWS).contains(&limit)) {
        return Err(refused(format!("limit is not from 1 to {MOST_ROWS}")));
    }
    let query =
        Query::parse(&start.query_string).map_err(|problem| AwsFault::client("MalformedQueryException", problem))?;
    let until = logs.searchable_until();
    let mut store = logs.store();
    let mut lines = Vec::new();
    for name in groups {
        let group = store.lines(name).ok_or_else(|| {
            AwsFault::client("ResourceNotFoundException", format!("Log group '{name}' does not exist."))
        })?;
        let seconds = start.start_time.saturating_mul(1000)..=start.end_time.saturating_mul(1000);
        lines.extend(group.filter(|line| seconds.contains(&line.at) && line.at <= until));
    }
    let mut rows = query.run(lines.into_iter());
    rows.truncate(start.limit.unwrap_or(MOST_ROWS));
    Ok(json!({"queryId": store.started(rows)}))
}

fn query_results(logs: &Logs, query: &GetQueryResults) -> Result<Value, AwsFault> {
    let mut store = logs.store();
    let Some(rows) = store.result(&query.query_id) else {
        return Err(AwsFault::client("ResourceNotFoundException", "there is no such query"));
    };
    let field = |(field, value): &(String, String)| json!({"field": field, "value": value});
    let row = |row: &Row| row.iter().map(field).collect::<Vec<_>>();
    let status = if rows.is_some() { "Complete" } else { "Running" };
    let rows: Vec<_> = rows.unwrap_or_default().iter().map(row).collect();
    Ok(json!({"status": status, "results": rows, "statistics": {"recordsMatched": rows.len() as f64}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SEARCHABLE_AFTER;
    use teal_lab_wire::{LabClock, LogSink};

    fn call(logs: &Logs, operation: &str, body: &Value) -> (u16, Value) {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-amz-target", format!("{TARGET_PREFIX}{operation}").parse().unwrap());
        let body = bytes::Bytes::from(body.to_string());
        let answer = logs.handle(&AwsRequest { method: http::Method::POST, uri: "/".parse().unwrap(), headers, body });
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
    }

    #[test]
    fn a_query_runs_and_finds_what_was_written_long_enough_ago() {
        let clock = LabClock::starting_now(1_000_000.0);
        let logs = Logs::new(clock.clone());
        logs.write("/ecs/shop", "app/app/1", r#"{"level":"error"}"#);
        let written = clock.now_millis();
        while clock.now_millis() - written < 2 * SEARCHABLE_AFTER.as_millis() as i64 {
            std::hint::spin_loop();
        }
        let query = json!({
            "logGroupNames": ["/ecs/shop"], "startTime": clock.origin_millis() / 1000, "endTime": clock.now_millis() / 1000,
            "queryString": "filter level = 'error' | stats count(*) as lines by bin(60s)",
        });
        let (_, started) = call(&logs, "StartQuery", &query);
        let (_, first) = call(&logs, "GetQueryResults", &started);
        assert_eq!((&first["status"], &first["results"]), (&json!("Running"), &json!([])));
        let (_, second) = call(&logs, "GetQueryResults", &started);
        assert_eq!(
            (&second["status"], &second["results"][0][1]),
            (&json!("Complete"), &json!({"field": "lines", "value": "1"}))
        );
    }

    #[test]
    fn mistakes_have_the_names_that_aws_gives_them() {
        let logs = Logs::new(LabClock::starting_now(1.0));
        logs.create_group("/ecs/shop");
        let code = |operation: &str, body: Value| call(&logs, operation, &body).1["__type"].as_str().map(str::to_owned);
        let query = |group: &str, text: &str, end: i64| json!({"logGroupName": group, "startTime": 5, "endTime": end, "queryString": text});
        assert_eq!(code("StartQuery", query("/ecs/shop", "fields @message", 9)), None);
        assert_eq!(code("StartQuery", query("/none", "fields a", 9)).unwrap(), "ResourceNotFoundException");
        assert_eq!(code("StartQuery", query("/ecs/shop", "anomaly", 9)).unwrap(), "MalformedQueryException");
        assert_eq!(code("StartQuery", query("/ecs/shop", "fields a", 4)).unwrap(), "InvalidParameterException");
        assert_eq!(code("GetQueryResults", json!({"queryId": "x"})).unwrap(), "ResourceNotFoundException");
        assert_eq!(code("PutLogEvents", json!({})).unwrap(), "UnknownOperationException");
    }
}
