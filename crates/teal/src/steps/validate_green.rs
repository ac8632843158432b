//! ValidateGreen: green answers as it should before any production request reaches it.

mod others;

use super::{Answer, Step, StepInput, elsewhere};
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::limits::ATTEMPT_PAUSE;
use crate::plan::{HttpCheck, Method, TestRoute};
use crate::ports::{Endpoint, ProbeAnswer, Router, World};
use crate::release::{Event, Phase, Release};
use crate::route::pattern::matches;
use crate::route::{Colour, WEIGHTS_KNOWN_WITHIN};
use crate::story::Fact;
use crate::units::Span;

/// How long the test route is given before the first check, which until then might be answered by blue.
const TEST_ROUTE_SETTLE: Span = WEIGHTS_KNOWN_WITHIN;

/// Has green tested by everything that the plan names.
///
/// # Errors
/// `Teal.ValidationFailed` with every check that failed and what came back; `Teal.RouteChanged` where it may have been somebody else who
/// was tested; `Teal.Aborted`; `Teal.GreenNotHealthy`; `Teal.AlarmRaised`; `Teal.AlarmUnreadable` where an alarm is gone; those of the ports.
pub async fn validate_green<W: World>(step: &mut Step<'_, W>, input: &StepInput) -> TealResult<Answer> {
    let mut release = step.load(&input.release).await?;
    if release.phase != Phase::ValidateGreen {
        let begun = |phase| {
            matches!(phase, Phase::AwaitApproval { stage: 0 } | Phase::ShiftTraffic { stage: 0 } | Phase::Promote)
        };
        elsewhere(&release, begun)?;
        return Ok(Answer::at(&release));
    }
    step.stop_if_aborted(&release).await?;
    if release.is_moved_by_deployment() {
        step.follow_deployment(&mut release).await?;
    }
    step.require_healthy(&release, Colour::Green).await?;
    if let Some(wait) = step.test_green(&mut release).await? {
        return Ok(wait);
    }
    step.require_own_test_route(&release).await?;
    step.require_no_alarm(&mut release).await?;
    release.apply(&Event::Validated, step.now())?;
    step.note_phase(&release);
    step.save_and_announce(&mut release).await?;
    step.answer_hooks_and_save(&mut release).await;
    Ok(Answer::at(&release))
}

/// How green is reached before it takes production traffic.
pub(super) struct Reach {
    /// Where requests go.
    pub(super) endpoint: Option<Endpoint>,
    /// The version of a function to be invoked: `name:42`.
    pub(super) version: Option<String>,
}

