//! A domain name as a route: one of two environments has it, and SwapEnvironmentCNAMEs exchanges their names.
//!
//! A swap done twice is undone. So nothing is swapped before it was read who has the name, no swap is sent twice, and a swap is
//! waited for: while one is under way Elastic Beanstalk refuses another, since both environments must be ready.
//!
//! AWS does not say what status environments have during a swap. Where both are `Updating`, nobody knows who has the name until they are
//! ready; where they were `Ready` all the while, the name itself would tell.
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/using-features.CNAMESwap.html>

use super::environment::Environment;
use super::{Beanstalk, DESCRIBE, what};
use crate::Aws;
use crate::router::PartOnAws;
use std::time::{Duration, Instant};
use teal::ports::{Endpoint, PortError, PortResult};
use teal::route::{Action, ActionKind, CnamePart, Destination, PartReading, WeightedDestination};
use teal::units::Span;

const SWAP: &str = "elasticbeanstalk:SwapEnvironmentCNAMEs";

/// How long a swap is waited for within one call: functions have 30 s. One that takes longer is found done, or still under way, by
/// the next run.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long from one look at a swap to the next.
const POLL: Span = Span::seconds(2);

impl PartOnAws for CnamePart {
    /// Who has the name, as a forward action: everything goes there.
    async fn actions(&self, aws: &Aws) -> PortResult<Vec<Action>> {
        let found = Beanstalk(aws).pair(self).await?;
        Ok(vec![forward(self, named(self, &found)?)])
    }

    /// Gives the name to the environment that has all the weight.
    async fn set_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<()> {
        let (beanstalk, part) = (Beanstalk(aws), self);
        let wanted = destined(actions)?;
        let found = beanstalk.pair(part).await?;
        let present = named(part, &found)?;
        if present == wanted {
            return Ok(());
        }
        if !found.iter().any(|environment| environment.name() == wanted) {
            return Err(PortError::NotFound { what: what(wanted) });
        }
        if let Some(other) = found.iter().find(|environment| !environment.is_ready()) {
            return Err(unsettled(format!("environment {} is {}", other.name(), other.status())));
        }
        let id = |name: &str| found.iter().find(|one| one.name() == name).map_or("", Environment::id);
        let input = serde_json::json!({
            "SourceEnvironmentId": id(present),
            "DestinationEnvironmentId": id(wanted),
        });
        aws.beanstalk_once().call(SWAP, &what(wanted), &input).await?;
        beanstalk.wait_for_swap(part, wanted).await
    }

    /// Nothing decides before a name does.
    async fn reading(&self, aws: &Aws) -> PortResult<PartReading> {
        Ok(PartReading::alone(self.actions(aws).await?))
    }

    async fn zones(&self, _aws: &Aws) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// Where clients come in.
    async fn endpoint(&self, _aws: &Aws) -> PortResult<Endpoint> {
        Ok(Endpoint { url: format!("http://{}", self.name), headers: Vec::new(), paths: Vec::new() })
    }
}

impl Beanstalk<'_> {
    async fn wait_for_swap(self, part: &CnamePart, wanted: &str) -> PortResult<()> {
        let begun = Instant::now();
        let pause = self.0.clock().real(POLL);
        loop {
            // What cannot be read now may be readable at the next look.
            if let Ok(found) = self.pair(part).await
                && named(part, &found).is_ok_and(|present| present == wanted)
                && found.iter().all(Environment::is_ready)
            {
                return Ok(());
            }
            if begun.elapsed() + pause > PATIENCE {
                return Err(unsettled(format!("{} is still on its way to {wanted}", part.name)));
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn pair(self, part: &CnamePart) -> PortResult<Vec<Environment>> {
        self.environments(&part.environments.each_ref().map(|name| name.as_str())).await
    }
}

/// The environment that has the name. While both are being changed, as they are by a swap, nobody knows.
fn named<'a>(part: &CnamePart, found: &'a [Environment]) -> PortResult<&'a str> {
    let has_it = |environment: &&Environment| environment.cname().eq_ignore_ascii_case(part.name.as_str());
    let holders: Vec<&str> = found.iter().filter(has_it).map(Environment::name).collect();
    let is_swapping = found.len() == 2 && found.iter().all(Environment::is_changing);
    match holders.as_slice() {
        [only] if !is_swapping => Ok(only),
        [] if !found.iter().any(Environment::is_changing) => {
            let [first, second] = &part.environments;
            Err(PortError::NotFound { what: format!("{} at {first} or {second}", part.name) })
        }
        _ => Err(unsettled(format!("the environments of {} are being changed", part.name))),
    }
}

/// The environment that an action list sends everything to.
fn destined(actions: &[Action]) -> PortResult<&str> {
    let weighted: Vec<&WeightedDestination> =
        actions.iter().flat_map(Action::groups).filter(|group| group.weight > 0).collect();
    match weighted.as_slice() {
        [WeightedDestination { destination: Destination::Environment(name), .. }] => Ok(name.as_str()),
        _ => {
            let message = "a domain name sends everything to one environment".to_owned();
            Err(PortError::Refused { call: DESCRIBE, message })
        }
    }
}

fn forward(part: &CnamePart, holder: &str) -> Action {
    let mut groups: Vec<WeightedDestination> = part
        .environments
        .iter()
        .map(|name| WeightedDestination {
            destination: Destination::Environment(name.clone()),
            weight: if name.as_str() == holder { 100 } else { 0 },
        })
        .collect();
    groups.sort_by(|one, other| one.destination.cmp(&other.destination));
    Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } }
}

/// While it is not known who has the name.
fn unsettled(message: String) -> PortError {
    PortError::Unavailable { call: DESCRIBE, message }
}
