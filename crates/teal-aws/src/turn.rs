//! Whose turn it is at Elastic Load Balancing when its token buckets are empty: what gives routes back to blue goes first.
//!
//! A function that restores a route and is throttled says so in the table. As long as it does, runs of functions that can wait do not
//! begin (the state machine tries them again), and those under way make longer pauses. Nothing of it is needed for a release to be
//! right: where the table cannot be read or written, everybody simply has the same right.
//!
//! A run that can wait and is turned away at its first call comes back later, too, instead of competing with those that were
//! served already: with many of them the API would answer everybody a little and nobody enough.

use crate::Aws;
use crate::error::port_error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use teal::ports::{PortError, PortResult};

/// How long others let who restores go first after it was throttled. Long enough to be told again in time, short enough that a
/// function that has ended holds nobody up.
const CLAIM: Duration = Duration::from_secs(10);

/// How old a claim is when it is made again.
const CLAIM_AGAIN: Duration = Duration::from_secs(3);

/// How long a call is repeated at most by who has no other deadline.
const PATIENCE: Duration = Duration::from_secs(8);

/// The part of its time in which a run may repeat calls; in the rest it can still write the record and say what went wrong.
pub(crate) const FOR_CALLS: f64 = 0.75;

/// Whether a function's calls of the load balancer's API can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It gives routes back: users are waiting for it.
    Restores,
    /// The state machine can try it again later.
    Waits,
    /// It does not call that API.
    Beside,
}

/// How to go on after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Soon,
    LetOthersGoFirst,
    NotNow,
}

/// The run of a function that is under way in this process. There is one at a time.
#[derive(Debug, Default)]
pub(crate) struct Turn(Mutex<Option<Run>>);

#[derive(Clone, Copy, Debug)]
struct Run {
    urgency: Urgency,
    /// Until when it may repeat calls.
    until: Instant,
    /// Whether one of its calls was answered.
    served: bool,
    claimed: Option<Instant>,
}

impl Turn {
    /// Notes that a call was not turned away.
    pub(crate) fn was_served(&self) {
        if let Some(run) = self.run().as_mut() {
            run.served = true;
        }
    }

    /// Until when a call that began at `begun` is repeated.
    pub(crate) fn patient_until(&self, begun: Instant) -> Instant {
        self.run().map_or(begun + PATIENCE, |run| run.until)
    }

    fn run(&self) -> MutexGuard<'_, Option<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aws {
    /// Begins a run of a function that ends after `left`.
    ///
    /// # Errors
    /// [`PortError::Throttled`] when others are to go first.
    pub async fn begin_run(&self, urgency: Urgency, left: Duration) -> PortResult<()> {
        let until = Instant::now() + left.mul_f64(FOR_CALLS);
        *self.turn.run() = Some(Run { urgency, until, served: false, claimed: None });
        match urgency == Urgency::Waits && self.others_go_first().await {
            true => Err(PortError::Throttled { call: "elasticloadbalancing (rollbacks come first)" }),
            false => Ok(()),
        }
    }

    /// How to go on after a call of the load balancer's API was refused.
    pub(crate) async fn pace(&self, throttled: bool) -> Pace {
        let Some(run) = *self.turn.run() else { return Pace::Soon };
        if !throttled {
            return Pace::Soon;
        }
        match run.urgency {
            Urgency::Restores => {
                if run.claimed.is_none_or(|at| at.elapsed() > CLAIM_AGAIN) {
                    if let Some(run) = self.turn.run().as_mut() {
                        run.claimed = Some(Instant::now());
                    }
                    // Without it everybody has the same right.
                    let _ = self.claim().await;
                }
                Pace::Soon
            }
            Urgency::Waits if !run.served => Pace::NotNow,
            Urgency::Waits if self.others_go_first().await => Pace::LetOthersGoFirst,
            Urgency::Waits | Urgency::Beside => Pace::Soon,
        }
    }

    async fn claim(&self) -> PortResult<()> {
        let put = self.dynamodb().put_item().table_name(&self.settings.table);
        let put = put.set_item(Some(crate::dynamodb::claim(unix_millis(SystemTime::now() + CLAIM))));
        let done = put.send().await;
        done.map(drop).map_err(|error| port_error("dynamodb:PutItem", "the claim of rollbacks", &error))
    }

    /// Whether a function that restores a route was throttled in the last seconds.
    async fn others_go_first(&self) -> bool {
        let until = self.claimed_until().await.ok().flatten();
        until.is_some_and(|until| until > unix_millis(SystemTime::now()))
    }
}

fn unix_millis(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;
    use serde_json::{Value, json};

    const LEFT: Duration = Duration::from_secs(30);

    fn claimed(from_now: i64) -> Value {
        let now = i64::try_from(unix_millis(SystemTime::now())).unwrap();
        json!({"Item": {"pk": {"S": "turn"}, "sk": {"S": "restoring"}, "until": {"N": (now + from_now).to_string()}}})
    }

    #[tokio::test]
    async fn who_can_wait_does_not_begin_while_rollbacks_are_throttled() {
        let script = Script::default().json(&claimed(5_000)).json(&claimed(-1)).json(&json!({}));
        let aws = script.aws();
        assert!(matches!(aws.begin_run(Urgency::Waits, LEFT).await, Err(PortError::Throttled { .. })));
        assert_eq!(aws.begin_run(Urgency::Waits, LEFT).await, Ok(()), "it is over");
        assert_eq!(aws.begin_run(Urgency::Waits, LEFT).await, Ok(()), "nobody ever claimed it");
        assert_eq!(aws.begin_run(Urgency::Restores, LEFT).await, Ok(()));
        assert_eq!(aws.begin_run(Urgency::Beside, LEFT).await, Ok(()));
        assert_eq!(script.operations(), ["GetItem"; 3]);
    }

    #[tokio::test]
    async fn a_table_that_cannot_be_read_holds_nobody_up() {
        let script = Script::default().answers(400, r#"{"__type": "AccessDeniedException"}"#);
        assert_eq!(script.aws().begin_run(Urgency::Waits, LEFT).await, Ok(()));
    }

    #[tokio::test]
    async fn who_restores_says_so_when_it_is_throttled() {
        let script = Script::default().json(&json!({}));
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, LEFT).await.unwrap();
        assert_eq!(aws.pace(false).await, Pace::Soon, "a fault is no sign of many");
        assert_eq!([aws.pace(true).await, aws.pace(true).await], [Pace::Soon; 2]);
        let sent = script.sent();
        assert_eq!(sent.len(), 1, "not at each refusal");
        let item = &sent[0].json()["Item"];
        let until: u64 = item["until"]["N"].as_str().unwrap().parse().unwrap();
        assert!(until > unix_millis(SystemTime::now()), "{item}");
        assert!(item["expiresAt"]["N"].is_string(), "{item}");
    }

    #[tokio::test]
    async fn who_can_wait_makes_longer_pauses_once_it_was_served() {
        let script = Script::default().json(&json!({})).json(&claimed(5_000)).json(&claimed(-1));
        let aws = script.aws();
        aws.begin_run(Urgency::Waits, LEFT).await.unwrap();
        assert_eq!(aws.pace(true).await, Pace::NotNow);
        aws.turn.was_served();
        assert_eq!(aws.pace(true).await, Pace::LetOthersGoFirst);
        assert_eq!(aws.pace(true).await, Pace::Soon);
        script.sent();
    }
}
