//! The lab's AWS Elastic Beanstalk.
//!
//! An environment is made of the lab's own resources, by their APIs: a target group, an Application Load Balancer and its listener of
//! Elastic Load Balancing, and a launch template and a group of EC2 Auto Scaling, whose instances are real processes. With
//! `SharedLoadBalancer` it has a rule for its name on the shared one's listener instead; that a swap exchanges those rules is not
//! documented, and not modelled.
//!
//! * It is `Launching` until its instances are healthy, then `Ready`; its colour is `Grey` until it is ready, and follows the health
//!   of its targets from then on: `Green`, or `Red` where none is healthy. Yellow and enhanced health are not modelled.
//! * `UpdateEnvironment` deploys a version all at once: the instances go, and new ones come.
//! * `SwapEnvironmentCNAMEs` asks that both environments are `Ready`, makes both `Updating`, and takes a while; a second one meanwhile
//!   is refused. Done twice, it is undone.
//! * `TerminateEnvironment` is refused while an environment is launching or updating.
//! * A version has no code here: what its instances have as their environment stands, as user data of EC2 has it, in the key of its
//!   source bundle, behind the first
//!   slash.
//!
//! # Domain names
//! Each has a loopback address ([`address_of`]), where a relay connects clients to the load balancer of the environment that has the
//! name, one connection at a time. Behind it stand several resolvers which keep an answer for its time to live, 60 s, so that clients
//! follow a swap one after the other.
//!
//! Not modelled: applications (any name will do), worker tiers, rolling deployments, managed updates, saved configurations' options, tags
//! and what options there are: those are kept, and a few have an effect ([`model::Options`]).

mod api;
mod domain;
mod life;
mod model;

pub use domain::{TIME_TO_LIVE, address_of};

use model::State;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use teal_lab_wire::query::Form;
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{AwsAnswer, AwsRequest, LabClock, Millis};
use tokio::task::JoinSet;

const NAMESPACE: &str = "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/";

/// How the services are called that an environment is made of: by signing name and request.
pub type Services =
    Arc<dyn Fn(&'static str, AwsRequest) -> Pin<Box<dyn Future<Output = AwsAnswer> + Send>> + Send + Sync>;

/// A domain name that has gone to another environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Lab time. Some clients follow only [`TIME_TO_LIVE`] later.
    pub at: Millis,
    /// Real time.
    pub instant: Instant,
    pub name: String,
    /// The environment that has it now.
    pub environment: String,
}

/// AWS Elastic Beanstalk. Dropping it ends what it does in the background, and its relays.
pub struct Beanstalk {
    inner: Arc<Inner>,
}

struct Inner {
    clock: LabClock,
    services: Services,
    state: Mutex<State>,
    /// What goes on in the background.
    tasks: Mutex<JoinSet<()>>,
}

impl Beanstalk {
    /// Starts without any environment.
    #[must_use]
    pub fn new(clock: LabClock, services: Services) -> Self {
        let inner = Inner { clock, services, state: Mutex::default(), tasks: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// What swaps have done so far, in their order.
    #[must_use]
    pub fn moves(&self) -> Vec<Move> {
        self.inner.state().moves.clone()
    }

    /// Answers a request signed for `elasticbeanstalk`. Must be called inside a tokio runtime.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        let form = Form::of(&request);
        let params = form.params();
        let action = params.text("Action").unwrap_or_default();
        let result = api::run(&self.inner, action, &params);
        let request_id = format!("{:016x}", fastrand::u64(..));
        Xml::answer(NAMESPACE, action, &request_id, result)
    }
}

impl Drop for Beanstalk {
    fn drop(&mut self) {
        self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with something beside the answer.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    async fn sleep(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}
