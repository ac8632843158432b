//! Where a metric's counts come from, and how CloudWatch's data become counts.

use crate::judge::{Counts, NotACount};
use crate::plan::limits::METRIC_PERIOD;
use crate::plan::{CloudWatchPair, CountMetric, CountSeries, LOAD_BALANCER_PLACEHOLDER, LogGroup, LogQuery};
use crate::ports::{LogGives, LogSearch, Statistic};
use crate::route::{Colour, Meter, Outcome};
use crate::signals::{Readings, SeriesKey, Wanted};
use crate::time::{Timestamp, after};
use serde::{Deserialize, Serialize};

/// Where a metric's counts come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CountSource {
    /// Requests that a colour's target group did not answer 2xx, 3xx or 4xx; invocations that failed.
    Errors,
    /// Requests that took longer than an edge.
    Slower {
        /// The edge.
        than_seconds: f64,
    },
    /// Two counts of CloudWatch.
    CloudWatch(Box<CloudWatchPair>),
    /// Bad lines in a colour's log among its requests.
    Logs(Box<LogQuery>),
}

/// Where one colour's traffic is measured.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) colour: Colour,
    pub(crate) meter: Meter,
    /// What metrics call the route: of a load balancer `app/name/id`.
    pub(crate) load_balancer: &'a str,
    /// What metrics call the destination: of a target group `targetgroup/name/id`.
    pub(crate) target_group: &'a str,
    /// What runs the colour: of ECS the service.
    pub(crate) service: &'a str,
    /// Only what this Availability Zone served.
    pub(crate) zone: Option<&'a str>,
}

/// The series that a source's counts of one colour are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CountKeys {
    /// How many there were, and how many of them were fine.
    Rest { total: SeriesKey, good: [SeriesKey; 3] },
    /// How many there were, and how many of them were bad.
    Pair { total: SeriesKey, bad: SeriesKey },
    /// Nothing: the route's metrics do not tell the colours apart. A plan that counts on them is refused.
    Nothing,
}

impl CountSource {
    /// The period of its series in seconds.
    fn period(&self) -> u32 {
        match self {
            Self::Errors | Self::Slower { .. } | Self::Logs(_) => METRIC_PERIOD.as_seconds(),
            Self::CloudWatch(pair) => pair.period.as_seconds(),
        }
    }

    /// Seconds after its end that a period of it is final, if that takes longer than the plan's metrics take.
    pub(crate) fn settle(&self) -> u64 {
        match self {
            Self::Errors | Self::Slower { .. } | Self::CloudWatch(_) => 0,
            Self::Logs(query) => query.settle.as_seconds().into(),
        }
    }

    /// Whether the load balancer publishes its counts, so that they can be had by Availability Zone.
    pub(crate) fn is_of_load_balancer(&self) -> bool {
        matches!(self, Self::Errors | Self::Slower { .. })
    }

    /// Wants the series that its counts of one colour are made of, over `[from, to)`.
    pub(crate) fn want(&self, wanted: &mut Wanted, place: &Place<'_>, (from, to): (Timestamp, Timestamp)) -> CountKeys {
        let period = self.period();
        match self {
            Self::Errors => place.meter.of_requests.map_or(CountKeys::Nothing, |metrics| {
                let mut sum = |metric| wanted.statistic(place.statistic(metric, "Sum"), period);
                let total = sum(metrics.requests);
                match metrics.outcome {
                    Outcome::Good(good) => CountKeys::Rest { total, good: good.map(sum) },
                    Outcome::Bad(bad) => CountKeys::Pair { total, bad: sum(bad) },
                }
            }),
            Self::Slower { than_seconds } => {
                place.meter.of_requests.map_or(CountKeys::Nothing, |metrics| CountKeys::Pair {
                    total: wanted.statistic(place.statistic(metrics.requests, "Sum"), period),
                    bad: wanted
                        .statistic(place.statistic(metrics.duration, &metrics.slower_than(*than_seconds)), period),
                })
            }
            Self::CloudWatch(pair) => CountKeys::Pair {
                total: place.want(wanted, &pair.total, period),
                bad: place.want(wanted, &pair.bad, period),
            },
            Self::Logs(query) => place.meter.of_requests.map_or(CountKeys::Nothing, |metrics| CountKeys::Pair {
                total: wanted.statistic(place.statistic(metrics.requests, "Sum"), period),
                bad: wanted.search(place.search(query, (from, to), LogGives::Counts { period })),
            }),
        }
    }
}

