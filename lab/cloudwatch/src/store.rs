//! Every series of every metric, in memory.

use crate::distribution::Distribution;
use crate::statistic::Statistic;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use teal_lab_wire::{MetricSample, Millis};

pub(crate) const SECOND: Millis = 1_000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
/// CloudWatch keeps data of less than a minute for three hours.
const KEEP_HIGH_RESOLUTION: Millis = 180 * MINUTE;
/// CloudWatch keeps minutes for 15 days; a lab that ran for a day of its own clock has no use for more.
const KEEP_STANDARD: Millis = 24 * 60 * MINUTE;

/// What identifies a series: CloudWatch never adds up series whose dimensions differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SeriesKey {
    pub(crate) namespace: Cow<'static, str>,
    pub(crate) name: Cow<'static, str>,
    /// Name and value, sorted.
    pub(crate) dimensions: Vec<(Cow<'static, str>, String)>,
}

impl SeriesKey {
    pub(crate) fn new(namespace: &str, name: &str, dimensions: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut dimensions: Vec<_> = dimensions.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
        dimensions.sort();
        Self { namespace: Cow::Owned(namespace.to_owned()), name: Cow::Owned(name.to_owned()), dimensions }
    }
}

#[derive(Debug)]
struct Series {
    /// How long the finest period is: a minute, or a second for high-resolution metrics.
    resolution: Millis,
    /// By the period's start.
    periods: BTreeMap<Millis, Distribution>,
}

impl Series {
    fn new(resolution: Millis) -> Self {
        Self { resolution, periods: BTreeMap::new() }
    }

    fn period_at(&mut self, at: Millis) -> &mut Distribution {
        let start = at.div_euclid(self.resolution) * self.resolution;
        let opens = self.periods.last_key_value().is_none_or(|(last, _)| *last < start);
        if opens {
            // Once per new period, so that recording stays cheap.
            let keep = if self.resolution < MINUTE { KEEP_HIGH_RESOLUTION } else { KEEP_STANDARD };
            self.periods = self.periods.split_off(&(start - keep));
        }
        self.periods.entry(start).or_default()
    }
}

/// One value or statistic set that PutMetricData publishes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Observation {
    Value { value: f64, count: f64 },
    Statistics { count: f64, sum: f64, minimum: f64, maximum: f64 },
}

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Store {
    series: HashMap<SeriesKey, Series>,
}

impl Store {
    /// Records what a service of the lab measured, with the standard resolution of AWS's own metrics (one minute).
    pub(crate) fn record(&mut self, sample: MetricSample) {
        let mut dimensions: Vec<_> =
            sample.dimensions.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        dimensions.sort();
        let key =
            SeriesKey { namespace: Cow::Borrowed(sample.namespace), name: Cow::Borrowed(sample.name), dimensions };
        let series = self.series.entry(key).or_insert_with(|| Series::new(MINUTE));
        series.period_at(sample.at).add(sample.value, sample.count);
    }

    /// Publishes an observation; `high_resolution` is StorageResolution 1.
    pub(crate) fn publish(&mut self, key: SeriesKey, at: Millis, high_resolution: bool, observation: &Observation) {
        let resolution = if high_resolution { SECOND } else { MINUTE };
        let series = self.series.entry(key).or_insert_with(|| Series::new(resolution));
        // A series keeps the finest resolution it was ever published with; what it has stays where it is.
        series.resolution = series.resolution.min(resolution);
        let period = series.period_at(at);
        match *observation {
            Observation::Value { value, count } => period.add(value, count),
            Observation::Statistics { count, sum, minimum, maximum } => {
                period.add_statistics(count, sum, minimum, maximum);
            }
        }
    }

