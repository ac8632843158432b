//! The records of releases, read and written as Teal itself does.
use crate::LabError;
use teal::release::Release;
use teal::request::Ask;
use teal::story::StoryEntry;
use teal_lab_wire::LabClock;
#[derive(Debug)]
pub(crate) struct Ledger {}
impl Ledger {
    pub(crate) async fn new(_endpoint: &str, _table: &str, _clock: LabClock) -> Result<Self, LabError> {
        Ok(Self {})
    }
    pub(crate) async fn record(&self, _release: &str) -> Result<Option<Release>, LabError> {
        Ok(None)
    }
    pub(crate) async fn story(&self, _release: &str) -> Result<Vec<StoryEntry>, LabError> {
        Ok(vec![])
    }
    pub(crate) async fn ask(&self, _release: &str, _ask: Ask) -> Result<(), LabError> {
        Ok(())
    }
}
