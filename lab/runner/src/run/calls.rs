//! What a release takes of Elastic Load Balancing's API, by the gateway's log: requests on the wire, retries included.

use crate::result::StateVisit;
use std::collections::BTreeMap;
use teal::state::State;
use teal_lab_gateway::CallRecord;

const ELB: &str = "elasticloadbalancing";
/// The operation by which Teal writes records. Single items are requests, hooks, and the turns of rollbacks that wait for their rate.
const WRITES_RECORD: &str = "TransactWriteItems";

/// When a function takes its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Each time that its state is entered, and something once in a release.
    Entered(State),
    /// Beside the machine.
    Beside,
    /// Where a shift finds that the release was set back meanwhile.
    Undone,
}

/// What one function takes at most, for a route of one listener with a test listener, and for each further listener or rule.
/// docs/faults.md states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) function: &'static str,
    pub(crate) when: When,
    /// Describe and Modify calls, each time that the state is entered.
    pub(crate) each: [u64; 2],
    pub(crate) each_further: [u64; 2],
    /// The same once in a release, besides.
    pub(crate) once: [u64; 2],
    pub(crate) once_further: [u64; 2],
}

impl Share {
    const fn of(function: &'static str, when: When) -> Self {
        Self { function, when, each: [0, 0], each_further: [0, 0], once: [0, 0], once_further: [0, 0] }
    }

    const fn each(self, each: [u64; 2], each_further: [u64; 2]) -> Self {
        Self { each, each_further, ..self }
    }

    const fn once(self, once: [u64; 2], once_further: [u64; 2]) -> Self {
        Self { once, once_further, ..self }
    }
}

/// What a release takes at most where nothing is turned away and nobody is killed.
pub(crate) const BUDGET: [Share; 10] = [
    Share::of("accept", When::Entered(State::Accept)).each([10, 0], [3, 0]),
    Share::of("prepare-green", When::Entered(State::PrepareGreen)).each([1, 0], [0, 0]).once([2, 1], [0, 0]),
    Share::of("validate-green", When::Entered(State::ValidateGreen)).each([4, 0], [0, 0]),
    Share::of("shift-traffic", When::Entered(State::ShiftTraffic)).each([6, 1], [2, 1]),
    Share::of("evaluate-health", When::Entered(State::EvaluateHealth)).each([3, 0], [1, 0]),
    Share::of("promote", When::Entered(State::Promote)).each([4, 1], [2, 1]),
    Share::of("promote", When::Entered(State::RetireBlue)).each([2, 0], [1, 0]),
    Share::of("on-alarm", When::Beside).once([5, 2], [2, 1]),
    // Its weights came after the rollback's, or it cannot know.
    Share::of("shift-traffic", When::Undone).once([5, 2], [2, 1]),
    // Where nobody has restored the route before, it does.
    Share::of("roll-back", When::Entered(State::RollBack)).each([3, 0], [1, 0]).once([3, 2], [1, 1]),
];

/// What each function may call: Describe and Modify calls, by the states that an execution has entered and the parts of its route.
pub(crate) fn allowed(states: &[StateVisit], parts: usize) -> BTreeMap<&'static str, [u64; 2]> {
    let further = parts.saturating_sub(1) as u64;
    let entered = |state: State| {
        let name = state.to_string();
        states.iter().filter(|visit| visit.state == name).count() as u64
    };
    let (shift, roll_back) = (State::ShiftTraffic.to_string(), State::RollBack.to_string());
    let is_undone = states.windows(2).any(|pair| pair[0].state == shift && pair[1].state == roll_back);
    let mut allowed = BTreeMap::<_, [u64; 2]>::new();
    for share in BUDGET {
        let (times, once) = match share.when {
            When::Entered(state) => (entered(state), 1),
            When::Beside => (0, 1),
            When::Undone => (0, u64::from(is_undone)),
        };
        let total = allowed.entry(share.function).or_default();
        for (kind, total) in total.iter_mut().enumerate() {
            *total += times * (share.each[kind] + further * share.each_further[kind]);
            *total += once * (share.once[kind] + further * share.once_further[kind]);
        }
    }
    allowed
}

/// How often each function called for a scenario of this name, itself or by a role: Describe and Modify calls.
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

