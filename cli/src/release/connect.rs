//! The account that the commands work in, and what they say when it does not answer.

use super::Target;
use crate::document::Unreadable;
use serde::Serialize;
use std::io;
use teal::ports::{Ledger, PortError};
use teal::release::{Release, ReleaseId};
use teal::time::Timestamp;
use teal_aws::{Aws, AwsSettings, Clock, sdk_config};

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error("{0}")]
    Aws(#[from] PortError),
    #[error("{0}")]
    Setting(String),
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error(
        "no release {0} is on record in this table. `teal releases` lists those there are; why one was refused at once `teal status` tells, with the state machine"
    )]
    Unknown(ReleaseId),
    #[error("{0}")]
    NotNow(String),
    #[error("the execution of release {release} ended {status}{why}, but there is no record of it in this table")]
    NoRecord { release: ReleaseId, status: String, why: String },
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The account, and how answers are written.
pub(crate) struct Connection {
    pub(super) aws: Aws,
    pub(super) json: bool,
}

impl Connection {
    pub(super) async fn new(target: &Target) -> Result<Self, ReleaseError> {
        let clock = Clock::from_env().map_err(ReleaseError::Setting)?;
        let settings = AwsSettings {
            table: target.table.clone(),
            event_bus: "default".to_owned(),
            deployment_strategy: None,
            clock,
        };
        Ok(Self { aws: Aws::new(&sdk_config().await, settings), json: target.json })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.aws.clock().now()
    }

    pub(super) async fn release(&self, id: &ReleaseId) -> Result<Release, ReleaseError> {
        self.aws.load(id).await?.ok_or_else(|| ReleaseError::Unknown(id.clone()))
    }
}

/// Output that nobody reads any more is no error where the exit status is yet to come.
pub(super) fn unless_unread(written: Result<(), impl Into<ReleaseError>>) -> Result<(), ReleaseError> {
    match written.map_err(Into::into) {
        Err(ReleaseError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes one JSON object on a line of its own.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), ReleaseError> {
    say!("{}", serde_json::to_string(value)?)?;
    Ok(())
}
