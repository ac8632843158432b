//! What somebody else runs: it shows by its targets alone.

use crate::Aws;
use crate::fleet::{GreenOnAws, RunnerOnAws};
use teal::fleet::{External, GreenOrder};
use teal::plan::ExternalGreen;
use teal::ports::{CapacityHold, PortResult, Progress, Scaling, Survey};
use teal::route::{Colours, Destination};

impl GreenOnAws for ExternalGreen {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey> {
        External(aws).survey(self, colours).await
    }
}

impl RunnerOnAws for Destination {
    async fn scaling(&self, _aws: &Aws) -> PortResult<Option<Scaling>> {
        Ok(None)
    }

    async fn hold_capacity(&self, _aws: &Aws, _hold: &CapacityHold) -> PortResult<()> {
        Ok(())
    }

    async fn free_capacity(&self, _aws: &Aws, _hold: &CapacityHold) -> PortResult<()> {
        Ok(())
    }

    async fn bring_up(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn bring_on(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn progress_of_green(&self, aws: &Aws, _order: &GreenOrder) -> PortResult<Progress> {
        self.progress(aws).await
    }

    async fn progress(&self, aws: &Aws) -> PortResult<Progress> {
        External(aws).progress(self).await
    }

    async fn scale_out(&self, aws: &Aws, _units: u32) -> PortResult<()> {
        External(aws).resize(self)
    }

    async fn scale_in(&self, aws: &Aws) -> PortResult<()> {
        External(aws).resize(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BLUE_GROUP, GREEN_GROUP, Script, colours, group, order};
    use serde_json::json;
    use teal::fleet::Runner;
    use teal::plan::Green;
    use teal::ports::Fleet as _;
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
