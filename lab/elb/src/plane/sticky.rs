//! Stickiness cookies.
//!
//! Source: Application Load Balancers guide, "Sticky sessions": the load balancer makes `AWSALB` (which target) and
//! `AWSALBTG` (which target group), both encrypted, both with an expiry of seven days that is not the stickiness
//! duration; each has a twin for cross-origin requests that adds `SameSite=None; Secure`.

use http::{HeaderMap, HeaderValue, header::COOKIE};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};
use teal_lab_wire::Millis;

/// Names of a cookie and of its cross-origin twin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieName {
    plain: &'static str,
    cross_origin: &'static str,
}

/// Keeps a client with a target.
pub(crate) const TARGET: CookieName = CookieName { plain: "AWSALB", cross_origin: "AWSALBCORS" };
/// Keeps a client with a target group.
pub(crate) const TARGET_GROUP: CookieName = CookieName { plain: "AWSALBTG", cross_origin: "AWSALBTGCORS" };

const COOKIE_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes and reads the opaque values: a key and an expiry, enciphered with keys that nobody else has.
#[derive(Debug, Default)]
pub(crate) struct Seal {
    rounds: [RandomState; 4],
}

impl Seal {
    /// The cookie's value for `key`, valid until `until` on the lab clock.
    pub(crate) fn seal(&self, key: u64, until: Millis) -> String {
        let (mut left, mut right) = (key, until as u64);
        for round in &self.rounds {
            (left, right) = (right, left ^ round.hash_one(right));
        }
        format!("{left:016x}{right:016x}")
    }

    /// The key of a value that is still valid. A forged value gives a key that nothing has.
    pub(crate) fn open(&self, value: &str, now: Millis) -> Option<u64> {
        if value.len() != 32 || !value.is_ascii() {
            return None;
        }
        let (left, right) = value.split_at(16);
        let (mut left, mut right) = (u64::from_str_radix(left, 16).ok()?, u64::from_str_radix(right, 16).ok()?);
        for round in self.rounds.iter().rev() {
            (left, right) = (right ^ round.hash_one(left), left);
        }
        (right as Millis > now).then_some(left)
    }

    /// What the request's cookie of this name says.
    pub(crate) fn read(&self, headers: &HeaderMap, name: CookieName, now: Millis) -> Option<u64> {
        let value = cookie(headers, name.plain).or_else(|| cookie(headers, name.cross_origin))?;
        self.open(value, now)
    }

    /// The two `Set-Cookie` values.
    pub(crate) fn set_cookie(&self, name: CookieName, key: u64, until: Millis) -> [Option<HeaderValue>; 2] {
        let value = self.seal(key, until);
        let expires = httpdate::fmt_http_date(SystemTime::now() + COOKIE_LIFE);
        let plain = format!("{}={value}; Expires={expires}; Path=/", name.plain);
        let cross_origin = format!("{}={value}; Expires={expires}; Path=/; SameSite=None; Secure", name.cross_origin);
        [HeaderValue::from_str(&plain).ok(), HeaderValue::from_str(&cross_origin).ok()]
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_until_it_expires_and_shows_nothing() {
        let seal = Seal::default();
        let value = seal.seal(0xfeed, 1_000);
        assert_eq!(seal.open(&value, 999), Some(0xfeed));
        assert_eq!(seal.open(&value, 1_000), None);
        assert!(!value.contains("feed"));
        assert_ne!(Seal::default().open(&value, 0), Some(0xfeed), "another load balancer's keys do not open it");
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let seal = Seal::default();
        let mut headers = HeaderMap::new();
        let line = format!("a=b; AWSALBTG={}; c=d", seal.seal(5, 10));
        headers.insert(COOKIE, HeaderValue::from_str(&line).unwrap());
        assert_eq!(seal.read(&headers, TARGET_GROUP, 0), Some(5));
        assert_eq!(seal.read(&headers, TARGET, 0), None);
    }
}
