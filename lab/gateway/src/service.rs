//! What stands behind the gateway.

use std::future::Future;
use std::pin::Pin;
use teal_lab_wire::{AwsAnswer, AwsRequest};

/// An answer to come.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An AWS service that the lab serves itself.
///
/// Every function from a request to a future is one:
/// `gateway.serve("monitoring", move |request| { let service = Arc::clone(&cloudwatch); async move { service.handle(request).await } })`.
pub trait Service: Send + Sync {
    fn handle(&self, request: AwsRequest) -> BoxFuture<AwsAnswer>;
}

impl<F, A> Service for F
where
    F: Fn(AwsRequest) -> A + Send + Sync,
    A: Future<Output = AwsAnswer> + Send + 'static,
{
    fn handle(&self, request: AwsRequest) -> BoxFuture<AwsAnswer> {
        Box::pin(self(request))
    }
}
