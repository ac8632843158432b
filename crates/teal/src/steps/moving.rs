//! Moving traffic: intent, write, read back, record. The only place where weights are set.

use super::Step;
use crate::error::{ErrorName, TealError, TealResult};
use crate::ports::{PortError, PortResult, Router, TargetHealth, World};
use crate::release::{Act, Release};
use crate::route::{Action, Colour, Colours, Destination, Difference, PartRef, RoutePart, differences, weight_in};
use crate::story::Fact;
use crate::units::Share;

/// Why the route could not be given back to blue.
pub(super) enum RestoreError {
    /// Worth another try.
    Again(TealError),
    /// Only a person can help.
    Impossible { todo: String },
    /// The role in the service's account cannot be assumed: what it has is neither known nor changed.
    OutOfReach { todo: String, error: TealError },
    /// It is not there any more, or blue is not on it. Everything else is on blue.
    Gone {
        todo: String,
        /// Whether green still gets traffic from what is there without blue.
        on_green: bool,
        lost: Vec<LostPart>,
    },
    /// Blue could not serve what green serves: restoring it now would be the greater evil.
    WouldHarm { why: String },
    /// Whoever moves the traffic was told, and is at it.
    UnderWay { why: String },
}

/// A part of the route that blue cannot be put back on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LostPart {
    pub(super) part: PartRef,
    /// What it does instead; nothing where it is not there any more.
    pub(super) actions: Option<Vec<Action>>,
}

impl RestoreError {
    /// What is told of several parts: that it is worth another try, or else what went wrong first. That one is missing is told where
    /// nothing else went wrong.
    pub(super) fn of_both(before: Option<Self>, next: Option<Self>) -> Option<Self> {
        match (before, next) {
            (_, Some(again @ Self::Again(_))) => Some(again),
            (
                Some(Self::Gone { todo, on_green, lost }),
                Some(Self::Gone { todo: other, on_green: too, lost: others }),
            ) => Some(Self::Gone {
                todo: format!("{todo}; {other}"),
                on_green: on_green || too,
                lost: lost.into_iter().chain(others).collect(),
            }),
            (Some(Self::Gone { .. }), Some(next)) => Some(next),
            (before, next) => before.or(next),
        }
    }
}

