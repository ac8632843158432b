//! What time it is for a release: the wall's time, or in the lab a clock that runs faster.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use teal::time::Timestamp;
use teal::units::Span;

/// The variable that sets the lab clock: `<origin>:<scale>`, the Unix time in milliseconds at which it showed the wall's
/// time, and how many of its seconds pass in a real one.
const VARIABLE: &str = "TEAL_LAB_CLOCK";

/// The clock of waits and deadlines. Requests to AWS are signed by the wall's time whatever this clock shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    origin_millis: i64,
    /// 1 on AWS.
    scale: f64,
}

impl Clock {
    /// The wall's time.
    pub const WALL: Self = Self { origin_millis: 0, scale: 1.0 };

    /// The lab clock of `TEAL_LAB_CLOCK`, or the wall's time where that is not set. It is accepted only while
    /// `AWS_ENDPOINT_URL` is a loopback address, so that nothing but the lab can bend a release's time.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the variable.
    pub fn from_env() -> Result<Self, String> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::from_settings(set(VARIABLE).as_deref(), set("AWS_ENDPOINT_URL").as_deref())
    }

    fn from_settings(setting: Option<&str>, endpoint: Option<&str>) -> Result<Self, String> {
        let Some(setting) = setting else { return Ok(Self::WALL) };
        if !endpoint.is_some_and(is_loopback) {
            return Err(format!(
                "{VARIABLE} is for the lab: it is accepted only while AWS_ENDPOINT_URL is a loopback address. Unset it"
            ));
        }
        let parsed =
            setting.split_once(':').and_then(|(origin, scale)| Some((origin.parse().ok()?, scale.parse().ok()?)));
        match parsed {
            Some((origin_millis, scale)) if f64::is_finite(scale) && scale > 0.0 => Ok(Self { origin_millis, scale }),
            _ => Err(format!(
                "{VARIABLE} is {setting:?}; write <Unix milliseconds>:<scale above 0>, such as 1760000000000:20"
            )),
        }
    }

    /// Whether this is the lab's clock, which nothing but the lab can set.
    #[must_use]
    pub fn is_of_the_lab(&self) -> bool {
        *self != Self::WALL
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(SystemTime::now())
    }

    /// The time in `real` from now, where `real` is a real duration such as what a Lambda function has left.
    #[must_use]
    pub fn after_real(&self, real: Duration) -> Timestamp {
        self.at(SystemTime::now().checked_add(real).unwrap_or_else(SystemTime::now))
    }

    /// How long a planned duration really takes.
    #[must_use]
    pub fn real(&self, planned: Span) -> Duration {
        Duration::try_from_secs_f64(planned.as_duration().as_secs_f64() / self.scale).unwrap_or(Duration::MAX)
    }

    fn at(&self, wall: SystemTime) -> Timestamp {
        let wall =
            wall.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let passed = wall.saturating_sub(self.origin_millis) as f64 * self.scale;
        Timestamp::from_millisecond(self.origin_millis.saturating_add(passed as i64)).unwrap_or(Timestamp::MAX)
    }
}

/// Whether a URL's host is a loopback address, or the name that always means one.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_variable_the_clock_is_the_walls() {
        assert_eq!(Clock::from_settings(None, None), Ok(Clock::WALL));
        let wall = UNIX_EPOCH + Duration::from_millis(1_760_000_000_123);
        assert_eq!(Clock::WALL.at(wall).as_millisecond(), 1_760_000_000_123);
        assert_eq!(Clock::WALL.real(Span::seconds(2)), Duration::from_secs(2));
    }

    #[test]
    fn at_scale_twenty_a_minute_passes_in_three_seconds() {
        let clock = Clock::from_settings(Some("1760000000000:20"), Some("http://127.0.0.1:4566")).unwrap();
        let wall = UNIX_EPOCH + Duration::from_millis(1_760_000_003_000);
        assert_eq!(clock.at(wall).as_millisecond(), 1_760_000_060_000);
        assert_eq!(clock.real(Span::minutes(1)), Duration::from_secs(3));
    }

    #[test]
    fn the_lab_clock_needs_a_loopback_endpoint() {
        let at = |endpoint| Clock::from_settings(Some("0:20"), endpoint);
        for loopback in ["http://127.0.0.1:4566", "http://localhost:80/", "http://[::1]:9", "https://127.4.5.6"] {
            assert!(at(Some(loopback)).is_ok(), "{loopback}");
        }
        for other in [
            "https://dynamodb.eu-central-1.amazonaws.com",
            "http://127.0.0.1@evil.example",
            "127.0.0.1",
            "http://127.0.0.1.example",
        ] {
            assert!(at(Some(other)).is_err(), "{other}");
        }
        assert!(at(None).is_err());
    }

    #[test]
    fn a_malformed_setting_is_an_error() {
        for setting in ["", "20", "0:0", "0:-1", "0:inf", "x:2", "0:NaN"] {
            assert!(Clock::from_settings(Some(setting), Some("http://127.0.0.1")).is_err(), "{setting:?}");
        }
    }
}
