//! Accept: everything that must be true before a release may begin, and the record of it.

mod busy;
mod learn;
mod notes;
mod review;
mod source;

use super::{Answer, Step, shorten};
use crate::error::{Disposition, ErrorName, TealError, TealResult};
use crate::fleet::GreenOrder;
use crate::plan::{Plan, TestRoute};
use crate::ports::{Fleet, Opening, PortError, Router, World};
use crate::release::{Event, Judged, Phase, RECORD_FORMAT, Release, ReleaseId, Setback};
use crate::route::{Colours, Destination, Named, NotShiftable, PartRef, RoutePart, attach, discover};
use crate::state::State;
use crate::story::{Announcement, Fact};
use crate::time::after;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What starts a release: the plan, and the execution that runs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceptInput {
    /// The plan, an object with the plan under `plan`, or one that names it: see [`crate::plan::StoredStart`].
    pub plan: Value,
    /// The ARN of the execution.
    pub execution: String,
    /// Its name: the release's id.
    pub name: ReleaseId,
    /// When it was started, RFC 3339.
    #[serde(default, rename = "startedAt")]
    pub started_at: Option<String>,
}

/// Checks the plan, finds out what is blue, takes the route's lock and writes the record. Run twice, it answers the same.
///
/// # Errors
/// A refusal (see [`crate::error::Disposition::Refuse`]) when the release must not begin; then nothing was touched and no lock is held.
pub async fn accept<W: World>(step: &mut Step<'_, W>, input: &AcceptInput) -> TealResult<Answer> {
    let mut release = match step.world.load(&input.name).await? {
        Some(found) => match input.name_is_taken(&found) {
            None => found,
            Some(error) => {
                // The story is the other release's.
                step.announce_refusal(input, &error).await;
                return Err(error);
            }
        },
        None => match step.open(input).await {
            Ok(opened) => opened,
            Err(error) => {
                let error = before_anything(error);
                if step.announce_refusal(input, &error).await {
                    step.tell_only(&input.name, Fact::Entered { phase: Phase::Refused });
                }
                return Err(error);
            }
        },
    };
    match release.phase {
        Phase::Accept => {}
        Phase::Refused => return Err(refusal_of(&release)),
        _ => return Ok(Answer::to(&release, State::PrepareGreen)),
    }
    match step.review(&mut release).await {
        Ok(()) => {
            release.compared = step.learn(&release).await;
            release.apply(&Event::Accepted, step.now())?;
            step.note_phase(&release);
            step.save_and_announce(&mut release).await?;
            step.answer_hooks_and_save(&mut release).await;
            Ok(Answer::at(&release))
        }
        Err(error) if error.name.disposition() == Disposition::Retry => Err(error),
        Err(error) => {
            let error = before_anything(error);
            step.refuse(&mut release, &error).await?;
            Err(error)
        }
    }
}

/// Where nothing was touched yet there is nothing to roll back: what AWS refuses then refuses the release, and so does what somebody changes.
fn before_anything(error: TealError) -> TealError {
    let name = match error.name {
        ErrorName::AccessDenied | ErrorName::CallRefused => ErrorName::CannotBegin,
        ErrorName::RouteChanged => ErrorName::RouteNotShiftable,
        name => name,
    };
    TealError { name, ..error }
}

fn refusal_of(release: &Release) -> TealError {
    release.setback.as_ref().map_or_else(
        || TealError::new(ErrorName::Internal, format!("release {} was refused without a reason", release.id)),
        |setback| TealError::new(setback.error, setback.cause.clone()),
    )
}

