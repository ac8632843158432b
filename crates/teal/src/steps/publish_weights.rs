//! Writes the weights that stack templates read, so that a later stack update sets those that are there already.
//!
//! It runs beside the release: nothing waits for it, and it writes neither the route nor the record.

use super::Step;
use crate::error::{ErrorName, TealError, TealResult};
use crate::plan::{Account, WeightParameter};
use crate::ports::{Parameters, World};
use crate::release::{Phase, Release, ReleaseId};
use crate::route::{Colour, key_in};
use crate::story::{Fact, StoryEntry};
use crate::units::Share;
use serde::Serialize;
use std::collections::BTreeSet;

/// How often one run writes when the release goes on meanwhile. Later ones are the next event's affair.
const ROUNDS: usize = 3;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PublishedWeights {
    /// Parameters that had another value or none, as `name = value`.
    pub written: Vec<String>,
}

/// Writes the weights of one release's route as its record has them: green's once green has all the traffic, blue's otherwise. An event
/// that comes late or twice does no harm, for only the record counts.
///
/// # Errors
/// Those of the ports, after the story was told; to be called again later. `Teal.RecordChanged` when the release went on during every
/// attempt.
pub async fn publish_weights<W: World<Side: Parameters>>(
    step: &mut Step<'_, W>,
    id: &ReleaseId,
) -> TealResult<PublishedWeights> {
    let mut published = PublishedWeights::default();
    let mut written = None;
    for _ in 0..ROUNDS {
        let Some(release) = step.world.load(id).await? else { return Ok(published) };
        let due = step.due(&release).await?;
        if due == written {
            return Ok(published);
        }
        // A successor may have the route by now: its own events write what it has.
        let Some(parameters) = &due else { return Ok(published) };
        let fact = match step.write(release.plan.account.as_ref(), &release.id, parameters).await {
            Ok(changed) if changed.is_empty() => None,
            Ok(changed) => {
                published.written.extend_from_slice(&changed);
                Some(Fact::WeightsPublished { parameters: changed })
            }
            Err(error) => {
                step.tell_beside(&release, Fact::WeightsNotPublished { error: error.message.clone() }).await?;
                return Err(error);
            }
        };
        if let Some(fact) = fact {
            step.tell_beside(&release, fact).await?;
        }
        // There is no conditional write: what was decided in between is seen only now.
        written = due;
    }
    Err(TealError::new(ErrorName::RecordChanged, format!("release {id} went on while its weights were written")))
}

/// Compares all weights that templates read with what they should be, and writes those that differ: what a lost event or a hand left.
///
/// # Errors
/// The first error, after everything was tried.
pub async fn publish_all_weights<W: World<Side: Parameters>>(step: &mut Step<'_, W>) -> TealResult<PublishedWeights> {
    let mut published = PublishedWeights::default();
    let mut failure = None;
    for id in step.world.active().await? {
        match publish_weights(step, &id).await {
            Ok(more) => published.written.extend(more.written),
            Err(error) => step.keep_first(&mut failure, &id, error),
        }
    }
    let mut left = step.world.left().await?;
    // Of several parts with one pair, the last release decides: green has the traffic of all of them, or blue's weights are written, as
    // they were when it ended.
    left.sort_by_key(|left| (std::cmp::Reverse(left.at), left.promoted));
    let mut settled = BTreeSet::new();
    for left in left {
        let Some(path) = &left.weight_parameters else { continue };
        let parameters = path.parameters(&left.part, &left.serving, &left.idle);
        let name = |parameter: &WeightParameter| key_in(left.account_number(), &parameter.name);
        let mut names: Vec<String> = parameters.iter().map(name).collect();
        names.sort();
        let is_new = settled.insert(names);
        if !is_new || step.is_held(left.account_number(), &left.part).await? {
            continue;
        }
        match step.write(left.account.as_ref(), &left.release, &parameters).await {
            Ok(changed) if changed.is_empty() => {}
            Ok(changed) => {
                step.tell_only(&left.release, Fact::WeightsPublished { parameters: changed.clone() });
                published.written.extend(changed);
            }
            Err(error) => {
                step.tell_only(&left.release, Fact::WeightsNotPublished { error: error.message.clone() });
                step.keep_first(&mut failure, &left.release, error);
            }
        }
    }
    failure.map_or(Ok(published), Err)
}

impl<W: World<Side: Parameters>> Step<'_, W> {
    /// What the parameters of a release's target groups are to be; nothing where it is not this release that decides.
    async fn due(&self, release: &Release) -> TealResult<Option<Vec<WeightParameter>>> {
        let Some(path) = &release.plan.traffic.weight_parameters else { return Ok(None) };
        if matches!(release.phase, Phase::Accept | Phase::Refused) {
            return Ok(None);
        }
        if release.phase.is_terminal() && self.has_a_successor(release).await? {
            return Ok(None);
        }
        let (serving, idle) = match release.green_share {
            Share::ALL => (Colour::Green, Colour::Blue),
            _ => (Colour::Blue, Colour::Green),
        };
        let colours = &release.colours;
        let Some(part) = release.route.first() else { return Ok(None) };
        Ok(Some(path.parameters(&part.part, colours.of(serving), colours.of(idle))))
    }

    /// Whether another release has the route by now, or had it last.
    async fn has_a_successor(&self, release: &Release) -> TealResult<bool> {
        let Some(part) = release.route.first().map(|part| &part.part) else { return Ok(false) };
        let account = release.plan.account_number();
        let left = self.world.left().await?;
        let last = left.iter().find(|left| left.part == *part && left.account_number() == account);
        Ok(last.is_some_and(|left| left.release != release.id) || self.is_held(account, part).await?)
    }

    /// Writes those parameters that differ; gives them as `name = value`.
    async fn write(
        &self,
        account: Option<&Account>,
        release: &ReleaseId,
        parameters: &[WeightParameter],
    ) -> TealResult<Vec<String>> {
        let side = self.side_of(account, release).await?;
        let mut changed = Vec::new();
        for WeightParameter { name, value } in parameters {
            if side.parameter_value(name).await?.as_deref() != Some(value.as_str()) {
                side.set_parameter(name, value).await?;
                changed.push(format!("{name} = {value}"));
            }
        }
        Ok(changed)
    }

    async fn tell_beside(&mut self, release: &Release, fact: Fact) -> TealResult<()> {
        let entry = StoryEntry { at: self.call.now, by: self.call.function.clone(), fact };
        self.world.tell(release, &entry).await?;
        self.told.push((release.id.clone(), entry));
        Ok(())
    }
}
