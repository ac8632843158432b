//! PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics.

use crate::input::{Dimension, Timestamp, epoch_seconds, page_start, page_token, read, require};
use crate::protocol::validation;
use crate::query::{Metric, MetricDataQuery, Queries, aligned_window, check_period};
use crate::statistic::Statistic;
use crate::store::{MINUTE, Observation, SECOND, Store, Window};
use serde::Deserialize;
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, Millis};

/// Queries in one GetMetricData call.
const MOST_QUERIES: usize = 500;
/// Data points in one page of GetMetricData.
const MOST_DATA_POINTS: usize = 100_800;
/// Data points in one answer of GetMetricStatistics.
const MOST_STATISTICS: usize = 1_440;
/// Metrics in one page of ListMetrics.
const METRICS_PER_PAGE: usize = 500;
/// Metrics in one PutMetricData call, and values in one metric of it.
const MOST_METRICS: usize = 1_000;
const MOST_VALUES: usize = 150;
/// Dimensions of one metric.
const MOST_DIMENSIONS: usize = 30;
/// PutMetricData takes times from two weeks ago to two hours ahead.
const OLDEST: Millis = 14 * 24 * 60 * MINUTE;
const FARTHEST_AHEAD: Millis = 120 * MINUTE;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutMetricData {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<MetricDatum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricDatum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<Timestamp>,
    value: Option<f64>,
    values: Option<Vec<f64>>,
    counts: Option<Vec<f64>>,
    statistic_values: Option<StatisticSet>,
    storage_resolution: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl MetricDatum {
    fn observations(&self) -> Result<Vec<Observation>, AwsFault> {
        let given = [self.value.is_some(), self.values.is_some(), self.statistic_values.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let message = format!(
                "The parameters Value, Values and StatisticValues of {} are mutually exclusive and you have to specify one of them.",
                self.metric_name
            );
            return Err(AwsFault::client("InvalidParameterCombination", message));
        }
        if let Some(set) = &self.statistic_values {
            let plausible = set.sample_count > 0.0 && set.minimum <= set.maximum;
            if !plausible {
                return Err(invalid_value("The StatisticValues have no samples, or a Minimum above their Maximum."));
            }
            return Ok(vec![Observation::Statistics {
                count: set.sample_count,
                sum: set.sum,
                minimum: set.minimum,
                maximum: set.maximum,
            }]);
        }
        let values = self.values.clone().unwrap_or_else(|| self.value.into_iter().collect());
        require(values.len() <= MOST_VALUES, || {
            format!("The collection Values must not have more than {MOST_VALUES} elements.")
        })?;
        let counts = self.counts.clone().unwrap_or_else(|| vec![1.0; values.len()]);
        if counts.len() != values.len() || counts.iter().any(|count| *count <= 0.0) {
            return Err(invalid_value("Counts must have as many elements as Values, each above 0."));
        }
        Ok(values.into_iter().zip(counts).map(|(value, count)| Observation::Value { value, count }).collect())
    }
}

fn invalid_value(message: impl Into<String>) -> AwsFault {
    AwsFault::client("InvalidParameterValue", message)
}

pub(crate) fn put_metric_data(input: Value, store: &mut Store, now: Millis) -> Result<Value, AwsFault> {
    let input: PutMetricData = read(input)?;
    require(!input.namespace.is_empty(), || "The parameter Namespace must not be empty.".to_owned())?;
    if input.namespace.starts_with("AWS/") {
        return Err(invalid_value(
            "The value AWS/ for parameter Namespace is invalid: it is reserved for AWS services.",
        ));
    }
    require(input.metric_data.len() <= MOST_METRICS, || {
        format!("The collection MetricData must not have a size greater than {MOST_METRICS}.")
    })?;
    // All is checked before anything is stored: a refused call has no effect.
    let mut checked = Vec::new();
    for datum in &input.metric_data {
        require(datum.dimensions.len() <= MOST_DIMENSIONS, || {
            format!("The collection Dimensions must not have a size greater than {MOST_DIMENSIONS}.")
        })?;
        if !matches!(datum.storage_resolution, None | Some(1 | 60)) {
            return Err(invalid_value("The value for parameter StorageResolution must be 1 or 60."));
        }
        let at = datum.timestamp.map_or(now, |timestamp| timestamp.0);
        if at < now - OLDEST || at > now + FARTHEST_AHEAD {
            return Err(invalid_value(
                "The parameter Timestamp must specify a time no more than two weeks in the past and two hours in the future.",
            ));
        }
        checked.push((datum, at, datum.observations()?));
    }
    for (datum, at, observations) in checked {
        let metric = Metric {
            namespace: input.namespace.clone(),
            metric_name: datum.metric_name.clone(),
            dimensions: datum.dimensions.clone(),
        };
        for observation in &observations {
            store.publish(metric.key(), at, datum.storage_resolution == Some(1), observation);
        }
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricData {
    metric_data_queries: Vec<MetricDataQuery>,
    start_time: Timestamp,
    end_time: Timestamp,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<usize>,
}

pub(crate) fn get_metric_data(input: Value, store: &Store) -> Result<Value, AwsFault> {
    let input: GetMetricData = read(input)?;
    let (start, end) = (input.start_time.0, input.end_time.0);
    require(start < end, || "The parameter StartTime must be less than the parameter EndTime.".to_owned())?;
    require(!input.metric_data_queries.is_empty(), || "The parameter MetricDataQueries is required.".to_owned())?;
    require(input.metric_data_queries.len() <= MOST_QUERIES, || {
        format!("The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    })?;
    require(input.metric_data_queries.iter().any(MetricDataQuery::returns_data), || {
        "At least one query must have ReturnData set to true.".to_owned()
    })?;
    let ascending = match input.scan_by.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => return Err(validation(format!("The value {other} for parameter ScanBy is invalid."))),
    };
    let most = input.max_datapoints.unwrap_or(MOST_DATA_POINTS);
    require((1..=MOST_DATA_POINTS).contains(&most), || {
        format!("The parameter MaxDatapoints must be between 1 and {MOST_DATA_POINTS}.")
    })?;
    let first = page_start(input.next_token.as_deref())?;
    let queries = Queries::check(input.metric_data_queries)?;

    // A page is a stretch of all data points of all results, one after the other.
    let (mut results, mut seen) = (Vec::new(), 0);
    for query in queries.iter().filter(|query| query.returns_data()) {
        let window = aligned_window(start, end, queries.period(query)?)?;
        let mut data: Vec<(Millis, f64)> = queries
            .evaluate(&query.id, store, window)?
            .into_iter()
            .enumerate()
            .filter_map(|(slot, point)| Some((window.slot_start(slot), point?)))
            .collect();
        if !ascending {
            data.reverse();
        }
        let from = first.saturating_sub(seen).min(data.len());
        let to = first.saturating_add(most).saturating_sub(seen).min(data.len());
        seen += data.len();
        if from == to && !(data.is_empty() && first == 0) {
            continue;
        }
        results.push(json!({
            "Id": query.id,
            "Label": query.label(),
            "Timestamps": data[from..to].iter().map(|(at, _)| epoch_seconds(*at)).collect::<Vec<_>>(),
            "Values": data[from..to].iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "StatusCode": if to < data.len() { "PartialData" } else { "Complete" },
        }));
    }
    let mut output = json!({"MetricDataResults": results, "Messages": []});
    if seen > first.saturating_add(most) {
        output["NextToken"] = page_token(first + most).into();
    }
    Ok(output)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetMetricStatistics {
    #[serde(flatten)]
    metric: Metric,
    start_time: Timestamp,
    end_time: Timestamp,
    period: i64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
}

pub(crate) fn get_metric_statistics(input: Value, store: &Store) -> Result<Value, AwsFault> {
    let input: GetMetricStatistics = read(input)?;
    check_period(input.period)?;
    if input.statistics.is_empty() == input.extended_statistics.is_empty() {
        let message = "Specify either Statistics or ExtendedStatistics, but not both.";
        return Err(AwsFault::client("InvalidParameterCombination", message));
    }
    let basic = input.extended_statistics.is_empty();
    let names = if basic { input.statistics } else { input.extended_statistics };
    let statistics = names
        .into_iter()
        .map(|name| match Statistic::parse(&name) {
            Some(statistic) if statistic.is_basic() == basic => Ok((name, statistic)),
            _ => Err(invalid_value(format!("The value {name} is not a statistic that can be asked for here."))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Start times are rounded down to the minute, or to the period if that is shorter; periods are counted from there.
    let period = input.period * SECOND;
    let grain = period.min(MINUTE);
    let window = Window { start: input.start_time.0.div_euclid(grain) * grain, end: input.end_time.0, period };
    if window.start >= window.end {
        return Err(invalid_value("The parameter StartTime must be less than the parameter EndTime."));
    }
    if window.len() > MOST_STATISTICS {
        let message = format!(
            "You have requested up to {} datapoints, which exceeds the limit of {MOST_STATISTICS}.",
            window.len()
        );
        return Err(AwsFault::client("InvalidParameterCombination", message));
    }
    let key = input.metric.key();
    let columns: Vec<_> =
        statistics.iter().map(|(name, statistic)| (name, store.data_points(&key, statistic, window))).collect();
    let mut data_points = Vec::new();
    for slot in 0..window.len() {
        let values: serde_json::Map<String, Value> =
            columns.iter().filter_map(|(name, points)| Some(((*name).clone(), Value::from(points[slot]?)))).collect();
        if values.is_empty() {
            continue;
        }
        let mut data_point = if basic { Value::Object(values) } else { json!({"ExtendedStatistics": values}) };
        data_point["Timestamp"] = epoch_seconds(window.slot_start(slot));
        data_point["Unit"] = "None".into();
        data_points.push(data_point);
    }
    Ok(json!({"Label": input.metric.metric_name, "Datapoints": data_points}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMetrics {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<DimensionFilter>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DimensionFilter {
    name: String,
    value: Option<String>,
}

pub(crate) fn list_metrics(input: Value, store: &Store) -> Result<Value, AwsFault> {
    let input: ListMetrics = read(input)?;
    // This operation has no InvalidNextToken.
    let first = page_start(input.next_token.as_deref()).map_err(|fault| invalid_value(fault.message))?;
    let matching: Vec<_> = store
        .keys()
        .into_iter()
        .filter(|key| {
            input.namespace.as_ref().is_none_or(|namespace| key.namespace == *namespace)
                && input.metric_name.as_ref().is_none_or(|name| key.name == *name)
                && input.dimensions.iter().all(|filter| {
                    key.dimensions.iter().any(|(name, value)| {
                        *name == filter.name && filter.value.as_ref().is_none_or(|wanted| wanted == value)
                    })
                })
        })
        .collect();
    let metrics: Vec<_> = matching
        .iter()
        .skip(first)
        .take(METRICS_PER_PAGE)
        .map(|key| {
            let dimensions: Vec<_> =
                key.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
            json!({"Namespace": key.namespace, "MetricName": key.name, "Dimensions": dimensions})
        })
        .collect();
    let mut output = json!({"Metrics": metrics});
    if matching.len() > first.saturating_add(METRICS_PER_PAGE) {
        output["NextToken"] = page_token(first + METRICS_PER_PAGE).into();
    }
    if metrics.is_empty() && first > 0 {
        return Err(invalid_value("The next token is beyond the last metric."));
    }
    Ok(output)
}
