//! What is released, and how: drawn for each seed.

use crate::deployment::Move;
use crate::disturbance::{Disturbance, Happening};
use crate::function::Function;
use crate::place::Place;
use crate::planned::Planned;
use crate::state::{ALARM, GROUP_A, GROUP_B, LISTENER, SECOND_LISTENER, TEST_LISTENER, forward};
use crate::world::World;
use fastrand::Rng;
use serde_json::{Value, json};
use std::fmt;
use teal::hook::HookEvent;
use teal::ports::Scaling;
use teal::route::Action;
use teal::state::State;

/// Where the plan is kept for the deployments of the group.
const PLAN: &str = "ssm:/teal/codedeploy/shop/checkout";
/// The account that a service in another account is in, and what its role asks for.
const SERVICE_ACCOUNT: &str = "123456789012";
pub(crate) const EXTERNAL_ID: &str = "teal-7f3c";

/// The most releases that one schedule has.
pub(crate) const MOST_RELEASES: usize = 4;
/// What the names of flags begin with.
const FLAGS: &str = "appconfig:shop123/prod123/flag123";

fn flag_key(number: usize) -> String {
    format!("new-checkout-{number}")
}

/// Who moves the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mover {
    Teal,
    /// A deployment that Teal begins.
    Begun,
    /// A deployment that somebody begins, whose hooks start the release.
    Somebody,
}

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
    /// How much longer the last target of a service takes to be healthy, in seconds.
    last_check_seconds: u64,
    pub(crate) mover: Mover,
    /// The service is in another account.
    pub(crate) in_account: bool,
    /// Green is tested by a build, which takes so long, in seconds.
    build_seconds: Option<u64>,
    /// A feature flag goes with each version.
    flagged: bool,
    /// It is turned in steps.
    flag_steps: bool,
    /// A deployment waits once more when it has moved everything, and blue is kept no longer than the bake.
    waits_last: bool,
    /// What else is drawn for a deployment is drawn by it.
    seed: u64,
}

impl Setting {
    pub(crate) fn of_seed(seed: u64, rng: &mut Rng) -> Self {
        let drawn = Self::draw(seed, rng);
        // Of its own, so that the schedules of all other seeds stay what they are.
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let chance = rng.u8(0..40);
        let (mover, in_account) = match Planned::aimed(seed) {
            Some((Place::Runs(Function::OnLifecycleHook), _)) => (Mover::Somebody, false),
            Some((_, Disturbance::World(what))) if what.is_of_deployments() && chance.is_multiple_of(2) => {
                (Mover::Somebody, false)
            }
            Some((_, Disturbance::World(what))) if what.is_of_deployments() => (Mover::Begun, false),
            Some((_, Disturbance::World(Happening::RoleLost))) => (Mover::Teal, true),
            _ => match chance {
                0..5 => (Mover::Somebody, false),
                5..8 => (Mover::Begun, false),
                8..11 => (Mover::Teal, true),
                _ => (Mover::Teal, false),
            },
        };
        let aims_at_end =
            Planned::aimed(seed).is_some_and(|(place, _)| place == Place::Waits(State::WaitForRetirement));
        let aims_at_scaling =
            matches!(Planned::aimed(seed), Some((_, Disturbance::World(Happening::ScaledIn)))) && mover == Mover::Teal;
        let waits_last = rng.u8(0..4) == 0 || aims_at_end;
        let aims_at_build =
            Planned::aimed(seed).is_some_and(|(place, _)| place == Place::Waits(State::WaitForValidation));
        // More than the plan allows, at times.
        let build_seconds = (rng.u8(0..6) == 0 || aims_at_build).then(|| rng.u64(0..700));
        // Nobody keeps a flag in step with a deployment, and in another account it needs a strategy of its own.
        let flagged = rng.u8(0..6) == 0 && mover == Mover::Teal && !in_account;
        let flag_steps = flagged && rng.bool();
        let last_check_seconds = if rng.bool() { rng.u64(1..90) } else { 0 };
        let scaled = drawn.scaled || aims_at_scaling;
        let drawn = Self { build_seconds, flagged, flag_steps, scaled, last_check_seconds, ..drawn };
        match mover {
            Mover::Teal => Self { in_account, ..drawn },
            Mover::Begun | Mover::Somebody => {
                Self { second_listener: false, lone_group: true, scaled: false, mover, waits_last, ..drawn }
            }
        }
    }

    /// Whether a build tests green.
    pub(crate) fn is_built(self) -> bool {
        self.build_seconds.is_some()
    }

    /// Whether a deployment moves the traffic.
    pub(crate) fn is_deployed(self) -> bool {
        self.mover != Mover::Teal
    }

    /// Whether deployments ask hooks that start the release.
    pub(crate) fn is_asked(self) -> bool {
        self.mover == Mover::Somebody
    }

    fn draw(seed: u64, rng: &mut Rng) -> Self {
        Self {
            second_listener: rng.u8(0..3) == 0,
            test_listener: rng.bool(),
            gate: rng.u8(0..3) == 0,
            canary: rng.bool(),
            lone_group: rng.u8(0..5) == 0,
            scaled: rng.bool(),
            alarming: rng.u8(0..6) == 0,
            task_seconds: rng.u64(0..60),
            last_check_seconds: 0,
            mover: Mover::Teal,
            in_account: false,
            build_seconds: None,
            flagged: false,
            flag_steps: false,
            waits_last: false,
            seed,
        }
    }

