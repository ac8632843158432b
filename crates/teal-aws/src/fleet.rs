//! Which adapter serves which fleet. Every kind of green and of runner stands here, so that adding one makes the compiler ask for its
//! adapter.

use crate::Aws;
use crate::beanstalk::Beanstalk;
use crate::ec2_autoscaling::ScalingGroups;
use crate::ecs::{EcsServices, ServiceOrder};
use crate::lambda::Functions;
use teal::fleet::{External, GreenOrder, Runner};
use teal::plan::Green;
use teal::ports::{CapacityHold, Fleet, PortResult, Progress, Scaling, Survey};
use teal::route::Colours;

impl Fleet for Aws {
    async fn survey(&self, green: &Green, colours: &Colours) -> PortResult<Survey> {
        match green {
            Green::Ecs(green) => EcsServices(self).survey(green, &colours.blue).await,
            Green::External(green) => External(self).survey(green, colours).await,
            Green::AutoScaling(green) => ScalingGroups(self).survey(green, colours).await,
            Green::Beanstalk(green) => Beanstalk(self).survey(green, colours).await,
            Green::Lambda(green) => Functions(self).survey(green, colours).await,
        }
    }

    async fn scaling(&self, runner: &Runner) -> PortResult<Option<Scaling>> {
        match runner {
            Runner::Ecs(ecs) => self.read_scaling(&ecs.cluster, &ecs.service).await,
            Runner::External(_) | Runner::FunctionVersion(_) => Ok(None),
            Runner::AutoScaling(scaling) => ScalingGroups(self).scaling(&scaling.group).await.map(Some),
            Runner::Beanstalk(runner) => Beanstalk(self).scaling(&runner.environment).await.map(Some),
        }
    }

    async fn hold_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => self.set_scaling(&ecs.cluster, &ecs.service, |present| hold.begun(present)).await,
            Runner::External(_) | Runner::FunctionVersion(_) => Ok(()),
            Runner::AutoScaling(scaling) => ScalingGroups(self).hold_capacity(&scaling.group, hold).await,
            Runner::Beanstalk(runner) => Beanstalk(self).hold_capacity(&runner.environment, hold).await,
        }
    }

    async fn free_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => self.set_scaling(&ecs.cluster, &ecs.service, |present| hold.ended(present)).await,
            Runner::External(_) | Runner::FunctionVersion(_) => Ok(()),
            Runner::AutoScaling(scaling) => ScalingGroups(self).free_capacity(&scaling.group, hold).await,
            Runner::Beanstalk(runner) => Beanstalk(self).free_capacity(&runner.environment, hold).await,
        }
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        match &order.green {
            Runner::Ecs(green) => EcsServices(self).bring_up(&ServiceOrder::new(order, green)).await,
            Runner::External(_) | Runner::FunctionVersion(_) => Ok(()),
            Runner::AutoScaling(green) => ScalingGroups(self).bring_up(order, &green.group).await,
            Runner::Beanstalk(green) => Beanstalk(self).bring_up(order, &green.environment).await,
        }
    }

    async fn bring_on(&self, order: &GreenOrder) -> PortResult<()> {
        match &order.green {
            Runner::Ecs(_) | Runner::External(_) | Runner::AutoScaling(_) | Runner::FunctionVersion(_) => Ok(()),
            Runner::Beanstalk(green) => Beanstalk(self).bring_on(order, &green.environment).await,
        }
    }

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        match &order.green {
            Runner::Ecs(green) => EcsServices(self).progress_of_green(&ServiceOrder::new(order, green)).await,
            Runner::External(_) => External(self).progress_of_green(order).await,
            Runner::FunctionVersion(version) => Functions(self).progress(version).await,
            Runner::AutoScaling(green) => ScalingGroups(self).progress_of_green(order, &green.group).await,
            Runner::Beanstalk(green) => Beanstalk(self).progress_of_green(order, &green.environment).await,
        }
    }

    async fn progress(&self, runner: &Runner) -> PortResult<Progress> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).progress(ecs).await,
            Runner::External(destination) => External(self).progress(destination).await,
            Runner::FunctionVersion(version) => Functions(self).progress(version).await,
            Runner::AutoScaling(scaling) => ScalingGroups(self).progress(&scaling.group).await,
            Runner::Beanstalk(runner) => Beanstalk(self).progress(&runner.environment).await,
        }
    }

    async fn scale_out(&self, runner: &Runner, units: u32) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).scale_out(ecs, units).await,
            Runner::External(destination) => External(self).resize(destination),
            Runner::FunctionVersion(_) => Ok(()),
            Runner::AutoScaling(scaling) => ScalingGroups(self).scale_out(&scaling.group, units).await,
            Runner::Beanstalk(runner) => Beanstalk(self).scale_out(&runner.environment, units).await,
        }
    }

    async fn scale_in(&self, runner: &Runner) -> PortResult<()> {
        match runner {
            Runner::Ecs(ecs) => EcsServices(self).scale_in(ecs).await,
            Runner::External(destination) => External(self).resize(destination),
            Runner::FunctionVersion(_) => Ok(()),
            Runner::AutoScaling(scaling) => ScalingGroups(self).scale_in(&scaling.group).await,
            Runner::Beanstalk(runner) => Beanstalk(self).terminate(&runner.environment).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BLUE_GROUP, GREEN_GROUP, Script, colours, group, order};
    use serde_json::json;
    use teal::ports::PortError;

    /// An answer with so many healthy targets and one that is not.
    fn targets(healthy: usize) -> String {
        let member = |state: &str| {
            format!("<member><Target><Id>i</Id></Target><TargetHealth><State>{state}</State></TargetHealth></member>")
        };
        format!(
            "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{}{}\
             </TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>",
            member("healthy").repeat(healthy),
            member("initial")
        )
    }

    #[tokio::test]
    async fn a_green_of_somebody_else_is_seen_by_its_targets_alone() {
        let script = Script::default().answers(200, targets(3)).answers(200, targets(2));
        let aws = script.aws();
        let green: Green = serde_json::from_value(json!({"external": {}})).unwrap();
        let found = aws.survey(&green, &colours()).await.unwrap();
        assert_eq!((&found.blue.runner, found.blue.desired), (&Runner::External(group(BLUE_GROUP)), 3));
        assert_eq!(found.green, Runner::External(group(GREEN_GROUP)));

        let order = GreenOrder { blue: found.blue.runner, green: found.green, desired: 3, ..order() };
        assert_eq!(aws.scaling(&order.blue).await, Ok(None));
        aws.bring_up(&order).await.unwrap();
        let progress = aws.progress_of_green(&order).await.unwrap();
        assert_eq!((progress.running, progress.current), (2, true));
        for refused in [aws.scale_in(&order.green).await, aws.scale_out(&order.blue, 3).await] {
            assert!(matches!(refused, Err(PortError::Refused { .. })), "{refused:?}");
        }
        assert_eq!(script.operations(), ["DescribeTargetHealth", "DescribeTargetHealth"]);
    }
}
