//! What one look wants to know of CloudWatch, gathered into one call.

use crate::ports::{MetricQuery, Reads, Series, Statistic};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// A series that is wanted: its place in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesKey(usize);

impl SeriesKey {
    fn id(self) -> String {
        format!("s{}", self.0)
    }
}

/// Everything that one call is to read. What is wanted twice is read once.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    queries: Vec<MetricQuery>,
}

impl Wanted {
    /// Wants a statistic of a metric over periods of so many seconds.
    pub(crate) fn statistic(&mut self, statistic: Statistic, period: u32) -> SeriesKey {
        self.add(Reads::Statistic(statistic), period, true)
    }

    /// Wants what metric math makes of statistics. `expression` is given how to name each of them in the call.
    pub(crate) fn math<'a>(
        &mut self,
        inputs: impl IntoIterator<Item = (&'a str, Statistic)>,
        expression: impl FnOnce(&BTreeMap<&'a str, String>) -> String,
        period: u32,
    ) -> SeriesKey {
        let names: BTreeMap<&str, String> = inputs
            .into_iter()
            .map(|(name, statistic)| (name, self.add(Reads::Statistic(statistic), period, false).id()))
            .collect();
        self.add(Reads::Expression(expression(&names)), period, true)
    }

    fn add(&mut self, reads: Reads, period: u32, returned: bool) -> SeriesKey {
        let known = self.queries.iter().position(|query| query.reads == reads && query.period == period);
        let key = SeriesKey(known.unwrap_or(self.queries.len()));
        match self.queries.get_mut(key.0) {
            Some(query) => query.returned |= returned,
            None => self.queries.push(MetricQuery { id: key.id(), reads, period, returned }),
        }
        key
    }

    /// The queries of the call.
    pub(crate) fn queries(&self) -> &[MetricQuery] {
        &self.queries
    }
}

/// What the call has brought.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    series: BTreeMap<String, BTreeMap<Timestamp, f64>>,
}

impl Readings {
    pub(crate) fn new(series: Vec<Series>) -> Self {
        Self { series: series.into_iter().map(|series| (series.id, series.points.into_iter().collect())).collect() }
    }

    /// Adds what another call has brought.
    pub(crate) fn extend(&mut self, series: Vec<Series>) {
        for series in series {
            self.series.entry(series.id).or_default().extend(series.points);
        }
    }

    /// The datum of the period that begins then, if there is one.
    pub(crate) fn at(&self, key: SeriesKey, begin: Timestamp) -> Option<f64> {
        self.series.get(&key.id())?.get(&begin).copied()
    }

    /// All data of a series, oldest first.
    pub(crate) fn all(&self, key: SeriesKey) -> impl Iterator<Item = (Timestamp, f64)> {
        self.series.get(&key.id()).into_iter().flatten().map(|(at, value)| (*at, *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistic(metric: &str) -> Statistic {
        Statistic {
            namespace: "N".to_owned(),
            metric: metric.to_owned(),
            dimensions: Vec::new(),
            statistic: "Sum".to_owned(),
        }
    }

    #[test]
    fn what_is_wanted_twice_is_read_once_and_returned_if_anybody_wants_it() {
        let mut wanted = Wanted::default();
        let sum = wanted.math([("a", statistic("A")), ("b", statistic("B"))], |n| format!("{}+{}", n["a"], n["b"]), 60);
        let again = wanted.statistic(statistic("A"), 60);
        assert_ne!(wanted.statistic(statistic("A"), 10), again, "another period is another series");
        let told: Vec<_> = wanted.queries().iter().map(|query| (query.id.as_str(), query.returned)).collect();
        assert_eq!(told, [("s0", true), ("s1", false), ("s2", true), ("s3", true)]);
        assert_eq!(wanted.queries()[2].reads, Reads::Expression("s0+s1".to_owned()));
        let readings = Readings::new(vec![Series { id: "s2".to_owned(), points: vec![(Timestamp::UNIX_EPOCH, 3.0)] }]);
        assert_eq!(readings.at(sum, Timestamp::UNIX_EPOCH), Some(3.0));
        assert_eq!(readings.at(again, Timestamp::UNIX_EPOCH), None);
    }
}
