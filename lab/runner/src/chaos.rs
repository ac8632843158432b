//! Releases whose functions are killed at random, and whether each one ended as Teal promises.

use crate::binaries::Binaries;
use crate::function_processes::FunctionProcesses;
use crate::lab::Lab;
use crate::result::{ReleaseResult, ScenarioResult};
use crate::scenario::{Action, EventSpec, Outcome, Scenario};
use crate::watch::Nobody;
use crate::{LabError, Progress};
use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use teal::state::State;
use teal::units::Span;
use teal_lab_gateway::{CallPattern, FaultKind, FaultRule, Moment};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What all these releases have in common, within the repository.
const SCENARIO: &str = "lab/measure/killed.yaml";

/// So many characters of a reason fit into a line.
const LONGEST_REASON: usize = 90;

/// How it is done.
#[derive(Clone, Debug)]
pub struct ChaosOptions {
    pub releases: usize,
    /// How many are under way at the same time.
    pub at_once: usize,
    /// Chooses the kinds of releases and whom to kill. The same seed gives the same choices; which calls they meet depends on the
    /// machine, too.
    pub seed: u64,
    /// With which probability a function is killed at one of its calls, 0 to 1: half of the time before the call has an effect, else after.
    pub kill: f64,
    /// Besides, how many function processes of the lab are killed in a real second, wherever they are. Everybody's in that lab.
    pub anywhere: f64,
}

/// What is released, and what somebody does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Healthy,
    /// Half of its answers are errors.
    Failing,
    /// A person aborts it.
    Aborted,
    /// Somebody stops its execution.
    Stopped,
}

/// How one release ended.
#[derive(Clone, Debug)]
pub struct Survivor {
    pub name: String,
    pub course: Course,
    /// How often one of its functions was killed at a call.
    pub kills: u32,
    pub outcome: Outcome,
    /// Green's largest share of a listener at the end, 0 to 1.
    pub green_share: f64,
    /// What `teal status` says about why it ended so; empty where it says nothing.
    pub why: String,
    /// Lab seconds.
    pub seconds: f64,
    /// What is not as it should be.
    pub broken: Vec<String>,
}

impl Survivor {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, course, kills, outcome, green_share, why, seconds, broken } = self;
        let course = format!("{course:?}");
        let outcome = format!("{outcome:?}");
        let route = match green_share {
            share if *share <= 0.0 => "blue".to_owned(),
            share if *share >= 1.0 => "green".to_owned(),
            share => format!("{:.1} %", share * 100.0),
        };
        write!(f, "{name:<10} {course:<8} {kills:>5}  {outcome:<10} {route:<6} {seconds:>6.0}  ")?;
        if !broken.is_empty() {
            return write!(f, "BROKEN: {}", broken.join("; "));
        }
        match why.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => write!(f, "{}…", &why[..end]),
            None => write!(f, "{why}"),
        }
    }
}

/// The heading of a table of [`Survivor`]s.
pub const HEADING: &str = "release    course   kills  outcome    route      s   why";

/// Runs the releases, and shows each one's line when it has ended. Their names begin with `chaos-`; they should be the only
/// ones of that name in the lab.
///
/// # Errors
/// If the lab itself fails. A promise that is broken is a result.
pub async fn chaos<L>(lab: L, options: &ChaosOptions, progress: &Progress) -> Result<Vec<Survivor>, LabError>
where
    L: Deref<Target = Lab> + Clone + Send + Sync + 'static,
{
    let teal = Arc::from(Binaries::build_teal(lab.places(), progress).await?);
    let scenario = Scenario::read(&lab.places().repository.join(SCENARIO))?;
    let mut random = Rng::with_seed(options.seed);
    let _killer = KillerOnDrop::start(&lab, options.anywhere, random.fork());
    let places = Arc::new(Semaphore::new(options.at_once.max(1)));
    let mut running = JoinSet::new();
    for number in 1..=options.releases {
        let course = *random.choice(&COURSES).unwrap_or(&Course::Healthy);
        let scenario = of_course(&scenario, &format!("chaos-{number:03}"), course, &mut random);
        let (lab, places, teal, kill) = (lab.clone(), Arc::clone(&places), Arc::clone(&teal), options.kill);
        running.spawn(async move {
            let _place =
                places.acquire().await.map_err(|error| LabError::io("waiting")(std::io::Error::other(error)))?;
            survive(&lab, &scenario, course, kill, &teal).await
        });
    }
    let mut survivors = Vec::new();
    while let Some(ended) = running.join_next().await {
        let survivor = ended.map_err(|error| LabError::io("running a release")(error.into()))??;
        progress.say(format!("{:>3} of {}: {survivor}", survivors.len() + 1, options.releases));
        survivors.push(survivor);
    }
    survivors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(survivors)
}