impl<W: World> Step<'_, W> {
    /// Sets a part's actions.
    async fn set_part(
        &mut self,
        side: &impl Router,
        release: &Release,
        part: &PartRef,
        actions: &[Action],
    ) -> PortResult<()> {
        let written = side.set_actions(part, actions).await;
        self.heed_unanswered(release, &written);
        written
    }

    /// Green's or blue's destination must have healthy targets before it gets weight.
    pub(super) async fn require_healthy(&self, release: &Release, colour: Colour) -> TealResult<usize> {
        let destination = release.colours.of(colour);
        let healthy = match colour {
            Colour::Green if release.is_green_unchecked() => self.healthy_or_unused(release, destination).await?,
            Colour::Green | Colour::Blue => self.healthy(release, destination).await?,
        };
        if healthy > 0 {
            return Ok(healthy);
        }
        let name = match colour {
            Colour::Green => ErrorName::GreenNotHealthy,
            Colour::Blue => ErrorName::BlueNotHealthy,
        };
        Err(TealError::new(
            name,
            format!(
                "{colour}'s {} {destination} has no healthy target, so it is given no traffic; see its targets' health reasons",
                destination.noun()
            ),
        ))
    }

    pub(super) async fn healthy(&self, release: &Release, destination: &Destination) -> Result<usize, PortError> {
        let side = self.side(release).await?;
        let targets = side.targets(destination).await?;
        Ok(targets.iter().filter(|target| target.health == TargetHealth::Healthy).count())
    }

    async fn healthy_or_unused(&self, release: &Release, destination: &Destination) -> Result<usize, PortError> {
        let side = self.side(release).await?;
        let targets = side.targets(destination).await?;
        let may_serve = |health| matches!(health, TargetHealth::Healthy | TargetHealth::Unused);
        Ok(targets.iter().filter(|target| may_serve(target.health)).count())
    }

    /// Gives green `share` of production traffic on every part of the route, or lets the deployment go on that does.
    pub(super) async fn move_traffic(&mut self, release: &mut Release, share: Share) -> TealResult<()> {
        if release.is_moved_by_deployment() {
            return self.let_deployment_move(release).await;
        }
        self.wait_for_others(release)?;
        self.require_healthy(release, Colour::Green).await?;
        if share != Share::ALL {
            self.require_healthy(release, Colour::Blue).await?;
        }
        let targets: Vec<Vec<Action>> = release.route.iter().map(|part| part.at(&release.colours, share)).collect();
        for (part, target) in release.route.iter().zip(&targets) {
            self.require_unchanged(release, part, Some(target)).await?;
        }
        let side = self.side(release).await?;

        release.first_shift_at.get_or_insert(self.call.now);
        self.intend(release, Act::Shift { share }).await?;
        for (part, target) in release.route.iter().zip(&targets) {
            self.set_part(&*side, release, &part.part, target).await?;
        }
        for (part, target) in release.route.iter().zip(&targets) {
            verify(&*side, &part.part, target).await?;
        }
        self.require_healthy(release, Colour::Green).await?;
        if share != Share::ALL {
            self.require_healthy(release, Colour::Blue).await?;
        }

        for (part, target) in release.route.iter_mut().zip(targets) {
            part.expected = target;
        }
        for part in &release.route {
            self.note(Fact::Shifted { part: part.part.to_string(), share });
        }
        release.green_share = share;
        release.shifted_at = Some(self.moment());
        self.settle(release);
        Ok(())
    }

    /// Turns the flags that go with the version, for a share of the users. Green has all the traffic.
    pub(super) async fn turn_flags(&mut self, release: &mut Release, share: Share) -> TealResult<()> {
        self.wait_for_others(release)?;
        for part in release.flags.clone() {
            let Some(colours) = part.own_colours() else { continue };
            let target = part.at(&colours, share);
            self.require_unchanged(release, &part, Some(&target)).await?;
            let side = self.side(release).await?;
            self.intend(release, Act::Shift { share: Share::ALL }).await?;
            self.set_part(&*side, release, &part.part, &target).await?;
            verify(&*side, &part.part, &target).await?;
            self.note(Fact::Shifted { part: part.part.to_string(), share });
            for turned in release.flags.iter_mut().filter(|turned| turned.part == part.part) {
                turned.expected.clone_from(&target);
            }
            self.settle(release);
        }
        Ok(())
    }

    /// Sends all test traffic to green, where the test route is a listener or rule.
    pub(super) async fn point_test_route(&mut self, release: &mut Release) -> TealResult<()> {
        let Some(part) = release.test_route.clone() else { return Ok(()) };
        let target = part.at(&release.colours, Share::ALL);
        if part.expected == target {
            return Ok(());
        }
        self.wait_for_others(release)?;
        self.require_unchanged(release, &part, Some(&target)).await?;
        let side = self.side(release).await?;
        self.intend(release, Act::PointTestRoute).await?;
        self.set_part(&*side, release, &part.part, &target).await?;
        verify(&*side, &part.part, &target).await?;
        self.note(Fact::Shifted { part: part.part.to_string(), share: Share::ALL });
        release.test_route = Some(RoutePart { expected: target, ..part });
        release.test_route_pointed_at = Some(self.moment());
        self.settle(release);
        Ok(())
    }

    /// Fails with what somebody else changed on any part that this release holds, and where a deployment moves the traffic with what became
    /// of it.
    pub(super) async fn require_as_left(&mut self, release: &mut Release) -> TealResult<()> {
        if release.is_moved_by_deployment() {
            return self.follow_deployment(release).await.map(drop);
        }
        for part in release.route.iter().chain(&release.test_route).chain(&release.flags) {
            self.require_unchanged(release, part, None).await?;
        }
        Ok(())
    }

    /// Fails where green has not all the traffic any more.
    pub(super) async fn require_all_on_green(&mut self, release: &mut Release) -> TealResult<()> {
        if release.is_moved_by_deployment() {
            let shares = self.read_shares(release).await?;
            if shares.least < Share::ALL {
                let text = format!("somebody else gave traffic back: green has {} of it", shares.least);
                return Err(TealError::new(ErrorName::RouteChanged, text));
            }
            return Ok(());
        }
        for part in &release.route {
            self.require_unchanged(release, part, None).await?;
        }
        Ok(())
    }

    /// Fails with what somebody else changed, rules that were put before a part of the route among it. `or` is also fine: an earlier run
    /// of this step may have written it already.
    pub(super) async fn require_unchanged(
        &self,
        release: &Release,
        part: &RoutePart,
        or: Option<&[Action]>,
    ) -> TealResult<()> {
        let side = self.side(release).await?;
        let is_fine = |found: &[Action]| found == part.expected || or.is_some_and(|other| found == other);
        let (told, rivals) = match &part.ahead {
            None => (None, Vec::new()),
            Some(known) => {
                let reading = side.reading(&part.part).await?;
                let rivals = reading.new_rivals(&part.part, known);
                (Some(reading.actions), rivals)
            }
        };
        let found = match told {
            Some(told) if is_fine(&told) => told,
            // What is written is read back by the part's own call, so that one has the last word.
            Some(_) | None => side.actions(&part.part).await?,
        };
        let mut list = rivals;
        if !is_fine(&found) {
            list.extend(differences(&part.part, &part.expected, &found));
        } else if list.is_empty() {
            return Ok(());
        }
        let error = changed(&list);
        if is_fine(&found) {
            return Err(error);
        }
        let set = if found == part.original {
            "the weights from before the release again"
        } else if is_wholly_on(&found, &release.colours.blue, &release.colours.green) {
            "the template's own weights again, which give blue everything"
        } else if is_wholly_on(&found, &release.colours.green, &release.colours.blue) {
            // Where releases take turns, what a template says is green's at every second one.
            "the template's own weights again, which give green everything"
        } else {
            return Err(error);
        };
        let message = format!("a stack update or an apply has probably set {set}: {}", error.message);
        Err(TealError::new(error.name, message))
    }

    /// Gives everything back to blue. The record says that the traffic is kept on green only as long as blue is why.
    pub(super) async fn restore(&mut self, release: &mut Release) -> Result<(), RestoreError> {
        let restored = self.give_back(release).await;
        match restored {
            // Nothing else is known by now.
            Err(RestoreError::WouldHarm { .. } | RestoreError::OutOfReach { .. } | RestoreError::Again(_)) => {}
            Ok(())
            | Err(RestoreError::Gone { .. } | RestoreError::UnderWay { .. } | RestoreError::Impossible { .. }) => {
                release.kept_on_green_since = None;
            }
        }
        restored
    }

    /// Flags that were turned with the version first, since blue may not know what is behind them, then
    /// production, then the test route. Flags that nobody of Teal has turned yet come behind production, which does not wait for AppConfig. Only the weights of blue and green are touched, so
    /// what somebody else changed stays; where nobody did, the result is the original, number for number.
    async fn give_back(&mut self, release: &mut Release) -> Result<(), RestoreError> {
        if let Ok(side) = self.side(release).await {
            side.restoring_for(release.on_green());
        }
        if release.is_moved_by_deployment() {
            return self.take_back_by_deployment(release).await;
        }
        let flags_first = release.may_have_turned_flags();
        let mut failure = None;
        if flags_first {
            failure = self.restore_flags(release).await.err();
        }
        let restored = self.restore_route(release).await;
        if !flags_first {
            failure = RestoreError::of_both(failure, self.restore_flags(release).await.err());
        }
        let colours = release.colours.clone();
        if let Err(RestoreError::Gone { lost, .. }) = &restored {
            // What was read on blue is not written again when this is tried again.
            expect_on_blue(release, lost);
        }
        failure = RestoreError::of_both(failure, restored.err());
        if let Some(failure @ RestoreError::WouldHarm { .. }) = failure {
            return Err(failure);
        }
        if let Some(part) = release.test_route.clone() {
            // No user is on it, so it need not serve anybody.
            match self.restore_part(release, &colours, &part, &mut Some(Ok(()))).await {
                Ok(()) => {}
                // No user is on it, so nobody is called for it.
                Err(RestoreError::Gone { todo, .. }) => self.note(Fact::LeftAlone { difference: todo }),
                Err(error) => failure = RestoreError::of_both(failure, Some(error)),
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        release.expect_original();
        Ok(())
    }

    /// Turns off the flags that go with the version.
    async fn restore_flags(&mut self, release: &Release) -> Result<(), RestoreError> {
        let mut failure = None;
        for part in &release.flags {
            let Some(colours) = part.own_colours() else { continue };
            // Whoever serves, serves without the flag, too.
            let restored = self.restore_part(release, &colours, part, &mut Some(Ok(()))).await;
            failure = RestoreError::of_both(failure, restored.err());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Gives production traffic back to blue.
    pub(super) async fn restore_route(&mut self, release: &Release) -> Result<(), RestoreError> {
        let mut failure = None;
        let mut blue_serves = None;
        for part in &release.route {
            // One part that cannot be restored is no reason to leave another one.
            let restored = self.restore_part(release, &release.colours, part, &mut blue_serves).await;
            failure = RestoreError::of_both(failure, restored.err());
        }
        failure.map_or(Ok(()), Err)
    }

    /// `blue_serves` is asked for once, where there is something to move.
    async fn restore_part(
        &mut self,
        release: &Release,
        colours: &Colours,
        part: &RoutePart,
        blue_serves: &mut Option<Result<(), String>>,
    ) -> Result<(), RestoreError> {
        let side = self.side(release).await.map_err(|error| restore_error(&part.part, error))?;
        let found = side.actions(&part.part).await.map_err(|error| restore_error(&part.part, error))?;
        let Some(target) = part.on_blue(&found, colours) else {
            return Err(RestoreError::Gone {
                todo: format!(
                    "{} no longer forwards to blue's {} {}. Put blue back into its forward action with all the weight",
                    part.part,
                    colours.blue.noun(),
                    colours.blue
                ),
                on_green: weight_in(&found, &colours.green).is_some_and(|weight| weight > 0),
                lost: vec![LostPart { part: part.part.clone(), actions: Some(found) }],
            });
        };
        if found != part.expected {
            for difference in differences(&part.part, &part.original, &target) {
                self.note(Fact::LeftAlone { difference: difference.to_string() });
            }
        }
        // Where Teal gave green weight, this reading may be older than what it wrote.
        let gave_weight = weight_in(&part.expected, &colours.green).is_some_and(|weight| weight > 0);
        if found == target && !gave_weight {
            return Ok(());
        }
        if blue_serves.is_none() {
            *blue_serves = Some(self.blue_serves_no_worse(release).await);
        }
        if let Some(Err(why)) = blue_serves {
            return Err(RestoreError::WouldHarm { why: why.clone() });
        }
        let ended = side.restore_actions(&part.part, &target).await;
        if release.route.iter().any(|production| production.part == part.part) {
            self.given_back.insert(release.id.clone());
        }
        self.heed_unanswered(release, &ended);
        if let Some(ended) = ended.map_err(|error| restore_error(&part.part, error))? {
            self.note(Fact::Noted { note: ended });
        }
        let again = side.actions(&part.part).await.map_err(|error| restore_error(&part.part, error))?;
        let blue_has_all = weight_in(&again, &colours.blue).is_some_and(|weight| weight > 0)
            && weight_in(&again, &colours.green).is_none_or(|weight| weight == 0);
        if !blue_has_all {
            let text = in_words(&differences(&part.part, &target, &again));
            return Err(RestoreError::Again(TealError::new(
                ErrorName::RouteNotSettled,
                format!("read back after restoring blue: {text}"),
            )));
        }
        Ok(())
    }
}

/// Whether a list sends everything to one destination of a pair, and knows of no third one.
fn is_wholly_on(actions: &[Action], one: &Destination, other: &Destination) -> bool {
    let weighs = |destination| weight_in(actions, destination).is_some_and(|weight| weight > 0);
    let is_of_pair = |found: &Destination| found == one || found == other;
    weighs(one) && !weighs(other) && actions.iter().flat_map(Action::groups).all(|group| is_of_pair(&group.destination))
}

/// Reads back what was written.
async fn verify(side: &impl Router, part: &PartRef, target: &[Action]) -> TealResult<()> {
    let found = side.actions(part).await?;
    let list = differences(part, target, &found);
    if list.is_empty() {
        return Ok(());
    }
    if list.iter().all(Difference::is_weight) {
        let text = in_words(&list);
        return Err(TealError::new(ErrorName::RouteNotSettled, format!("read back after writing: {text}")));
    }
    Err(changed(&list))
}

/// Keeps on record that production traffic is on blue, but for the parts that are lost.
pub(super) fn expect_on_blue(release: &mut Release, lost: &[LostPart]) {
    let colours = release.colours.clone();
    for part in release.route.iter_mut().filter(|part| !is_among(lost, part)) {
        if let Some(on_blue) = part.on_blue(&part.expected, &colours) {
            part.expected = on_blue;
        }
    }
}

pub(super) fn is_among(lost: &[LostPart], part: &RoutePart) -> bool {
    lost.iter().any(|lost| lost.part == part.part)
}

pub(super) fn restore_error(part: &PartRef, error: PortError) -> RestoreError {
    match error {
        PortError::NotFound { .. } => RestoreError::Gone {
            todo: format!("{part} is gone. If it was replaced, give its successor's traffic to blue by hand"),
            on_green: false,
            lost: vec![LostPart { part: part.clone(), actions: None }],
        },
        PortError::Denied { .. } | PortError::NotAssumed { .. } | PortError::Refused { .. } => {
            let todo = format!("{error}. Then give {part}'s traffic back to blue, or run sweep");
            impossible(todo, error)
        }
        PortError::Throttled { .. } | PortError::Unavailable { .. } | PortError::Stale { .. } => {
            RestoreError::Again(error.into())
        }
    }
}

/// What is refused to Teal, or all that would be done by a role that it may not assume.
pub(super) fn impossible(todo: String, error: PortError) -> RestoreError {
    match error {
        PortError::NotAssumed { .. } => RestoreError::OutOfReach { todo, error: error.into() },
        _ => RestoreError::Impossible { todo },
    }
}

fn in_words(list: &[Difference]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn changed(list: &[Difference]) -> TealError {
    TealError::new(
        ErrorName::RouteChanged,
        format!("somebody else changed the route during the release, so Teal leaves that as it is: {}", in_words(list)),
    )
}