impl CountKeys {
    /// Whether it is unknown what there is.
    pub(crate) fn is_unread(self, readings: &Readings) -> bool {
        match self {
            Self::Nothing => false,
            Self::Pair { total, bad } => readings.is_unread(total) || readings.is_unread(bad),
            Self::Rest { total, good } => good.into_iter().chain([total]).any(|key| readings.is_unread(key)),
        }
    }

    /// The counts of the minute that begins then, all its periods together. Where there is no datum, nothing happened.
    ///
    /// # Errors
    /// When a datum is NaN, infinite or negative.
    pub(crate) fn counts(self, readings: &Readings, begin: Timestamp) -> Result<Counts, NotACount> {
        let in_minute = |key| of_minute(readings, key, begin);
        match self {
            Self::Nothing => Counts::from_data(None, None),
            Self::Pair { total, bad } => Counts::from_data(in_minute(total), in_minute(bad)),
            Self::Rest { total, good } => {
                let total = in_minute(total);
                let mut bad = total.unwrap_or(0.0);
                for good in good.into_iter().filter_map(in_minute) {
                    if !good.is_finite() || good < 0.0 {
                        return Err(NotACount(good));
                    }
                    bad -= good;
                }
                // NaN has to come through: `max` would make it 0.
                Counts::from_data(total, Some(if bad < 0.0 { 0.0 } else { bad }))
            }
        }
    }
}

/// The sum of a series over the minute that begins then; the first datum that is no count, where there is one.
fn of_minute(readings: &Readings, key: SeriesKey, begin: Timestamp) -> Option<f64> {
    let end = after(begin, METRIC_PERIOD.as_seconds().into());
    let is_count = |datum: f64| datum.is_finite() && datum >= 0.0;
    readings.between(key, begin, end).reduce(|sum, datum| match (is_count(sum), is_count(datum)) {
        (true, true) => sum + datum,
        (true, false) => datum,
        (false, _) => sum,
    })
}

