//! What every adapter of a fleet does, and the one place where it is chosen.

use crate::Aws;
use teal::fleet::{GreenOrder, Runner};
use teal::plan::Green;
use teal::ports::{CapacityHold, Fleet, PortResult, Progress, Scaling, Survey};
use teal::route::Colours;
use teal::{for_green, for_runner};

/// Green of one kind of fleet, as a plan has it: see [`Fleet::survey`].
pub(crate) trait GreenOnAws {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey>;
}

/// What runs a colour, of one kind of fleet: see the methods of [`Fleet`]. None has a default: what a kind does not need, it says.
pub(crate) trait RunnerOnAws {
    async fn scaling(&self, aws: &Aws) -> PortResult<Option<Scaling>>;

    async fn hold_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()>;

    async fn free_capacity(&self, aws: &Aws, hold: &CapacityHold) -> PortResult<()>;

    /// Of green.
    async fn bring_up(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()>;

    /// Of green.
    async fn bring_on(&self, aws: &Aws, order: &GreenOrder) -> PortResult<()>;

    /// Of green.
    async fn progress_of_green(&self, aws: &Aws, order: &GreenOrder) -> PortResult<Progress>;

    async fn progress(&self, aws: &Aws) -> PortResult<Progress>;

    async fn scale_out(&self, aws: &Aws, units: u32) -> PortResult<()>;

    async fn scale_in(&self, aws: &Aws) -> PortResult<()>;
}

impl Fleet for Aws {
    async fn survey(&self, green: &Green, colours: &Colours) -> PortResult<Survey> {
        for_green!(green, it => it.survey(self, colours).await)
    }

    async fn scaling(&self, runner: &Runner) -> PortResult<Option<Scaling>> {
        for_runner!(runner, it => it.scaling(self).await)
    }

    async fn hold_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        for_runner!(runner, it => it.hold_capacity(self, hold).await)
    }

    async fn free_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        for_runner!(runner, it => it.free_capacity(self, hold).await)
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        for_runner!(&order.green, it => it.bring_up(self, order).await)
    }

    async fn bring_on(&self, order: &GreenOrder) -> PortResult<()> {
        for_runner!(&order.green, it => it.bring_on(self, order).await)
    }

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        for_runner!(&order.green, it => it.progress_of_green(self, order).await)
    }

    async fn progress(&self, runner: &Runner) -> PortResult<Progress> {
        for_runner!(runner, it => it.progress(self).await)
    }

    async fn scale_out(&self, runner: &Runner, units: u32) -> PortResult<()> {
        for_runner!(runner, it => it.scale_out(self, units).await)
    }

    async fn scale_in(&self, runner: &Runner) -> PortResult<()> {
        for_runner!(runner, it => it.scale_in(self).await)
    }
}
