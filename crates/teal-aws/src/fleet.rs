//! Which adapter serves which fleet. Every kind of green and of runner stands here, so that adding one makes the compiler ask for its
//! adapter.

use crate::Aws;
use crate::ecs::{EcsServices, ServiceOrder};
use teal::fleet::{GreenOrder, Runner};
use teal::plan::Green;
use teal::ports::{CapacityHold, Fleet, PortResult, Progress, Scaling, Survey};
use teal::route::Colours;

impl Fleet for Aws {
    async fn survey(&self, green: &Green, colours: &Colours) -> PortResult<Survey> {
        match green {
            Green::Ecs(green) => EcsServices(self).survey(green, &colours.blue).await,
        }
    }

    async fn scaling(&self, runner: &Runner) -> PortResult<Option<Scaling>> {
        match runner {
            Runner::Ecs(ecs) => self.read_scaling(&ecs.cluster, &ecs.service).await,
        }
    }

    async fn hold_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => self.set_scaling(&ecs.cluster, &ecs.service, |present| hold.begun(present)).await,
        }
    }

    async fn free_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => self.set_scaling(&ecs.cluster, &ecs.service, |present| hold.ended(present)).await,
        }
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        match &order.green {
            Runner::Ecs(green) => EcsServices(self).bring_up(&ServiceOrder::new(order, green)).await,
        }
    }

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        match &order.green {
            Runner::Ecs(green) => EcsServices(self).progress_of_green(&ServiceOrder::new(order, green)).await,
        }
    }

    async fn progress(&self, runner: &Runner) -> PortResult<Progress> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).progress(ecs).await,
        }
    }

    async fn scale_out(&self, runner: &Runner, units: u32) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).scale_out(ecs, units).await,
        }
    }

    async fn scale_in(&self, runner: &Runner) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).scale_in(ecs).await,
        }
    }
}