/// How much later than it happened the lab may see that a state was entered, in lab seconds.
const SEEN_LATE: f64 = 30.0;

/// Each as often as it stands here.
const COURSES: [Course; 10] = [
    Course::Healthy,
    Course::Healthy,
    Course::Healthy,
    Course::Healthy,
    Course::Failing,
    Course::Failing,
    Course::Failing,
    Course::Aborted,
    Course::Stopped,
    Course::Stopped,
];

/// The scenario as one release of this course.
fn of_course(scenario: &Scenario, name: &str, course: Course, random: &mut Rng) -> Scenario {
    let mut scenario = Scenario { name: name.to_owned(), seed: random.u64(..), ..scenario.clone() };
    let at_random = |action| EventSpec {
        at: None,
        entering: Some(State::PrepareGreen),
        after: Some(Span::seconds(random.u32(1..240))),
        action,
    };
    match course {
        Course::Healthy => {}
        Course::Failing => {
            if let Some(definition) = scenario.release.plan.pointer_mut("/green/ecs/taskDefinition") {
                *definition = "${taskDefinition.bad}".into();
            }
        }
        Course::Aborted => scenario.events.extend([Action::Abort].map(at_random)),
        Course::Stopped => scenario.events.extend([Action::StopExecution].map(at_random)),
    }
    scenario
}

async fn survive(lab: &Lab, scenario: &Scenario, course: Course, kill: f64, teal: &Path) -> Result<Survivor, LabError> {
    let fault = |moment| FaultRule {
        calls: CallPattern { about: Some(scenario.name.clone()), ..CallPattern::default() },
        kind: FaultKind::Kill(moment),
        after: 0,
        times: None,
        probability: kill / 2.0,
        may_miss: true,
    };
    let faults = [Moment::Before, Moment::After].map(|moment| lab.gateway().inject(fault(moment)));
    let result = lab.run(scenario, &mut Nobody).await;
    let kills = faults.map(|fault| lab.gateway().end_fault(fault)).iter().sum();
    let result = result?;
    let status = status(lab, teal, &result.release.id).await?;
    let green_share = green_share_at_the_end(&result);
    let why = explanation(result.release.outcome, &status).unwrap_or_default();
    let mut broken = broken(result.release.outcome, course, green_share, &why);
    if course != Course::Healthy && course != Course::Failing && result.release.outcome == Outcome::Promoted {
        broken.extend(missed(&result.release, scenario));
    }
    if let Some(late) = result.green_after_blue.filter(|late| *late > 0) {
        broken.push(format!("green answered {late} requests after all traffic was back on blue"));
    }
    broken.extend(result.policy_violations.iter().chain(&result.indiscretions).cloned());
    let ReleaseResult { outcome, seconds, .. } = result.release;
    Ok(Survivor { name: scenario.name.clone(), course, kills, outcome, green_share, why, seconds, broken })
}

