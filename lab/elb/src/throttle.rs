//! Request throttling with AWS's published token buckets.
//!
//! Source: Elastic Load Balancing User Guide, "Request throttling for the ELB API" (elb-api-throttling.html).

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The buckets of one account in one Region. They refill in real time, whatever the lab clock's scale: the callers'
/// back-off is real, too.
#[derive(Debug)]
pub(crate) struct Throttle {
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    account: Bucket,
    describe: Bucket,
    modify: Bucket,
    registration: Bucket,
}

#[derive(Debug)]
struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, tokens: capacity, filled: Instant::now() }
    }

    /// Refills the bucket and tells whether it has a token.
    fn has_token(&mut self, now: Instant) -> bool {
        let refill = now.saturating_duration_since(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + refill).min(self.capacity);
        self.filled = now;
        self.tokens >= 1.0
    }
}

impl Throttle {
    pub(crate) fn new() -> Self {
        let buckets = Buckets {
            account: Bucket::new(40.0, 10.0),
            describe: Bucket::new(40.0, 10.0),
            modify: Bucket::new(20.0, 3.0),
            registration: Bucket::new(20.0, 4.0),
        };
        Self { buckets: Mutex::new(buckets) }
    }

    /// Takes a token for `action` from its category's bucket and from the account's; false if one of them is empty.
    /// Actions outside the three categories are limited by the account's bucket only.
    pub(crate) fn admits(&self, action: &str, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = &mut *buckets;
        let category = if action.starts_with("Describe") {
            Some(&mut buckets.describe)
        } else if action.starts_with("Modify") {
            Some(&mut buckets.modify)
        } else if matches!(action, "RegisterTargets" | "DeregisterTargets") {
            Some(&mut buckets.registration)
        } else {
            None
        };
        let mut limits: Vec<&mut Bucket> = category.into_iter().chain([&mut buckets.account]).collect();
        let admitted = limits.iter_mut().all(|bucket| bucket.has_token(now));
        if admitted {
            limits.iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn modify_bursts_to_twenty_and_then_gets_three_a_second() {
        let throttle = Throttle::new();
        let start = Instant::now();
        let admitted = (0..30).filter(|_| throttle.admits("ModifyListener", start)).count();
        assert_eq!(admitted, 20);
        let later = start + Duration::from_secs(2);
        let admitted = (0..30).filter(|_| throttle.admits("ModifyRule", later)).count();
        assert_eq!(admitted, 6);
    }

    #[test]
    fn the_account_is_limited_over_all_actions() {
        let throttle = Throttle::new();
        let start = Instant::now();
        for _ in 0..20 {
            assert!(throttle.admits("ModifyListener", start));
        }
        let admitted = (0..40).filter(|_| throttle.admits("DescribeListeners", start)).count();
        assert_eq!(admitted, 20);
    }
}
