//! PrepareGreen where a deployment brings green up: it is begun, or has begun, and is waited for.

use crate::deployment::DeploymentUnderWay;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::TestRoute;
use crate::ports::{DeploymentReading, DeploymentStage, Deployments, Router, Target, TargetHealth, World};
use crate::release::{Act, Release};
use crate::route::{Action, Colour, weight_in};
use crate::steps::Step;
use crate::steps::moving::changed;
use crate::steps::prepare_green::Awaited;
use crate::story::Fact;

impl<W: World> Step<'_, W> {
    /// Begins the deployment where that is Teal's to do, and tells what is still awaited of green; nothing once it can be validated.
    pub(in crate::steps) async fn prepare_by_deployment(
        &mut self,
        release: &mut Release,
    ) -> TealResult<Option<Awaited>> {
        let begins = release.deployment.is_none();
        self.begin_deployment(release).await?;
        let reading = self.follow_deployment(release).await?;
        if begins {
            self.note_keeps_blue(release, &reading);
        }
        let side = self.side(release).await?;
        let targets = side.targets(&release.colours.green).await?;
        let healthy = targets.iter().filter(|target| target.health == TargetHealth::Healthy).count();
        if let Some(detail) = not_up(release, &reading, &targets) {
            if reading.waits && reading.stage == DeploymentStage::Installing {
                self.continue_deployment(release).await?;
            }
            return Ok(Some(Awaited { healthy, detail }));
        }
        Ok(self.test_traffic_awaited(release).await?.map(|detail| Awaited { healthy, detail }))
    }

    async fn begin_deployment(&mut self, release: &mut Release) -> TealResult<()> {
        if release.deployment.is_some() {
            return Ok(());
        }
        let by = release.mover()?;
        self.wait_for_others(release)?;
        let side = self.side(release).await?;
        self.intend(release, Act::BeginDeployment).await?;
        let id = side.begin_deployment(&by, &release.id).await?;
        self.note(Fact::Noted { note: format!("deployment {id} of {by} is begun") });
        release.deployment = Some(DeploymentUnderWay::new(id, self.now()));
        release.green_ordered_at = Some(self.now());
        self.settle(release);
        self.save(release).await
    }

    /// What test traffic still waits for, where checks are to go by a listener or rule: until the deployment has pointed it at green, blue
    /// might answer them.
    async fn test_traffic_awaited(&mut self, release: &mut Release) -> TealResult<Option<String>> {
        let test = release.plan.traffic.test.as_ref().and_then(TestRoute::part);
        let Some(part) = test.filter(|_| release.plan.validate.tests_anything()) else { return Ok(None) };
        let side = self.side(release).await?;
        if is_on_green(release, &side.actions(&part).await?) {
            let rivals = side.reading(&part).await?.rivals();
            if let Some(deployment) = &mut release.deployment {
                deployment.test_rivals.get_or_insert(rivals);
            }
            release.test_route_pointed_at.get_or_insert(self.moment());
            return Ok(None);
        }
        Ok(Some(format!("the deployment has not sent the test traffic of {part} to green yet")))
    }

    /// Once green was tested: whether it was green that was tested, and not whoever else test traffic was sent to meanwhile.
    pub(in crate::steps) async fn require_test_traffic_on_green(&self, release: &Release) -> TealResult<()> {
        let test = release.plan.traffic.test.as_ref().and_then(TestRoute::part);
        let (Some(part), Some(deployment)) = (test, &release.deployment) else { return Ok(()) };
        let side = self.side(release).await?;
        let reading = side.reading(&part).await?;
        if let Some(known) = &deployment.test_rivals {
            let rivals = reading.new_rivals(&part, known);
            if !rivals.is_empty() {
                return Err(changed(&rivals));
            }
        }
        if is_on_green(release, &reading.actions) {
            return Ok(());
        }
        let text = format!("{part} did not send its test traffic to green any more when green had been tested");
        Err(TealError::new(ErrorName::RouteChanged, text))
    }
}

/// Whether test traffic goes to green alone.
fn is_on_green(release: &Release, found: &[Action]) -> bool {
    let weight = |colour| weight_in(found, release.colours.of(colour)).unwrap_or(0);
    weight(Colour::Green) > 0 && weight(Colour::Blue) == 0
}

/// Why green is not up, if it is not. Targets that no listener forwards to are not checked, so the deployment's word is taken for them.
fn not_up(release: &Release, reading: &DeploymentReading, targets: &[Target]) -> Option<String> {
    if reading.stage == DeploymentStage::Installing {
        let waits = if reading.waits { ", and waited for somebody to let it go on" } else { "" };
        return Some(format!("the deployment is bringing it up{waits}"));
    }
    let up = |target: &&Target| matches!(target.health, TargetHealth::Healthy | TargetHealth::Unused);
    let number = targets.iter().filter(up).count();
    if number > 0 && number >= release.green.desired as usize {
        return None;
    }
    let first = targets.iter().find(|target| !up(target));
    Some(first.map_or_else(
        || format!("green's {} has too few targets", release.colours.green.noun()),
        |target| {
            let reason = target.reason.as_deref().unwrap_or("no reason given");
            format!("target {} is {:?} ({reason})", target.id, target.health)
        },
    ))
}