    /// One optional data point per period of the window.
    pub(crate) fn data_points(&self, key: &SeriesKey, statistic: &Statistic, window: Window) -> Vec<Option<f64>> {
        let Some(series) = self.series.get(key) else { return vec![None; window.len()] };
        (0..window.len())
            .map(|slot| {
                let start = window.slot_start(slot);
                let mut inside = series.periods.range(start..start + window.period).map(|(_, seen)| seen);
                let first = inside.next()?;
                match inside.next() {
                    None => statistic.of(first),
                    Some(second) => {
                        let mut all = first.clone();
                        all.merge(second);
                        inside.for_each(|seen| all.merge(seen));
                        statistic.of(&all)
                    }
                }
            })
            .collect()
    }

    /// Every series, sorted, so that pages do not depend on the hash.
    pub(crate) fn keys(&self) -> Vec<&SeriesKey> {
        let mut keys: Vec<_> = self.series.keys().collect();
        keys.sort();
        keys
    }
}

/// Consecutive periods: from `start` on, before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: Millis,
    pub(crate) end: Millis,
    pub(crate) period: Millis,
}

impl Window {
    /// How many periods begin in the window.
    pub(crate) fn len(&self) -> usize {
        usize::try_from((self.end - self.start + self.period - 1).div_euclid(self.period)).unwrap_or(0)
    }

    pub(crate) fn slot_start(&self, slot: usize) -> Millis {
        self.start + Millis::try_from(slot).unwrap_or(0) * self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Millis, value: f64) -> MetricSample {
        MetricSample {
            namespace: "AWS/ApplicationELB",
            name: "RequestCount",
            dimensions: vec![("TargetGroup", "targetgroup/green/1".into()), ("LoadBalancer", "app/lab/1".into())],
            at,
            value,
            count: 1.0,
        }
    }

    fn key() -> SeriesKey {
        SeriesKey::new(
            "AWS/ApplicationELB",
            "RequestCount",
            [
                ("LoadBalancer".to_owned(), "app/lab/1".to_owned()),
                ("TargetGroup".to_owned(), "targetgroup/green/1".to_owned()),
            ],
        )
    }

    #[test]
    fn periods_without_samples_are_missing() {
        let mut store = Store::default();
        store.record(sample(10 * MINUTE, 1.0));
        store.record(sample(10 * MINUTE + 59_999, 1.0));
        store.record(sample(12 * MINUTE, 1.0));
        let window = Window { start: 9 * MINUTE, end: 13 * MINUTE, period: MINUTE };
        assert_eq!(store.data_points(&key(), &Statistic::Sum, window), [None, Some(2.0), None, Some(1.0)]);
    }

    #[test]
    fn longer_periods_take_in_all_minutes() {
        let mut store = Store::default();
        for minute in 10..15 {
            store.record(sample(minute * MINUTE, 1.0));
        }
        let window = Window { start: 10 * MINUTE, end: 20 * MINUTE, period: 5 * MINUTE };
        assert_eq!(store.data_points(&key(), &Statistic::Sum, window), [Some(5.0), None]);
    }

    #[test]
    fn series_with_other_dimensions_are_others() {
        let mut store = Store::default();
        store.record(sample(0, 1.0));
        let other = SeriesKey::new("AWS/ApplicationELB", "RequestCount", [("LoadBalancer".into(), "app/lab/1".into())]);
        let window = Window { start: 0, end: MINUTE, period: MINUTE };
        assert_eq!(store.data_points(&other, &Statistic::Sum, window), [None]);
    }

    #[test]
    fn high_resolution_series_know_seconds() {
        let mut store = Store::default();
        let key = SeriesKey::new("Custom", "Queue", []);
        for second in 0..20 {
            let one = Observation::Value { value: 1.0, count: 1.0 };
            store.publish(key.clone(), second * SECOND, true, &one);
        }
        let window = Window { start: 0, end: 30 * SECOND, period: 10 * SECOND };
        assert_eq!(store.data_points(&key, &Statistic::SampleCount, window), [Some(10.0), Some(10.0), None]);
    }

    #[test]
    fn what_is_too_old_is_forgotten() {
        let mut store = Store::default();
        for minute in 0..3_000 {
            store.record(sample(minute * MINUTE, 1.0));
        }
        let kept = store.series[&key()].periods.len();
        assert!(kept <= 1_441, "{kept}");
    }
}
