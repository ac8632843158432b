//! A release that cannot give its route back ends when a person says so: without those parts that are not there any more, or with the traffic on
//! green where blue cannot serve.

use super::moving::LostPart;
use super::{Answer, Step};
use crate::error::TealResult;
use crate::ports::{PortError, Router, World};
use crate::release::Release;
use crate::request::{Ask, Request};
use crate::route::{RoutePart, pair_share, weight_in};
use crate::story::Fact;
use crate::units::Share;

/// What a person gave up.
pub(super) struct GivenUp {
    request: Request,
    /// What cannot be done, and what was to be done about it.
    left: String,
    /// Whether green still gets traffic.
    pub(super) on_green: bool,
    /// Whether it was read what the weights are, and they stay.
    stays: bool,
    /// What is not as it was before the release, and stays so.
    lost: Vec<LostPart>,
}

/// Where green has not all the traffic.
#[derive(Default)]
struct Shared {
    /// Its share on parts that are there.
    lacking: Vec<String>,
    /// Parts that are not there, or forward to neither colour.
    missing: Vec<String>,
}

impl<W: World> Step<'_, W> {
    /// Whether a person asked for the end without what is missing. Only one who was called can: what ends a release otherwise gives up nothing.
    pub(super) async fn given_up(
        &mut self,
        release: &Release,
        missing: &str,
        on_green: bool,
        lost: Vec<LostPart>,
    ) -> TealResult<Option<GivenUp>> {
        // Who leaves even what is there on green gives up what is missing, too.
        let request = self.request_of(release, &[Ask::GiveUp, Ask::LeaveOnGreen]).await?;
        Ok(request.map(|request| GivenUp { request, left: missing.to_owned(), on_green, stays: false, lost }))
    }

    /// Whether a person asked for the end with the traffic on green, for blue could not serve in all the time that it was given.
    pub(super) async fn left_on_green(&mut self, release: &Release, why: &str) -> TealResult<Option<GivenUp>> {
        if !self.is_blue_waited_out(release) {
            return Ok(None);
        }
        let request = self.request_of(release, &[Ask::LeaveOnGreen]).await?;
        let left = why.to_owned();
        Ok(request.map(|request| GivenUp { request, left, on_green: true, stays: true, lost: Vec::new() }))
    }

    /// Ends the release with the traffic on green, once green has all of it: no release ends in between.
    pub(super) async fn leave_on_green(&mut self, release: &mut Release, mut given_up: GivenUp) -> TealResult<Answer> {
        let told = self.unsaved.len();
        let Shared { lacking, missing } = self.share_of_each(release).await?;
        if !lacking.is_empty() {
            self.unsaved.truncate(told);
            let todo = format!(
                "{}, and the release is to end with the traffic on green, which has not all of it: {}. Give green all the weight there, or bring \
                 blue up; then sweep ends the release within five minutes",
                given_up.left,
                lacking.join(", ")
            );
            return self.call_for_help(release, todo).await;
        }
        release.green_share = Share::ALL;
        for part in missing {
            given_up.left.push_str("; ");
            given_up.left.push_str(&part);
        }
        self.finish_rollback(release, Some(given_up)).await
    }

    /// Keeps on record what the weights are on every part of the route that is there.
    async fn share_of_each(&mut self, release: &mut Release) -> TealResult<Shared> {
        let side = self.side(release).await?;
        let colours = release.colours.clone();
        let mut shared = Shared::default();
        for part in &mut release.route {
            let found = match side.actions(&part.part).await {
                Ok(found) => found,
                Err(error @ PortError::NotFound { .. }) => {
                    shared.missing.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if [&colours.blue, &colours.green].into_iter().all(|colour| weight_in(&found, colour).is_none()) {
                shared.missing.push(format!("{} forwards neither to blue nor to green", part.part));
                part.expected = found;
                continue;
            }
            let share = pair_share(&found, &colours).unwrap_or(Share::NONE);
            self.keep_part(part, found, share, &colours);
            if share != Share::ALL {
                shared.lacking.push(format!("{share} of {}", part.part));
            }
        }
        Ok(shared)
    }

    async fn request_of(&mut self, release: &Release, asks: &[Ask]) -> TealResult<Option<Request>> {
        let requests = self.requests_to(&release.id).await?;
        Ok(requests.into_iter().find(|request| asks.contains(&request.ask)))
    }

    /// Tells who gave up what.
    pub(super) fn note_given_up(&mut self, given_up: &GivenUp) {
        let GivenUp { request: Request { ask, by, note, .. }, left, .. } = given_up;
        self.note(Fact::Asked { ask: *ask, by: by.clone(), note: note.clone() });
        self.note(Fact::LeftAlone { difference: left.clone() });
    }
}

impl GivenUp {
    /// What the record of a release says that ends so.
    pub(super) fn leave(self, release: &mut Release) {
        if self.stays {
            release.kept_on_green_since = None;
            return;
        }
        release.expect_original();
        let colours = release.colours.clone();
        let is_gone = |part: &RoutePart| self.lost.iter().any(|lost| lost.part == part.part && lost.actions.is_none());
        for LostPart { part, actions } in &self.lost {
            for lost in release.route.iter_mut().filter(|known| known.part == *part) {
                lost.expected.clone_from(actions.as_ref().unwrap_or(&lost.original));
            }
        }
        let there = release.route.iter().filter(|part| !is_gone(part));
        let shares = there.filter_map(|part| pair_share(&part.expected, &colours));
        release.green_share = shares.min().unwrap_or(Share::NONE);
    }
}

/// What a person is told to do, or else.
pub(super) fn or_give_up(release: &Release, todo: &str) -> String {
    format!("{todo}. Where that cannot be, `teal abort {}` ends the release without it", release.id)
}
