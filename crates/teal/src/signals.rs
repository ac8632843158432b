//! What one look wants to know of CloudWatch: all metrics gathered into one call, and searches of logs.

use crate::ports::{LogFinding, LogLine, LogSearch, MetricQuery, Reads, Series, Statistic};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A series that is wanted: its place in the call, or among the searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SeriesKey {
    Metric(usize),
    Log(usize),
}

impl SeriesKey {
    fn id(self) -> String {
        match self {
            Self::Metric(place) => format!("s{place}"),
            Self::Log(place) => format!("l{place}"),
        }
    }
}

/// Everything that one call is to read. What is wanted twice is read once.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    queries: Vec<MetricQuery>,
    /// Where among the queries each series is, by its period: a plan may want hundreds.
    places: HashMap<(Reads, u32), usize>,
    searches: Vec<LogSearch>,
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
        let place = *self.places.entry((reads.clone(), period)).or_insert(self.queries.len());
        let key = SeriesKey::Metric(place);
        match self.queries.get_mut(place) {
            Some(query) => query.returned |= returned,
            None => self.queries.push(MetricQuery { id: key.id(), reads, period, returned }),
        }
        key
    }

    /// Wants what a search of logs finds.
    pub(crate) fn search(&mut self, search: LogSearch) -> SeriesKey {
        self.searches.push(search);
        SeriesKey::Log(self.searches.len() - 1)
    }

    /// The queries of the call.
    pub(crate) fn queries(&self) -> &[MetricQuery] {
        &self.queries
    }

    /// The searches of logs.
    pub(crate) fn searches(&self) -> &[LogSearch] {
        &self.searches
    }
}

/// What the call has brought.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    series: BTreeMap<String, BTreeMap<Timestamp, f64>>,
    lines: BTreeMap<SeriesKey, Vec<LogLine>>,
    unread: BTreeSet<SeriesKey>,
}

impl Readings {
    pub(crate) fn new(series: Vec<Series>) -> Self {
        let series = series.into_iter().map(|series| (series.id, series.points.into_iter().collect())).collect();
        Self { series, ..Self::default() }
    }

    /// Adds what another call has brought.
    pub(crate) fn extend(&mut self, series: Vec<Series>) {
        for series in series {
            self.series.entry(series.id).or_default().extend(series.points);
        }
    }

    /// Adds what the searches of logs have found, in their order.
    pub(crate) fn found(&mut self, findings: Vec<LogFinding>) {
        for (place, finding) in findings.into_iter().enumerate() {
            let key = SeriesKey::Log(place);
            match finding {
                LogFinding::Counts(counts) => {
                    let points = counts.into_iter().map(|(at, lines)| (at, lines as f64));
                    self.series.insert(key.id(), points.collect());
                }
                LogFinding::Lines(lines) => _ = self.lines.insert(key, lines),
            }
        }
    }

    /// Says that none of the searches has brought anything.
    pub(crate) fn not_found(&mut self, searches: &[LogSearch]) {
        self.unread.extend((0..searches.len()).map(SeriesKey::Log));
    }

    /// Whether it is unknown what there is.
    pub(crate) fn is_unread(&self, key: SeriesKey) -> bool {
        self.unread.contains(&key)
    }

    /// The lines that a search has found.
    pub(crate) fn lines(&self, key: SeriesKey) -> &[LogLine] {
        self.lines.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The datum of the period that begins then, if there is one.
    pub(crate) fn at(&self, key: SeriesKey, begin: Timestamp) -> Option<f64> {
        self.series.get(&key.id())?.get(&begin).copied()
    }

    /// The data of the periods that begin in `[from, to)`, oldest first.
    pub(crate) fn between(&self, key: SeriesKey, from: Timestamp, to: Timestamp) -> impl Iterator<Item = f64> {
        let series = self.series.get(&key.id());
        series.into_iter().flat_map(move |data| data.range(from..to)).map(|(_, value)| *value)
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
