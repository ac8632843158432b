//! ECS, and the events bus.

use crate::deed::Deed;
use crate::link::{Link, Op};
use crate::state::Service;
use serde_json::json;
use std::collections::BTreeMap;
use teal::fleet::{BeanstalkEnvironment, EcsService, External, GreenOrder, Runner};
use teal::plan::{BeanstalkGreen, FormerBlue, Green, LambdaGreen};
use teal::ports::{
    Announcer, CapacityHold, Executions, Fleet, PortError, PortResult, Progress, RunnerReading, Scaling, Survey,
};
use teal::route::{Colours, Destination};
use teal::story::Announcement;

impl Fleet for Link<'_> {
    async fn survey(&self, green: &Green, colours: &Colours) -> PortResult<Survey> {
        let green = match green {
            Green::Ecs(green) => green,
            Green::External(green) => return External(self).survey(green, colours).await,
            Green::Beanstalk(green) => return self.survey_environments(green, colours).await,
            Green::Lambda(green) => return self.survey_versions(green, colours).await,
            other => return Err(PortError::NotFound { what: format!("{} in the simulation", other.path()) }),
        };
        self.call(Op::other("DescribeServices"), |_| {
            let state = self.world.state();
            self.remembered.borrow_mut().scaling.clone_from(&state.scaling);
            let runner =
                |name: &str| Runner::Ecs(EcsService { cluster: green.cluster.to_string(), service: name.to_owned() });
            let reading = |name: &str, service: &Service| RunnerReading {
                runner: runner(name),
                desired: service.desired,
                settings: BTreeMap::new(),
            };
            let names = green.services.each_ref().map(|name| name.as_str());
            let serves = |name: &&str| state.services.get(*name).is_some_and(|s| s.group == colours.blue.as_str());
            let Some(blue) = names.into_iter().find(serves) else {
                return Err(PortError::NotFound { what: format!("a service behind {}", colours.blue) });
            };
            let green_name = if names[0] == blue { names[1] } else { names[0] };
            Ok(Survey {
                blue: reading(blue, &state.services[blue]),
                green: runner(green_name),
                present: state.services.get(green_name).map(|service| reading(green_name, service)),
                runs: green.task_definition.to_string(),
                lacking: Vec::new(),
                green_version: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
                blue_version: BTreeMap::from([("cpu".to_owned(), json!("256"))]),
            })
        })
        .await
    }

    async fn scaling(&self, runner: &Runner) -> PortResult<Option<Scaling>> {
        self.call(Op::other("DescribeScalableTargets"), |_| {
            let found = self.world.state().scaling.get(runner.name()).copied();
            Ok(self.mutated_scaling(runner.name(), found))
        })
        .await
    }

    async fn hold_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        if !self.holds_capacity() {
            return Ok(());
        }
        self.act("RegisterScalableTarget", Deed::Hold { service: runner.name().to_owned(), hold: *hold }).await
    }

    async fn free_capacity(&self, runner: &Runner, hold: &CapacityHold) -> PortResult<()> {
        self.act("RegisterScalableTarget", Deed::Free { service: runner.name().to_owned(), hold: *hold }).await
    }

    async fn bring_up(&self, order: &GreenOrder) -> PortResult<()> {
        if !order.green.facts().is_sized_by_teal {
            return Ok(());
        }
        self.act("UpdateService", Deed::BringUp(Box::new(order.clone()))).await
    }

    async fn bring_on(&self, _order: &GreenOrder) -> PortResult<()> {
        self.call(Op::other("DescribeEnvironmentResources"), |_| Ok(())).await
    }

    async fn progress_of_green(&self, order: &GreenOrder) -> PortResult<Progress> {
        if !order.green.facts().is_sized_by_teal {
            return External(self).progress(&order.colours.green).await;
        }
        self.call(Op::other("DescribeServices"), |_| {
            let (state, now) = (self.world.state(), self.world.now());
            let nothing = Progress { desired: 0, running: 0, current: false, failed: None, events: Vec::new() };
            let found = state.services.get(order.green.name());
            let found = found.filter(|found| found.task_definition == order.runs).map_or(nothing, |found| Progress {
                desired: found.desired,
                running: found.running_of(&order.runs, now),
                current: found.is_current(now),
                failed: None,
                events: Vec::new(),
            });
            Ok(self.mutated_progress(found, order))
        })
        .await
    }

    async fn progress(&self, runner: &Runner) -> PortResult<Progress> {
        self.call(Op::other("DescribeServices"), |_| {
            let (state, now) = (self.world.state(), self.world.now());
            let found = state.services.get(runner.name());
            let found = found.ok_or_else(|| PortError::NotFound { what: runner.to_string() })?;
            let (desired, running) = (found.desired, found.running(now));
            Ok(Progress { desired, running, current: found.is_current(now), failed: None, events: Vec::new() })
        })
        .await
    }

    async fn scale_out(&self, runner: &Runner, tasks: u32) -> PortResult<()> {
        self.act("UpdateService", Deed::ScaleOut { service: runner.name().to_owned(), tasks }).await
    }

    async fn scale_in(&self, runner: &Runner) -> PortResult<()> {
        if !self.takes_green_in() {
            return Ok(());
        }
        self.act("UpdateService", Deed::ScaleIn { service: runner.name().to_owned() }).await
    }
}

