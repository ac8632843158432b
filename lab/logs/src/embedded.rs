//! Metrics embedded in lines of the log.
//!
//! CloudWatch Logs publishes them when the line is written; nothing has to be set up.
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(flatten)]
    members: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    /// Each of these sets of dimensions gets a metric of its own.
    dimensions: Vec<Vec<String>>,
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
    storage_resolution: Option<u32>,
}

/// What PutMetricData would be given for this line; nothing for a line that embeds no metrics, or not as specified.
pub(crate) fn metrics(line: &str) -> Vec<Value> {
    // Most lines embed nothing: they need not be parsed.
    if !line.contains("\"_aws\"") {
        return Vec::new();
    }
    let Ok(line) = serde_json::from_str::<Line>(line) else { return Vec::new() };
    line.metadata.cloud_watch_metrics.iter().filter_map(|directive| put_metric_data(&line, directive)).collect()
}

fn put_metric_data(line: &Line, directive: &Directive) -> Option<Value> {
    let mut data = Vec::new();
    for names in &directive.dimensions {
        let dimension = |name: &String| Some(json!({"Name": name, "Value": line.members.get(name)?.as_str()?}));
        let dimensions: Vec<Value> = names.iter().map(dimension).collect::<Option<_>>()?;
        for metric in &directive.metrics {
            let values = match line.members.get(&metric.name)? {
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            };
            data.push(json!({
                "MetricName": metric.name,
                "Dimensions": dimensions,
                "Timestamp": line.metadata.timestamp as f64 / 1000.0,
                "Values": values,
                "StorageResolution": metric.storage_resolution.unwrap_or(60),
            }));
        }
    }
    Some(json!({"Namespace": directive.namespace, "MetricData": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{
        "_aws": {"Timestamp": 1500, "CloudWatchMetrics": [
            {"Namespace": "shop", "Dimensions": [["Service"], []], "Metrics": [{"Name": "Orders"}]}
        ]},
        "Service": "shop-a", "Orders": [3, 4], "message": "stored"
    }"#;

    #[test]
    fn a_line_stands_for_a_metric_by_each_set_of_dimensions() {
        let put = metrics(LINE);
        let datum = |dimensions: Value| {
            json!({
                "MetricName": "Orders",
                "Dimensions": dimensions,
                "Timestamp": 1.5,
                "Values": [3, 4],
                "StorageResolution": 60,
            })
        };
        let by_service = datum(json!([{"Name": "Service", "Value": "shop-a"}]));
        assert_eq!(put, [json!({"Namespace": "shop", "MetricData": [by_service, datum(json!([]))]})]);
    }

    #[test]
    fn lines_that_embed_nothing_or_name_what_is_not_there_publish_nothing() {
        for line in ["plain", r#"{"level": "info"}"#, r#"{"_aws": 1}"#, &LINE.replace("\"Service\": ", "\"Other\": ")] {
            assert_eq!(metrics(line), Vec::<Value>::new(), "{line}");
        }
    }
}
