//! One clock for the gateway, the waits of the state machine and the functions.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch on the lab clock.
pub type Millis = i64;

/// A clock that runs `scale` times as fast as the wall, from one origin on.
///
/// At scale 20 a CloudWatch period of 60 s passes in three seconds. Durations that AWS defines (periods, health-check
/// intervals, deregistration delays, waits) are lab durations; the latency of a request is real.
#[derive(Clone, Debug)]
pub struct LabClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scale: f64,
    origin_millis: Millis,
    started: Instant,
}

impl LabClock {
    /// A clock that shows the wall's time now and runs `scale` times as fast from here on.
    ///
    /// # Panics
    /// If `scale` is not a finite number above zero.
    #[must_use]
    pub fn starting_now(scale: f64) -> Self {
        assert!(scale.is_finite() && scale > 0.0, "the lab clock's scale must be a number above 0, not {scale}");
        let origin_millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as Millis);
        Self { inner: Arc::new(Inner { scale, origin_millis, started: Instant::now() }) }
    }

    /// How many lab seconds pass in one real second.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.inner.scale
    }

    /// The Unix time in milliseconds, real and lab, at which this clock started: the functions compute the same
    /// lab time from it (`lab = origin + (wall - origin) * scale`).
    #[must_use]
    pub fn origin_millis(&self) -> Millis {
        self.inner.origin_millis
    }

    /// The lab's time now.
    #[must_use]
    pub fn now_millis(&self) -> Millis {
        self.millis_at(Instant::now())
    }

    /// The lab's time at a moment; its origin for moments before it.
    #[must_use]
    pub fn millis_at(&self, moment: Instant) -> Millis {
        let real = moment.saturating_duration_since(self.inner.started).as_secs_f64();
        self.inner.origin_millis + (real * self.inner.scale * 1000.0) as Millis
    }

    /// The moment at which this clock shows a time; its start for times before that.
    #[must_use]
    pub fn instant_of(&self, at: Millis) -> Instant {
        let passed = (at - self.inner.origin_millis).max(0) as f64 / 1000.0 / self.inner.scale;
        self.inner.started + Duration::from_secs_f64(passed)
    }

    /// How long a lab duration takes on the wall.
    #[must_use]
    pub fn real(&self, lab: Duration) -> Duration {
        Duration::from_secs_f64(lab.as_secs_f64() / self.inner.scale)
    }

    /// Sleeps for a lab duration.
    pub async fn sleep(&self, lab: Duration) {
        tokio::time::sleep(self.real(lab)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_minute_at_scale_twenty_takes_three_seconds() {
        let clock = LabClock::starting_now(20.0);
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(3));
    }
}