impl Place<'_> {
    /// A statistic of what the route's meter publishes about the colour's destination.
    pub(crate) fn statistic(&self, metric: &str, statistic: &str) -> Statistic {
        let mut dimensions = self.meter.dimensions(self.load_balancer, self.target_group);
        dimensions.extend(self.zone.map(|zone| ("AvailabilityZone".to_owned(), zone.to_owned())));
        Statistic {
            namespace: self.meter.namespace.to_owned(),
            metric: metric.to_owned(),
            dimensions,
            statistic: statistic.to_owned(),
        }
    }

    fn want(&self, wanted: &mut Wanted, series: &CountSeries, period: u32) -> SeriesKey {
        match series {
            CountSeries::Metric(metric) => wanted.statistic(self.filled(metric), period),
            CountSeries::Math(math) => {
                let inputs = math.metrics.iter().map(|(id, metric)| (id.as_str(), self.filled(metric)));
                let expression = &math.expression;
                let named = |id: &str, names: &std::collections::BTreeMap<&str, String>| {
                    names.get(id).cloned().unwrap_or_else(|| id.to_owned())
                };
                wanted.math(inputs, |names| expression.renamed(|id| named(id, names)), period)
            }
        }
    }

    /// A search of the colour's log.
    pub(super) fn search(&self, query: &LogQuery, (from, to): (Timestamp, Timestamp), gives: LogGives) -> LogSearch {
        let groups = query.log_groups.iter().map(LogGroup::as_str).map(|group| self.fill(group)).collect();
        LogSearch { groups, commands: self.fill(&query.commands()), from, to, gives }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("${targetGroup}", self.target_group)
            .replace("${variant}", self.target_group)
            .replace("${service}", self.service)
            .replace("${colour}", &self.colour.to_string())
            .replace(LOAD_BALANCER_PLACEHOLDER, self.load_balancer)
    }

    fn filled(&self, metric: &CountMetric) -> Statistic {
        let fill = |text: &str| self.fill(text);
        Statistic {
            namespace: fill(metric.namespace.as_str()),
            metric: fill(metric.metric.as_str()),
            dimensions: metric
                .dimensions
                .iter()
                .map(|(name, value)| (name.to_string(), fill(value.as_str())))
                .collect(),
            statistic: metric.statistic.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Compared;
    use crate::plan::Metric;
    use crate::ports::Reads;
    use serde_json::json;

    const GREEN: Place<'static> = Place {
        colour: Colour::Green,
        meter: Meter::APPLICATION_LOAD_BALANCER,
        load_balancer: "app/shop/1",
        target_group: "targetgroup/b/2",
        service: "checkout-b",
        zone: None,
    };

    fn queries(metric: serde_json::Value) -> Vec<String> {
        queries_of(metric, &GREEN)
    }

    /// What is read of green for a metric as a plan writes it: each query in one line.
    fn queries_of(metric: serde_json::Value, green: &Place<'_>) -> Vec<String> {
        let metric: Metric = serde_json::from_value(metric).unwrap();
        let mut wanted = Wanted::default();
        for compared in Compared::of(&metric, [0.02, 0.25, 1.5], green) {
            compared.source.want(&mut wanted, green, (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH));
        }
        let line = |reads: &Reads| match reads {
            Reads::Expression(expression) => expression.clone(),
            Reads::Statistic(read) => {
                let values: Vec<&str> = read.dimensions.iter().map(|(_, value)| value.as_str()).collect();
                format!("{} {} {} {}", read.namespace, read.metric, values.join(" "), read.statistic)
            }
        };
        wanted.queries().iter().map(|query| format!("{}: {}", query.id, line(&query.reads))).collect()
    }

    #[test]
    fn each_source_reads_its_series_of_the_colour() {
        let of_group = |id: &str, rest: &str| format!("{id}: AWS/ApplicationELB {rest}");
        let group = "app/shop/1 targetgroup/b/2";
        let requests = of_group("s0", &format!("RequestCount {group} Sum"));
        let errors = queries(json!("errors"));
        assert_eq!((errors.len(), &errors[0]), (4, &requests));
        let edge = |id, edge| of_group(id, &format!("TargetResponseTime {group} TC({edge}:)"));
        assert_eq!(
            queries(json!("latency")),
            [requests.clone(), edge("s1", "0.02"), edge("s2", "0.25"), edge("s3", "1.5")]
        );
        assert_eq!(
            queries(json!({"logs": {"namespace": "Shop", "metric": "Errors-${service}"}})),
            [requests, "s1: Shop Errors-checkout-b  Sum".to_owned()]
        );
        assert_eq!(
            queries(json!({"xray": {"faults": "${service}-faults", "traces": "${service}"}})),
            [
                "s0: AWS/X-Ray ApproximateTraceCount checkout-b Sum",
                "s1: AWS/X-Ray ApproximateTraceCount checkout-b-faults Sum"
            ]
        );
    }

    #[test]
    fn an_alias_counts_invocations_by_the_version_that_was_executed() {
        let green = Place { meter: Meter::LAMBDA, load_balancer: "shop:live", target_group: "42", ..GREEN };
        let line = |id: &str, metric: &str, statistic: &str| {
            format!("{id}: AWS/Lambda {metric} 42 shop shop:live {statistic}")
        };
        let requests = line("s0", "Invocations", "Sum");
        assert_eq!(queries_of(json!("errors"), &green), [requests.clone(), line("s1", "Errors", "Sum")]);
        let edge = |id, edge| line(id, "Duration", &format!("TC({edge}:)"));
        assert_eq!(
            queries_of(json!("latency"), &green),
            [requests.clone(), edge("s1", "20"), edge("s2", "250"), edge("s3", "1500")]
        );
        assert_eq!(
            queries_of(json!({"logs": {"namespace": "Shop", "metric": "Errors-${variant}"}}), &green),
            [requests, "s1: Shop Errors-42  Sum".to_owned()]
        );
    }

    #[test]
    fn metric_math_keeps_its_meaning_under_the_calls_names() {
        let series =
            |channel: &str| json!({"namespace": "Shop", "metric": "M", "dimensions": {"C": channel, "S": "${colour}"}});
        let math = json!({"expression": "FILL(web, 0) + app", "metrics": {"web": series("web"), "app": series("app")}});
        let metric = json!({"name": "m", "cloudWatch": {"bad": series("bad"), "total": math, "period": "10s"}});
        assert_eq!(
            queries(metric),
            [
                "s0: Shop M app green Sum",
                "s1: Shop M web green Sum",
                "s2: FILL(s1, 0) + s0",
                "s3: Shop M bad green Sum"
            ]
        );
    }
}
