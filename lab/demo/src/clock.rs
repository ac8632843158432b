//! The lab's clock, as a process of the lab gets it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lab time in a process that only knows the clock's origin and scale: `lab = origin + (wall - origin) * scale`.
///
/// It reads the wall once, at the start, and counts on from there: a wall clock that is set later changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct LabTime {
    scale: f64,
    started: Instant,
    lab_millis_at_start: f64,
}

impl LabTime {
    /// Reads `<origin_millis>:<scale>`; `None` if it is not that, or the scale is not above zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, scale) = text.split_once(':')?;
        let origin: i64 = origin.parse().ok()?;
        let scale: f64 = scale.parse().ok().filter(|scale: &f64| scale.is_finite() && *scale > 0.0)?;
        let origin = origin as f64;
        let lab_millis_at_start = origin + (wall_millis() - origin) * scale;
        Some(Self { scale, started: Instant::now(), lab_millis_at_start })
    }

    /// The wall's own time.
    #[must_use]
    pub fn wall() -> Self {
        Self { scale: 1.0, started: Instant::now(), lab_millis_at_start: wall_millis() }
    }

    /// Lab time now, in Unix milliseconds.
    #[must_use]
    pub fn now_millis(&self) -> i64 {
        (self.lab_millis_at_start + self.started.elapsed().as_secs_f64() * self.scale * 1000.0) as i64
    }

    /// Lab time elapsed since `since` (lab, Unix milliseconds), or since this clock was made; zero if `since` is yet
    /// to come.
    #[must_use]
    pub fn elapsed(&self, since: Option<i64>) -> Duration {
        let lab_since_start = self.started.elapsed().as_secs_f64() * self.scale;
        let ahead = since.map_or(0.0, |since| (self.lab_millis_at_start - since as f64) / 1000.0);
        Duration::try_from_secs_f64(lab_since_start + ahead).unwrap_or(Duration::ZERO)
    }

    /// How much real time passes until `elapsed(since)` reaches `lab`; zero if it already has.
    #[must_use]
    pub fn real_until(&self, since: Option<i64>, lab: Duration) -> Duration {
        let start = since.map_or(0.0, |since| (since as f64 - self.lab_millis_at_start) / 1000.0);
        let left = (start + lab.as_secs_f64()) / self.scale - self.started.elapsed().as_secs_f64();
        Duration::try_from_secs_f64(left).unwrap_or(Duration::ZERO)
    }
}

fn wall_millis() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_time_runs_scale_times_as_fast_from_the_origin() {
        let origin = wall_millis() as i64 - 1_000;
        let clock = LabTime::parse(&format!("{origin}:60")).unwrap();
        // One real second after the origin it is a lab minute after it.
        let elapsed = clock.elapsed(Some(origin));
        assert!((60.0..90.0).contains(&elapsed.as_secs_f64()), "{elapsed:?}");
        let left = clock.real_until(Some(origin), Duration::from_secs(660));
        assert!((9.0..=10.0).contains(&left.as_secs_f64()), "{left:?}");
    }

    #[test]
    fn a_time_to_come_has_not_elapsed() {
        let clock = LabTime::wall();
        let tomorrow = wall_millis() as i64 + 86_400_000;
        assert_eq!(clock.elapsed(Some(tomorrow)), Duration::ZERO);
        assert!(clock.real_until(Some(tomorrow), Duration::ZERO) > Duration::from_secs(86_000));
    }

    #[test]
    fn what_is_not_origin_and_scale_is_refused() {
        for text in ["", "17", "x:1", "17:0", "17:-1", "17:inf", "17:1:1"] {
            assert!(LabTime::parse(text).is_none(), "{text}");
        }
    }
}