impl Link<'_> {
    /// The environment that has the domain name is blue; the other one is made.
    async fn survey_environments(&self, green: &BeanstalkGreen, colours: &Colours) -> PortResult<Survey> {
        self.call(Op::other("DescribeEnvironments"), |_| {
            let state = self.world.state();
            let runner = |destination: &Destination, kept| {
                Runner::Beanstalk(BeanstalkEnvironment { environment: destination.name().to_owned(), kept })
            };
            let name = colours.blue.name();
            let blue = state.services.get(name).ok_or_else(|| PortError::NotFound { what: name.to_owned() })?;
            Ok(Survey {
                blue: RunnerReading {
                    runner: runner(&colours.blue, green.blue == FormerBlue::Keep),
                    desired: blue.desired,
                    settings: BTreeMap::new(),
                },
                green: runner(&colours.green, state.services.contains_key(colours.green.name())),
                present: None,
                runs: green.version_label.to_string(),
                lacking: Vec::new(),
                green_version: BTreeMap::new(),
                blue_version: BTreeMap::new(),
            })
        })
        .await
    }

    /// Versions of a function: there is nothing to be sized.
    async fn survey_versions(&self, green: &LambdaGreen, colours: &Colours) -> PortResult<Survey> {
        let runner = |destination: &Destination| match destination {
            Destination::FunctionVersion(version) => Ok(Runner::FunctionVersion(version.clone())),
            other => Err(PortError::NotFound { what: format!("a function behind {other}") }),
        };
        self.call(Op::other("GetFunctionConfiguration"), |_| {
            Ok(Survey {
                blue: RunnerReading { runner: runner(&colours.blue)?, desired: 1, settings: BTreeMap::new() },
                green: runner(&colours.green)?,
                present: None,
                runs: green.function_version.to_string(),
                lacking: Vec::new(),
                green_version: BTreeMap::new(),
                blue_version: BTreeMap::new(),
            })
        })
        .await
    }
}

impl Announcer for Link<'_> {
    async fn announce(&self, announcements: &[Announcement]) -> PortResult<()> {
        self.call(Op::other("PutEvents"), |_| {
            self.world.state().announced.extend_from_slice(announcements);
            Ok(())
        })
        .await
    }
}

impl Executions for Link<'_> {
    async fn ended_with(&self, execution: &str) -> PortResult<Option<String>> {
        self.call(Op::other("DescribeExecution"), |_| Ok(self.world.state().ended.get(execution).cloned())).await
    }
}
