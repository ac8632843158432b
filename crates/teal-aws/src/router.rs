//! Which adapter serves which kind of route. Every kind of part and of destination stands here, so that adding one makes the compiler ask
//! for its adapter.

use crate::Aws;
use crate::elb::{LoadBalancers, Place};
use teal::ports::{DestinationReading, Endpoint, PortResult, Router, Target};
use teal::route::{Action, Destination, PartRef};

impl Router for Aws {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).actions(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).actions(Place::Rule(arn)).await,
        }
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).set_actions(Place::Listener(arn), actions).await,
            PartRef::Rule(arn) => LoadBalancers(self).set_actions(Place::Rule(arn), actions).await,
        }
    }

    async fn destination(&self, destination: &Destination) -> PortResult<DestinationReading> {
        match destination {
            Destination::TargetGroup(arn) => LoadBalancers(self).target_group(arn).await,
        }
    }

    async fn targets(&self, destination: &Destination) -> PortResult<Vec<Target>> {
        match destination {
            Destination::TargetGroup(arn) => LoadBalancers(self).targets(arn).await,
        }
    }

    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).zones(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).zones(Place::Rule(arn)).await,
        }
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).endpoint(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).endpoint(Place::Rule(arn)).await,
        }
    }
}
