//! Many releases at once on one account, under Elastic Load Balancing's token buckets: some get an alarm in the middle.

mod calls;
mod order;
mod town;

use crate::lab::Lab;
use crate::load::{Load, Tally};
use crate::{LabError, Progress};
use calls::CallsOfWindow;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};
use teal::release::Phase;
use teal_lab_wire::Millis;
use tokio::task::JoinSet;
use town::{House, Town};

/// How long all of it may take (real time).
const PATIENCE: Duration = Duration::from_secs(3600);
/// How often an execution is asked whether it has ended (real time).
const POLL: Duration = Duration::from_secs(5);
/// How often weights are looked at (real time).
const TICK: Duration = Duration::from_millis(200);
/// Requests a second on all routes together.
const RATE: f64 = 40.0;
/// What was under way when the alarms went off may still call (real time).
const GRACE: Duration = Duration::from_secs(5);

/// The fewest calls of which it is told who was answered.
const FEWEST_CALLS: u64 = 12;

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub struct CrowdOptions {
    /// How many releases are started at the same time.
    pub releases: usize,
}

/// What is to become of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Healthy,
    /// The alarm that goes off is one that it watches together with others.
    SharedAlarm,
    /// It is the only one that watches the alarm that goes off.
    OwnAlarm,
}

impl Course {
    /// The tenth and the fifth of ten watch one alarm together, the ninth has one of its own.
    fn of(number: usize) -> Self {
        match number % 10 {
            0 | 5 => Self::SharedAlarm,
            9 => Self::OwnAlarm,
            _ => Self::Healthy,
        }
    }
}

/// How one release ended.
#[derive(Clone, Debug)]
struct Ended {
    name: String,
    course: Course,
    phase: Option<Phase>,
    green_weight: u16,
    why: String,
    /// Real seconds since all were started.
    seconds: f64,
}

impl Ended {
    fn is_fine(&self) -> bool {
        match self.course {
            Course::Healthy => self.phase == Some(Phase::Promoted) && self.green_weight == 100,
            Course::SharedAlarm | Course::OwnAlarm => {
                self.phase == Some(Phase::RolledBack)
                    && self.green_weight == 0
                    && self.why.starts_with("Teal.AlarmRaised")
            }
        }
    }
}

/// What came of all of them.
#[derive(Clone, Debug)]
pub struct CrowdResult {
    pub releases: usize,
    pub alarmed: usize,
    /// Real seconds until the last one had ended.
    pub seconds: f64,
    /// Real seconds from the alarms until routes were on blue, in order.
    pub restored_after: Vec<f64>,
    /// Of those whose alarm nobody else watches, by green's share in percent: real seconds from the alarms until they were on blue, in
    /// the mean. These are the ones of which each has a run of on-alarm to itself.
    pub own_restored_after: BTreeMap<u16, f64>,
    /// Calls of Elastic Load Balancing that were answered between the alarms (with some seconds for what was under way) and the
    /// last restoring: of functions that restore, and of all others.
    pub restoring_calls: u64,
    pub other_calls: u64,
    /// Calls that were refused for their rate, and all, over the whole run.
    pub throttled_calls: u64,
    pub all_calls: u64,
    /// Calls of other services that were refused for their rate.
    pub refused_elsewhere: u64,
    /// What is not as it should be.
    pub broken: Vec<String>,
}

