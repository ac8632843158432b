//! What every adapter of a route does, and the one place where it is chosen.

use crate::Aws;
use teal::ports::{DestinationReading, Endpoint, Entrance, PortResult, Router, Target};
use teal::route::{Action, Destination, PartReading, PartRef};
use teal::{for_destination, for_part};

/// One kind of place where weights are set: see the methods of [`Router`].
pub(crate) trait PartOnAws {
    async fn actions(&self, aws: &Aws) -> PortResult<Vec<Action>>;

    async fn reading(&self, aws: &Aws) -> PortResult<PartReading>;

    async fn set_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<()>;

    /// As any other write, unless something of other people's stands in its way.
    async fn restore_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<Option<String>> {
        self.set_actions(aws, actions).await.map(|()| None)
    }

    /// Nothing, unless others can have something under way there.
    async fn in_the_way(&self, aws: &Aws) -> PortResult<Option<String>> {
        let _ = aws;
        Ok(None)
    }

    async fn zones(&self, aws: &Aws) -> PortResult<Vec<String>>;

    async fn endpoint(&self, aws: &Aws) -> PortResult<Endpoint>;
}

/// One kind of what traffic can be sent to: see the methods of [`Router`].
pub(crate) trait DestinationOnAws {
    async fn destination(&self, aws: &Aws) -> PortResult<DestinationReading>;

    async fn targets(&self, aws: &Aws) -> PortResult<Vec<Target>>;

    async fn entrance(&self, aws: &Aws) -> PortResult<Option<Entrance>>;
}

impl Router for Aws {
    async fn actions(&self, part: &PartRef) -> PortResult<Vec<Action>> {
        for_part!(part, it => it.actions(self).await)
    }

    async fn reading(&self, part: &PartRef) -> PortResult<PartReading> {
        for_part!(part, it => it.reading(self).await)
    }

    async fn set_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<()> {
        for_part!(part, it => it.set_actions(self, actions).await)
    }

    async fn restore_actions(&self, part: &PartRef, actions: &[Action]) -> PortResult<Option<String>> {
        for_part!(part, it => it.restore_actions(self, actions).await)
    }

    async fn in_the_way(&self, part: &PartRef) -> PortResult<Option<String>> {
        for_part!(part, it => it.in_the_way(self).await)
    }

    fn restoring_for(&self, requests: u64) {
        self.turn.restoring_for(requests);
    }

    async fn destination(&self, destination: &Destination) -> PortResult<DestinationReading> {
        for_destination!(destination, it => it.destination(self).await)
    }

    async fn targets(&self, destination: &Destination) -> PortResult<Vec<Target>> {
        for_destination!(destination, it => it.targets(self).await)
    }

    async fn entrance(&self, destination: &Destination) -> PortResult<Option<Entrance>> {
        for_destination!(destination, it => it.entrance(self).await)
    }

    async fn zones(&self, part: &PartRef) -> PortResult<Vec<String>> {
        for_part!(part, it => it.zones(self).await)
    }

    async fn endpoint(&self, part: &PartRef) -> PortResult<Endpoint> {
        for_part!(part, it => it.endpoint(self).await)
    }
}
