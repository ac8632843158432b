//! Which deployment a release is about.

use crate::deployment::{DeploymentId, DeploymentUnderWay};
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::{OnBusy, Plan, ShiftedBy};
use crate::ports::{DeploymentReading, DeploymentStage, DeploymentState, Deployments, PortError, World};
use crate::release::Release;
use crate::steps::Step;
use crate::story::Fact;
use crate::units::{Share, Span};

impl<W: World> Step<'_, W> {
    /// The deployment that the release is about: the start's, or the one that is under way. None where Teal moves the traffic, and where
    /// it will begin the deployment.
    pub(in crate::steps) async fn find_deployment(
        &self,
        side: &impl Deployments,
        plan: &Plan,
        named: Option<&DeploymentId>,
    ) -> TealResult<Option<DeploymentUnderWay>> {
        let invalid = |text: String| Err(TealError::new(ErrorName::PlanInvalid, text));
        let Some(by) = &plan.traffic.shifted_by else {
            return match named {
                None => Ok(None),
                Some(id) => invalid(format!(
                    "deployment {id} is named, but the plan has no traffic.shiftedBy: Teal moves its traffic itself. Leave `deployment` out"
                )),
            };
        };
        if by.app_spec().is_some() {
            return match (named, side.deployment_under_way(by).await?) {
                (Some(id), _) => invalid(format!(
                    "deployment {id} is named, but the plan has an appSpec, by which Teal begins one. Leave one of them out"
                )),
                (None, Some(id)) => Err(under_way(side, by, &id, plan.on_busy).await?),
                (None, None) => Ok(None),
            };
        }
        let id = match named {
            Some(id) if by.may_have(id) => id.clone(),
            Some(id) => return invalid(format!("{id} is no deployment of {by}. Correct `deployment`, or the plan")),
            None => side.deployment_under_way(by).await?.ok_or_else(|| {
                TealError::new(ErrorName::NotFound, format!("no deployment of {by} is under way. {}", by.begun_by()))
            })?,
        };
        require_early(side, by, &id).await?;
        Ok(Some(DeploymentUnderWay::new(id, self.now())))
    }

    /// With the lock held: the deployment goes on and has not moved any traffic, and nothing else of the route has changed.
    pub(in crate::steps) async fn review_deployment(&mut self, release: &mut Release) -> TealResult<()> {
        let shares = self.read_shares(release).await?;
        if shares.most != Share::NONE {
            return Err(TealError::new(
                ErrorName::RouteChanged,
                "the deployment moved traffic while the release was being accepted, and it was not validated. Start the release before that: \
                 by a hook, or while the deployment waits",
            ));
        }
        if let Some(deployment) = &release.deployment {
            let side = self.side(release).await?;
            let reading = require_early(&*side, &release.mover()?, &deployment.id).await?;
            self.note_keeps_blue(release, &reading);
        }
        Ok(())
    }

    /// Tells where the deployment keeps blue for less time than the plan says.
    pub(super) fn note_keeps_blue(&mut self, release: &Release, reading: &DeploymentReading) {
        let (Some(by), Some(kept)) = (&release.plan.traffic.shifted_by, reading.keeps_blue) else { return };
        let afterwards = &release.plan.afterwards;
        let most = Span::seconds(afterwards.bake.as_seconds().saturating_add(kept.as_seconds()));
        if afterwards.keep_blue <= most {
            return;
        }
        let note = format!(
            "afterwards.keepBlue is {}, but the deployment ends blue {kept} after the bake at 100% ({}): from then on there is no way back. \
             Lengthen {}, or shorten keepBlue",
            afterwards.keep_blue,
            afterwards.bake,
            by.keeps_blue_by()
        );
        self.note(Fact::Noted { note });
    }
}

/// What a release comes to that is to begin a deployment beside another one. Stopping one that only waits to take in what it replaced would send
/// production back to that. One that goes back itself ends by itself, and who supersedes waits for it as for a release that goes back.
async fn under_way(
    side: &impl Deployments,
    by: &ShiftedBy,
    id: &DeploymentId,
    on_busy: OnBusy,
) -> TealResult<TealError> {
    let reading = match side.deployment(by, id).await {
        Ok(reading) => Some(reading),
        Err(PortError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(reading) = reading.as_ref().filter(|reading| reading.state != DeploymentState::UnderWay)
        && on_busy == OnBusy::Supersede
    {
        let text = format!(
            "deployment {id} of {by} {}, and is waited for: this one begins when it is over",
            in_words_of(reading)
        );
        return Ok(TealError::new(ErrorName::RouteSuperseding, text));
    }
    let is_shifted = |reading: DeploymentReading| {
        reading.state == DeploymentState::UnderWay && reading.stage == DeploymentStage::Shifted
    };
    let text = if reading.is_some_and(is_shifted) {
        format!(
            "deployment {id} of {by} has moved all its traffic, and waits to take in what it replaced. Wait until it has ended, or end the \
             waiting by `aws deploy continue-deployment --deployment-id {id} --deployment-wait-type TERMINATION_WAIT`. Stopping it would send \
             production back to the version before"
        )
    } else {
        format!("deployment {id} of {by} is under way. Wait until it has ended, or stop it")
    };
    Ok(TealError::new(ErrorName::RouteBusy, text))
}

/// A deployment that has moved all its traffic would have its colours taken for each other, and one that goes back has decided.
async fn require_early(side: &impl Deployments, by: &ShiftedBy, id: &DeploymentId) -> TealResult<DeploymentReading> {
    let refused = |text: String| Err(TealError::new(ErrorName::RouteNotShiftable, text));
    let reading = match side.deployment(by, id).await {
        Ok(reading) => reading,
        Err(PortError::NotFound { what }) => {
            let text = format!("{what} does not exist, or is none of {by}");
            return Err(TealError::new(ErrorName::NotFound, text));
        }
        Err(error) => return Err(error.into()),
    };
    match (reading.state, reading.stage) {
        (DeploymentState::UnderWay, DeploymentStage::Installing | DeploymentStage::Installed) => Ok(reading),
        (DeploymentState::UnderWay | DeploymentState::Succeeded, _) => refused(format!(
            "deployment {id} has moved its traffic already, so there is nothing left to validate and judge. Start the release \
             earlier: by the hook BeforeAllowTraffic, or while the deployment waits"
        )),
        (DeploymentState::TakingBack | DeploymentState::GaveUp, _) => {
            refused(format!("deployment {id} {}. Begin another one", in_words_of(&reading)))
        }
    }
}

/// What became of a deployment that does not go on, in words.
pub(super) fn in_words_of(reading: &DeploymentReading) -> String {
    let what = match reading.state {
        DeploymentState::UnderWay => "is under way",
        DeploymentState::Succeeded => "has succeeded",
        DeploymentState::TakingBack => "takes its traffic back",
        DeploymentState::GaveUp => "has failed or was stopped",
    };
    match &reading.why {
        Some(why) => format!("{what} ({why})"),
        None => what.to_owned(),
    }
}