impl CrowdResult {
    /// Whether every release ended as it should, and those that went back came first.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for CrowdResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { releases, alarmed, seconds, restored_after, restoring_calls, other_calls, .. } = self;
        let at = |share: f64| {
            let last = restored_after.len().saturating_sub(1);
            restored_after.get((share * last as f64).round() as usize).copied().unwrap_or_default()
        };
        writeln!(
            f,
            "releases       {releases} at once, {alarmed} of them with an alarm; all had ended after {seconds:.0} s"
        )?;
        writeln!(
            f,
            "back on blue   first {:.1} s, half {:.1} s, last {:.1} s after the alarms",
            at(0.0),
            at(0.5),
            at(1.0)
        )?;
        let by_share: Vec<_> =
            self.own_restored_after.iter().rev().map(|(share, seconds)| format!("{share} %: {seconds:.1} s")).collect();
        writeln!(f, "own alarms     by green's share, in the mean: {}", by_share.join(", "))?;
        writeln!(f, "calls then     {restoring_calls} of functions that restore, {other_calls} of all others")?;
        write!(
            f,
            "calls in all   {} answered, {} refused for their rate",
            self.all_calls - self.throttled_calls,
            self.throttled_calls
        )?;
        write!(
            f,
            "\nelsewhere      {} refused for their rate (CloudWatch, ECS, Step Functions)",
            self.refused_elsewhere
        )?;
        self.broken.iter().try_for_each(|broken| write!(f, "\nBROKEN         {broken}"))
    }
}

