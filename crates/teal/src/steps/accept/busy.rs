//! Two releases on one route: the second is refused, or it takes the route over once the first is back on blue.

use super::AcceptInput;
use crate::deployment::DeploymentId;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::{OnBusy, Plan};
use crate::ports::World;
use crate::release::{Phase, Release, ReleaseId};
use crate::request::{Ask, Request};
use crate::route::{PartRef, key_in};
use crate::steps::Step;
use crate::time::Timestamp;

impl AcceptInput {
    /// When the execution was started, where that can be told.
    pub(super) fn execution_started_at(&self) -> Option<Timestamp> {
        self.started_at.as_deref()?.parse().ok()
    }

    /// Why this execution may not begin where there is a record of its name: Step Functions frees a name after 90 days, or with its state machine,
    /// and the record of an earlier execution says nothing of this one.
    pub(super) fn name_is_taken(&self, found: &Release) -> Option<TealError> {
        let (known, own) = (found.execution_started_at?, self.execution_started_at()?);
        if known == own {
            return None;
        }
        let message = format!(
            "the name {} is that of a release of {} {}, whose execution was started at {known} ({}). Start this one by another name",
            self.name, found.plan.service, found.plan.version, found.phase
        );
        Some(TealError::new(ErrorName::NameTaken, message))
    }
}

impl<W: World> Step<'_, W> {
    /// A release under way that holds a part of the route. While it shifts the route, that it does is a better reason than that the
    /// route cannot be shifted.
    pub(super) async fn holder_of(&self, plan: &Plan) -> TealResult<Option<(String, ReleaseId)>> {
        let mut wanted = plan.traffic.route.parts();
        wanted.extend(plan.flags.iter().map(|flag| PartRef::Flag(flag.part())));
        for part in wanted {
            if let Some(holder) = self.world.holder(&key_in(plan.account_number(), part.key())).await? {
                return Ok(Some((part.key().to_owned(), holder)));
            }
        }
        Ok(None)
    }

    /// What a release comes to that finds its route held; `about` is the deployment that it is about, where that is known. The lock stays with
    /// its holder until that one has ended: whether the newer one then gets it is decided by the same conditional write as always.
    pub(super) async fn busy(
        &self,
        plan: &Plan,
        input: &AcceptInput,
        about: Option<&DeploymentId>,
        key: &str,
        holder: &ReleaseId,
    ) -> TealResult<TealError> {
        if plan.on_busy == OnBusy::Refuse {
            return Ok(refused(key, holder, "Wait until it has ended"));
        }
        let Some(other) = self.world.load(holder).await? else { return Ok(superseding(key, holder)) };
        if about.is_some_and(|deployment| other.is_about(deployment)) {
            // Giving way it would stop the very deployment that this one is about.
            return Ok(refused(
                key,
                holder,
                "It is about the same deployment, and sees to it. Wait until it has ended",
            ));
        }
        if other.phase == Phase::RollbackNeedsHuman {
            return Ok(refused(
                key,
                holder,
                "It cannot go back to blue by itself: do what its report says, then start again",
            ));
        }
        if is_newer(&other, input) {
            return Ok(refused(
                key,
                holder,
                "It was started later than this one, so it is not superseded. Wait until it has ended",
            ));
        }
        if other.phase.can_roll_back() && other.setback.is_none() {
            let request = Request {
                ask: Ask::Abort,
                by: format!("release {}", input.name),
                at: self.now(),
                note: Some("it takes the route over (onBusy: supersede)".to_owned()),
            };
            self.world.ask(holder, &request).await?;
        }
        Ok(superseding(key, holder))
    }
}

fn is_newer(other: &Release, input: &AcceptInput) -> bool {
    match (other.execution_started_at, input.execution_started_at()) {
        (Some(other), Some(this)) => other > this,
        _ => false,
    }
}

fn refused(key: &str, holder: &ReleaseId, advice: &str) -> TealError {
    let message =
        format!("release {holder} holds {key}. {advice} (`teal watch {holder}`), or end it with `teal abort {holder}`");
    TealError::new(ErrorName::RouteBusy, message)
}

fn superseding(key: &str, holder: &ReleaseId) -> TealError {
    let message = format!(
        "release {holder} holds {key} and is waited for: it goes back to blue, or ends, before this one begins"
    );
    TealError::new(ErrorName::RouteSuperseding, message)
}