impl<W: World> Step<'_, W> {
    /// Everything that the plan tests green by, in its order: requests, a function, a build. A build is waited for.
    async fn test_green(&mut self, release: &mut Release) -> TealResult<Option<Answer>> {
        let plan = release.plan.validate.clone();
        if let (Some(check), Some(build)) = (&plan.code_build, release.build.clone()) {
            return self.follow_build(release, &build, check).await;
        }
        if !plan.tests_anything() {
            return Ok(None);
        }
        let green = self.reach_green(release).await?;
        if release.test_route_pointed_at.is_some() {
            self.world.pause(TEST_ROUTE_SETTLE).await;
        }
        if let Some(endpoint) = &green.endpoint {
            self.run_checks(endpoint, &plan.http).await?;
        }
        if let Some(check) = &plan.lambda {
            let side = self.side(release).await?;
            self.run_function(&*side, &release.plan, release.id.as_str(), &green, check).await?;
        }
        match &plan.code_build {
            Some(check) => self.start_build(release, &green, check).await.map(Some),
            None => Ok(None),
        }
    }

    /// With other weights on the test route, or a rule that somebody put before it, it was not green alone that was tested.
    async fn require_own_test_route(&self, release: &Release) -> TealResult<()> {
        match &release.test_route {
            _ if !release.plan.validate.tests_anything() => Ok(()),
            Some(part) => self.require_unchanged(release, part, None).await,
            None if release.is_moved_by_deployment() => self.require_test_traffic_on_green(release).await,
            None => Ok(()),
        }
    }

    pub(super) async fn run_checks(&mut self, endpoint: &Endpoint, checks: &[HttpCheck]) -> TealResult<()> {
        let mut failures = Vec::new();
        for check in checks {
            match self.run_check(endpoint, check).await {
                Ok(answer) => self.note(Fact::Validated {
                    check: name(check),
                    status: answer.status,
                    millis: u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX),
                }),
                Err(failure) => failures.push(format!("{} at {}: {failure}", name(check), endpoint.url)),
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        Err(TealError::new(ErrorName::ValidationFailed, failures.join("; ")))
    }

    async fn reach_green(&self, release: &Release) -> TealResult<Reach> {
        let side = self.side(release).await?;
        let test = release.plan.traffic.test.as_ref();
        // Where a deployment points it at green it is no part of the release's.
        let pointed = test.and_then(TestRoute::part).filter(|_| release.is_moved_by_deployment());
        let endpoint = match (release.test_route.as_ref().map(|part| &part.part).or(pointed.as_ref()), test) {
            (Some(part), _) => Some(side.endpoint(part).await?),
            (None, Some(TestRoute::Url(url))) => {
                Some(Endpoint { url: url.to_string(), headers: Vec::new(), paths: Vec::new() })
            }
            // Accept refuses an instance.
            (None, Some(TestRoute::Listener(_) | TestRoute::Rule(_) | TestRoute::Instance(_)) | None) => {
                let entrance = side.entrance(&release.colours.green).await?;
                entrance.map(|entrance| Endpoint { url: entrance.url, headers: Vec::new(), paths: Vec::new() })
            }
        };
        let version = release.colours.green.function_version().map(ToString::to_string);
        if endpoint.is_none() && (version.is_none() || !release.plan.validate.http.is_empty()) {
            let message = "the plan has checks but traffic.test names no way to reach green";
            return Err(TealError::new(ErrorName::ValidationFailed, message));
        }
        Ok(Reach { endpoint, version })
    }

    /// The first good answer passes; the last bad one tells why it failed.
    async fn run_check(&self, endpoint: &Endpoint, check: &HttpCheck) -> Result<ProbeAnswer, String> {
        let path = check.path.as_str().split('?').next().unwrap_or_default();
        if !endpoint.paths.is_empty() && !endpoint.paths.iter().any(|pattern| matches(pattern, path)) {
            // Another rule would answer, and perhaps blue behind it.
            return Err(format!(
                "the test rule takes only {}, so this check would not reach green. Give the check such a path, or the rule this one",
                endpoint.paths.join(", ")
            ));
        }
        let mut failure = String::new();
        for attempt in 0..check.attempts.max(1) {
            if attempt > 0 {
                self.world.pause(ATTEMPT_PAUSE).await;
            }
            match self.world.probe(endpoint, check).await {
                Err(problem) => failure = problem,
                Ok(answer) => match shortfall(check, &answer) {
                    None => return Ok(answer),
                    Some(problem) => failure = problem,
                },
            }
        }
        Err(format!("{failure} ({} attempts)", check.attempts.max(1)))
    }
}

fn name(check: &HttpCheck) -> String {
    let method = match check.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
    };
    format!("{method} {}", check.path)
}

/// What is wrong with an answer, if anything.
fn shortfall(check: &HttpCheck, answer: &ProbeAnswer) -> Option<String> {
    let expect = &check.expect;
    if answer.status != expect.status {
        return Some(format!("answered {}, expected {}", answer.status, expect.status));
    }
    if answer.elapsed > expect.within.as_duration() {
        return Some(format!("took {} ms, allowed are {}", answer.elapsed.as_millis(), expect.within));
    }
    let wanted = expect.body_contains.as_ref()?;
    (!answer.body.contains(wanted.as_str())).then(|| format!("the body does not contain {wanted:?}"))
}
