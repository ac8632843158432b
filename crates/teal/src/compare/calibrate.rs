//! What is learnt before a release: how noisy each metric is, from blue against blue, and how long blue usually takes.

use super::source::CountKeys;
use super::{CountSource, Place};
use crate::judge::{Calibration, Counts, EDGE_PERCENTILES, HistoryPoint};
use crate::plan::limits::METRIC_PERIOD;
use crate::route::RequestMetrics;
use crate::signals::{Readings, SeriesKey, Wanted};
use crate::time::{Timestamp, after};

/// How far back the history reaches, in seconds.
pub(super) const HISTORY: u64 = 3 * 3600;
/// The period over which blue's percentiles are read, in seconds.
const PERCENTILE_PERIOD: u32 = 3600;
/// The edges where blue's percentiles are not known, in seconds: any edge that is fixed before the release is right, these
/// are merely less telling.
const USUAL_EDGES: [f64; 3] = [0.1, 0.5, 2.0];

/// The percentiles of blue's latency.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    keys: [SeriesKey; 3],
    metrics: RequestMetrics,
}

/// The past of blue that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl History {
    /// The three hours and what there is of the present one, up to the last final period.
    pub(crate) fn before(now: Timestamp, settle: u64) -> Self {
        let floor = |at: Timestamp, seconds: i64| {
            Timestamp::from_second(at.as_second().div_euclid(seconds) * seconds).unwrap_or(at)
        };
        let settle = i64::try_from(settle).unwrap_or(0);
        let settled = Timestamp::from_second(now.as_second().saturating_sub(settle)).unwrap_or(now);
        let to = floor(settled, METRIC_PERIOD.as_seconds().into());
        let hour = floor(to, PERCENTILE_PERIOD.into());
        let from = Timestamp::from_second(hour.as_second().saturating_sub(HISTORY as i64)).unwrap_or(hour);
        Self { from, to }
    }

    pub(super) fn minutes(self) -> impl Iterator<Item = Timestamp> {
        let period = u64::from(METRIC_PERIOD.as_seconds());
        std::iter::successors(Some(self.from), move |at| Some(after(*at, period))).take_while(move |at| *at < self.to)
    }

    /// Wants what blue served in each zone.
    pub(crate) fn want_zones<'a>(
        self,
        wanted: &mut Wanted,
        source: &CountSource,
        blue: &Place<'a>,
        zones: &'a [String],
    ) -> Vec<CountKeys> {
        let over = (self.from, self.to);
        zones
            .iter()
            .map(|zone| source.want(wanted, &Place { zone: Some(zone.as_str()), ..blue.clone() }, over))
            .collect()
    }

    /// Wants the percentiles of blue's latency, hour by hour; nothing where the route's metrics know no requests.
    pub(crate) fn want_percentiles(wanted: &mut Wanted, blue: &Place<'_>) -> Option<Percentiles> {
        let metrics = blue.meter.of_requests?;
        let keys = EDGE_PERCENTILES.map(|percentile| {
            wanted.statistic(blue.statistic(metrics.duration, &format!("p{percentile}")), PERCENTILE_PERIOD)
        });
        Some(Percentiles { keys, metrics })
    }

    /// How noisy a metric is: one half of blue's zones against the other, minute by minute.
    pub(crate) fn calibration(self, zones: &[CountKeys], readings: &Readings) -> Calibration {
        self.calibration_of(&self.halves(zones, readings), readings)
    }

    /// The zones in two groups of about the same traffic.
    pub(super) fn halves(self, zones: &[CountKeys], readings: &Readings) -> [Vec<CountKeys>; 2] {
        let mut halves: [Vec<CountKeys>; 2] = [Vec::new(), Vec::new()];
        let mut totals = [0_u64; 2];
        let mut zones: Vec<(u64, CountKeys)> = zones.iter().map(|keys| (self.total(*keys, readings), *keys)).collect();
        zones.sort_by_key(|(total, _)| std::cmp::Reverse(*total));
        for (total, keys) in zones {
            let smaller = usize::from(totals[1] < totals[0]);
            totals[smaller] = totals[smaller].saturating_add(total);
            halves[smaller].push(keys);
        }
        halves
    }

    /// How noisy a metric is, with the zones split already.
    pub(super) fn calibration_of(self, halves: &[Vec<CountKeys>; 2], readings: &Readings) -> Calibration {
        let points: Vec<HistoryPoint> = self
            .minutes()
            .filter_map(|at| {
                let [a, b] = halves.each_ref().map(|half| sum(half, readings, at));
                Some(HistoryPoint { a: a?, b: b? })
            })
            .collect();
        Calibration::from_history(&points)
    }

    fn total(self, keys: CountKeys, readings: &Readings) -> u64 {
        self.minutes().filter_map(|at| keys.counts(readings, at).ok()).map(Counts::total).fold(0, u64::saturating_add)
    }
}

/// What several zones served together in a minute; nothing where a datum is unusable.
pub(super) fn sum(keys: &[CountKeys], readings: &Readings, at: Timestamp) -> Option<Counts> {
    keys.iter().try_fold(Counts::default(), |sum, keys| {
        let counts = keys.counts(readings, at).ok()?;
        Some(Counts::new(sum.total().saturating_add(counts.total()), sum.bad().saturating_add(counts.bad())))
    })
}

