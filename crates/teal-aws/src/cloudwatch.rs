//! Alarms and metrics: CloudWatch.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html>

#[cfg(test)]
mod tests;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StateValue, StatusCode,
};
use aws_smithy_types::DateTime;
use std::collections::HashMap;
use teal::plan::AlarmName;
use teal::ports::{AlarmReading, AlarmState, MetricQuery, PortError, PortResult, Reads, Series, Signals, Statistic};
use teal::time::Timestamp;

/// The most alarms that one DescribeAlarms call names, and returns.
const ALARMS_PER_CALL: usize = 100;

const GET_METRIC_DATA: &str = "cloudwatch:GetMetricData";

impl Signals for Aws {
    async fn alarms(&self, names: &[AlarmName]) -> PortResult<Vec<AlarmReading>> {
        const CALL: &str = "cloudwatch:DescribeAlarms";
        let mut readings = Vec::new();
        for names in names.chunks(ALARMS_PER_CALL) {
            let request = self
                .cloudwatch()
                .describe_alarms()
                .set_alarm_names(Some(names.iter().map(ToString::to_string).collect()))
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm)
                .max_records(100);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| port_error(CALL, "the alarms of the plan", &error))?;
                let metric = page.metric_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
                let composite =
                    page.composite_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
                readings.extend(
                    metric.chain(composite).filter_map(|(name, state, reason)| read_alarm(name, state, reason)),
                );
            }
        }
        Ok(readings)
    }

    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let request = self
            .cloudwatch()
            .get_metric_data()
            .set_metric_data_queries(Some(queries.iter().map(write_query).collect()))
            .start_time(DateTime::from_millis(from.as_millisecond()))
            .end_time(DateTime::from_millis(to.as_millisecond()))
            .scan_by(ScanBy::TimestampAscending);
        let mut gathered = Gathered::default();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(GET_METRIC_DATA, "the metrics of the route", &error))?;
            page.metric_data_results().iter().for_each(|result| gathered.add(result));
        }
        queries.iter().filter(|query| query.returned).map(|query| gathered.take(&query.id)).collect()
    }
}

/// An alarm whose state this version does not know counts as one without data: it cannot say that all is well.
fn read_alarm(name: Option<&str>, state: Option<&StateValue>, reason: Option<&str>) -> Option<AlarmReading> {
    let state = match state {
        Some(StateValue::Ok) => AlarmState::Ok,
        Some(StateValue::Alarm) => AlarmState::Alarm,
        _ => AlarmState::InsufficientData,
    };
    let name = name?.parse().ok()?;
    Some(AlarmReading { name, state, reason: reason.unwrap_or_default().to_owned() })
}

fn write_query(query: &MetricQuery) -> MetricDataQuery {
    let period = i32::try_from(query.period).unwrap_or(i32::MAX);
    let builder = MetricDataQuery::builder().id(&query.id).return_data(query.returned);
    match &query.reads {
        Reads::Expression(expression) => builder.expression(expression).period(period).build(),
        Reads::Statistic(Statistic { namespace, metric, dimensions, statistic }) => {
            let dimension = |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
            let metric = Metric::builder()
                .namespace(namespace)
                .metric_name(metric)
                .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
                .build();
            builder.metric_stat(MetricStat::builder().metric(metric).stat(statistic).period(period).build()).build()
        }
    }
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
    fn add(&mut self, result: &MetricDataResult) {
        let Some(id) = result.id() else { return };
        let status = match result.status_code() {
            Some(StatusCode::Complete) => StatusOf::Complete,
            other => {
                let messages = result.messages().iter().filter_map(|message| message.value());
                let code = other.map_or("no status", StatusCode::as_str);
                StatusOf::Not(std::iter::once(code).chain(messages).collect::<Vec<_>>().join(", "))
            }
        };
        let points = result.timestamps().iter().zip(result.values()).filter_map(|(at, value)| {
            let at = Timestamp::from_millisecond(at.to_millis().ok()?).ok()?;
            Some((at, *value))
        });
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
