//! Teal's steps without AWS: a stateful world in memory behind the ports, and a machine that routes like the real one.
//! Everything is deterministic: time moves only when a test or the machine moves it.

mod faults;
mod machine;
mod ports;
mod run;
mod world;

pub use faults::{Fault, FaultKind};
pub use machine::{Ending, Machine};
pub use run::{Outcome, run};
pub use world::{GROUP_A, GROUP_B, LISTENER, Service, State, World, forward};

/// A plan to start from: two stages (10 %, 50 %), one alarm, limits, a test listener.
#[must_use]
pub fn plan() -> serde_json::Value {
    serde_json::json!({
        "service": "checkout",
        "version": "2",
        "green": {"ecs": {"cluster": "prod", "services": ["checkout-a", "checkout-b"], "taskDefinition": "checkout:2"}},
        "traffic": {"alb": {"listeners": [world::LISTENER]}},
        "strategy": {"steps": [{"weight": "10%", "bake": "5m"}, {"weight": "50%", "bake": "5m"}]},
        "judge": {
            "alarms": ["checkout-5xx"],
            "limits": {"minRequests": 50, "badShare": {"above": "2%"}},
        },
        "afterwards": {"bake": "5m", "keepBlue": "10m"},
        "deadline": "4h",
    })
}
