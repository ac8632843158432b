//! Deployment configurations: how traffic is shifted, or how many instances go on while others are deployed to.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html>

use super::{Platform, new_uuid};
use std::collections::BTreeMap;
use teal_lab_wire::Millis;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) platform: Platform,
    pub(crate) shift: Shift,
    /// Of configurations for servers.
    pub(crate) hosts: Option<HealthyHosts>,
    pub(crate) created: Millis,
}

/// How many instances must be healthy at any time.
/// <https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_MinimumHealthyHosts.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HealthyHosts {
    Count(usize),
    Percent(usize),
    /// All but those that are deployed to at once: what OneAtATime says with 1.
    AllBut(usize),
}

impl HealthyHosts {
    /// Of so many instances; what is a fraction is rounded up.
    pub(crate) fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (total * percent).div_ceil(100),
            Self::AllBut(count) => total.saturating_sub(count),
        }
    }

    /// Type and value, as the API gives them.
    pub(crate) const fn shown(self) -> (&'static str, usize) {
        match self {
            Self::Count(count) => ("HOST_COUNT", count),
            Self::Percent(percent) => ("FLEET_PERCENT", percent),
            Self::AllBut(count) => ("MOST_CONCURRENCY", count),
        }
    }
}

/// Percentages are of all traffic; intervals are minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    AllAtOnce,
    Canary { percentage: u8, interval: u64 },
    Linear { percentage: u8, interval: u64 },
}

impl Shift {
    /// What the replacement gets after each increment, and how many minutes later the next one is due.
    pub(crate) fn increments(self) -> Vec<(u8, u64)> {
        match self {
            Self::AllAtOnce => vec![(100, 0)],
            Self::Canary { percentage, interval } => vec![(percentage, interval), (100, 0)],
            Self::Linear { percentage, interval } => {
                let whole = (1..).map(|number: u16| number * u16::from(percentage)).take_while(|share| *share < 100);
                // Below 100 all of them.
                let mut increments: Vec<_> = whole.map(|share| (share as u8, interval)).collect();
                increments.push((100, 0));
                increments
            }
        }
    }
}

/// What AWS defines.
pub(crate) fn predefined(now: Millis) -> BTreeMap<String, Config> {
    let canary = |interval| Shift::Canary { percentage: 10, interval };
    let linear = |interval| Shift::Linear { percentage: 10, interval };
    let known = [
        (Platform::Ecs, "ECSAllAtOnce", Shift::AllAtOnce),
        (Platform::Ecs, "ECSCanary10Percent5Minutes", canary(5)),
        (Platform::Ecs, "ECSCanary10Percent15Minutes", canary(15)),
        (Platform::Ecs, "ECSLinear10PercentEvery1Minutes", linear(1)),
        (Platform::Ecs, "ECSLinear10PercentEvery3Minutes", linear(3)),
        (Platform::Lambda, "LambdaAllAtOnce", Shift::AllAtOnce),
        (Platform::Lambda, "LambdaCanary10Percent5Minutes", canary(5)),
        (Platform::Lambda, "LambdaCanary10Percent10Minutes", canary(10)),
        (Platform::Lambda, "LambdaCanary10Percent15Minutes", canary(15)),
        (Platform::Lambda, "LambdaCanary10Percent30Minutes", canary(30)),
        (Platform::Lambda, "LambdaLinear10PercentEvery1Minute", linear(1)),
        (Platform::Lambda, "LambdaLinear10PercentEvery2Minutes", linear(2)),
        (Platform::Lambda, "LambdaLinear10PercentEvery3Minutes", linear(3)),
        (Platform::Lambda, "LambdaLinear10PercentEvery10Minutes", linear(10)),
    ];
    let known = known.into_iter().map(|(platform, name, shift)| (platform, name, shift, None));
    let servers = [
        ("AllAtOnce", HealthyHosts::Count(0)),
        ("HalfAtATime", HealthyHosts::Percent(50)),
        ("OneAtATime", HealthyHosts::AllBut(1)),
    ];
    let servers = servers.into_iter().map(|(name, hosts)| (Platform::Server, name, Shift::AllAtOnce, Some(hosts)));
    let configs = known.chain(servers).map(|(platform, name, shift, hosts)| {
        let name = format!("CodeDeployDefault.{name}");
        (name.clone(), Config { id: new_uuid(), name, platform, shift, hosts, created: now })
    });
    configs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_healthy_is_rounded_up() {
        let of = |hosts: HealthyHosts| [1, 2, 3, 10].map(|total| hosts.of(total));
        assert_eq!(of(HealthyHosts::AllBut(1)), [0, 1, 2, 9]);
        assert_eq!(of(HealthyHosts::Percent(50)), [1, 1, 2, 5]);
        assert_eq!(HealthyHosts::Percent(95).of(10), 10);
        assert_eq!(HealthyHosts::Count(0).of(10), 0);
    }

    #[test]
    fn the_last_increment_is_everything() {
        assert_eq!(Shift::AllAtOnce.increments(), [(100, 0)]);
        assert_eq!(Shift::Canary { percentage: 10, interval: 5 }.increments(), [(10, 5), (100, 0)]);
        assert_eq!(Shift::Linear { percentage: 40, interval: 3 }.increments(), [(40, 3), (80, 3), (100, 0)]);
        let tenths = Shift::Linear { percentage: 10, interval: 1 }.increments();
        assert_eq!((tenths.len(), tenths[8], tenths[9]), (10, (90, 1), (100, 0)));
    }
}