impl<W: World> Step<'_, W> {
    /// Ends a release that never began: nothing was touched, so there is nothing to restore.
    pub(super) async fn refuse(&mut self, release: &mut Release, error: &TealError) -> TealResult<()> {
        release.setback = Some(Setback {
            error: error.name,
            cause: error.message.clone(),
            decided_at: self.now(),
            by: self.call.function.clone(),
        });
        release.apply(&Event::Refused, self.now())?;
        self.note_phase(release);
        self.save_and_announce(release).await?;
        if release.is_moved_by_deployment() {
            self.fail_hooks(&release.id).await;
        }
        Ok(())
    }

    /// Tells the bus of a release that is refused without a record of it. Best effort: nothing depends on it. Gives whether it is refused for good.
    async fn announce_refusal(&mut self, input: &AcceptInput, error: &TealError) -> bool {
        if error.name.disposition() != Disposition::Refuse {
            return false;
        }
        self.fail_hooks(&input.name).await;
        let text = |field: &str| plan_of(input).get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let refusal = Announcement {
            id: format!("{}-refused", input.name),
            release: input.name.clone(),
            service: text("service"),
            version: text("version"),
            at: self.now(),
            state: State::Refused,
            green_share: Share::NONE,
            flags_share: None,
            error: Some(error.name),
            cause: Some(shorten(&error.message)),
            judged: None,
            summary: None,
        };
        if let Err(problem) = self.world.announce(&[refusal]).await {
            self.tell_only(&input.name, Fact::Noted { note: format!("the event bus could not be told: {problem}") });
        }
        true
    }

    /// Reads what is there, and writes the record with its locks and watches.
    async fn open(&mut self, input: &AcceptInput) -> TealResult<Release> {
        let (checked, beside) = self.checked_plan(input).await?;
        let named = beside.deployment;
        let (plan, timeline, warnings) = checked.into_parts();
        for warning in warnings {
            self.note(Fact::Noted { note: warning.to_string() });
        }
        self.require_another_account(&plan)?;
        let side = self.side_of(plan.account.as_ref(), &input.name).await?;
        let (colours, route, test_route) = match read_route(&*side, &plan).await {
            Ok(found) => found,
            Err(_) => match self.holder_of(&plan).await? {
                Some((key, holder)) => return Err(self.busy(&plan, input, named.as_ref(), &key, &holder).await?),
                // The release that was shifting it may have ended in between.
                None => read_route(&*side, &plan).await?,
            },
        };
        let deployment = match self.find_deployment(&*side, &plan, named.as_ref()).await {
            // The one under way may be that of the release on the route, which is to give way or is told of.
            Err(error) if matches!(error.name, ErrorName::RouteBusy | ErrorName::RouteSuperseding) => {
                return Err(match self.holder_of(&plan).await? {
                    Some((key, holder)) if holder != input.name => {
                        self.busy(&plan, input, named.as_ref(), &key, &holder).await?
                    }
                    _ => error,
                });
            }
            found => found?,
        };
        let flags = read_flags(&*side, &plan).await?;
        let survey = side.survey(&plan.green, &colours).await?;
        self.note_differences(&side, &survey, &colours, &route).await?;
        let order = GreenOrder {
            blue: survey.blue.runner,
            green: survey.green,
            runs: survey.runs,
            colours: colours.clone(),
            desired: survey.blue.desired,
            // Read with the lock held: the release before may hold it still.
            hold: None,
        };
        let load_balancer = load_balancer(&*side, &plan, &colours, &route).await?;
        let mut release = Release {
            format: RECORD_FORMAT,
            revision: 0,
            id: input.name.clone(),
            execution: input.execution.clone(),
            timeline,
            phase: Phase::Accept,
            phase_since: self.now(),
            started_at: self.now(),
            execution_started_at: input.execution_started_at(),
            pipeline_execution_id: beside.pipeline_execution_id,
            deadline_at: after(self.now(), plan.deadline.as_seconds().into()),
            plan,
            colours,
            load_balancer,
            route,
            test_route,
            flags,
            green: order,
            green_ordered_at: None,
            test_route_pointed_at: None,
            first_shift_at: None,
            deployment,
            build: None,
            green_share: Share::NONE,
            shifted_at: None,
            flags_turned_at: None,
            compared: Vec::new(),
            alarming_since_start: Vec::new(),
            judged: Judged::default(),
            insufficient_since: None,
            bake_passed_at: None,
            looks: 0,
            intents: Vec::new(),
            setback: None,
            out_of_reach_since: None,
            kept_on_green_since: None,
            restored_at: None,
            moved_beside_until: None,
            outbox: Vec::new(),
            announced: 0,
        };
        match self.world.open(&release).await? {
            Opening::Opened => {}
            Opening::AlreadyOpen => release = self.load(&input.name).await?,
            Opening::Busy { key, holder } => {
                let about = release.deployment.as_ref().map(|deployment| &deployment.id);
                return Err(self.busy(&release.plan, input, about, &key, &holder).await?);
            }
        }
        self.note(Fact::Accepted { execution: input.execution.clone() });
        Ok(release)
    }

    /// A plan that names a role of Teal's own account would have its locks and watches beside those of plans that name none.
    fn require_another_account(&self, plan: &Plan) -> TealResult<()> {
        match plan.account_number() {
            Some(number) if self.is_own(number) => Err(TealError::new(
                ErrorName::PlanInvalid,
                format!("account: account {number} is the one that Teal is installed in. Leave `account` out"),
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// What metrics call the route: where every destination has a load balancer of its own, blue's.
async fn load_balancer(side: &impl Router, plan: &Plan, colours: &Colours, route: &[RoutePart]) -> TealResult<String> {
    if !plan.traffic.route.kind().facts().meter.is_greens_own {
        return Ok(route.first().map(|part| part.part.name_in_metrics().to_owned()).unwrap_or_default());
    }
    let entrance = side.entrance(&colours.blue).await?;
    match (entrance.and_then(|entrance| entrance.load_balancer), &plan.judge.limits) {
        (Some(load_balancer), _) => Ok(load_balancer),
        (None, None) => Ok(String::new()),
        (None, Some(_)) => Err(TealError::new(
            ErrorName::RouteNotShiftable,
            format!(
                "{} {} has no Application Load Balancer of its own, so judge.limits has no metrics to read. Give it one \
                 (LoadBalancerType application), or judge by judge.alarms",
                colours.blue.noun(),
                colours.blue
            ),
        )),
    }
}

async fn read_route(side: &impl Router, plan: &Plan) -> TealResult<(Colours, Vec<RoutePart>, Option<RoutePart>)> {
    if let Some(TestRoute::Instance(_)) = plan.traffic.test {
        return Err(TealError::new(
            ErrorName::PlanInvalid,
            "traffic.test.instance: it is for deployments in place by CodeDeploy, whose instances ask by teal-hook.sh. A release brings \
             green up beside blue: give `listener`, `rule` or `url`",
        ));
    }
    let mut parts = Vec::new();
    for part in plan.traffic.route.parts() {
        let actions = side.actions(&part).await?;
        parts.push((part, actions));
    }
    let not_shiftable = |error: NotShiftable| TealError::new(ErrorName::RouteNotShiftable, error.to_string());
    let colours = discover(&parts, &plan.named()).map_err(not_shiftable)?;
    let test_part = plan.traffic.test.as_ref().and_then(TestRoute::part);
    if let Some(part) = &test_part {
        require_endpoint(side, plan, part).await?;
    }
    let test_route = match test_part {
        None => None,
        // The deployment points it at green, and takes it back.
        Some(_) if plan.traffic.shifted_by.is_some() => None,
        Some(part) => {
            let actions = side.actions(&part).await?;
            let found = discover(&[(part.clone(), actions.clone())], &both(&colours)).map_err(not_shiftable)?;
            if found != colours {
                return Err(TealError::new(
                    ErrorName::RouteNotShiftable,
                    format!(
                        "the test route ({part}) goes to {}, which is not blue. Put all its weight on {}; Teal points it at green when green is ready",
                        found.blue, colours.blue
                    ),
                ));
            }
            Some(RoutePart { original: attach(&part, &actions, &colours), part, expected: actions, ahead: None })
        }
    };
    let route = parts
        .into_iter()
        .map(|(part, actions)| {
            let original = match plan.traffic.shifted_by {
                None => attach(&part, &actions, &colours),
                Some(_) => actions.clone(),
            };
            // What is tried before it is read with the lock held.
            RoutePart { original, part, expected: actions, ahead: None }
        })
        .collect();
    Ok((colours, route, test_route))
}

/// Green is tested by an address that begins with http: a listener that takes only UDP has none.
async fn require_endpoint(side: &impl Router, plan: &Plan, test_part: &PartRef) -> TealResult<()> {
    if !test_part.facts().may_take_no_http || !plan.validate.tests_anything() {
        return Ok(());
    }
    match side.endpoint(test_part).await {
        Ok(_) => Ok(()),
        Err(PortError::Refused { message, .. }) => Err(TealError::new(
            ErrorName::RouteNotShiftable,
            format!(
                "traffic.test: {message}. Name a listener of TCP or TLS that forwards to the same target groups (they may be of TCP_UDP), or leave \
                 out traffic.test and validate"
            ),
        )),
        Err(error) => Err(error.into()),
    }
}

/// The flags that go with the version, each wholly as it is to be before the release.
async fn read_flags(side: &impl Router, plan: &Plan) -> TealResult<Vec<RoutePart>> {
    let mut flags = Vec::new();
    for flag in &plan.flags {
        let (part, green) = (PartRef::Flag(flag.part()), Destination::Flag(flag.green()));
        let actions = side.actions(&part).await?;
        let found = discover(&[(part.clone(), actions.clone())], &Named::Nothing);
        let not_shiftable = match found {
            Ok(colours) if colours.green == green => {
                flags.push(RoutePart { part, original: actions.clone(), expected: actions, ahead: None });
                continue;
            }
            Ok(_) => NotShiftable::AlreadyGreen { part, green },
            Err(other) => other,
        };
        return Err(TealError::new(ErrorName::RouteNotShiftable, not_shiftable.to_string()));
    }
    Ok(flags)
}

fn both(colours: &Colours) -> Named {
    Named::Pair([colours.blue.clone(), colours.green.clone()])
}

/// The plan in the execution's input: the input itself, or what it has under `plan`.
fn plan_of(input: &AcceptInput) -> &Value {
    input.plan.get("plan").filter(|inner| inner.is_object()).unwrap_or(&input.plan)
}
