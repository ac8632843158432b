//! Alarms and metrics: CloudWatch.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html>

#[cfg(test)]
mod tests;

use crate::Aws;
use crate::json;
use serde_json::{Value, json};
use std::collections::HashMap;
use teal::plan::AlarmName;
use teal::ports::{AlarmReading, AlarmState, MetricQuery, PortError, PortResult, Reads, Series, Signals, Statistic};
use teal::time::Timestamp;

pub(crate) const CLOUDWATCH: json::Service =
    json::Service { name: "monitoring", target: "GraniteServiceVersion20100801", version: "1.0", id: "cloudwatch" };

/// The most alarms that one DescribeAlarms call names, and returns.
const ALARMS_PER_CALL: usize = 100;

const DESCRIBE_ALARMS: &str = "cloudwatch:DescribeAlarms";
const GET_METRIC_DATA: &str = "cloudwatch:GetMetricData";

impl Signals for Aws {
    async fn alarms(&self, names: &[AlarmName]) -> PortResult<Vec<AlarmReading>> {
        let mut readings = Vec::new();
        for names in names.chunks(ALARMS_PER_CALL) {
            let input = json!({
                "AlarmNames": names,
                "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],
                "MaxRecords": ALARMS_PER_CALL,
            });
            for page in self.cloudwatch().call_pages(DESCRIBE_ALARMS, "the alarms of the plan", input).await? {
                let of_kind = |kind: &str| page[kind].as_array().into_iter().flatten();
                readings.extend(of_kind("MetricAlarms").chain(of_kind("CompositeAlarms")).filter_map(read_alarm));
            }
        }
        Ok(readings)
    }

    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let input = json!({
            "MetricDataQueries": queries.iter().map(write_query).collect::<Vec<_>>(),
            "StartTime": json::time(from),
            "EndTime": json::time(to),
            "ScanBy": "TimestampAscending",
        });
        let mut gathered = Gathered::default();
        for page in self.cloudwatch().call_pages(GET_METRIC_DATA, "the metrics of the route", input).await? {
            page["MetricDataResults"].as_array().into_iter().flatten().for_each(|result| gathered.add(result));
        }
        queries.iter().filter(|query| query.returned).map(|query| gathered.take(&query.id)).collect()
    }
}

/// An alarm whose state this version does not know counts as one without data: it cannot say that all is well.
fn read_alarm(alarm: &Value) -> Option<AlarmReading> {
    let state = match alarm["StateValue"].as_str() {
        Some("OK") => AlarmState::Ok,
        Some("ALARM") => AlarmState::Alarm,
        _ => AlarmState::InsufficientData,
    };
    let name = alarm["AlarmName"].as_str()?.parse().ok()?;
    let reason = alarm["StateReason"].as_str().unwrap_or_default().to_owned();
    // Not StateUpdatedTimestamp: that is also renewed where the state stays.
    Some(AlarmReading { name, state, reason, since: json::time_of(&alarm["StateTransitionedTimestamp"]) })
}

fn write_query(query: &MetricQuery) -> Value {
    match &query.reads {
        Reads::Expression(expression) => json!({
            "Id": query.id,
            "ReturnData": query.returned,
            "Expression": expression,
            "Period": query.period,
        }),
        Reads::Statistic(Statistic { namespace, metric, dimensions, statistic }) => {
            let dimension = |(name, value): &(String, String)| json!({"Name": name, "Value": value});
            let dimensions: Vec<Value> = dimensions.iter().map(dimension).collect();
            json!({
                "Id": query.id,
                "ReturnData": query.returned,
                "MetricStat": {
                    "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions},
                    "Stat": statistic,
                    "Period": query.period,
                },
            })
        }
    }
}

/// A datum. JSON knows no infinite numbers and no NaN: the protocol writes their names.
fn number(value: &Value) -> f64 {
    let named = || value.as_str()?.parse().ok();
    value.as_f64().or_else(named).unwrap_or(f64::NAN)
}

/// What the pages have brought so far, by the query's id.
#[derive(Default)]
struct Gathered {
    series: HashMap<String, (Vec<(Timestamp, f64)>, StatusOf)>,
}

/// How complete a series is, as its newest page says. `PartialData` means that more is to come on another page.
enum StatusOf {
    Complete,
    Not(String),
}

impl Gathered {
    fn add(&mut self, result: &Value) {
        let Some(id) = result["Id"].as_str() else { return };
        let elements = |list: &str| result[list].as_array().into_iter().flatten();
        let status = match result["StatusCode"].as_str() {
            Some("Complete") => StatusOf::Complete,
            other => {
                let messages = elements("Messages").filter_map(|message| message["Value"].as_str());
                StatusOf::Not(
                    std::iter::once(other.unwrap_or("no status")).chain(messages).collect::<Vec<_>>().join(", "),
                )
            }
        };
        let points = elements("Timestamps").zip(elements("Values"));
        let points = points.filter_map(|(at, value)| Some((json::time_of(at)?, number(value))));
        match self.series.get_mut(id) {
            Some(entry) => {
                entry.0.extend(points);
                entry.1 = status;
            }
            None => {
                self.series.insert(id.to_owned(), (points.collect(), status));
            }
        }
    }

    fn take(&mut self, id: &str) -> PortResult<Series> {
        let incomplete = |why: &str| PortError::Unavailable {
            call: GET_METRIC_DATA,
            message: format!("the series {id} is incomplete: {why}"),
        };
        match self.series.remove(id) {
            None => Err(incomplete("it is not in the answer")),
            Some((_, StatusOf::Not(status))) => Err(incomplete(&status)),
            Some((mut points, StatusOf::Complete)) => {
                points.sort_by_key(|(at, _)| *at);
                Ok(Series { id: id.to_owned(), points })
            }
        }
    }
}
