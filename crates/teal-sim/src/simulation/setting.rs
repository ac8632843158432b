//! What is released, and how: drawn for each seed.

use crate::state::{ALARM, GROUP_A, GROUP_B, LISTENER, SECOND_LISTENER, TEST_LISTENER, forward};
use crate::world::World;
use fastrand::Rng;
use serde_json::{Value, json};
use std::fmt;
use teal::ports::Scaling;
use teal::route::Action;

/// The kind of route and plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The route has a second listener.
    second_listener: bool,
    /// Green is tested through a listener of its own.
    test_listener: bool,
    /// There is a gate in the middle.
    gate: bool,
    /// One weight instead of two.
    canary: bool,
    /// The listeners begin with blue's group alone.
    lone_group: bool,
    /// The services are scaled automatically.
    scaled: bool,
    /// Releases may start while their alarm is raised, as it is in the beginning.
    pub(crate) alarming: bool,
    /// How long tasks take to start, in seconds.
    task_seconds: u64,
}

impl Setting {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        Self {
            second_listener: rng.u8(0..3) == 0,
            test_listener: rng.bool(),
            gate: rng.u8(0..3) == 0,
            canary: rng.bool(),
            lone_group: rng.u8(0..5) == 0,
            scaled: rng.bool(),
            alarming: rng.u8(0..6) == 0,
            task_seconds: rng.u64(0..60),
        }
    }

    pub(crate) fn furnish(self, world: &World) {
        let mut state = world.state();
        state.parts.extend(self.parts().map(|(part, actions)| (part.to_owned(), actions)));
        state.task_seconds = self.task_seconds;
        if self.scaled {
            let found = Scaling { min_capacity: 1, max_capacity: 10, scale_in_suspended: false };
            state.scaling.insert("checkout-a".to_owned(), found);
            world.watch.borrow_mut().scaling_found = Some(found);
        }
    }

    /// Every listener as it is before the first release.
    pub(crate) fn parts(self) -> impl Iterator<Item = (&'static str, Vec<Action>)> {
        let groups: &[(&str, u16)] = if self.lone_group { &[(GROUP_A, 1)] } else { &[(GROUP_A, 100), (GROUP_B, 0)] };
        let test = self.test_listener.then_some(TEST_LISTENER);
        self.listeners().into_iter().chain(test).map(|listener| (listener, vec![forward(groups)]))
    }

    /// The listeners of the route.
    pub(crate) fn listeners(self) -> Vec<&'static str> {
        if self.second_listener { vec![LISTENER, SECOND_LISTENER] } else { vec![LISTENER] }
    }

    /// The plan of the nth release.
    pub(crate) fn plan(self, number: usize, supersedes: bool) -> Value {
        let mut steps = vec![json!({"weight": "10%", "bake": "4m"})];
        if self.gate {
            steps.push(json!({"gate": {"name": "QA", "within": "20m"}}));
        }
        if !self.canary {
            steps.push(json!({"weight": "50%", "bake": "4m"}));
        }
        let mut plan = json!({
            "service": "checkout",
            "version": (number + 1).to_string(),
            "green": {"ecs": {
                "cluster": "prod",
                "services": ["checkout-a", "checkout-b"],
                "taskDefinition": format!("checkout:{}", number + 1),
            }},
            "traffic": {"alb": {"listeners": self.listeners()}},
            "strategy": {"steps": steps},
            "judge": {
                "every": "2m",
                "settle": "1m",
                "alarms": [ALARM],
                "metrics": [],
                "limits": {"minRequests": 50, "badShare": {"above": "2%"}},
            },
            "afterwards": {"bake": "4m", "keepBlue": "6m"},
            "deadline": "2h",
        });
        if supersedes {
            plan["onBusy"] = json!("supersede");
        }
        if self.alarming {
            plan["judge"]["startWhileAlarming"] = json!(true);
        }
        if self.lone_group {
            plan["traffic"]["alb"]["targetGroups"] = json!([GROUP_A, GROUP_B]);
        }
        if self.test_listener {
            plan["traffic"]["test"] = json!({"listener": TEST_LISTENER});
            plan["validate"] = json!({"http": [{"path": "/health"}]});
        }
        plan
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
