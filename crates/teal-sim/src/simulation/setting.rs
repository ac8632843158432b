//! What is released, and how: drawn for each seed.

use crate::state::{ALARM, GROUP_A, GROUP_B, LISTENER, SECOND_LISTENER, TEST_LISTENER, forward};
use crate::world::World;
use fastrand::Rng;
use serde_json::{Value, json};
use std::fmt;
use teal::ports::Scaling;

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
            task_seconds: rng.u64(0..60),
        }
    }

    pub(crate) fn furnish(self, world: &World) {
        let mut state = world.state();
        let groups: &[(&str, u16)] = if self.lone_group { &[(GROUP_A, 1)] } else { &[(GROUP_A, 100), (GROUP_B, 0)] };
        for listener in self.listeners() {
            state.parts.insert(listener.to_owned(), vec![forward(groups)]);
        }
        if self.test_listener {
            state.parts.insert(TEST_LISTENER.to_owned(), vec![forward(groups)]);
        }
        state.task_seconds = self.task_seconds;
        if self.scaled {
            state.scaling.insert(
                "checkout-a".to_owned(),
                Scaling { min_capacity: 1, max_capacity: 10, scale_in_suspended: false },
            );
        }
    }

    /// The listeners of the route.
    pub(crate) fn listeners(self) -> Vec<&'static str> {
        if self.second_listener { vec![LISTENER, SECOND_LISTENER] } else { vec![LISTENER] }
    }

    /// The plan of the nth release.
    pub(crate) fn plan(self, number: usize) -> Value {
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
