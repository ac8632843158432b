//! A hook of a deployment asks whether it may go on: the release about that deployment says so, and is started by the first hook.

use super::Step;
use super::validate_green::Reach;
use crate::document::Document;
use crate::error::{Disposition, ErrorName, TealError, TealResult};
use crate::hook::{
    Asked, HookAnswer, HookAsked, HookCall, HookEvent, HookStatus, HookTicket, HookTold, HookVerdict, InstanceHook,
    plan_of_code_deploy, release_of, verdict,
};
use crate::plan::{Plan, PlanRef, TestRoute};
use crate::ports::{AlarmState, Deployments, Endpoint, Hooks, Pipelines, PortError, Router, Signals, World};
use crate::release::{Release, ReleaseId};
use crate::route::pair_share;
use crate::units::{Share, Span};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

/// How often a hook is looked up whose event is not shown yet, and how long it is waited in between. AWS gives no figure.
const SHOWN_WITHIN_LOOKS: usize = 5;
const SHOWN_POLL: Span = Span::seconds(2);

/// Says what a hook is told. Asked twice it starts nothing twice: the release is named after the deployment.
///
/// # Errors
/// Those of the ports that may pass: the hook is to be asked again. Every other one fails the hook.
pub async fn lifecycle_hook<W: World + Pipelines + Hooks>(
    step: &mut Step<'_, W>,
    hook: &HookAsked,
    state_machine: &str,
) -> TealResult<HookTold> {
    match step.verdict_on(hook, state_machine).await {
        Ok(verdict) => {
            step.tell_hook(hook, verdict.answer()).await?;
            Ok(told(verdict))
        }
        Err(error) if error.name.disposition() == Disposition::Retry => Err(error),
        Err(error) => {
            step.tell_hook(hook, Some(HookAnswer::Failed)).await?;
            Ok(told(HookVerdict::Failed { why: error.to_string() }))
        }
    }
}

fn told(verdict: HookVerdict) -> HookTold {
    let (status, message) = match verdict {
        HookVerdict::Pending => (HookStatus::InProgress, None),
        HookVerdict::Succeeded => (HookStatus::Succeeded, None),
        HookVerdict::Failed { why } => (HookStatus::Failed, Some(why)),
    };
    HookTold { status, message }
}