/// The edges in seconds at which latency is judged, rising: the median of each percentile's hours. Nothing where one of
/// them is unknown.
pub(crate) fn edges(percentiles: &Percentiles, readings: &Readings) -> Option<[f64; 3]> {
    let mut edges = [0.0; 3];
    for (edge, key) in edges.iter_mut().zip(percentiles.keys) {
        let seconds = readings.all(key).map(|(_, value)| percentiles.metrics.seconds(value));
        let mut hours: Vec<f64> = seconds.filter(|value| value.is_finite() && *value > 0.0).collect();
        hours.sort_by(f64::total_cmp);
        // To the microsecond: finer than CloudWatch's percentiles are.
        *edge = (hours.get(hours.len() / 2)? * 1e6).round() / 1e6;
    }
    (edges[0] > 0.0).then_some(edges)
}

/// The edges where blue's percentiles are not known.
pub(crate) const fn usual_edges() -> [f64; 3] {
    USUAL_EDGES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::CalibrationBasis;
    use crate::ports::{Reads, Series};
    use crate::route::{Colour, Meter};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    const BLUE: Place<'static> = Place {
        colour: Colour::Blue,
        meter: Meter::APPLICATION_LOAD_BALANCER,
        load_balancer: "app/shop/1",
        target_group: "targetgroup/a/1",
        service: "a",
        zone: None,
    };

    /// Each zone's requests a minute, 1 % of them bad, alternately in the first two zones.
    fn calibrated(requests: &[f64], minutes: usize) -> Calibration {
        let history = History::before(at(10 * 3600 + 130), 120);
        let names: Vec<String> = (0..requests.len()).map(|zone| zone.to_string()).collect();
        let mut wanted = Wanted::default();
        let keys = history.want_zones(&mut wanted, &CountSource::Errors, &BLUE, &names);
        let series = wanted.queries().iter().map(|query| {
            let Reads::Statistic(statistic) = &query.reads else { panic!("{query:?}") };
            let zone: usize = statistic.dimensions[2].1.parse().unwrap();
            let value = |minute: usize| {
                let bad = if minute % 2 == zone % 2 { 0.0 } else { (requests[zone] * 0.02).round() };
                match statistic.metric.as_str() {
                    "RequestCount" => requests[zone],
                    "HTTPCode_Target_2XX_Count" => requests[zone] - bad,
                    _ => 0.0,
                }
            };
            let points = history.minutes().enumerate().take(minutes).map(|(minute, at)| (at, value(minute))).collect();
            Series { id: query.id.clone(), points }
        });
        history.calibration(&keys, &Readings::new(series.collect()))
    }

    #[test]
    fn the_history_is_the_last_hours_up_to_what_is_final() {
        let history = History::before(at(10 * 3600 + 1_234), 120);
        assert_eq!((history.from, history.to), (at(7 * 3600), at(10 * 3600 + 1_080)));
        assert_eq!(history.minutes().count(), 180 + 18);
    }

    #[test]
    fn noise_is_measured_between_halves_of_about_the_same_traffic() {
        let two = calibrated(&[1_000.0, 1_000.0], 180);
        // 20 bad ones in one zone or the other: their whole variance is between the halves.
        assert_eq!(two.basis(), CalibrationBasis::TooNoisy { points: 180, bad: 3_600 });
        assert!(two.phi() > 15.0, "{two:?}");
        // Zones 0 and 2 against zone 1.
        let three = calibrated(&[500.0, 1_000.0, 500.0], 180);
        assert_eq!(three.basis(), two.basis());
        assert!((three.phi() - two.phi()).abs() < 1e-9);
    }

    #[test]
    fn without_a_second_zone_or_enough_minutes_much_noise_is_assumed() {
        assert_eq!(calibrated(&[1_000.0], 180).basis(), CalibrationBasis::NoHistory { points: 0 });
        assert_eq!(calibrated(&[1_000.0, 1_000.0], 59).basis(), CalibrationBasis::NoHistory { points: 59 });
        assert_eq!(calibrated(&[], 180), Calibration::without_history());
    }

    #[test]
    fn edges_are_the_usual_hour_of_each_percentile() {
        let mut wanted = Wanted::default();
        let percentiles = History::want_percentiles(&mut wanted, &BLUE).unwrap();
        let data = [[0.02, 0.01, 0.9], [0.1, 0.2, 0.3], [1.0, 1.5, f64::NAN]];
        let series = wanted.queries().iter().zip(data).map(|(query, hours)| Series {
            id: query.id.clone(),
            points: hours.iter().enumerate().map(|(hour, value)| (at(hour as i64 * 3600), *value)).collect(),
        });
        let readings = Readings::new(series.collect());
        assert_eq!(edges(&percentiles, &readings), Some([0.02, 0.2, 1.5]));
        assert_eq!(edges(&percentiles, &Readings::default()), None);
        let function = Place { meter: Meter::LAMBDA, load_balancer: "shop:live", target_group: "41", ..BLUE };
        let percentiles = History::want_percentiles(&mut Wanted::default(), &function).unwrap();
        assert_eq!(edges(&percentiles, &readings), Some([0.00002, 0.0002, 0.0015]), "Lambda counts milliseconds");
    }
}
