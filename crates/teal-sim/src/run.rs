//! Runs a future that only ever waits for a fault: one that is pending has crashed.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    /// The process was killed at an await; what it had written stays written.
    Crashed,
}

/// Polls a future once. The world answers at once, so only an injected crash leaves it pending.
pub fn run<T>(future: impl Future<Output = T>) -> Outcome<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Outcome::Done(value),
        Poll::Pending => Outcome::Crashed,
    }
}