impl<W: World + Pipelines + Hooks> Step<'_, W> {
    async fn verdict_on(&mut self, hook: &HookAsked, state_machine: &str) -> TealResult<HookVerdict> {
        match (self.asked(hook).await?, hook) {
            (Asked::Hook(call), _) => self.verdict_of_release(&call, state_machine).await,
            (Asked::InPlace { address }, HookAsked::Instance(hook)) => self.verdict_at_once(hook, address).await,
            (Asked::InPlace { .. } | Asked::Over { .. } | Asked::First { .. } | Asked::Back { .. }, _) => {
                Ok(HookVerdict::Succeeded)
            }
        }
    }

    /// What the hook is about. CodeDeploy may call before it shows at which event it is, and calls again a minute later at the earliest.
    async fn asked(&self, hook: &HookAsked) -> TealResult<Asked> {
        for _ in 1..SHOWN_WITHIN_LOOKS {
            match self.world.asked(hook).await {
                Err(PortError::Unavailable { .. }) => self.world.pause(SHOWN_POLL).await,
                asked => return Ok(asked?),
            }
        }
        Ok(self.world.asked(hook).await?)
    }

    /// Answers a hook of CodeDeploy; every other one is told by the function's own answer.
    async fn tell_hook(&self, hook: &HookAsked, answer: Option<HookAnswer>) -> TealResult<()> {
        let (HookAsked::CodeDeploy { deployment, execution }, Some(answer)) = (hook, answer) else { return Ok(()) };
        let (deployment, execution) = (deployment.clone(), execution.clone());
        // Which event it is about is nothing to the answer.
        let ticket = HookTicket { event: HookEvent::BeforeInstall, deployment, execution, asked_at: self.now() };
        // CodeDeploy calls functions of its own account.
        let side = self.world.own_side();
        side.answer_hook(&ticket, answer).await?;
        Ok(())
    }

    async fn verdict_of_release(&mut self, call: &HookCall, state_machine: &str) -> TealResult<HookVerdict> {
        if call.is_rollback {
            return Ok(HookVerdict::Succeeded);
        }
        let unnamed = |reason: String| TealError::new(ErrorName::CallRefused, reason);
        let id = match &call.begun_for {
            Some(id) => id.clone(),
            None => {
                let named = release_of(&call.deployment).map_err(unnamed)?;
                self.release_about(&call.deployment, named).await?
            }
        };
        // Kept before the record is read: whoever decides later finds it, or this reading finds what was decided.
        let ticket = call.waits.as_ref().map(|waits| waits.ticket(call.event, &call.deployment, self.now()));
        if let Some(ticket) = &ticket {
            self.world.keep_hook(&id, ticket).await?;
        }
        match (self.world.load(&id).await?, ticket) {
            (Some(release), Some(ticket)) => Ok(ticket.verdict(&release)),
            (Some(release), None) => {
                let share = self.share_for(call.event, &release).await?;
                Ok(verdict(call.event, &release, share))
            }
            (None, _) => self.start_by_hook(call, &id, state_machine).await,
        }
    }

    /// Green's share, where the hook asks at every step. Where it decides it is read now: the record has what the last look saw.
    async fn share_for(&self, event: HookEvent, release: &Release) -> TealResult<Share> {
        let mut most = release.green_share;
        if event == HookEvent::BeforeAllowTraffic {
            let side = self.side(release).await?;
            for part in &release.route {
                let found = side.actions(&part.part).await?;
                most = most.max(pair_share(&found, &release.colours).unwrap_or(Share::ALL));
            }
        }
        Ok(most)
    }

    /// Starts the release about a deployment that somebody else began, and waits for it to be accepted.
    async fn start_by_hook(&self, call: &HookCall, id: &ReleaseId, state_machine: &str) -> TealResult<HookVerdict> {
        if call.begun_for.is_some() {
            return Ok(HookVerdict::Failed { why: format!("no release {id} is on record, for which it was begun") });
        }
        if call.event == HookEvent::AfterAllowTraffic {
            // It may come late: after the end of a release that somebody started by hand.
            if let Some(ended) = self.ended_about(&call.deployment).await? {
                return Ok(verdict(call.event, &ended, ended.green_share));
            }
            let why = "green has its traffic already, so validation comes too late: let the deployment ask at BeforeAllowTraffic, too";
            return Ok(HookVerdict::Failed { why: why.to_owned() });
        }
        if let Some(why) = self.world.end_of(state_machine, id).await? {
            return Ok(HookVerdict::Failed { why: format!("release {id}: {why}") });
        }
        self.world.start_execution(state_machine, id, &start(call).to_string()).await?;
        Ok(HookVerdict::Pending)
    }

    /// What a script on an instance is told. Nothing is shifted there and nothing is on record: the plan's checks and alarms are asked at
    /// once, and again when the script asks again.
    async fn verdict_at_once(&mut self, hook: &InstanceHook, address: Option<IpAddr>) -> TealResult<HookVerdict> {
        let refused = |reason: String| TealError::new(ErrorName::PlanInvalid, reason);
        let reference = plan_of_code_deploy(&hook.application, &hook.deployment_group).map_err(refused)?;
        let plan = self.plan_at(&reference).await?;
        let id = release_of(&hook.deployment).map_err(refused)?;
        let side = self.side_of(plan.account.as_ref(), &id).await?;
        if plan.validate.code_build.is_some() {
            let why = "validate.codeBuild is a build that takes its time, and a script on an instance asks for an answer at once. Use `http` or `lambda`";
            return Ok(HookVerdict::Failed { why: why.to_owned() });
        }
        if plan.validate.tests_anything() {
            let url = match url_in_place(plan.traffic.test.as_ref(), address) {
                Ok(url) => url,
                Err(why) => return Ok(HookVerdict::Failed { why: why.to_owned() }),
            };
            let endpoint = Endpoint { url, headers: Vec::new(), paths: Vec::new() };
            self.run_checks(&endpoint, &plan.validate.http).await?;
            if let Some(check) = &plan.validate.lambda {
                let green = Reach { endpoint: Some(endpoint), version: None };
                self.run_function(&*side, &plan, hook.deployment.as_str(), &green, check).await?;
            }
        }
        verdict_of_alarms(&*side, &plan).await
    }

    async fn plan_at(&self, reference: &PlanRef) -> TealResult<Plan> {
        let unreadable = |text: String| TealError::new(ErrorName::PlanUnreadable, format!("{reference}: {text}"));
        let stored = match self.world.stored_plan(reference).await {
            Ok(stored) => stored,
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error.into()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let document = Document::parse(&stored.text).and_then(Document::into_value);
        let document = document.map_err(|_| unreadable("what is kept there is no plan".to_owned()))?;
        let checked = Plan::check(&document);
        let (plan, ..) = checked
            .map_err(|problems| {
                let first = problems.problems.first().map(ToString::to_string).unwrap_or_default();
                TealError::new(ErrorName::PlanInvalid, format!("{reference}: {first}"))
            })?
            .into_parts();
        Ok(plan)
    }
}

