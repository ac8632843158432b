//! Whose turn it is at Elastic Load Balancing when its token buckets are empty: what gives routes back to blue goes first.
//!
//! A function that restores a route and is throttled says so in the table. As long as it does, runs of functions that can wait do not
//! begin (the state machine tries them again), and those under way make longer pauses. Nothing of it is needed for a release to be
//! right: where the table cannot be read or written, everybody simply has the same right.
//!
//! Among those that restore, the one goes first with most requests on green: it says how many, and who has fewer pauses, the longer the
//! fewer they are, for some seconds at most.
//!
//! A run that can wait and is turned away at its first call comes back later, too, instead of competing with those that were
//! served already: with many of them the API would answer everybody a little and nobody enough.

use crate::Aws;
use crate::dynamodb::Claim;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use teal::ports::{PortError, PortResult};

/// How long others let who restores go first after it was throttled. Long enough to be told again in time, short enough that a
/// function that has ended holds nobody up.
const CLAIM: Duration = Duration::from_secs(10);

/// How old a claim is when it is made again.
const CLAIM_AGAIN: Duration = Duration::from_secs(3);

/// How long a claim keeps those with fewer requests on green back after it was last made. It is made again before that.
const FIRST: Duration = Duration::from_secs(4);

/// The pause of who has hardly any requests on green, beside a restoring with many. Elastic Load Balancing's buckets do not overflow in that
/// time (40 calls, 10 a second), so that no call is lost by waiting.
const LONGEST_YIELD: Duration = Duration::from_secs(4);

/// How long one restoring lets others go first in all.
const MOST_YIELDED: Duration = Duration::from_secs(10);

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
    /// A restoring of more requests goes first.
    Yield(Duration),
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
    /// How many requests wait for what it restores; see [`teal::release::Release::on_green`].
    on_green: u64,
    /// How long it has let restorings of more go first.
    yielded: Duration,
}

impl Run {
    /// How long it lets a restoring of `ahead` requests go first: the longer, the fewer it has itself, within what is left of its time.
    fn pause_for(&self, ahead: u64) -> Duration {
        let fewer = 1.0 - self.on_green as f64 / ahead.max(1) as f64;
        let left = MOST_YIELDED.saturating_sub(self.yielded);
        let time = self.until.saturating_duration_since(Instant::now()) / 2;
        LONGEST_YIELD.mul_f64(fewer.clamp(0.0, 1.0)).min(left).min(time)
    }
}

impl Turn {
    /// Notes that a call was not turned away.
    pub(crate) fn was_served(&self) {
        if let Some(run) = self.run().as_mut() {
            run.served = true;
        }
    }

    /// Notes for how many requests the run restores from now on.
    pub(crate) fn restoring_for(&self, requests: u64) {
        if let Some(run) = self.run().as_mut().filter(|run| run.on_green != requests) {
            (run.on_green, run.claimed, run.yielded) = (requests, None, Duration::ZERO);
        }
    }

    /// Until when a call that began at `begun` is repeated.
    pub(crate) fn patient_until(&self, begun: Instant) -> Instant {
        self.run().map_or(begun + PATIENCE, |run| run.until)
    }

    /// Until when a restoring run repeats what it cannot do without; `None` for others.
    pub(crate) fn restores_until(&self) -> Option<Instant> {
        self.run().filter(|run| run.urgency == Urgency::Restores).map(|run| run.until)
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
        self.forget_sides();
        let until = Instant::now() + left.mul_f64(FOR_CALLS);
        *self.turn.run() =
            Some(Run { urgency, until, served: false, claimed: None, on_green: 0, yielded: Duration::ZERO });
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
            Urgency::Restores if run.claimed.is_some_and(|at| at.elapsed() <= CLAIM_AGAIN) => Pace::Soon,
            Urgency::Restores => {
                // Without it everybody has the same right.
                let ahead = self.claim_for(run.on_green).await.ok().flatten();
                let pause = ahead.map_or(Duration::ZERO, |ahead| run.pause_for(ahead));
                if let Some(run) = self.turn.run().as_mut() {
                    run.yielded += pause;
                    // Who has let others go first asks again before it does so once more.
                    run.claimed = pause.is_zero().then(Instant::now);
                }
                if pause.is_zero() { Pace::Soon } else { Pace::Yield(pause) }
            }
            Urgency::Waits if !run.served => Pace::NotNow,
            Urgency::Waits if self.others_go_first().await => Pace::LetOthersGoFirst,
            Urgency::Waits | Urgency::Beside => Pace::Soon,
        }
    }

    /// Gives how many requests are on green where a restoring of more goes first.
    async fn claim_for(&self, on_green: u64) -> PortResult<Option<u64>> {
        let now = SystemTime::now();
        let [until, first_until] = [CLAIM, FIRST].map(|held| unix_millis(now + held));
        self.claim(Claim { until, on_green, first_until }, unix_millis(now)).await
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

    /// A claim that is refused because of another one.
    fn behind(on_green: u64) -> String {
        let item = json!({"pk": {"S": "turn"}, "sk": {"S": "restoring"}, "onGreen": {"N": on_green.to_string()}});
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item}).to_string()
    }

    #[tokio::test]
    async fn a_restoring_lets_one_of_more_requests_go_first_for_some_seconds_at_most() {
        let refused = |script: Script| script.answers(400, behind(1_000));
        let script = (0..5).fold(Script::default(), |script, _| refused(script));
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, Duration::from_secs(120)).await.unwrap();
        aws.turn.restoring_for(250);
        let three_quarters = LONGEST_YIELD.mul_f64(0.75);
        assert_eq!(
            [aws.pace(true).await, aws.pace(true).await, aws.pace(true).await],
            [Pace::Yield(three_quarters); 3]
        );
        assert_eq!(aws.pace(true).await, Pace::Yield(MOST_YIELDED - 3 * three_quarters));
        assert_eq!([aws.pace(true).await, aws.pace(true).await], [Pace::Soon; 2], "it was patient for long enough");
        let sent = script.sent();
        assert_eq!(sent.len(), 5, "and says so no more");
        let put = sent[0].json();
        assert_eq!(
            (&put["Item"]["onGreen"]["N"], &put["ExpressionAttributeValues"][":mine"]["N"]),
            (&json!("250"), &json!("250"))
        );
        assert!(put["ConditionExpression"].as_str().unwrap().contains("onGreen <= :mine"), "{put}");
    }

    #[tokio::test]
    async fn another_release_of_the_run_is_patient_anew_and_equals_do_not_wait() {
        let script = Script::default().answers(400, behind(1_000)).answers(400, behind(1_000)).json(&json!({}));
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, Duration::from_secs(120)).await.unwrap();
        aws.turn.restoring_for(1_000);
        assert_eq!(aws.pace(true).await, Pace::Soon);
        aws.turn.restoring_for(500);
        assert_eq!(aws.pace(true).await, Pace::Yield(LONGEST_YIELD / 2));
        assert_eq!(aws.pace(true).await, Pace::Soon, "the other one has ended");
        script.sent();
    }

    #[tokio::test]
    async fn a_run_that_is_nearly_over_does_not_spend_its_time_on_others() {
        let script = Script::default().answers(400, behind(1_000));
        let aws = script.aws();
        aws.begin_run(Urgency::Restores, Duration::from_secs(2)).await.unwrap();
        let Pace::Yield(pause) = aws.pace(true).await else { panic!("it yields") };
        assert!(pause < Duration::from_secs(1), "{pause:?}");
        script.sent();
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
