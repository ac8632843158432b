//! What GetMetricData for one look over 20 metrics takes of the processor: the call is written, signed and sent to a connection that
//! answers at once, and what it answers is read. 80 series, a bad and a total of each metric and colour, of one minute.

#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::json;
use std::time::Instant;
use teal::ports::{MetricQuery, Reads, Signals, Statistic};
use teal::time::Timestamp;
use teal_aws::{Aws, AwsSettings, Clock};

const SERIES: usize = 80;
/// Calls are timed in rounds and the fastest round counts: what else the machine does only makes one slower.
const ROUNDS: u32 = 20;
const CALLS: u32 = 200;

/// A connection that gives the same answer to everything.
#[derive(Clone, Debug)]
struct Answers(String);

impl HttpConnector for Answers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(self.0.clone()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn query(place: usize) -> MetricQuery {
    let dimensions = vec![
        ("TargetGroup".to_owned(), "targetgroup/checkout-b/0123456789abcdef".to_owned()),
        ("Kind".to_owned(), format!("kind-{place}")),
    ];
    let statistic = Statistic {
        namespace: "Shop".to_owned(),
        metric: "OrdersFailed".to_owned(),
        dimensions,
        statistic: "Sum".to_owned(),
    };
    MetricQuery { id: format!("s{place}"), reads: Reads::Statistic(statistic), period: 60, returned: true }
}

fn main() {
    let queries: Vec<MetricQuery> = (0..SERIES).map(query).collect();
    let result = |query: &MetricQuery| {
        json!({
            "Id": query.id, "Label": "OrdersFailed", "StatusCode": "Complete",
            "Timestamps": [1_795_341_600], "Values": [31.0],
        })
    };
    let answer = json!({"MetricDataResults": queries.iter().map(result).collect::<Vec<_>>(), "Messages": []});
    let connection = Answers(answer.to_string());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("AKID", "secret", None, None, "bench")))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connection.clone())))
        .build();
    let settings = AwsSettings {
        table: "releases".into(),
        event_bus: "default".into(),
        deployment_strategy: None,
        clock: Clock::WALL,
    };
    let aws = Aws::new(&config, settings);
    let from = Timestamp::from_second(1_795_341_600).unwrap();
    let to = Timestamp::from_second(1_795_341_660).unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut fastest = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            let series = runtime.block_on(aws.metrics(&queries, from, to)).unwrap();
            assert_eq!((series.len(), series[SERIES - 1].points.len()), (SERIES, 1));
        }
        fastest = fastest.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
    }
    println!("GetMetricData of {SERIES} series: {fastest:.0} us for the call and its answer");
}