/// Where checks find what was deployed in place, or why they cannot. The port is the plan's, not the asker's.
fn url_in_place(test: Option<&TestRoute>, address: Option<IpAddr>) -> Result<String, &'static str> {
    match (test, address) {
        (Some(TestRoute::Url(url)), _) => Ok(url.to_string()),
        (Some(TestRoute::Instance(test)), Some(address)) => {
            Ok(format!("http://{}", SocketAddr::new(address, test.port.get())))
        }
        (Some(TestRoute::Instance(_)), None) => Err(
            "the plan tests the instance (traffic.test.instance), and the script did not say which one asks. It must be teal-hook.sh of this \
             version, on an instance of EC2 whose metadata it may read, with `curl`",
        ),
        (Some(TestRoute::Listener(_) | TestRoute::Rule(_)) | None, _) => Err(
            "the plan has checks, and its traffic.test gives neither `instance` nor `url` for them: no route leads to an instance that is \
             deployed in place",
        ),
    }
}

/// An alarm that is raised fails the hook; one without data lets it wait.
async fn verdict_of_alarms(side: &impl Signals, plan: &Plan) -> TealResult<HookVerdict> {
    let names = &plan.judge.alarms;
    if names.is_empty() {
        return Ok(HookVerdict::Succeeded);
    }
    let readings = side.alarms(names).await?;
    if let Some(raised) = readings.iter().find(|reading| reading.state == AlarmState::Alarm) {
        let why = format!("{}: alarm {} is in ALARM ({})", ErrorName::AlarmRaised, raised.name, raised.reason);
        return Ok(HookVerdict::Failed { why });
    }
    let is_well = |name| readings.iter().any(|reading| &reading.name == name && reading.state == AlarmState::Ok);
    Ok(if names.iter().all(is_well) { HookVerdict::Succeeded } else { HookVerdict::Pending })
}

/// What the execution is started with.
fn start(call: &HookCall) -> Value {
    let version = call.version.clone().unwrap_or_else(|| call.deployment.short().to_owned());
    let mut input = json!({"planRef": call.plan.to_string(), "version": version, "deployment": call.deployment});
    if let Some(number) = &call.function_version {
        input["green"] = json!({"lambda": {"functionVersion": number}});
    }
    input
}
