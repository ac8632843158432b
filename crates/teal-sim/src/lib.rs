//! Teal's steps without AWS: a stateful world in memory behind the ports, the real routes of the state machine, and a simulation that
//! lets go wrong what can and checks the promises of the design. Everything is deterministic: time moves only when a test,
//! a machine or the simulation moves it. See `docs/simulation.md`.

mod asl;
mod beside;
mod campaign;
mod chaos;
mod cores;
mod course;
mod deed;
mod deployment;
mod disturbance;
mod function;
mod link;
mod machine;
mod matrix;
mod mutation;
mod pairs;
mod pipeline;
mod place;
mod planned;
mod ports;
mod promise;
mod simulation;
mod state;
mod watch;
mod world;

pub use asl::{Doing, Execution};
pub use beside::Ran;
pub use campaign::Campaign;
pub use cores::on_every_core;
pub use course::{Fault, FaultKind};
pub use deployment::{Cause, DEPLOYMENT, Deployment, Move, ROLLBACK};
pub use disturbance::{Disturbance, Happening};
pub use function::Function;
pub use machine::{Ending, Machine};
pub use matrix::Matrix;
pub use mutation::Mutation;
pub use pairs::{CANARY, DEPLOYED, Pairs, courses, crash};
pub use place::Place;
pub use planned::Planned;
pub use promise::{Breach, Promise};
pub use simulation::{Report, rehearse, replay, simulate};
pub use state::{
    ALARM, GROUP_A, GROUP_B, LISTENER, SECOND_LISTENER, Service, State, TEAL_ACCOUNT, TEST_LISTENER, forward,
};
pub use world::World;

/// A plan to start from: two stages (10 %, 50 %), one alarm, limits, a test listener.
#[must_use]
pub fn plan() -> serde_json::Value {
    serde_json::json!({
        "service": "checkout",
        "version": "2",
        "green": {"ecs": {"cluster": "prod", "services": ["checkout-a", "checkout-b"], "taskDefinition": "checkout:2"}},
        "traffic": {"alb": {"listeners": [LISTENER]}},
        "strategy": {"steps": [{"weight": "10%", "bake": "5m"}, {"weight": "50%", "bake": "5m"}]},
        "judge": {
            "alarms": [ALARM],
            "limits": {"minRequests": 50, "badShare": {"above": "2%"}},
        },
        "afterwards": {"bake": "5m", "keepBlue": "10m"},
        "deadline": "4h",
    })
}
