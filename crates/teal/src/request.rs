//! What people ask of a release while it runs. A request is an item of its own, so that asking never races with a step.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub ask: Ask,
    /// Who asks: the caller's identity as AWS names it.
    pub by: String,
    pub at: Timestamp,
    /// Why, in the person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Request {
    /// Why a release rolls back that was asked to: who asked for what, and why.
    #[must_use]
    pub fn as_cause(&self) -> String {
        let note = self.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
        let verb = match self.ask {
            Ask::Abort => "aborted the release",
            Ask::GiveUp => "gave up what is missing of the route",
            Ask::LeaveOnGreen => "left the traffic on green",
            Ask::Approve { .. } | Ask::Reject { .. } => "said no at the gate",
        };
        format!("{} {verb}{note}", self.by)
    }
}

/// All that was asked of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// The oldest first.
    pub read: Vec<Request>,
    /// In words, those that cannot be read: a person wrote them by hand, or a newer Teal. They keep no other from being heard.
    pub unread: Vec<String>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ask {
    /// Go on past the gate before this stage (counted from 0).
    Approve { stage: usize },
    /// Do not go on past the gate before this stage: roll back.
    Reject { stage: usize },
    /// Roll back wherever the release is.
    Abort,
    /// End a release that called for a person without those parts of its route that blue cannot be put back on.
    GiveUp,
    /// End a release that called for a person because blue cannot serve, with all the traffic on green.
    LeaveOnGreen,
}

impl Ask {
    /// A name that is the same for the same request: asking twice writes one item.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Ask::Approve { stage } => format!("approve#{stage}"),
            Ask::Reject { stage } => format!("reject#{stage}"),
            Ask::Abort => "abort".to_owned(),
            Ask::GiveUp => "giveUp".to_owned(),
            Ask::LeaveOnGreen => "leaveOnGreen".to_owned(),
        }
    }
}
