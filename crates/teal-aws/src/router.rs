//! Which adapter serves which kind of route. Every kind of part and of destination stands here, so that adding one makes the compiler ask
//! for its adapter.

use crate::Aws;
use crate::appconfig::Flags;
use crate::beanstalk::{self, Beanstalk};
use crate::elb::{LoadBalancers, Place};
use crate::lambda::Functions;
use std::collections::BTreeMap;
use teal::ports::{DestinationReading, Endpoint, Entrance, PortError, PortResult, Router, Target, TargetHealth};
use teal::route::{Action, Destination, PartReading, PartRef};

impl Router for Aws {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).actions(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).actions(Place::Rule(arn)).await,
            PartRef::Flag(flag) => Flags(self).flag_actions(flag).await,
            PartRef::Cname(cname) => Beanstalk(self).actions(cname).await,
            PartRef::Alias(alias) => Functions(self).actions(alias).await,
        }
    }

    async fn reading(&self, part: &PartRef) -> PortResult<PartReading> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).reading(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).reading(Place::Rule(arn)).await,
            // Nothing decides before a flag, a name or an alias does.
            PartRef::Flag(_) | PartRef::Cname(_) | PartRef::Alias(_) => {
                Ok(PartReading { actions: self.actions(part).await?, ..PartReading::default() })
            }
        }
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).set_actions(Place::Listener(arn), actions).await,
            PartRef::Rule(arn) => LoadBalancers(self).set_actions(Place::Rule(arn), actions).await,
            PartRef::Flag(flag) => Flags(self).set_flag(flag, actions).await,
            PartRef::Cname(cname) => Beanstalk(self).set_actions(cname, actions).await,
            PartRef::Alias(alias) => Functions(self).set_actions(alias, actions).await,
        }
    }

    async fn restore_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<Option<String>> {
        match part {
            PartRef::Listener(_) | PartRef::Rule(_) | PartRef::Cname(_) | PartRef::Alias(_) => {
                self.set_actions(part, actions).await.map(|()| None)
            }
            PartRef::Flag(flag) => Flags(self).restore_flag(flag, actions).await,
        }
    }

    fn restoring_for(&self, requests: u64) {
        self.turn.restoring_for(requests);
    }

    async fn destination(&self, destination: &Destination) -> PortResult<DestinationReading> {
        match destination {
            Destination::TargetGroup(arn) => LoadBalancers(self).target_group(arn).await,
            // The rule that deals users keeps them: by their key, which is no stickiness beyond the weights.
            Destination::Flag(_) => Ok(DestinationReading { sticky: false, settings: BTreeMap::new() }),
            Destination::Environment(_) => Ok(Beanstalk(self).destination()),
            // What may differ between two versions is in the survey of the fleet.
            Destination::FunctionVersion(_) => Ok(DestinationReading { sticky: false, settings: BTreeMap::new() }),
        }
    }

    async fn targets(&self, destination: &Destination) -> PortResult<Vec<Target>> {
        match destination {
            Destination::TargetGroup(arn) => LoadBalancers(self).targets(arn).await,
            // Whatever serves the one state serves the other.
            Destination::Flag(state) => Ok(vec![Target {
                id: state.word().to_owned(),
                port: None,
                health: TargetHealth::Healthy,
                reason: None,
            }]),
            Destination::Environment(name) => Beanstalk(self).targets(name.as_str()).await,
            Destination::FunctionVersion(version) => Functions(self).targets(version).await,
        }
    }

    async fn entrance(&self, destination: &Destination) -> PortResult<Option<Entrance>> {
        match destination {
            Destination::TargetGroup(_) | Destination::Flag(_) | Destination::FunctionVersion(_) => Ok(None),
            Destination::Environment(name) => Beanstalk(self).entrance(name.as_str()).await,
        }
    }

    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).zones(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).zones(Place::Rule(arn)).await,
            PartRef::Flag(_) | PartRef::Cname(_) | PartRef::Alias(_) => Ok(Vec::new()),
        }
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        match part {
            PartRef::Listener(arn) => LoadBalancers(self).endpoint(Place::Listener(arn)).await,
            PartRef::Rule(arn) => LoadBalancers(self).endpoint(Place::Rule(arn)).await,
            PartRef::Flag(flag) => Err(PortError::NotFound { what: format!("an address of {flag}") }),
            PartRef::Cname(cname) => Ok(beanstalk::endpoint(cname)),
            PartRef::Alias(alias) => Functions(self).endpoint(alias),
        }
    }
}