/// The most requests about one listener or rule between two of on-alarm's records of these releases, of those requests that `counts`; `None`
/// if it never modified it. Records of releases on other routes, which it may put back at the same time, part nothing.
pub(crate) fn most_requests_of_one_restoring(
    calls: &[&CallRecord],
    releases: &[String],
    part: &str,
    counts: impl Fn(&CallRecord) -> bool,
) -> Option<u64> {
    let keys: Vec<String> = releases.iter().map(|release| format!("release#{release}")).collect();
    let is_record = |call: &CallRecord| {
        let is_theirs = call.resources.iter().any(|resource| keys.contains(resource));
        call.service == "dynamodb" && call.operation == WRITES_RECORD && is_theirs
    };
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
            role: None,
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
        let record = call("dynamodb", "TransactWriteItems", "release#r-1", None);
        // Of a release on another route, which goes back at the same time.
        let other_record = call("dynamodb", "TransactWriteItems", "release#r-2", None);
        let read = call(ELB, "DescribeListeners", "l", None);
        let write = call(ELB, "ModifyListener", "l", None);
        let throttled = call(ELB, "ModifyListener", "l", Some("Throttling"));
        let other = call(ELB, "ModifyListener", "m", None);
        // On its way it waits for its turn, which is no record.
        let turn = call("dynamodb", "PutItem", "table", None);
        let calls =
            [&read, &record, &read, &throttled, &turn, &write, &other_record, &other, &read, &record, &read, &record];
        let releases = ["r-1".to_owned()];
        let all = |part| most_requests_of_one_restoring(&calls, &releases, part, |_| true);
        assert_eq!([all("l"), all("m"), all("n")], [Some(4), Some(1), None]);
        assert_eq!(most_requests_of_one_restoring(&calls, &releases, "l", |call| !call.was_throttled()), Some(3));
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
        let by_role =
            calls.map(|call| CallRecord { caller: "roll-back".into(), role: Some("TealRelease-shop".into()), ..call });
        assert_eq!(made(&by_role, "shop"), BTreeMap::from([("roll-back".to_owned(), [2, 1])]));
    }

    #[test]
    fn the_budget_grows_with_the_states_that_were_entered() {
        let visit = |state: State| StateVisit { state: state.to_string(), entered_at: 0.0, left_at: None };
        let states = [State::PrepareGreen, State::PrepareGreen, State::Promote, State::RetireBlue].map(visit);
        let alone = allowed(&states, 1);
        assert_eq!(alone["prepare-green"], [4, 1]);
        assert_eq!(alone["promote"], [6, 1]);
        assert_eq!(alone["accept"], [0, 0]);
        let three = allowed(&states, 3);
        assert_eq!([three["promote"], three["on-alarm"]], [[12, 3], [9, 4]]);
    }

    #[test]
    fn a_shift_has_calls_to_undo_what_it_did_where_the_release_went_back_from_it() {
        let visit = |state: State| StateVisit { state: state.to_string(), entered_at: 0.0, left_at: None };
        let baked = [State::ShiftTraffic, State::Bake, State::RollBack].map(visit);
        let undone = [State::ShiftTraffic, State::RollBack].map(visit);
        assert_eq!(allowed(&baked, 1)["shift-traffic"], [6, 1]);
        assert_eq!(allowed(&undone, 1)["shift-traffic"], [11, 3]);
    }

    #[test]
    fn the_documentation_states_the_budget() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
        let text = std::fs::read_to_string(file).unwrap();
        let number = |number: u64, further: u64| match further {
            0 => number.to_string(),
            further => format!("{number} (+{further})"),
        };
        let shown = |[reads, writes]: [u64; 2], [more_reads, more_writes]: [u64; 2]| {
            format!("{} | {}", number(reads, more_reads), number(writes, more_writes))
        };
        for share in BUDGET {
            let name = match share.when {
                When::Entered(state) => state.to_string(),
                When::Beside => format!("({})", share.function),
                When::Undone => format!("({}, undone)", share.function),
            };
            let (each, once) = (shown(share.each, share.each_further), shown(share.once, share.once_further));
            let row = format!("| {name} | {each} | {once} |");
            assert!(text.contains(&row), "docs/faults.md lacks {row}");
        }
    }
}
