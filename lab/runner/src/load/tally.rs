//! What came of the requests.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who answered a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Served {
    /// The service, in the version its `x-version` header names.
    Version(Arc<str>),
    /// The load balancer itself: the answer carries no `x-version`.
    LoadBalancer,
    /// Nobody: the connection failed or no answer came in time.
    Nobody,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Lab time at which the request was due, in milliseconds since the Unix epoch.
    pub at: i64,
    /// From when it was due until the whole answer was there, in real microseconds.
    pub latency_micros: u32,
    /// HTTP status, 0 if there was no answer.
    pub status: u16,
    pub served: Served,
    /// The user's number, where there are users.
    pub user: Option<u32>,
}

impl Sample {
    /// Whether a user would call it failed: 5xx, or no answer.
    #[must_use]
    pub(crate) fn is_bad(&self) -> bool {
        self.status == 0 || self.status >= 500
    }

    /// Whether the load balancer, and not the service, failed it.
    #[must_use]
    pub(crate) fn is_wrongly_served(&self) -> bool {
        self.is_bad() && !matches!(self.served, Served::Version(_))
    }
}

/// Counts of one colour (or of the load balancer's own answers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    pub requests: u64,
    /// 5xx or no answer.
    pub errors: u64,
    /// Latency percentiles in real milliseconds; `null` without requests.
    pub p50_millis: Option<f64>,
    pub p99_millis: Option<f64>,
}

/// All samples of a load. Cheap to clone; clones share the samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: Vec<Sample>,
    // Kept along, so that a live display need not walk the samples.
    counts: BTreeMap<Served, (u64, u64)>,
}

impl Tally {
    pub(super) fn record(&self, sample: Sample) {
        let mut inner = self.lock();
        if !inner.counts.contains_key(&sample.served) {
            inner.counts.insert(sample.served.clone(), (0, 0));
        }
        if let Some(count) = inner.counts.get_mut(&sample.served) {
            count.0 += 1;
            count.1 += u64::from(sample.is_bad());
        }
        inner.samples.push(sample);
    }

    /// Looks at all samples so far, in the order in which they were answered.
    pub(crate) fn with_samples<T>(&self, look: impl FnOnce(&[Sample]) -> T) -> T {
        look(&self.lock().samples)
    }

    /// Requests and errors so far, by who served them.
    #[must_use]
    pub(crate) fn counts(&self) -> BTreeMap<Served, (u64, u64)> {
        self.lock().counts.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Totals with latencies, by who served the requests.
    #[must_use]
    pub(crate) fn totals(&self) -> BTreeMap<Served, Totals> {
        let mut latencies = BTreeMap::<Served, Vec<u32>>::new();
        self.with_samples(|samples| {
            for sample in samples {
                latencies.entry(sample.served.clone()).or_default().push(sample.latency_micros);
            }
        });
        let counts = self.counts();
        let totals = latencies.into_iter().map(|(served, mut latencies)| {
            latencies.sort_unstable();
            let (requests, errors) = counts.get(&served).copied().unwrap_or_default();
            let totals = Totals {
                requests,
                errors,
                p50_millis: percentile(&latencies, 0.50),
                p99_millis: percentile(&latencies, 0.99),
            };
            (served, totals)
        });
        totals.collect()
    }
}

/// The nearest-rank percentile of sorted microseconds, in milliseconds.
fn percentile(sorted: &[u32], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).map(|micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!(percentile(&hundred, 0.50), Some(50.0));
        assert_eq!(percentile(&hundred, 0.99), Some(99.0));
        assert_eq!(percentile(&[], 0.99), None);
    }

    #[test]
    fn the_services_own_500_is_bad_but_not_the_load_balancers_doing() {
        let sample = |status, served| Sample { at: 0, latency_micros: 1, status, served, user: None };
        let own = sample(500, Served::Version("2".into()));
        let gateway = sample(502, Served::LoadBalancer);
        let nobody = sample(0, Served::Nobody);
        let fixed = sample(200, Served::LoadBalancer);
        assert!(own.is_bad() && !own.is_wrongly_served());
        assert!(gateway.is_wrongly_served() && nobody.is_wrongly_served());
        assert!(!fixed.is_bad());
    }
}