/// Starts the releases, has alarms go off when all that watch them give green traffic, and waits for every ending.
///
/// Everybody's calls in that lab are throttled meanwhile, as the account's published rates say.
///
/// # Errors
/// If the lab itself fails. A promise that is broken is a result.
pub async fn crowd<L>(lab: L, options: CrowdOptions, progress: &Progress) -> Result<CrowdResult, LabError>
where
    L: Deref<Target = Lab> + Clone + Send + Sync + 'static,
{
    lab.throttle(false);
    progress.say(format!("{} routes are set up", options.releases));
    let town = Town::build(&lab, options.releases).await?;
    lab.throttle(true);
    let load = Load::start(town.load(RATE), lab.clock().clone());
    let begun = Instant::now();
    let begun_at = lab.clock().now_millis();
    for house in &town.houses {
        start(&lab, house).await?;
    }
    progress.say("all releases are started");
    let mut running = JoinSet::new();
    for house in town.houses.iter().cloned() {
        let lab = lab.clone();
        running.spawn(async move { until_ended(&lab, house, begun).await });
    }
    let raised_at = {
        let shifted = shift_of_alarmed(&lab, &town, progress);
        tokio::time::timeout(PATIENCE, shifted).await.map_err(|_| LabError::Timeout {
            what: "green's traffic in every release whose alarm is to go off".into(),
            seconds: PATIENCE.as_secs(),
            detail: String::new(),
        })?;
        let at = lab.clock().now_millis();
        town.raise_alarms(&lab).await?;
        progress.say(format!("the alarms went off after {:.0} s", begun.elapsed().as_secs_f64()));
        at
    };
    let mut ended = Vec::new();
    while let Some(one) = running.join_next().await {
        let one = one.map_err(|error| LabError::io("following a release")(error.into()))??;
        ended.push(one);
        if ended.len().is_multiple_of(10) {
            progress.say(format!("{} of {} have ended", ended.len(), options.releases));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let tally = load.stop().await;
    let result = assess(&lab, &town, &ended, &tally, (begun_at, raised_at), seconds);
    lab.throttle(false);
    Ok(result)
}

async fn start(lab: &Lab, house: &House) -> Result<(), LabError> {
    let input = json!({
        "stateMachineArn": lab.deployment().state_machine, "name": house.name, "input": house.plan().to_string(),
    });
    lab.aws().call("states", "StartExecution", input).await.map(drop)
}

/// Waits until green has traffic in every release whose alarm is to go off.
async fn shift_of_alarmed(lab: &Lab, town: &Town, progress: &Progress) {
    let mut told = 0;
    loop {
        let waiting = town.alarmed().filter(|house| house.green_weight(lab) == 0).count();
        let shifted = town.alarmed().count() - waiting;
        if shifted / 10 > told {
            told = shifted / 10;
            progress.say(format!("green has traffic in {shifted} of those whose alarm is to go off"));
        }
        if waiting == 0 {
            return;
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn until_ended(lab: &Lab, house: House, begun: Instant) -> Result<Ended, LabError> {
    let execution =
        format!("{}:{}", lab.deployment().state_machine.replace(":stateMachine:", ":execution:"), house.name);
    let mut status = String::new();
    while begun.elapsed() < PATIENCE {
        match lab.aws().call("states", "DescribeExecution", json!({"executionArn": execution})).await {
            Ok(answer) => status = answer["status"].as_str().unwrap_or_default().to_owned(),
            // The emulator closes connections that were idle, and this request may have been on its way just then.
            Err(LabError::Exchange { .. }) => "RUNNING".clone_into(&mut status),
            Err(error) => return Err(error),
        }
        if status != "RUNNING" {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    let record = lab.ledger().record(&house.name).await?;
    let setback = record.as_ref().and_then(|record| record.setback.as_ref());
    let why = setback.map_or(status, |setback| format!("{}: {}", setback.error, setback.cause));
    let (phase, green_weight) = (record.map(|record| record.phase), house.green_weight(lab));
    let House { name, course, .. } = house;
    Ok(Ended { name, course, phase, green_weight, why, seconds: begun.elapsed().as_secs_f64() })
}

/// The mean of the seconds of those that alone watch their alarm, by green's share.
fn own_restored_after(restored: &[(Millis, String, &House)], seconds_of: impl Fn(Millis) -> f64) -> BTreeMap<u16, f64> {
    let mut by_share = BTreeMap::<u16, Vec<f64>>::new();
    for (at, _, house) in restored.iter().filter(|(.., house)| house.course == Course::OwnAlarm) {
        by_share.entry(house.weight).or_default().push(seconds_of(*at));
    }
    by_share.into_iter().map(|(share, all)| (share, all.iter().sum::<f64>() / all.len() as f64)).collect()
}

fn assess(
    lab: &Lab,
    town: &Town,
    ended: &[Ended],
    tally: &Tally,
    (begun_at, raised_at): (Millis, Millis),
    seconds: f64,
) -> CrowdResult {
    let mut broken: Vec<String> = ended
        .iter()
        .filter(|one| !one.is_fine())
        .map(|Ended { name, course, phase, green_weight, why, seconds }| {
            format!("{name} ({course:?}) is {phase:?} with {green_weight} for green after {seconds:.0} s: {why}")
        })
        .collect();
    let restored = town.alarmed().filter_map(|house| house.restored(lab).map(|(at, by)| (at, by, house)));
    let mut restored: Vec<(Millis, String, &House)> = restored.collect();
    restored.sort_by_key(|(at, ..)| *at);
    let last = restored.last().map_or(raised_at, |(at, ..)| *at);
    let real = |lab_millis: Millis| lab_millis as f64 / 1000.0 / lab.clock().scale();
    let grace = (GRACE.as_millis() as f64 * lab.clock().scale()) as Millis;
    let calls = lab.gateway().calls();
    let window = CallsOfWindow::between(&calls, raised_at + grace, last);
    let whole = CallsOfWindow::between(&calls, begun_at, Millis::MAX);
    // Of a few calls in a moment no share can be told: where all is restored within the grace, nobody had to go first.
    if window.others + window.restoring >= FEWEST_CALLS && window.others > window.restoring / 4 {
        broken.push(format!(
            "while routes were to be restored others were answered {} calls, functions that restore {}",
            window.others, window.restoring
        ));
    }
    broken.extend(order::wrong(&order::shared(lab, town, raised_at)));
    let wrongly = tally.with_samples(|samples| samples.iter().filter(|sample| sample.is_wrongly_served()).count());
    if wrongly > 0 {
        broken.push(format!("the load balancer itself failed {wrongly} requests"));
    }
    broken.extend(lab.policy_violations(begun_at));
    CrowdResult {
        releases: ended.len(),
        alarmed: town.alarmed().count(),
        seconds,
        own_restored_after: own_restored_after(&restored, |at| real(at - raised_at)),
        restored_after: restored.iter().map(|(at, ..)| real(at - raised_at)).collect(),
        restoring_calls: window.restoring,
        other_calls: window.others,
        throttled_calls: whole.throttled,
        all_calls: whole.all(),
        refused_elsewhere: CallsOfWindow::refused_elsewhere(&calls, begun_at),
        broken,
    }
}
