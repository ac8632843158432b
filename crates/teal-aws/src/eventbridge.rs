//! Telling the account's event bus what happens: EventBridge.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use crate::Aws;
use crate::json;
use serde_json::{Value, json};
use teal::ports::{Announcer, PortError, PortResult};
use teal::story::Announcement;

pub(crate) const EVENTS: json::Service =
    json::Service { name: "events", target: "AWSEvents", version: "1.1", id: "eventbridge" };

const PUT_EVENTS: &str = "events:PutEvents";

/// The `source` of Teal's events. The functions' role allows no other.
const SOURCE: &str = "teal";

/// The `detail-type` of Teal's events.
const DETAIL_TYPE: &str = "Teal Release Phase Change";

/// The most events of one call.
const EVENTS_PER_CALL: usize = 10;

impl Announcer for Aws {
    async fn announce(&self, announcements: &[Announcement]) -> PortResult<()> {
        for batch in announcements.chunks(EVENTS_PER_CALL) {
            let entries = batch.iter().map(|announcement| self.entry(announcement)).collect::<PortResult<Vec<_>>>()?;
            let what = format!("event bus {}", self.settings.event_bus);
            let answer = self.eventbridge().call(PUT_EVENTS, &what, &json!({"Entries": entries})).await?;
            // An entry can fail in an answer that is a success as a whole.
            let mut entries = answer["Entries"].as_array().into_iter().flatten();
            if let Some((entry, code)) = entries.find_map(|entry| Some((entry, entry["ErrorCode"].as_str()?))) {
                if code.contains("Throttling") {
                    return Err(PortError::Throttled { call: PUT_EVENTS });
                }
                let message = format!("{code}: {}", entry["ErrorMessage"].as_str().unwrap_or_default());
                return Err(PortError::Unavailable { call: PUT_EVENTS, message });
            }
        }
        Ok(())
    }
}

impl Aws {
    fn entry(&self, announcement: &Announcement) -> PortResult<Value> {
        let detail = serde_json::to_string(announcement)
            .map_err(|error| PortError::Refused { call: PUT_EVENTS, message: error.to_string() })?;
        Ok(json!({
            "Time": json::time(announcement.at),
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": detail,
            "EventBusName": self.settings.event_bus,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, id};
    use teal::error::ErrorName;
    use teal::state::State;
    use teal::units::Share;

    fn announcement(number: usize) -> Announcement {
        Announcement {
            id: format!("checkout-7-{number}"),
            release: id("checkout-7"),
            service: "checkout".into(),
            version: "2.4.0".into(),
            at: "2026-11-22T10:00:00Z".parse().unwrap(),
            state: State::RollBack,
            green_share: Share::NONE,
            flags_share: None,
            error: Some(ErrorName::AlarmRaised),
            cause: None,
            judged: None,
            summary: None,
        }
    }

    #[tokio::test]
    async fn events_go_out_in_tens_under_teals_name() {
        let done = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]});
        let script = Script::default().json(&done).json(&done);
        let announcements: Vec<Announcement> = (0..12).map(announcement).collect();
        script.aws().announce(&announcements).await.unwrap();
        let sent = script.sent();
        let entries = |index: usize| sent[index].json()["Entries"].as_array().cloned().unwrap();
        assert_eq!((entries(0).len(), entries(1).len()), (10, 2));
        let entry = &entries(0)[0];
        assert_eq!((&entry["Source"], &entry["EventBusName"]), (&json!("teal"), &json!("main")));
        assert_eq!(entry["DetailType"], "Teal Release Phase Change");
        assert_eq!(entry["Time"], json!(1_795_341_600.0), "seconds");
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!(detail, serde_json::to_value(announcement(0)).unwrap());
    }

    #[tokio::test]
    async fn an_entry_that_failed_fails_the_call() {
        let failed = |code: &str| json!({"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": code, "ErrorMessage": "m"}]});
        let script = Script::default().json(&failed("InternalFailure")).json(&failed("ThrottlingException"));
        let aws = script.aws();
        let error = aws.announce(&[announcement(0), announcement(1)]).await;
        assert_eq!(error, Err(PortError::Unavailable { call: PUT_EVENTS, message: "InternalFailure: m".into() }));
        let error = aws.announce(&[announcement(0), announcement(1)]).await;
        assert_eq!(error, Err(PortError::Throttled { call: PUT_EVENTS }));
    }
}
