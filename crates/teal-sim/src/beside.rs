//! What runs beside releases and touches no route: publish-weights.

use crate::function::Function;
use crate::link::{Link, Who, later};
use crate::world::World;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use teal::error::TealResult;
use teal::release::ReleaseId;
use teal::steps::{self, Invocation, PublishedWeights, Step};

const TIMEOUT_MILLIS: i64 = 30_000;

impl World {
    /// Runs publish-weights, for a release's event or for all of them; nothing when it was killed.
    pub fn publish_weights(&self, release: Option<&ReleaseId>) -> Option<TealResult<PublishedWeights>> {
        let now = self.now();
        let function = "publish-weights".to_owned();
        let call =
            Invocation { id: format!("publish-{}", self.calls()), function, now, act_by: later(now, TIMEOUT_MILLIS) };
        // To the world it is like sweep: begun by nobody's state machine.
        let link = Link::new(self, Who { invocation: call.id.clone(), function: Function::Sweep, started: now });
        let run = async {
            let mut step = Step::new(&link, &call);
            match release {
                Some(release) => steps::publish_weights(&mut step, release).await,
                None => steps::publish_all_weights(&mut step).await,
            }
        };
        match pin!(run).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }
}
