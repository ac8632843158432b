//! The records of releases, read and written as Teal itself does.

use crate::LabError;
use crate::aws::LAB_ACCESS_KEY;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use teal::ports::{Ledger as _, Router as _};
use teal::release::{Release, ReleaseId};
use teal::request::{Ask, Request};
use teal::route::{Action, PartRef};
use teal::story::StoryEntry;
use teal::time::Timestamp;
use teal_lab_wire::{LabClock, REGION};

/// Releases as the lab sees them.
#[derive(Debug)]
pub(crate) struct Ledger {
    aws: teal_aws::Aws,
    clock: LabClock,
}

impl Ledger {
    /// The records in `table`, by the lab's endpoint.
    pub(crate) async fn new(endpoint: &str, table: &str, clock: LabClock) -> Result<Self, LabError> {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .endpoint_url(endpoint)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(LAB_ACCESS_KEY, "lab", None, None, "lab"))
            .load()
            .await;
        let settings = teal_aws::AwsSettings {
            table: table.to_owned(),
            event_bus: "default".to_owned(),
            deployment_strategy: None,
            clock: teal_aws::Clock::WALL,
        };
        Ok(Self { aws: teal_aws::Aws::new(&config, settings), clock })
    }

    /// The record of a release, if there is one: a refused release may have none.
    pub(crate) async fn record(&self, release: &str) -> Result<Option<Release>, LabError> {
        self.aws.load(&id(release)?).await.map_err(|error| exchange(error.to_string()))
    }

    /// What a release tells of itself, oldest first.
    pub(crate) async fn story(&self, release: &str) -> Result<Vec<StoryEntry>, LabError> {
        self.aws.story(&id(release)?).await.map_err(|error| exchange(error.to_string()))
    }

    /// Asks something of a release, as a person does with `teal approve` and the like.
    pub(crate) async fn ask(&self, release: &str, ask: Ask) -> Result<(), LabError> {
        let at = Timestamp::from_millisecond(self.clock.now_millis());
        let at = at.map_err(|error| exchange(error.to_string()))?;
        let request = Request { ask, by: "lab".to_owned(), at, note: Some("as the scenario says".to_owned()) };
        self.aws.ask(&id(release)?, &request).await.map_err(|error| exchange(error.to_string()))
    }

    /// The actions of a part of a route, as Teal reads them.
    pub(crate) async fn actions(&self, part: &PartRef) -> Result<Vec<Action>, LabError> {
        self.aws.actions(part).await.map_err(|error| exchange(error.to_string()))
    }

    /// Makes a release's record and route what they were, over whatever was written since.
    pub(crate) async fn put_back(&self, before: &Release) -> Result<(), LabError> {
        for part in &before.route {
            self.aws.set_actions(&part.part, &part.expected).await.map_err(|error| exchange(error.to_string()))?;
        }
        let current = self.record(before.id.as_str()).await?;
        let revision = current.map_or(before.revision, |current| current.revision);
        let mut record = Release { revision, ..before.clone() };
        self.aws.save(&mut record, &[]).await.map_err(|error| exchange(error.to_string()))
    }
}

fn id(release: &str) -> Result<ReleaseId, LabError> {
    ReleaseId::new(release).map_err(exchange)
}

fn exchange(problem: String) -> LabError {
    LabError::Exchange { service: "dynamodb".into(), action: "records of releases".into(), problem }
}
