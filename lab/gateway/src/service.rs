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

/// An AWS service of which the lab serves some resources itself; the others are ministack's.
pub trait PartOfService: Send + Sync {
    /// `None` for a request about somebody else's resource.
    fn handle_some(&self, request: AwsRequest) -> BoxFuture<Option<AwsAnswer>>;
}

impl<F, A> PartOfService for F
where
    F: Fn(AwsRequest) -> A + Send + Sync,
    A: Future<Output = Option<AwsAnswer>> + Send + 'static,
{
    fn handle_some(&self, request: AwsRequest) -> BoxFuture<Option<AwsAnswer>> {
        Box::pin(self(request))
    }
}
