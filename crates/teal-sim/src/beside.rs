//! What runs beside releases: publish-weights, which touches no route, and sweep.

use crate::function::Function;
use crate::link::{Link, Who, later};
use crate::world::World;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use teal::error::TealResult;
use teal::release::ReleaseId;
use teal::steps::{self, Invocation, PublishedWeights, Step, Swept};

const TIMEOUT_MILLIS: i64 = 30_000;

/// What a function beside releases came to; nothing when it was killed.
pub type Ran<T> = Option<TealResult<T>>;

impl World {
    /// Runs publish-weights, for a release's event or for all of them.
    pub fn publish_weights(&self, release: Option<&ReleaseId>) -> Ran<PublishedWeights> {
        // To the world it is like sweep: begun by nobody's state machine.
        self.run_beside("publish-weights", async |step| match release {
            Some(release) => steps::publish_weights(step, release).await,
            None => steps::publish_all_weights(step).await,
        })
    }

    /// Runs sweep.
    pub fn sweep(&self) -> Ran<Swept> {
        self.run_beside("sweep", async |step| steps::sweep(step).await)
    }

    fn run_beside<T>(&self, name: &str, run: impl AsyncFnOnce(&mut Step<'_, Link<'_>>) -> TealResult<T>) -> Ran<T> {
        let now = self.now();
        let (id, function) = (format!("{name}-{}", self.calls()), name.to_owned());
        let call = Invocation { id, function, now, act_by: later(now, TIMEOUT_MILLIS) };
        let link = Link::new(self, Who { invocation: call.id.clone(), function: Function::Sweep, started: now });
        let run = async { run(&mut Step::new(&link, &call)).await };
        match pin!(run).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}
