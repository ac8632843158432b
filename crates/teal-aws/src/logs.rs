//! What services write into their logs: CloudWatch Logs Insights.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>

#[cfg(test)]
mod tests;

use crate::{Aws, json};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};
use teal::ports::{LogFinding, LogGives, LogLine, LogSearch, Logs, PortError, PortResult};
use teal::time::Timestamp;
use tokio::time::sleep;

pub(crate) const LOGS: json::Service =
    json::Service { name: "logs", target: "Logs_20140328", version: "1.1", id: "cloudwatch-logs" };

const START_QUERY: &str = "logs:StartQuery";
const GET_QUERY_RESULTS: &str = "logs:GetQueryResults";

/// How long all searches of a look may take together (a few minutes of a log take seconds), and the pause before a query is
/// asked for again.
const PATIENCE: Patience = Patience { most: Duration::from_secs(20), pause: Duration::from_millis(400) };

/// What the count is called in the query.
const COUNT: &str = "lines";

/// What the beginnings of a line's message and of what tells its request are called in the query.
const MESSAGE: &str = "tealMessage";
const REQUEST: &str = "tealRequest";

/// How long queries are waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    most: Duration,
    pause: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    query_id: String,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html>
#[derive(Deserialize)]
struct Results {
    status: String,
    #[serde(default)]
    results: Rows,
}

/// The rows of a result, each with its fields.
type Rows = Vec<Vec<ResultField>>;

#[derive(Deserialize)]
struct ResultField {
    field: String,
    #[serde(default)]
    value: String,
}

impl Logs for Aws {
    async fn search_logs(&self, searches: &[LogSearch]) -> PortResult<Vec<LogFinding>> {
        self.search_within(searches, PATIENCE).await
    }
}

impl Aws {
    async fn search_within(&self, searches: &[LogSearch], patience: Patience) -> PortResult<Vec<LogFinding>> {
        let begun = Instant::now();
        let mut queries = Vec::with_capacity(searches.len());
        // All are started before one is waited for: they run side by side.
        for search in searches {
            queries.push(if search.from < search.to { Some(self.start_query(search).await?) } else { None });
        }
        let mut findings = Vec::with_capacity(searches.len());
        for (search, query) in searches.iter().zip(queries) {
            let rows = match query {
                Some(query) => self.query_results(&query, begun, patience).await?,
                None => Rows::new(),
            };
            findings.push(finding(search, &rows)?);
        }
        Ok(findings)
    }

    async fn start_query(&self, search: &LogSearch) -> PortResult<String> {
        let what = format!("log group {}", search.groups.join(", "));
        let query = json!({
            "logGroupNames": search.groups,
            "queryString": query_string(search),
            // Whole seconds, both inclusive. What lies beyond the end is left out when the rows are read.
            "startTime": search.from.as_second(),
            "endTime": search.to.as_second(),
        });
        let answer = self.cloudwatch_logs().call(START_QUERY, &what, &query).await?;
        let started = Started::deserialize(answer).map_err(|problem| unread(START_QUERY, &problem))?;
        Ok(started.query_id)
    }

    async fn query_results(&self, query: &str, begun: Instant, patience: Patience) -> PortResult<Rows> {
        loop {
            let input = json!({"queryId": query});
            let answer = self.cloudwatch_logs().call(GET_QUERY_RESULTS, "the query", &input).await?;
            let answer = Results::deserialize(answer).map_err(|problem| unread(GET_QUERY_RESULTS, &problem))?;
            match answer.status.as_str() {
                "Complete" => return Ok(answer.results),
                "Scheduled" | "Running" if begun.elapsed() < patience.most => sleep(patience.pause).await,
                "Scheduled" | "Running" => {
                    return Err(unfinished(format!("it takes longer than {} s", patience.most.as_secs())));
                }
                status => return Err(unfinished(format!("it ended as {status}"))),
            }
        }
    }
}

fn unread(call: &'static str, problem: &serde_json::Error) -> PortError {
    PortError::Unavailable { call, message: problem.to_string() }
}

fn unfinished(message: String) -> PortError {
    PortError::Unavailable { call: GET_QUERY_RESULTS, message }
}

/// The search as Logs Insights reads it.
fn query_string(search: &LogSearch) -> String {
    let commands = &search.commands;
    match &search.gives {
        LogGives::Counts { period } => format!("{commands} | stats count(*) as {COUNT} by bin({period}s)"),
        LogGives::Lines { most, longest, message, request } => {
            let cut = |field: &str, name: &str| format!(", substr({}, 0, {longest}) as {name}", quoted(field));
            let (request, shown) = match request {
                Some(request) => (cut(request, REQUEST), format!("{MESSAGE}, {REQUEST}")),
                None => (String::new(), MESSAGE.to_owned()),
            };
            let message = cut(message, MESSAGE);
            // `display`, since what the plan's own commands name with `fields` would be shown, too: whole lines, perhaps.
            format!(
                "{commands} | fields @timestamp{message}{request} | sort @timestamp desc | limit {most} | display @timestamp, {shown}"
            )
        }
    }
}

/// A field as a query names it: a hyphen would be a minus.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Guidelines.html>
fn quoted(field: &str) -> String {
    if field.contains('-') { format!("`{field}`") } else { field.to_owned() }
}

fn finding(search: &LogSearch, rows: &Rows) -> PortResult<LogFinding> {
    let is_meant = |at: &Timestamp| *at < search.to;
    Ok(match &search.gives {
        LogGives::Counts { period } => {
            let bin = format!("bin({period}s)");
            let counts = rows.iter().map(|row| Ok((time_of(row, &bin)?, count(row)?)));
            let counts = counts.collect::<PortResult<Vec<(Timestamp, u64)>>>()?;
            LogFinding::Counts(counts.into_iter().filter(|(at, _)| is_meant(at)).collect())
        }
        LogGives::Lines { .. } => {
            let mut lines = Vec::with_capacity(rows.len());
            for row in rows {
                let at = time_of(row, "@timestamp")?;
                // A line without the field has no message that could be new.
                let Some(text) = field(row, MESSAGE).filter(|text| !text.is_empty() && is_meant(&at)) else { continue };
                let request = field(row, REQUEST).filter(|request| !request.is_empty()).map(str::to_owned);
                lines.push(LogLine { at, text: text.to_owned(), request });
            }
            LogFinding::Lines(lines)
        }
    })
}

fn field<'a>(row: &'a [ResultField], name: &str) -> Option<&'a str> {
    row.iter().find(|field| field.field == name).map(|field| field.value.as_str())
}

fn count(row: &[ResultField]) -> PortResult<u64> {
    let text = field(row, COUNT).unwrap_or_default();
    text.parse().map_err(|_| unfinished(format!("{text:?} is no number of lines")))
}

/// A time as Logs Insights writes it: `2026-11-22 10:00:00.000`, UTC.
fn time_of(row: &[ResultField], name: &str) -> PortResult<Timestamp> {
    let text = field(row, name).unwrap_or_default();
    format!("{}Z", text.replacen(' ', "T", 1)).parse().map_err(|_| unfinished(format!("{text:?} is no time")))
}
