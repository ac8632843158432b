//! CloudWatch, and requests to green.

use crate::link::{Link, Op};
use crate::mutation::Mutation;
use std::time::Duration;
use teal::plan::{AlarmName, HttpCheck};
use teal::ports::{
    AlarmReading, AlarmState, Endpoint, LogFinding, LogGives, LogSearch, Logs, MetricQuery, PortResult, ProbeAnswer,
    Prober, Reads, Series, Signals, Statistic,
};
use teal::time::Timestamp;
use teal::units::Span;

impl Signals for Link<'_> {
    async fn alarms(&self, names: &[AlarmName]) -> PortResult<Vec<AlarmReading>> {
        let answer = self
            .call(Op::other("DescribeAlarms"), |_| {
                let state = self.world.state();
                let found = |name: &AlarmName| state.alarms.get(name.as_str()).cloned();
                let readings: Vec<AlarmReading> = names.iter().filter_map(found).collect();
                self.seen.borrow_mut().alarms_read(names, &readings, self.world.now());
                Ok(readings)
            })
            .await;
        if answer.is_err() {
            self.seen.borrow_mut().alarms_unread();
        }
        let undated = [Mutation::ChangesOfAlarmsNotDated, Mutation::PassedOverForGood];
        if self.world.mutation.is_some_and(|mutation| undated.contains(&mutation)) {
            return answer.map(|readings| readings.into_iter().map(|r| AlarmReading { since: None, ..r }).collect());
        }
        if self.world.mutation == Some(Mutation::GoneAlarmsAreSilent) {
            let mut readings = answer?;
            for name in names {
                if readings.iter().all(|reading| reading.name != *name) {
                    let (name, reason, since) = (name.clone(), String::new(), None);
                    readings.push(AlarmReading { name, state: AlarmState::InsufficientData, reason, since });
                }
            }
            return Ok(readings);
        }
        if self.world.mutation == Some(Mutation::SilenceIsGood) {
            let fine = |name: &AlarmName| AlarmReading {
                name: name.clone(),
                state: AlarmState::Ok,
                reason: "nothing was heard".to_owned(),
                since: None,
            };
            let raised = |reading: &&AlarmReading| reading.state == AlarmState::Alarm;
            let raised: Vec<AlarmReading> = answer.iter().flatten().filter(raised).cloned().collect();
            return Ok(if raised.is_empty() { names.iter().map(fine).collect() } else { raised });
        }
        answer
    }

    async fn metrics(&self, queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> PortResult<Vec<Series>> {
        let answer = self
            .call(Op::other("GetMetricData"), |_| {
                let state = self.world.state();
                let series = queries.iter().map(|query| {
                    let dimension = |wanted: &str| {
                        let found = statistic(query)?.dimensions.iter().find(|(name, _)| name == wanted);
                        found.map(|(_, value)| value.as_str())
                    };
                    let group = dimension("TargetGroup").or_else(|| dimension("ExecutedVersion"));
                    let traffic = group.and_then(|group| state.traffic.iter().find(|(arn, _)| arn.ends_with(group)));
                    let (requests, bad) = traffic.map_or((0.0, 0.0), |(_, traffic)| *traffic);
                    // Each of the two zones serves half.
                    let share = if dimension("AvailabilityZone").is_some() { 0.5 } else { 1.0 };
                    series(query, (requests * share, bad * share), from, to)
                });
                Ok(series.collect::<Vec<Series>>())
            })
            .await;
        let is_measured = |list: &Vec<Series>| list.iter().any(|series| !series.points.is_empty());
        let read = answer.as_ref().is_ok_and(is_measured);
        self.seen.borrow_mut().metrics_read = read;
        if self.world.mutation == Some(Mutation::SilenceIsGood) && !read {
            return Ok(queries.iter().map(|query| series(query, (600.0, 0.0), from, to)).collect());
        }
        answer
    }
}

fn statistic(query: &MetricQuery) -> Option<&Statistic> {
    match &query.reads {
        Reads::Statistic(statistic) => Some(statistic),
        Reads::Expression(_) => None,
    }
}

/// One series of a group's traffic, a pair of requests a minute and bad ones among them.
fn series(query: &MetricQuery, (requests, bad): (f64, f64), from: Timestamp, to: Timestamp) -> Series {
    let value = match statistic(query).map_or("", |statistic| statistic.metric.as_str()) {
        "RequestCount" | "Invocations" => Some(requests),
        "Errors" => Some(bad),
        "HTTPCode_Target_2XX_Count" => Some(requests - bad),
        _ => None,
    };
    let period = i64::from(query.period) * 1000;
    let begins = (from.as_millisecond()..to.as_millisecond()).step_by(usize::try_from(period).unwrap_or(60_000));
    let points = begins.filter_map(|begin| Some((Timestamp::from_millisecond(begin).ok()?, value?)));
    Series { id: query.id.clone(), points: points.filter(|(_, value)| *value > 0.0 || value.is_nan()).collect() }
}

impl Logs for Link<'_> {
    /// Nobody writes a bad line.
    async fn search_logs(&self, searches: &[LogSearch]) -> PortResult<Vec<LogFinding>> {
        let nothing = |search: &LogSearch| match search.gives {
            LogGives::Counts { .. } => LogFinding::Counts(Vec::new()),
            LogGives::Lines { .. } => LogFinding::Lines(Vec::new()),
        };
        self.call(Op::other("StartQuery"), |_| Ok(searches.iter().map(nothing).collect())).await
    }
}

impl Prober for Link<'_> {
    async fn probe(&self, _endpoint: &Endpoint, _check: &HttpCheck) -> Result<ProbeAnswer, String> {
        let answer = self
            .call(Op::other("GET /health"), |_| {
                let (status, body) = self.world.state().green_answers.clone();
                self.seen.borrow_mut().probed_well = status == 200;
                Ok(ProbeAnswer { status, body, elapsed: Duration::from_millis(20) })
            })
            .await;
        let fine = || ProbeAnswer { status: 200, body: "ok".to_owned(), elapsed: Duration::from_millis(20) };
        if self.world.mutation == Some(Mutation::ValidationIgnored) {
            return Ok(fine());
        }
        answer.map_err(|error| error.to_string())
    }

    async fn pause(&self, span: Span) {
        Link::pause(self, span.as_seconds()).await;
    }
}
