//! Faults that a scenario injects into calls.

use crate::LAB;
use fastrand::Rng;
use serde::Deserialize;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Which calls a fault is for. What is absent matches every call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallPattern {
    /// The service of the credential scope, for example `elasticloadbalancing`, `monitoring`, `dynamodb`.
    pub service: Option<String>,
    /// The API operation, for example `ModifyListener`.
    pub operation: Option<String>,
    /// The caller's name, for example a function's logical id.
    pub caller: Option<String>,
    /// A text in the request's path or body: a name, an ARN. Of events, in the event.
    pub about: Option<String>,
}

/// A call as far as faults look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) caller: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

impl CallPattern {
    fn matches(&self, call: &Subject<'_>) -> bool {
        let wanted = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
        wanted(&self.service, call.service)
            && wanted(&self.operation, call.operation)
            && wanted(&self.caller, call.caller)
            && self.about.as_ref().is_none_or(|text| call.path.contains(text.as_str()) || mentions(call.body, text))
    }
}

fn mentions(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum FaultKind {
    /// The call has no effect and is answered with this AWS error.
    Error {
        /// HTTP status, 400 to 599.
        status: u16,
        code: String,
        message: String,
    },
    /// The call has no effect and is answered as over the rate limit.
    Throttle,
    /// The call takes so much longer, in real milliseconds: on its way there, or its answer on its way back.
    Latency {
        millis: u64,
        #[serde(default)]
        when: Moment,
    },
    /// The call has its effect, but the connection is closed before the answer.
    LostAnswer,
    /// The process that calls is killed with SIGKILL. Whoever uses the account's root key is spared: the lab itself.
    Kill(Moment),
}

/// When a fault comes: when a calling process is killed, or a call is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// Before the call has an effect.
    #[default]
    Before,
    /// When it has had its effect, before the answer.
    After,
}

/// A fault and how often it strikes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls it is for.
    #[serde(default, rename = "match")]
    pub calls: CallPattern,
    pub kind: FaultKind,
    /// How many matching calls go through before the first one is hit.
    #[serde(default)]
    pub after: u32,
    /// How many calls it hits in all; without a number, every one.
    pub times: Option<u32>,
    /// With which probability it hits a call, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Whether it is as well if it hits no call at all. Without this whoever injected it takes that for a mistake.
    #[serde(default)]
    pub may_miss: bool,
}

fn always() -> f64 {
    1.0
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallPattern { service, operation, caller, about } = &self.calls;
        let of = |part: &Option<String>| part.clone().unwrap_or_else(|| "any".to_owned());
        write!(f, "{} on {}:{} by {}", self.kind, of(service), of(operation), of(caller))?;
        about.as_ref().map_or(Ok(()), |about| write!(f, " about {about:?}"))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { code, .. } => write!(f, "error {code}"),
            Self::Throttle => f.write_str("throttle"),
            Self::Latency { millis, when: Moment::Before } => write!(f, "latency of {millis} ms"),
            Self::Latency { millis, when: Moment::After } => write!(f, "latency of {millis} ms after the effect"),
            Self::LostAnswer => f.write_str("lost answer"),
            Self::Kill(Moment::Before) => f.write_str("kill before"),
            Self::Kill(Moment::After) => f.write_str("kill after"),
        }
    }
}

/// Names an injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

/// The faults that are in force.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug)]
struct State {
    rules: Vec<(FaultId, FaultRule, Progress)>,
    next: u64,
    random: Rng,
}

#[derive(Debug, Default)]
struct Progress {
    passed: u32,
    hits: u32,
}

impl Faults {
    /// The same seed gives the same choices for the same calls in the same order.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(State { rules: Vec::new(), next: 0, random: Rng::with_seed(seed) }))
    }

    pub(crate) fn inject(&self, rule: FaultRule) -> FaultId {
        let mut state = self.state();
        let id = FaultId(state.next);
        state.next += 1;
        state.rules.push((id, rule, Progress::default()));
        id
    }

    /// Ends a fault, and says how many calls it hit.
    pub(crate) fn end(&self, id: FaultId) -> u32 {
        let mut state = self.state();
        let hits = state.rules.iter().find(|(other, ..)| *other == id).map_or(0, |(.., progress)| progress.hits);
        state.rules.retain(|(other, ..)| *other != id);
        hits
    }

    /// What happens to this call: the first rule that matches and strikes decides.
    pub(crate) fn strike(&self, call: &Subject<'_>) -> Option<FaultKind> {
        let mut state = self.state();
        let State { rules, random, .. } = &mut *state;
        rules.iter_mut().find_map(|(_, rule, progress)| {
            let spared = matches!(rule.kind, FaultKind::Kill(_)) && call.caller == LAB;
            if spared || !rule.calls.matches(call) || rule.times.is_some_and(|times| progress.hits >= times) {
                return None;
            }
            if progress.passed < rule.after {
                progress.passed += 1;
                return None;
            }
            let strikes = rule.probability >= 1.0 || random.f64() < rule.probability;
            progress.hits += u32::from(strikes);
            strikes.then(|| rule.kind.clone())
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> FaultRule {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_rule_strikes_what_it_matches_as_often_as_it_says() {
        let faults = Faults::new(1);
        let text = r#"{"match": {"service": "elasticloadbalancing", "operation": "ModifyListener", "caller": "RollBack"},
                       "kind": "throttle", "after": 1, "times": 2}"#;
        let id = faults.inject(rule(text));
        let strike = |operation, caller| {
            let call = Subject { service: "elasticloadbalancing", operation, caller, path: "/", body: b"" };
            faults.strike(&call).is_some()
        };
        assert!(!strike("DescribeRules", "RollBack"));
        assert!(!strike("ModifyListener", "OnAlarm"));
        assert_eq!([(); 4].map(|()| strike("ModifyListener", "RollBack")), [false, true, true, false]);
        assert_eq!(faults.end(id), 2);
        assert_eq!(faults.end(id), 0);
    }

    #[test]
    fn a_rule_about_something_strikes_the_calls_that_mention_it() {
        let faults = Faults::new(1);
        faults.inject(rule(r#"{"match": {"about": "shop"}, "kind": {"kill": "after"}}"#));
        let strike =
            |path, body| faults.strike(&Subject { service: "s", operation: "o", caller: "c", path, body }).is_some();
        assert!(strike("/functions/shop", b""));
        assert!(strike("/", b"\x00\x04shop-a\xff"));
        assert!(!strike("/", b"sho"));
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let choices = |seed| {
            let faults = Faults::new(seed);
            faults.inject(rule(r#"{"kind": {"latency": {"millis": 5}}, "probability": 0.5}"#));
            let call = Subject { service: "s", operation: "o", caller: "c", path: "/", body: b"" };
            (0..64).map(|_| faults.strike(&call).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
        let hits = choices(7).iter().filter(|hit| **hit).count();
        assert!((16..48).contains(&hits), "{hits}");
    }

    #[test]
    fn a_misspelt_fault_is_refused() {
        assert!(serde_json::from_str::<FaultRule>(r#"{"kind": "throttle", "time": 1}"#).is_err());
        assert!(serde_json::from_str::<FaultRule>(r#"{"kind": "thunder"}"#).is_err());
    }
}
