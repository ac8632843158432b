//! What a release takes of Elastic Load Balancing's API, by the gateway's log: requests on the wire, retries included.

use crate::result::StateVisit;
use std::collections::BTreeMap;
use teal::state::State;
use teal_lab_gateway::CallRecord;

const ELB: &str = "elasticloadbalancing";
/// The operations by which Teal writes records.
const WRITES: [&str; 3] = ["PutItem", "UpdateItem", "TransactWriteItems"];

/// What one function takes at most, for a route of one listener with a test listener. docs/faults.md states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) function: &'static str,
    /// The state that it serves; for functions beside the machine, none.
    pub(crate) state: Option<State>,
    /// Describe and Modify calls, each time that the state is entered.
    pub(crate) each: [u64; 2],
    /// The same once in a release, besides.
    pub(crate) once: [u64; 2],
}

const fn of(function: &'static str, state: State, each: [u64; 2], once: [u64; 2]) -> Share {
    Share { function, state: Some(state), each, once }
}

/// What a release takes at most where nothing is turned away and nobody is killed.
pub(crate) const BUDGET: [Share; 9] = [
    of("accept", State::Accept, [10, 0], [0, 0]),
    of("prepare-green", State::PrepareGreen, [1, 0], [2, 1]),
    of("validate-green", State::ValidateGreen, [3, 0], [0, 0]),
    of("shift-traffic", State::ShiftTraffic, [5, 1], [0, 0]),
    of("evaluate-health", State::EvaluateHealth, [3, 0], [0, 0]),
    of("promote", State::Promote, [4, 1], [0, 0]),
    of("promote", State::RetireBlue, [2, 0], [0, 0]),
    Share { function: "on-alarm", state: None, each: [0, 0], once: [5, 2] },
    // Where nobody has restored the route before, it does.
    of("roll-back", State::RollBack, [2, 0], [3, 2]),
];

/// What each function may call: Describe and Modify calls, by the states that an execution has entered.
pub(crate) fn allowed(states: &[StateVisit]) -> BTreeMap<&'static str, [u64; 2]> {
    let mut allowed = BTreeMap::<_, [u64; 2]>::new();
    for share in BUDGET {
        let name = share.state.map(|state| state.to_string());
        let times = states.iter().filter(|visit| name.as_ref() == Some(&visit.state)).count() as u64;
        let [reads, writes] = allowed.entry(share.function).or_default();
        *reads += share.each[0] * times + share.once[0];
        *writes += share.each[1] * times + share.once[1];
    }
    allowed
}

/// How often each function called for a scenario of this name: Describe and Modify calls.
pub(crate) fn made(calls: &[CallRecord], scenario: &str) -> BTreeMap<String, [u64; 2]> {
    let [blue, green] = [format!("{scenario}-a"), format!("{scenario}-b")];
    let is_ours = |arn: &String| arn.split('/').any(|part| part == scenario || part == blue || part == green);
    let mut made = BTreeMap::<String, [u64; 2]>::new();
    for call in calls.iter().filter(|call| call.service == ELB && call.resources.iter().any(is_ours)) {
        let [reads, writes] = made.entry(call.caller.clone()).or_default();
        *if call.operation.starts_with("Describe") { reads } else { writes } += 1;
    }
    made
}

/// The most requests about one listener or rule between two records of on-alarm's, of those that `counts`; `None` if it never
/// modified it.
pub(crate) fn most_requests_of_one_restoring(
    calls: &[&CallRecord],
    part: &str,
    counts: impl Fn(&CallRecord) -> bool,
) -> Option<u64> {
    let is_record = |call: &CallRecord| call.service == "dynamodb" && WRITES.contains(&call.operation.as_str());
    let is_about_it = |call: &CallRecord| call.service == ELB && call.resources.iter().any(|resource| resource == part);
    let found = calls.split(|call| is_record(call)).filter_map(|restoring| {
        let about_it: Vec<_> = restoring.iter().filter(|call| is_about_it(call)).collect();
        let modifies = about_it.iter().any(|call| call.operation.starts_with("Modify"));
        modifies.then(|| about_it.iter().filter(|call| counts(call)).count() as u64)
    });
    found.max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    fn call(service: &str, operation: &str, part: &str, error_code: Option<&str>) -> CallRecord {
        CallRecord {
            at: 0,
            real_time: SystemTime::UNIX_EPOCH,
            caller: "on-alarm".into(),
            service: service.into(),
            operation: operation.into(),
            resources: vec![part.into()],
            status: 200,
            error_code: error_code.map(str::to_owned),
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn the_requests_of_one_restoring_are_counted_by_part_between_two_records() {
        let record = call("dynamodb", "TransactWriteItems", "table", None);
        let read = call(ELB, "DescribeListeners", "l", None);
        let write = call(ELB, "ModifyListener", "l", None);
        let throttled = call(ELB, "ModifyListener", "l", Some("Throttling"));
        let other = call(ELB, "ModifyListener", "m", None);
        let calls = [&read, &record, &read, &throttled, &write, &other, &read, &record, &read, &record];
        let all = |part| most_requests_of_one_restoring(&calls, part, |_| true);
        assert_eq!([all("l"), all("m"), all("n")], [Some(4), Some(1), None]);
        assert_eq!(most_requests_of_one_restoring(&calls, "l", |call| !call.was_throttled()), Some(3));
    }

    #[test]
    fn calls_are_a_scenarios_own_by_the_names_in_their_arns() {
        let calls = [
            call(ELB, "DescribeListeners", "arn:aws:elb:listener/app/shop/1/2", None),
            call(ELB, "DescribeTargetHealth", "arn:aws:elb:targetgroup/shop-b/3", None),
            call(ELB, "ModifyListener", "arn:aws:elb:listener/app/shop/1/2", None),
            call(ELB, "DescribeListeners", "arn:aws:elb:listener/app/shop-2/1/2", None),
        ];
        assert_eq!(made(&calls, "shop"), BTreeMap::from([("on-alarm".to_owned(), [2, 1])]));
    }

    #[test]
    fn the_budget_grows_with_the_states_that_were_entered() {
        let visit = |state: State| StateVisit { state: state.to_string(), entered_at: 0.0, left_at: None };
        let states = [State::PrepareGreen, State::PrepareGreen, State::Promote, State::RetireBlue].map(visit);
        let allowed = allowed(&states);
        assert_eq!(allowed["prepare-green"], [4, 1]);
        assert_eq!(allowed["promote"], [6, 1]);
        assert_eq!(allowed["accept"], [0, 0]);
    }

    #[test]
    fn the_documentation_states_the_budget() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
        let text = std::fs::read_to_string(file).unwrap();
        let shown = |[reads, writes]: [u64; 2]| format!("{reads} | {writes}");
        for Share { function, state, each, once } in BUDGET {
            let name = state.map_or_else(|| format!("({function})"), |state| state.to_string());
            let row = format!("| {name} | {} | {} |", shown(each), shown(once));
            assert!(text.contains(&row), "docs/faults.md lacks {row}");
        }
    }
}
