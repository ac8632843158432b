//! Capacity: while a release is under way automatic scaling takes no tasks, neither from blue nor from green. And where blue has lost
//! its capacity all the same, rolling back waits for it.

use super::{Answer, Step};
use crate::error::TealResult;
use crate::ports::{Fleet, PortError, Router, TargetHealth, World};
use crate::release::Release;
use crate::route::{Colour, Destination};
use crate::state::State;
use crate::story::Fact;
use crate::time::{Timestamp, after, seconds_until};

/// How long rolling back waits for blue to come up again before it calls for a person, in seconds: tasks start within minutes.
const BLUE_PATIENCE_SECONDS: u64 = 900;

/// How long it waits from one try to the next, in seconds.
const BLUE_POLL_SECONDS: u64 = 15;

/// What a destination can do for requests, from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// No targets: the load balancer answers 503.
    Empty,
    /// None of its targets is healthy: the load balancer sends requests to all of them.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    NoneHealthy,
    Healthy,
}

/// A blue without a healthy target.
struct BlueDown {
    why: String,
    /// Whether green stands better.
    green_is_better: bool,
}

impl<W: World> Step<'_, W> {
    /// Blue keeps the size that it had when the release began. Green is held by its order.
    pub(super) async fn hold_blue(&self, release: &Release) -> TealResult<()> {
        let order = &release.green;
        if let Some(hold) = &order.hold {
            let side = self.side(release).await?;
            side.hold_capacity(&order.blue, hold).await?;
        }
        Ok(())
    }

    /// The colour that goes on serving scales again as blue did before the release.
    pub(super) async fn free(&mut self, release: &Release, colour: Colour) -> TealResult<()> {
        let order = &release.green;
        let Some(hold) = &order.hold else { return Ok(()) };
        let runner = order.runner(colour);
        let freed = match self.side(release).await {
            Ok(side) => side.free_capacity(runner, hold).await,
            Err(error) => Err(error),
        };
        match freed {
            Ok(()) => Ok(()),
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => Err(error.into()),
            Err(error @ PortError::NotAssumed { .. }) if self.may_wait_for_role(release) => Err(error.into()),
            // All traffic is where it should be: the release ends all the same, and says what is left to do.
            Err(error) => {
                self.note_held(release, colour, &error);
                Ok(())
            }
        }
    }

    /// Notes that automatic scaling may still be kept from taking a colour in, and why.
    pub(super) fn note_held(&mut self, release: &Release, colour: Colour, error: &PortError) {
        let Some(hold) = &release.green.hold else { return };
        let runner = release.green.runner(colour);
        let units = runner.facts().units;
        let note = format!(
            "automatic scaling still takes no {units} from {} (at least {}): {error}. Resume its scaling in, with at least {} {units}",
            runner.name(),
            hold.held.min_capacity,
            hold.found.min_capacity
        );
        self.note(Fact::Noted { note });
    }

    /// Whether blue would serve users no worse than green does now. What cannot be read stands in nobody's way back to blue, unless blue was
    /// known to be down.
    pub(super) async fn blue_serves_no_worse(&self, release: &Release) -> Result<(), String> {
        match self.blue_down(release).await {
            Ok(Some(BlueDown { why, green_is_better: true })) => Err(why),
            Err(error) if release.kept_on_green_since.is_some() => {
                Err(format!("blue could not serve, and whether it can now is not known: {error}"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// How blue is down, where it is known to have no healthy target.
    async fn blue_down(&self, release: &Release) -> Result<Option<BlueDown>, PortError> {
        let colours = &release.colours;
        let blue = self.standing(release, &colours.blue).await?;
        if blue == Standing::Healthy {
            return Ok(None);
        }
        let green = match self.standing(release, &colours.green).await {
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error),
            found => found.ok(),
        };
        let blue_is = if blue == Standing::Empty { "no targets" } else { "no healthy target" };
        let green_is = match green {
            Some(green) if green <= blue => ", and green is no better",
            Some(Standing::Healthy) => ", and green has healthy ones",
            Some(_) => ", and green has targets at least",
            None => "",
        };
        let why = format!("blue's {} {} has {blue_is}{green_is}", colours.blue.noun(), colours.blue);
        Ok(Some(BlueDown { why, green_is_better: green > Some(blue) }))
    }

    /// Called with all traffic just read on blue: whether that serves nobody, and green would. `since` when that is waited for.
    ///
    /// # Errors
    /// Those that pass: green is not taken in before it is known whether it is needed.
    pub(super) async fn blue_is_missed(
        &mut self,
        release: &mut Release,
        since: Option<Timestamp>,
    ) -> TealResult<Option<String>> {
        // Where no traffic was moved, Teal has no part in it.
        if release.first_shift_at.or(release.moved_beside_until).is_none() {
            return Ok(None);
        }
        let down = match self.blue_down(release).await {
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error.into()),
            found => found.ok().flatten(),
        };
        let Some(down) = down else { return Ok(None) };
        if !down.green_is_better {
            self.note(Fact::Noted { note: format!("all traffic is on blue, which cannot serve it: {}", down.why) });
            return Ok(None);
        }
        if since.is_none() {
            let note = format!(
                "all traffic is on blue, which cannot serve it: {}. Blue is brought up, and green is not taken in before",
                down.why
            );
            self.note(Fact::Noted { note });
        }
        release.kept_on_green_since = since.or_else(|| Some(self.moment()));
        Ok(Some(down.why))
    }

    async fn standing(&self, release: &Release, destination: &Destination) -> Result<Standing, PortError> {
        let side = self.side(release).await?;
        let targets = side.targets(destination).await?;
        let standing = targets.iter().map(|target| match target.health {
            TargetHealth::Draining | TargetHealth::Unused => Standing::Empty,
            TargetHealth::Initial | TargetHealth::Unhealthy => Standing::NoneHealthy,
            // Where health checks are off nobody knows better.
            TargetHealth::Healthy | TargetHealth::Unavailable => Standing::Healthy,
        });
        Ok(standing.max().unwrap_or(Standing::Empty))
    }

    /// Notes that the route stays as it is until blue can serve.
    pub(super) fn keep_on_green(&mut self, release: &mut Release, why: &str) {
        // Nothing was written.
        self.settle(release);
        if release.kept_on_green_since.is_none() {
            release.kept_on_green_since = Some(self.moment());
            self.note(Fact::KeptOnGreen { why: why.to_owned() });
        }
    }

    /// Whether blue has had all the time that it is given to come up.
    pub(super) fn is_blue_waited_out(&self, release: &Release) -> bool {
        release.kept_on_green_since.is_some_and(|since| self.now() >= after(since, BLUE_PATIENCE_SECONDS))
    }

    /// Brings blue up again to the size that it had, and tries to restore later; in the end a person is needed, and sweep goes on trying.
    pub(super) async fn wait_for_blue(&mut self, release: &mut Release, why: String) -> TealResult<Answer> {
        self.keep_on_green(release, &why);
        let order = release.green.clone();
        let ordered = match order.blue.facts().is_sized_by_teal {
            true => match self.side(release).await {
                Ok(side) => side.scale_out(&order.blue, order.desired).await,
                Err(error) => Err(error),
            },
            // Its owner may be at it.
            false => Ok(()),
        };
        let problem = match ordered {
            Ok(()) => None,
            Err(error @ (PortError::Throttled { .. } | PortError::Unavailable { .. })) => return Err(error.into()),
            Err(error) => Some(error.to_string()),
        };
        let since = release.kept_on_green_since.unwrap_or(self.moment());
        let until = after(since, BLUE_PATIENCE_SECONDS);
        if problem.is_some() || self.is_blue_waited_out(release) {
            let todo = format!(
                "the traffic stays where it is, for {why}{}. Bring {} up ({} {}), then sweep ends the release within \
                 five minutes, with all traffic on blue. Where that cannot be, fix green and give it all the weight by hand: `teal abort {}` then ends the release with the \
                 traffic on green",
                problem.map_or(String::new(), |problem| format!("; blue cannot be brought up: {problem}")),
                order.blue,
                order.desired,
                order.blue.facts().units,
                release.id,
            );
            return self.call_for_help(release, todo).await;
        }
        self.save_and_announce(release).await?;
        let seconds = BLUE_POLL_SECONDS.min(seconds_until(self.now(), until));
        Ok(Answer::waiting(release, State::WaitForRollBack, seconds))
    }
}
