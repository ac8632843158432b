//! What holds where a plan is silent.

use super::{Expectation, InsufficientAction, Method, Metric, OnInsufficient};
use crate::units::{Latency, Percent, Ratio, Span};

/// `deadline`: four hours.
#[must_use]
pub const fn deadline() -> Span {
    Span::hours(4)
}

/// `readyWithin` of every green: a quarter of an hour.
#[must_use]
pub const fn ready_within() -> Span {
    Span::minutes(15)
}

/// `judge.every`: a minute, the period of the load balancer's metrics.
#[must_use]
pub const fn every() -> Span {
    Span::minutes(1)
}

/// `judge.settle`: two minutes; CloudWatch may still add to a metric period that has just ended.
#[must_use]
pub const fn settle() -> Span {
    Span::minutes(2)
}

/// `judge.metrics`: the share of bad requests.
#[must_use]
pub fn metrics() -> Vec<Metric> {
    vec![Metric::errors()]
}

/// `judge.rho`: no two versions are the same to the last request.
#[must_use]
pub const fn rho() -> Ratio {
    Ratio::ONE_POINT_ONE
}

/// `judge.alpha`: one healthy release in a hundred.
#[must_use]
pub const fn alpha() -> Percent {
    Percent::ONE
}

/// `judge.minIntervals`.
#[must_use]
pub const fn min_intervals() -> u32 {
    3
}

/// `judge.minRequests` and `judge.limits.minRequests`.
#[must_use]
pub const fn min_requests() -> u32 {
    100
}

/// `judge.onInsufficient`: ten minutes of waiting for traffic, then back to blue.
#[must_use]
pub const fn on_insufficient() -> OnInsufficient {
    OnInsufficient { hold_for: Span::minutes(10), then: InsufficientAction::RollBack }
}

/// `validate.codeBuild.within`: half an hour.
#[must_use]
pub const fn build_within() -> Span {
    Span::minutes(30)
}

/// `validate.lambda.within`: a minute.
#[must_use]
pub const fn function_within() -> Latency {
    Latency::seconds(60)
}

/// `afterwards.bake`: ten minutes.
#[must_use]
pub const fn after_bake() -> Span {
    Span::minutes(10)
}

/// `afterwards.keepBlue`: an hour.
#[must_use]
pub const fn keep_blue() -> Span {
    Span::hours(1)
}

/// `validate.http[].method`.
#[must_use]
pub const fn method() -> Method {
    Method::Get
}

/// `validate.http[].attempts`.
#[must_use]
pub const fn attempts() -> u32 {
    3
}

/// `validate.http[].expect`: status 200 within two seconds.
#[must_use]
pub const fn expectation() -> Expectation {
    Expectation { status: status(), body_contains: None, within: within() }
}

/// `validate.http[].expect.status`.
#[must_use]
pub const fn status() -> u16 {
    200
}

/// `validate.http[].expect.within`: two seconds.
#[must_use]
pub const fn within() -> Latency {
    Latency::seconds(2)
}
