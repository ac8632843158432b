//! Capacity: while a release is under way automatic scaling takes no tasks, neither from blue nor from green.

use super::Step;
use crate::error::TealResult;
use crate::ports::{PortError, World};
use crate::release::Release;
use crate::route::Colour;
use crate::story::Fact;

impl<W: World> Step<'_, W> {
    /// Blue keeps the size that it had when the release began. Green is held by its order.
    pub(super) async fn hold_blue(&self, release: &Release) -> TealResult<()> {
        let order = &release.green;
        if let Some(hold) = &order.hold {
            self.world.hold_capacity(&order.cluster, &order.blue_service, hold).await?;
        }
        Ok(())
    }

    /// The colour that goes on serving scales again as blue did before the release.
    pub(super) async fn free(&mut self, release: &Release, colour: Colour) -> TealResult<()> {
        let order = &release.green;
        let Some(hold) = &order.hold else { return Ok(()) };
        let service = match colour {
            Colour::Blue => &order.blue_service,
            Colour::Green => &order.green_service,
        };
        match self.world.free_capacity(&order.cluster, service, hold).await {
            Ok(()) => Ok(()),
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => Err(error.into()),
            // All traffic is where it should be: the release ends all the same, and says what is left to do.
            Err(error) => {
                let note = format!(
                    "automatic scaling still takes no tasks from {service} (at least {}): {error}. Resume its scaling in, with at \
                     least {} tasks",
                    hold.held.min_capacity, hold.found.min_capacity
                );
                self.note(Fact::Noted { note });
                Ok(())
            }
        }
    }
}
