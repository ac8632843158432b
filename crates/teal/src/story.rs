//! What happened to a release, as data: the report's lines, the log's fields and the events on the bus are made of it.

use crate::error::ErrorName;
use crate::plan::AlarmName;
use crate::ports::AlarmState;
use crate::release::{Judged, Phase, ReleaseId};
use crate::request::Ask;
use crate::route::Colour;
use crate::state::State;
use crate::time::Timestamp;
use crate::units::Share;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One line of a release's story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoryEntry {
    pub at: Timestamp,
    /// The function that wrote it.
    pub by: String,
    pub fact: Fact,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "what")]
pub enum Fact {
    /// The release was accepted.
    Accepted { execution: String },
    /// Something to know before it begins: a difference between blue and green, a warning about the plan.
    Noted { note: String },
    /// The release went from one phase to the next.
    Entered { phase: Phase },
    /// Green was ordered.
    GreenOrdered {
        #[serde(rename = "service")]
        runner: String,
        #[serde(rename = "task_definition")]
        runs: String,
        desired: u32,
    },
    /// Green is not ready yet.
    GreenPending { healthy: usize, desired: u32, detail: String },
    /// A check of validation passed.
    Validated { check: String, status: u16, millis: u64 },
    /// A part of the route gives green this share, written and read back.
    Shifted { part: String, share: Share },
    /// Metrics and alarms were looked at.
    Looked { look: u32, verdict: Verdict },
    /// An alarm is not in the state it should be in.
    AlarmSeen { alarm: AlarmName, state: AlarmState, reason: String },
    /// A person asked for something.
    Asked { ask: Ask, by: String, note: Option<String> },
    /// By what the steps of a release that is promoted were passed.
    Judged { judged: Judged },
    /// It was decided to roll back.
    RollBackDecided { error: ErrorName, cause: String },
    /// Every part of the route gives everything to blue again.
    RouteRestored { seconds: u64 },
    /// Blue cannot serve what green serves, so the route stays as it is until blue can.
    KeptOnGreen { why: String },
    /// Somebody else changed something that Teal leaves as it found it.
    LeftAlone { difference: String },
    /// A colour was taken to size 0.
    ScaledIn {
        colour: Colour,
        #[serde(rename = "service")]
        runner: String,
    },
    /// After the release had ended somebody else gave traffic to another group than it left the traffic on.
    Drifted { drift: String },
    /// The weights that stack templates read are those of the route.
    WeightsPublished { parameters: Vec<String> },
    /// They could not be written: a stack update would set old ones.
    WeightsNotPublished { error: String },
    /// Restoring the route is impossible for Teal; what a person must do.
    NeedsHuman { todo: String },
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Accepted { execution } => write!(f, "accepted, execution {execution}"),
            Fact::Noted { note } => write!(f, "note: {note}"),
            Fact::Entered { phase } => write!(f, "{phase}"),
            Fact::GreenOrdered { runner, runs, desired } => {
                write!(f, "green ordered: {runner} runs {runs} at size {desired}")
            }
            Fact::GreenPending { healthy, desired, detail } => {
                write!(f, "green not ready: {healthy} of {desired} targets healthy{}{detail}", separator(detail))
            }
            Fact::Validated { check, status, millis } => {
                write!(f, "check passed: {check} answered {status} in {millis} ms")
            }
            Fact::Shifted { part, share } => write!(f, "green has {share} of {part}"),
            Fact::Looked { look, verdict } => write!(f, "look {look}: {verdict}"),
            Fact::AlarmSeen { alarm, state, reason } => {
                let state = match state {
                    AlarmState::Ok => "OK",
                    AlarmState::Alarm => "in ALARM",
                    AlarmState::InsufficientData => "without data",
                };
                write!(f, "alarm {alarm} is {state}{}{reason}", separator(reason))
            }
            Fact::Asked { ask, by, note } => {
                let ask = match ask {
                    Ask::Approve { stage } => format!("approved the gate before stage {}", stage + 1),
                    Ask::Reject { stage } => format!("rejected the gate before stage {}", stage + 1),
                    Ask::Abort => "asked to abort".to_owned(),
                    Ask::GiveUp => "asked to end it without what is missing of the route".to_owned(),
                    Ask::LeaveOnGreen => "asked to end it with the traffic on green".to_owned(),
                };
                write!(f, "{by} {ask}")?;
                note.as_ref().map_or(Ok(()), |note| write!(f, ": {note}"))
            }
            Fact::Judged { judged } => write!(f, "judged: {judged}"),
            Fact::RollBackDecided { error, cause } => write!(f, "rolling back, {error}: {cause}"),
            Fact::RouteRestored { seconds } => {
                write!(f, "all traffic is on blue again, {seconds} s after the decision")
            }
            Fact::KeptOnGreen { why } => {
                write!(f, "the traffic is not given back yet, which would be the greater evil: {why}")
            }
            Fact::LeftAlone { difference } => write!(f, "left as found: {difference}"),
            Fact::ScaledIn { colour, runner } => write!(f, "{colour} is taken in: {runner} goes to size 0"),
            Fact::Drifted { drift } => write!(f, "the route has drifted: {drift}"),
            Fact::WeightsPublished { parameters } => {
                write!(f, "stack updates read the weights as they are now: {}", parameters.join(", "))
            }
            Fact::WeightsNotPublished { error } => {
                write!(f, "a stack update would set old weights, for the new ones could not be written yet: {error}")
            }
            Fact::NeedsHuman { todo } => write!(f, "a person is needed: {todo}"),
        }
    }
}

fn separator(detail: &str) -> &'static str {
    if detail.is_empty() { "" } else { "; " }
}

/// An event for the account's bus: source `teal`, one for each change of phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// The same event told twice has the same id.
    pub id: String,
    pub release: ReleaseId,
    pub service: String,
    pub version: String,
    pub at: Timestamp,
    pub state: State,
    /// Green's share of the traffic when the phase began.
    pub green_share: Share,
    /// For what share of the users the flags that go with the version were turned then, where there are such flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags_share: Option<Share>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Of a release that was promoted: by what its steps were passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
    /// The same as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}
