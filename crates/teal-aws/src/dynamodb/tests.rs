mod requests;

use crate::testing::{BLUE_GROUP, GREEN_GROUP, LISTENER, Script, Sent, id, release};
use serde_json::{Value, json};
use teal::compare::{Compared, CountSource};
use teal::drift::RouteLeft;
use teal::hook::{HookEvent, HookTicket};
use teal::judge::{Calibration, Counts, Interval, JudgeConfig, MetricState};
use teal::plan::AlarmName;
use teal::ports::{Ledger, Opening, PortError};
use teal::release::{Phase, RECORD_FORMAT, Release};
use teal::story::{Fact, StoryEntry};
use teal::time::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn entry(note: &str) -> StoryEntry {
    StoryEntry { at: at("2026-11-22T10:00:01Z"), by: "accept".into(), fact: Fact::Noted { note: note.into() } }
}

/// A cancelled transaction of so many items, where one item has a reason.
fn cancelled(items: usize, failed: usize, code: &str, item: Option<&Value>) -> String {
    let reasons: Vec<Value> = (0..items)
        .map(|index| match item {
            _ if index != failed => json!({"Code": "None"}),
            None => json!({"Code": code}),
            Some(item) => json!({"Code": code, "Item": item}),
        })
        .collect();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": reasons,
    })
    .to_string()
}

fn puts(sent: &Sent) -> Vec<Value> {
    let items = sent.json()["TransactItems"].as_array().cloned().unwrap();
    items.into_iter().filter_map(|item| item.get("Put").cloned()).collect()
}

fn keys(puts: &[Value]) -> Vec<(String, String)> {
    let text = |put: &Value, name: &str| put["Item"][name]["S"].as_str().unwrap_or_default().to_owned();
    puts.iter().map(|put| (text(put, "pk"), text(put, "sk"))).collect()
}

fn deleted(sent: &Sent) -> Vec<String> {
    let items = sent.json()["TransactItems"].as_array().cloned().unwrap();
    let pks = items.iter().filter_map(|item| item["Delete"]["Key"]["pk"]["S"].as_str().map(str::to_owned));
    pks.collect()
}

#[tokio::test]
async fn opening_writes_record_locks_and_watches_at_once() {
    let script = Script::default().json(&json!({}));
    assert_eq!(script.aws().open(&release(2)).await, Ok(Opening::Opened));

    let sent = &script.sent()[0];
    assert_eq!(sent.operation, "TransactWriteItems");
    let puts = puts(sent);
    let record = &puts[0];
    assert_eq!(record["ConditionExpression"], "attribute_not_exists(pk)");
    assert_eq!(record["Item"]["startedAt"]["S"], "2026-11-22T10:00:00.500Z", "sorted as text, so of one width");
    assert_eq!(record["Item"]["kind"]["S"], "release");
    assert_eq!(record["Item"]["revision"]["N"], "0");
    assert!(record["Item"].get("expiresAt").is_none(), "a release under way does not expire");
    let keys = keys(&puts);
    for (pk, sk) in [
        ("release#checkout-7", "record"),
        ("active", "checkout-7"),
        (&format!("lock#{LISTENER}"), "lock"),
        (&format!("lock#{BLUE_GROUP}"), "lock"),
        ("watch#alarm-0", "checkout-7"),
        ("watch#alarm-1", "checkout-7"),
    ] {
        assert!(keys.contains(&(pk.to_owned(), sk.to_owned())), "{pk} {sk} is not in {keys:?}");
    }
    let lock = puts.iter().find(|put| put["Item"]["pk"]["S"] == format!("lock#{LISTENER}")).unwrap();
    assert_eq!(lock["ConditionExpression"], "attribute_not_exists(pk) OR #holder = :me");
    assert_eq!(lock["ExpressionAttributeValues"][":me"]["S"], "checkout-7");
}

#[tokio::test]
async fn what_does_not_fit_is_watched_before_the_record_is_there() {
    let script = Script::default().json(&json!({})).json(&json!({}));
    script.aws().open(&release(100)).await.unwrap();
    let sent = script.sent();
    let (early, rest) = (keys(&puts(&sent[0])), keys(&puts(&sent[1])));
    assert!(early.iter().all(|(pk, _)| pk.starts_with("watch#")), "{early:?}");
    assert_eq!(rest.len(), 100);
    assert_eq!(rest[0].1, "record");
    let watches = early.iter().chain(&rest).filter(|(pk, _)| pk.starts_with("watch#"));
    assert_eq!(watches.count(), 100, "each alarm is watched");
}