/// What `teal status` prints, in the environment of the lab.
async fn status(lab: &Lab, teal: &Path, release: &str) -> Result<String, LabError> {
    let mut command = Command::new(teal);
    command.args(["status", release]).envs(lab.environment()).kill_on_drop(true);
    let output = command.output().await.map_err(LabError::io(format!("running {}", teal.display())))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Why a release ended as it did, as people read it: the setback; of a promotion the last look that let it pass.
fn explanation(outcome: Outcome, status: &str) -> Option<String> {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
    let look = || if outcome == Outcome::Promoted { line("last look ") } else { None };
    line("why ").or_else(look)
}

/// Green's share at the end: of the listener where it has least for a promotion, where it has most for everything else.
fn green_share_at_the_end(result: &ScenarioResult) -> f64 {
    let last: BTreeMap<_, _> = result.weights.iter().map(|change| (&change.part, change.green_share)).collect();
    let shares = last.into_values();
    match result.release.outcome {
        Outcome::Promoted => shares.reduce(f64::min).unwrap_or(0.0),
        _ => shares.fold(0.0, f64::max),
    }
}

/// What is wrong with how a release ended. Killing may take a healthy release back, where a function was killed at every try; nothing lets
/// one that fails pass.
fn broken(outcome: Outcome, course: Course, green_share: f64, why: &str) -> Vec<String> {
    let mut broken = Vec::new();
    match outcome {
        Outcome::Promoted if green_share >= 1.0 => {}
        Outcome::RolledBack | Outcome::Refused if green_share <= 0.0 => {}
        outcome => broken.push(format!("it ended {outcome:?} with {:.1} % on green", green_share * 100.0)),
    }
    match (course, outcome) {
        (Course::Failing, Outcome::Promoted) => broken.push("a version that fails was promoted".to_owned()),
        (Course::Healthy | Course::Failing, Outcome::Refused) => {
            broken.push("a release that nobody stopped was refused".to_owned());
        }
        _ => {}
    }
    if why.is_empty() {
        broken.push("teal status does not say why".to_owned());
    }
    broken
}

/// A promotion that was asked to go back, or whose execution was stopped, while it still could go back.
fn missed(release: &ReleaseResult, scenario: &Scenario) -> Option<String> {
    let entered = |state: State| {
        let name = state.to_string();
        release.states.iter().find(|visit| visit.state == name).map(|visit| visit.entered_at)
    };
    let after = scenario.events.iter().find_map(|event| event.after).map_or(0.0, |after| f64::from(after.as_seconds()));
    let acted = entered(State::PrepareGreen)? + after;
    let retiring = entered(State::RetireBlue).unwrap_or(f64::INFINITY);
    (acted + SEEN_LATE < retiring).then(|| format!("it was promoted although it was to end at {acted:.0} s"))
}

/// Kills function processes now and then, until it is dropped.
struct KillerOnDrop(Option<tokio::task::JoinHandle<()>>);

impl KillerOnDrop {
    fn start(lab: &Lab, per_second: f64, mut random: Rng) -> Self {
        if per_second <= 0.0 {
            return Self(None);
        }
        let processes = FunctionProcesses::of(lab);
        Self(Some(tokio::spawn(async move {
            loop {
                // Exponential pauses: at no moment is a kill more likely than at another.
                let pause = -(1.0 - random.f64()).ln() / per_second;
                tokio::time::sleep(Duration::from_secs_f64(pause)).await;
                let victim = random.choice(processes.running()).and_then(|process| Pid::from_raw(process.pid));
                // One that has ended meanwhile needs no killing.
                let _ = victim.map(|victim| kill_process(victim, Signal::KILL));
            }
        })))
    }
}

impl Drop for KillerOnDrop {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_setback_and_of_a_promotion_the_last_look() {
        let look = "release    r-1\nlast look  2026-11-22T10:00:00Z look 3: advance: nothing speaks against green\n";
        let of = |outcome, status: &str| explanation(outcome, status);
        assert_eq!(
            of(Outcome::Promoted, look).as_deref(),
            Some("2026-11-22T10:00:00Z look 3: advance: nothing speaks against green")
        );
        assert_eq!(of(Outcome::RolledBack, look), None);
        let setback = format!("{look}why        Teal.Aborted: ada aborted\n");
        assert_eq!(of(Outcome::RolledBack, &setback).as_deref(), Some("Teal.Aborted: ada aborted"));
        assert_eq!(of(Outcome::Promoted, "release    r-1\n"), None);
    }

    #[test]
    fn each_course_has_endings_that_break_it() {
        let ended = |course, outcome, share| broken(outcome, course, share, "a reason");
        for (course, outcome, share, is_fine) in [
            (Course::Healthy, Outcome::Promoted, 1.0, true),
            (Course::Healthy, Outcome::RolledBack, 0.0, true),
            (Course::Healthy, Outcome::Refused, 0.0, false),
            (Course::Healthy, Outcome::Promoted, 0.5, false),
            (Course::Failing, Outcome::RolledBack, 0.0, true),
            (Course::Failing, Outcome::Promoted, 1.0, false),
            (Course::Aborted, Outcome::RolledBack, 0.2, false),
            (Course::Stopped, Outcome::Refused, 0.0, true),
            (Course::Stopped, Outcome::Unfinished, 0.0, false),
        ] {
            assert_eq!(ended(course, outcome, share).is_empty(), is_fine, "{course:?} {outcome:?} {share}");
        }
        assert_eq!(broken(Outcome::RolledBack, Course::Aborted, 0.0, ""), ["teal status does not say why"]);
    }

    #[test]
    fn a_line_says_what_is_broken() {
        let mut survivor = Survivor {
            name: "chaos-001".to_owned(),
            course: Course::Stopped,
            kills: 3,
            outcome: Outcome::RolledBack,
            green_share: 0.0,
            why: "Teal.Aborted: somebody".to_owned(),
            seconds: 100.4,
            broken: Vec::new(),
        };
        assert_eq!(survivor.to_string(), "chaos-001  Stopped      3  RolledBack blue      100  Teal.Aborted: somebody");
        survivor.broken.push("it ended Unfinished".to_owned());
        assert!(survivor.to_string().ends_with("BROKEN: it ended Unfinished"));
    }
}
