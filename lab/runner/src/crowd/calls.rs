//! Who called Elastic Load Balancing in some time, by the gateway's log.

use teal_lab_gateway::CallRecord;
use teal_lab_wire::Millis;

const ELB: &str = "elasticloadbalancing";
/// The functions that give routes back.
const RESTORING: [&str; 4] = ["on-alarm", "on-execution-end", "roll-back", "sweep"];

/// Calls of functions, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallsOfWindow {
    /// Answered, of functions that restore.
    pub(super) restoring: u64,
    /// Answered, of all others.
    pub(super) others: u64,
    /// Refused for their rate.
    pub(super) throttled: u64,
}

impl CallsOfWindow {
    /// Those that came from one lab time to another.
    pub(super) fn between(calls: &[CallRecord], from: Millis, to: Millis) -> Self {
        let mut counts = Self::default();
        let of_functions = calls.iter().filter(|call| call.service == ELB && call.caller != "lab");
        for call in of_functions.filter(|call| (from..=to).contains(&call.at)) {
            let count = match RESTORING.contains(&call.caller.as_str()) {
                _ if call.was_throttled() => &mut counts.throttled,
                true => &mut counts.restoring,
                false => &mut counts.others,
            };
            *count += 1;
        }
        counts
    }

    /// Calls of functions to other services that were refused for their rate, from a lab time on.
    pub(super) fn refused_elsewhere(calls: &[CallRecord], from: Millis) -> u64 {
        let is_one = |call: &&CallRecord| call.service != ELB && call.caller != "lab" && call.was_throttled();
        calls.iter().filter(|call| call.at >= from).filter(is_one).count() as u64
    }

    pub(super) fn all(self) -> u64 {
        self.restoring + self.others + self.throttled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn calls_are_told_apart_by_caller_and_answer() {
        let call = |at, caller: &str, error_code: Option<&str>| CallRecord {
            at,
            real_time: SystemTime::UNIX_EPOCH,
            caller: caller.into(),
            role: None,
            service: "elasticloadbalancing".into(),
            operation: "DescribeRules".into(),
            resources: Vec::new(),
            status: 200,
            error_code: error_code.map(str::to_owned),
            duration: Duration::ZERO,
        };
        let calls = [
            call(1, "on-alarm", None),
            call(2, "on-alarm", None),
            call(3, "accept", None),
            call(3, "lab", None),
            call(4, "roll-back", Some("Throttling")),
            call(9, "accept", None),
        ];
        let counts = CallsOfWindow::between(&calls, 2, 5);
        assert_eq!(counts, CallsOfWindow { restoring: 1, others: 1, throttled: 1 });
        assert_eq!(counts.all(), 3);
    }
}