#[tokio::test]
async fn a_release_on_record_is_already_open() {
    let script = Script::default().answers(400, cancelled(5, 0, "ConditionalCheckFailed", None));
    assert_eq!(script.aws().open(&release(0)).await, Ok(Opening::AlreadyOpen));
}

#[tokio::test]
async fn a_lock_of_another_release_is_told_with_its_holder() {
    let locks = release(0).lock_keys();
    let holder = json!({"pk": {"S": "lock#x"}, "sk": {"S": "lock"}, "holder": {"S": "checkout-6"}});
    let busy = Ok(Opening::Busy { key: locks[1].clone(), holder: id("checkout-6") });

    // Item 0 is the record, 1 the item of active releases, then the locks.
    let told = Script::default().answers(400, cancelled(5, 3, "ConditionalCheckFailed", Some(&holder)));
    assert_eq!(told.aws().open(&release(0)).await, busy);

    let untold =
        Script::default().answers(400, cancelled(5, 3, "ConditionalCheckFailed", None)).json(&json!({"Item": holder}));
    assert_eq!(untold.aws().open(&release(0)).await, busy);
    assert_eq!(untold.sent()[1].json()["ConsistentRead"], true);

    let freed = Script::default().answers(400, cancelled(5, 3, "ConditionalCheckFailed", None)).json(&json!({}));
    assert!(matches!(freed.aws().open(&release(0)).await, Err(PortError::Throttled { .. })), "free by now: try again");
}

#[tokio::test]
async fn who_holds_a_route_is_one_consistent_read_of_its_lock() {
    let held = json!({"Item": {"pk": {"S": "lock#x"}, "sk": {"S": "lock"}, "holder": {"S": "checkout-6"}}});
    let script = Script::default().json(&held).json(&json!({}));
    let aws = script.aws();
    assert_eq!(aws.holder(LISTENER).await, Ok(Some(id("checkout-6"))));
    assert_eq!(aws.holder(LISTENER).await, Ok(None));
    let sent = script.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].operation, "GetItem");
    assert_eq!(sent[0].json()["ConsistentRead"], true);
    assert_eq!(sent[0].json()["Key"], json!({"pk": {"S": format!("lock#{LISTENER}")}, "sk": {"S": "lock"}}));

    let unreadable = Script::default().json(&json!({"Item": {"pk": {"S": "lock#x"}, "sk": {"S": "lock"}}}));
    let refused = unreadable.aws().holder(LISTENER).await.unwrap_err();
    assert!(matches!(refused, PortError::Refused { .. }), "held, but nobody knows by whom: {refused}");
}

/// A metric of which something was seen.
fn compared() -> Compared {
    let calibration = Calibration::given(1.25, 0.125).unwrap();
    let mut state = MetricState::default();
    let (green, blue) = (Counts::new(300, 3), Counts::new(5_700, 7));
    let interval = Interval { step: 1, period_end: Timestamp::UNIX_EPOCH, begun_after_shift: true, green, blue };
    state.observe(&JudgeConfig::default(), &calibration, &interval);
    let source = CountSource::Slower { than_seconds: 0.25 };
    Compared {
        name: "m".into(),
        bad_means: "were slow".into(),
        weight: 1.0 / 3.0,
        source,
        calibration,
        state,
        messages: None,
    }
}

#[tokio::test]
async fn a_record_comes_back_as_it_was_written() {
    let script = Script::default().json(&json!({}));
    let mut before = release(1);
    before.compared.push(compared());
    script.aws().open(&before).await.unwrap();
    let item = puts(&script.sent()[0])[0]["Item"].clone();

    let script = Script::default().json(&json!({"Item": item})).json(&json!({}));
    let aws = script.aws();
    assert_eq!(aws.load(&id("checkout-7")).await, Ok(Some(before)));
    assert_eq!(aws.load(&id("checkout-8")).await, Ok(None));
    assert_eq!(script.sent()[0].json()["ConsistentRead"], true);
}