    pub(crate) fn furnish(self, world: &World) {
        let mut state = world.state();
        state.parts.extend(self.parts().map(|(part, actions)| (part.to_owned(), actions)));
        (state.task_seconds, state.last_check_seconds) = (self.task_seconds, self.last_check_seconds);
        state.build_seconds = self.build_seconds.unwrap_or_default();
        for flag in self.flags() {
            let turned_off = forward(&[(&format!("{flag}#off"), 1000), (&format!("{flag}#on"), 0)]);
            state.parts.insert(flag, vec![turned_off]);
        }
        if self.in_account {
            (state.home, state.external_id) = (Some(SERVICE_ACCOUNT.to_owned()), Some(EXTERNAL_ID.to_owned()));
        }
        if self.is_deployed() {
            state.plans.insert(PLAN.to_owned(), self.plan(1, false).to_string());
            state.to_deploy = self.course();
        }
        if self.scaled {
            let found = Scaling { min_capacity: 1, max_capacity: 10, scale_in_suspended: false };
            state.scaling.insert("checkout-a".to_owned(), found);
            world.watch.borrow_mut().scaling_found = Some(found);
        }
    }

    /// Every listener as it is before the first release.
    pub(crate) fn parts(self) -> impl Iterator<Item = (&'static str, Vec<Action>)> {
        // As a deployment leaves it.
        let lone: &[(&str, u16)] = if self.is_deployed() { &[(GROUP_A, 100)] } else { &[(GROUP_A, 1)] };
        let groups: &[(&str, u16)] = if self.lone_group { lone } else { &[(GROUP_A, 100), (GROUP_B, 0)] };
        let test = self.test_listener.then_some(TEST_LISTENER);
        self.listeners().into_iter().chain(test).map(|listener| (listener, vec![forward(groups)]))
    }

    /// The listeners of the route.
    pub(crate) fn listeners(self) -> Vec<&'static str> {
        if self.second_listener { vec![LISTENER, SECOND_LISTENER] } else { vec![LISTENER] }
    }

    /// The flags that releases turn, each one of its own: what one has turned on no other does.
    pub(crate) fn flags(self) -> Vec<String> {
        if self.flagged {
            (1..=MOST_RELEASES).map(|number| format!("{FLAGS}/{}", flag_key(number))).collect()
        } else {
            Vec::new()
        }
    }

    /// The plan of the nth release.
    pub(crate) fn plan(self, number: usize, supersedes: bool) -> Value {
        let mut steps = vec![json!({"weight": "10%", "bake": "4m"})];
        if self.gate {
            // No deployment waits between two steps.
            let at = if self.is_deployed() { 0 } else { steps.len() };
            steps.insert(at, json!({"gate": {"name": "QA", "within": "20m"}}));
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
        if self.is_built() {
            plan["validate"]["codeBuild"] = json!({"project": "checkout-validation", "within": "10m"});
            if !self.test_listener {
                plan["traffic"]["test"] = json!({"url": "http://green.internal:8080"});
            }
        }
        if self.flagged {
            let flag = flag_key(number);
            plan["flags"] =
                json!([{"application": "shop123", "environment": "prod123", "profile": "flag123", "flag": flag}]);
        }
        if self.flag_steps {
            plan["flagSteps"] = json!([{"weight": "10%", "bake": "2m"}, {"weight": "50%", "bake": "3m"}]);
        }
        if self.in_account {
            let role = format!("arn:aws:iam::{SERVICE_ACCOUNT}:role/TealRelease-checkout");
            plan["account"] = json!({"role": role, "externalId": EXTERNAL_ID});
        }
        if self.is_deployed() {
            plan["green"] = json!({"external": {}});
            if self.waits_last {
                plan["afterwards"]["keepBlue"] = json!("4m");
            }
            plan["traffic"]["shiftedBy"] =
                json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout"}});
        }
        if self.mover == Mover::Begun {
            plan["traffic"]["shiftedBy"]["codeDeploy"]["appSpec"] = json!({"version": 0.0, "Resources": []});
        }
        plan
    }

    /// What a deployment does.
    fn course(self) -> Vec<Move> {
        let mut rng = Rng::with_seed(self.seed);
        let asks = self.is_asked() || rng.bool();
        // Where the first hooks are left out, this one starts the release.
        let always = HookEvent::BeforeAllowTraffic;
        let ask = |rng: &mut Rng, event| {
            let drawn = rng.u8(0..10) < 7;
            (asks && (drawn || event == always)).then_some(Move::Ask(event))
        };
        let mut course: Vec<Move> = ask(&mut rng, HookEvent::BeforeInstall).into_iter().collect();
        course.push(Move::Install(rng.u64(5..200)));
        course.extend(ask(&mut rng, HookEvent::AfterInstall));
        if self.test_listener {
            course.push(Move::TestTraffic);
        }
        course.extend(ask(&mut rng, HookEvent::AfterAllowTestTraffic));
        course.extend(ask(&mut rng, HookEvent::BeforeAllowTraffic).filter(|_| rng.u8(0..8) > 0 || self.is_asked()));
        if !asks || rng.u8(0..4) == 0 {
            course.push(Move::Wait);
        }
        course.push(Move::Shift(100, rng.u64(60..900)));
        if !self.canary {
            course.push(Move::Shift(500, rng.u64(60..900)));
        }
        course.push(Move::Shift(1000, 0));
        course.extend(ask(&mut rng, HookEvent::AfterAllowTraffic));
        if self.waits_last {
            course.push(Move::Wait);
        }
        if rng.bool() {
            course.push(Move::EndBlue(rng.u64(60..1_800)));
        }
        course
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
