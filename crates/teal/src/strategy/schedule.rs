//! The timeline for people: what happens when, if everything goes well.

use super::spec::GateName;
use super::timeline::Timeline;
use super::usage::Usage;
use crate::units::{Share, Span};
use serde::Serialize;

/// One line of a release's schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRow {
    /// Which part of the release.
    pub part: ScheduledPart,
    /// When it begins, counted from when green is ready, with every gate answered at once; nothing for what comes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Span>,
    /// Green's share of the traffic during this part.
    pub weight: Share,
    /// The share of users for whom the version's flags are turned, where they are in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Share>,
    /// How long it lasts: the bake, or how long blue is still kept. Nothing for what takes as long as green needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// When evidence that green is good enough may end it early, where the plan allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Span>,
    /// The gate before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateName>,
    /// What it usually uses.
    pub usage: Usage,
}

/// A part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ScheduledPart {
    /// Accepting, bringing green up and validating it.
    Prepare,
    /// A stage of the timeline, counted from 0.
    Stage(usize),
    /// Keeping blue while green is still judged, then retiring it.
    Retire,
}

impl Timeline {
    /// What happens when, if green is fine, gates are answered at once and there is traffic enough.
    #[must_use]
    pub fn schedule(&self) -> Vec<ScheduleRow> {
        let mut rows = vec![ScheduleRow {
            part: ScheduledPart::Prepare,
            starts: None,
            weight: Share::NONE,
            flags: None,
            lasts: None,
            earliest: None,
            gate: None,
            usage: self.usual_opening(),
        }];
        let mut starts = Span::ZERO;
        for (index, stage) in self.stages().iter().enumerate() {
            rows.push(ScheduleRow {
                part: ScheduledPart::Stage(index),
                starts: Some(starts),
                weight: stage.weight,
                flags: stage.flags,
                lasts: Some(stage.bake),
                earliest: stage.earliest,
                gate: stage.gate_before.as_ref().map(|gate| gate.name.clone()),
                usage: self.usual_stage(stage),
            });
            starts = starts.plus(stage.bake);
        }
        rows.push(ScheduleRow {
            part: ScheduledPart::Retire,
            starts: Some(starts),
            weight: Share::ALL,
            flags: self.stages().last().and_then(|stage| stage.flags),
            lasts: Some(self.kept()),
            earliest: None,
            gate: None,
            usage: self.usual_ending(),
        });
        rows
    }
}