#[tokio::test]
async fn a_record_of_a_newer_teal_is_refused_by_name() {
    let newer = json!({"format": RECORD_FORMAT + 1, "surprise": true}).to_string();
    for document in [newer.as_str(), "{", "{\"format\": 1}"] {
        let script = Script::default().json(&json!({"Item": {"doc": {"S": document}}}));
        let refused = script.aws().load(&id("checkout-7")).await.unwrap_err();
        assert!(matches!(refused, PortError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains("checkout-7"), "{refused}");
    }
}

#[tokio::test]
async fn saving_asks_for_the_revision_that_was_read_and_appends_to_the_story() {
    let script = Script::default().json(&json!({}));
    let mut release = release(1);
    release.revision = 4;
    script.aws().save(&mut release, &[entry("one"), entry("two")]).await.unwrap();
    assert_eq!(release.revision, 5);

    let puts = puts(&script.sent()[0]);
    assert_eq!(puts[0]["ConditionExpression"], "#revision = :read");
    assert_eq!(puts[0]["ExpressionAttributeValues"][":read"]["N"], "4");
    assert_eq!(puts[0]["Item"]["revision"]["N"], "5");
    let sort_keys: Vec<String> = keys(&puts).into_iter().map(|(_, sk)| sk).collect();
    assert_eq!(sort_keys, ["record", "story#00000005#000", "story#00000005#001"]);
    assert!(deleted(&script.sent()[0]).is_empty(), "its locks stay");
}

#[tokio::test]
async fn a_release_that_ends_gives_everything_up_in_the_same_write() {
    let script = Script::default().json(&json!({}));
    let mut release = release(2);
    release.phase = Phase::RolledBack;
    script.aws().save(&mut release, &[entry("over")]).await.unwrap();
    let sent = &script.sent()[0];
    let deleted = deleted(sent);
    assert_eq!(deleted.len(), 1 + release.lock_keys().len() + 2, "{deleted:?}");
    let expires_at = puts(sent)[0]["Item"]["expiresAt"]["N"].as_str().map(|seconds| seconds.parse::<i64>().unwrap());
    assert_eq!(expires_at, Some(release.phase_since.as_second() + 400 * 86_400));
}

#[tokio::test]
async fn what_a_release_leaves_on_its_route_is_written_with_its_end_and_read_back() {
    for phase in [Phase::Promoted, Phase::RolledBack] {
        let script = Script::default().json(&json!({}));
        let mut release = release(0);
        release.phase = phase;
        let groups = json!([{"targetGroup": BLUE_GROUP, "weight": 100}, {"targetGroup": GREEN_GROUP, "weight": 0}]);
        release.route[0].expected = serde_json::from_value(json!([{"forward": {"groups": groups}}])).unwrap();
        script.aws().save(&mut release, &[]).await.unwrap();
        let put = puts(&script.sent()[0]).into_iter().find(|put| put["Item"]["pk"]["S"] == "routes").unwrap();
        assert_eq!(put["Item"]["sk"]["S"], LISTENER);
        let stored = json!({"Items": [{"left": put["Item"]["left"]}]});
        let left = Script::default().json(&stored).aws().left().await.unwrap();
        let serving = if phase == Phase::Promoted { GREEN_GROUP } else { BLUE_GROUP };
        assert_eq!((left[0].serving.as_str(), left[0].promoted), (serving, phase == Phase::Promoted));
    }
    let script = Script::default().json(&json!({}));
    let mut refused = release(0);
    refused.phase = Phase::Refused;
    script.aws().save(&mut refused, &[]).await.unwrap();
    assert!(keys(&puts(&script.sent()[0])).iter().all(|(pk, _)| pk != "routes"), "it never touched the route");
}

#[tokio::test]
async fn what_was_left_on_a_route_is_replaced_or_forgotten_only_where_it_is_as_it_was_read() {
    let left = RouteLeft::by(&Release { phase: Phase::Promoted, ..release(0) }).remove(0);
    let missing = left.missing(Some(at("2026-11-22T11:00:00Z")));
    for new in [Some(&missing), None] {
        let script = Script::default().json(&json!({}));
        script.aws().replace_left(&left, new).await.unwrap();
        let sent = script.sent()[0].json()["TransactItems"][0].clone();
        let (write, key) = match new {
            Some(_) => (&sent["Put"], &sent["Put"]["Item"]),
            None => (&sent["Delete"], &sent["Delete"]["Key"]),
        };
        assert_eq!((&key["pk"]["S"], &key["sk"]["S"]), (&json!("routes"), &json!(LISTENER)));
        assert_eq!(write["ConditionExpression"], "#left = :read");
        let read = write["ExpressionAttributeValues"][":read"]["S"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<RouteLeft>(read).unwrap(), left);
        let changed = Script::default().answers(400, cancelled(1, 0, "ConditionalCheckFailed", None));
        assert_eq!(changed.aws().replace_left(&left, new).await, Ok(()), "a release has ended there meanwhile");
    }
}

#[tokio::test]
async fn what_does_not_fit_beside_the_record_is_written_after_it_or_told() {
    let mut ended = release(120);
    ended.phase = Phase::RolledBack;
    let script = Script::default().json(&json!({})).json(&json!({}));
    script.aws().save(&mut ended.clone(), &[entry("over")]).await.unwrap();
    let sent = script.sent();
    let first = keys(&puts(&sent[0]));
    assert!(first.iter().any(|(_, sk)| sk == "story#00000001#000"), "the story is not what is left over: {first:?}");
    let watches = sent.iter().flat_map(deleted).filter(|pk| pk.starts_with("watch#"));
    assert_eq!(watches.count(), 120);

    let throttled = Script::default().json(&json!({})).answers(400, cancelled(1, 0, "ThrottlingError", None));
    let told = throttled.aws().save(&mut ended, &[]).await;
    assert_eq!(told, Err(PortError::Throttled { call: "dynamodb:TransactWriteItems" }));
    assert_eq!(ended.revision, 1, "the record is written");
}

#[tokio::test]
async fn a_record_that_somebody_else_wrote_is_stale() {
    let theirs = json!({"writer": {"S": "somebody-else"}, "revision": {"N": "1"}});
    let script = Script::default().answers(400, cancelled(1, 0, "ConditionalCheckFailed", Some(&theirs)));
    let mut release = release(0);
    let stale = script.aws().save(&mut release, &[]).await;
    assert_eq!(stale, Err(PortError::Stale { release: id("checkout-7") }));
    assert_eq!(release.revision, 0, "as it was read");
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_recognised() {
    let lost = Script::default();
    let aws = lost.aws();
    let items = [aws.put_new(super::item::record(&release(0), "token").unwrap())];
    let ours = json!({"writer": {"S": "token"}, "revision": {"N": "1"}});
    let lost = lost.answers(400, cancelled(1, 0, "ConditionalCheckFailed", Some(&ours)));
    assert_eq!(aws.save_all(&release(0), items.to_vec(), "token").await, Ok(()));
    assert_eq!(lost.sent().len(), 1);
}

#[tokio::test]
async fn a_lock_that_is_not_ours_any_more_does_not_keep_a_release_from_ending() {
    let mut release = release(0);
    release.phase = Phase::Promoted;
    let locks = release.lock_keys().len();
    let script =
        Script::default().answers(400, cancelled(2 + locks, 2, "ConditionalCheckFailed", None)).json(&json!({}));
    script.aws().save(&mut release, &[]).await.unwrap();
    let sent = script.sent();
    assert_eq!(deleted(&sent[0]).len(), 1 + locks);
    assert_eq!(deleted(&sent[1]).len(), locks, "all but the one that failed");
    assert_eq!(puts(&sent[1])[0]["ConditionExpression"], "#revision = :read");
}

#[tokio::test]
async fn two_transactions_that_meet_are_tried_again_with_the_same_token() {
    let script = Script::default().answers(400, cancelled(1, 0, "TransactionConflict", None)).json(&json!({}));
    script.aws().save(&mut release(0), &[]).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent[0].json()["ClientRequestToken"], sent[1].json()["ClientRequestToken"]);

    let throttled = Script::default().answers(400, cancelled(1, 0, "ThrottlingError", None));
    let error = throttled.aws().save(&mut release(0), &[]).await;
    assert_eq!(error, Err(PortError::Throttled { call: "dynamodb:TransactWriteItems" }));
}

#[tokio::test]
async fn queries_read_every_page_consistently() {
    let key = json!({"pk": {"S": "active"}, "sk": {"S": "checkout-7"}});
    let script = Script::default()
        .json(&json!({"Items": [{"sk": {"S": "checkout-7"}}], "LastEvaluatedKey": key}))
        .json(&json!({"Items": [{"sk": {"S": "cart-1"}}]}));
    assert_eq!(script.aws().active().await, Ok(vec![id("checkout-7"), id("cart-1")]));
    let sent = script.sent();
    assert_eq!(sent[1].json()["ExclusiveStartKey"], key);
    assert_eq!(sent[0].json()["ConsistentRead"], true);
}

#[tokio::test]
async fn the_releases_that_watch_an_alarm_are_found_by_its_name() {
    let alarm: AlarmName = "alarm-0".parse().unwrap();
    let items = json!({"Items": [{"sk": {"S": "checkout-7"}}, {"sk": {"S": "cart-1"}}]});
    let script = Script::default().json(&items).json(&json!({"Items": []}));
    let aws = script.aws();
    assert_eq!(aws.watching(None, &alarm).await, Ok(vec![id("checkout-7"), id("cart-1")]));
    assert_eq!(aws.active().await, Ok(vec![]));
    let of = |index: usize| script.sent()[index].json()["ExpressionAttributeValues"][":pk"]["S"].clone();
    assert_eq!((of(0), of(1)), (json!("watch#alarm-0"), json!("active")));
}

#[tokio::test]
async fn locks_and_watches_tell_accounts_apart() {
    let mut release = release(1);
    let mut plan = serde_json::to_value(&release.plan).unwrap();
    plan["account"] = json!({"role": "arn:aws:iam::222222222222:role/TealRelease", "externalId": "teal-7f3c"});
    plan["traffic"] = json!({"lambda": {"function": "checkout", "alias": "live"}});
    release.plan = serde_json::from_value(plan).unwrap();
    release.route[0].part = teal::route::PartRef::Alias("checkout:live".parse().unwrap());
    let script = Script::default().json(&json!({})).json(&json!({"Items": []}));
    let aws = script.aws();
    aws.open(&release).await.unwrap();
    let alarm: AlarmName = "alarm-0".parse().unwrap();
    aws.watching(Some("222222222222"), &alarm).await.unwrap();
    let sent = script.sent();
    let body = sent[0].json().to_string();
    for key in ["lock#222222222222/checkout:live", "watch-in#222222222222#alarm-0", "lock#arn:aws:elasticloadbalancing"]
    {
        assert!(body.contains(key), "{key}: {body}");
    }
    assert_eq!(sent[1].json()["ExpressionAttributeValues"][":pk"]["S"], "watch-in#222222222222#alarm-0");
}

#[tokio::test]
async fn a_hook_is_kept_once_in_a_partition_that_people_cannot_write() {
    let exists = json!({"__type": "ConditionalCheckFailedException", "message": "no"});
    let ticket = |event: HookEvent, minute: u32| HookTicket {
        event,
        deployment: "d-ABC123XYZ".parse().unwrap(),
        execution: format!("e{minute}"),
        asked_at: at(&format!("2026-11-22T10:{minute:02}:00Z")),
    };
    let (first, second) = (ticket(HookEvent::BeforeInstall, 0), ticket(HookEvent::AfterInstall, 5));
    let kept = |ticket: &HookTicket| json!({"ticket": {"S": serde_json::to_string(ticket).unwrap()}});
    let script = Script::default().json(&json!({})).answers(400, exists.to_string());
    let script = script.json(&json!({"Items": [kept(&second), kept(&first)]}));
    let aws = script.aws();
    for _ in 0..2 {
        assert_eq!(aws.keep_hook(&id("codedeploy-d-ABC123XYZ"), &first).await, Ok(()));
    }
    assert_eq!(aws.hooks(&id("codedeploy-d-ABC123XYZ")).await, Ok(vec![first, second]), "as they were asked");
    let put = script.sent()[0].json();
    let key = (&put["Item"]["pk"]["S"], &put["Item"]["sk"]["S"]);
    assert_eq!(key, (&json!("hook#codedeploy-d-ABC123XYZ"), &json!("BeforeInstall#e0")));
    assert_eq!(put["ConditionExpression"], "attribute_not_exists(pk)");
    assert!(put["Item"]["expiresAt"]["N"].is_string());
}

#[tokio::test]
async fn lists_come_from_the_index_newest_first_up_to_the_limit() {
    let summary = |n: usize| json!({"summary": {"S": serde_json::to_string(&release(n).summary()).unwrap()}});
    let key = json!({"pk": {"S": "p"}, "sk": {"S": "s"}, "kind": {"S": "release"}, "startedAt": {"S": "t"}});
    let script = Script::default()
        .json(&json!({"Items": [summary(0)], "LastEvaluatedKey": key}))
        .json(&json!({"Items": [summary(0), summary(0)]}));
    let list = script.aws().list(Some("checkout"), 2).await.unwrap();
    assert_eq!(list, [release(0).summary(), release(0).summary()]);
    let query = script.sent()[0].json();
    assert_eq!(query["IndexName"], "releases");
    assert_eq!(query["ScanIndexForward"], false);
    assert_eq!(query["FilterExpression"], "#service = :service");
    assert!(query.get("ConsistentRead").is_none(), "an index has no consistent reads");
}

#[tokio::test]
async fn a_story_is_read_back() {
    let items = json!({"Items": [{"entry": {"S": serde_json::to_string(&entry("one")).unwrap()}}]});
    let script = Script::default().json(&items);
    assert_eq!(script.aws().story(&id("checkout-7")).await, Ok(vec![entry("one")]));
}
