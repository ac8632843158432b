//! Releases, locks and requests: one DynamoDB table.
//!
//! | pk              | sk                        | item                                                       |
//! |-----------------|---------------------------|------------------------------------------------------------|
//! | `release#<id>`  | `record`                  | the record: the truth about a release                      |
//! | `release#<id>`  | `story#<revision>#<n>`    | a line of its story, with the write that it came with      |
//! | `release#<id>`  | `story#<revision>#<name>` | a line of what runs beside its steps, by the function's name |
//! | `request#<id>`  | what is asked             | what somebody asked of a release: people write only here   |
//! | `hook#<id>`     | `<event>#<execution>`     | that a deployment asked a hook about the release, and waits to be told |
//! | `lock#<key>`    | `lock`                    | the release that may act on a listener, rule or group; of another account's names `<account>/<name>` |
//! | `watch#<alarm>` | `<id>`                    | that a release is put back when the alarm goes off; of another account's alarm `watch-in#<account>#<alarm>` |
//! | `active`        | `<id>`                    | that a release holds locks, or has its ending yet to tell  |
//! | `routes`        | `<arn>`                   | what the last release left on a listener or rule           |
//! | `turn`          | `restoring`               | until when rollbacks come first at the load balancer's API |

mod item;
mod requests;
#[cfg(test)]
mod tests;
mod transaction;

pub(crate) use item::Claim;
pub use item::RECORD_KEPT_DAYS;

use crate::Aws;
use crate::error::port_error;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use item::{Item, Keyed, string};
use std::collections::HashMap;
use teal::drift::RouteLeft;
use teal::hook::HookTicket;
use teal::plan::AlarmName;
use teal::ports::{Ledger, Opening, PortError, PortResult};
use teal::release::{Release, ReleaseId, Summary};
use teal::request::{Request, Requests};
use teal::story::StoryEntry;
use transaction::{Cancelled, TRANSACTION_LIMIT};

/// The index for lists that people read; see template.yaml.
const INDEX: &str = "releases";

const GET_ITEM: &str = "dynamodb:GetItem";
const PUT_ITEM: &str = "dynamodb:PutItem";
const QUERY: &str = "dynamodb:Query";

impl Ledger for Aws {
    async fn load(&self, release: &ReleaseId) -> PortResult<Option<Release>> {
        let key = Keyed::record(release);
        let found = self.get(&key).await?;
        found.map(|item| item::read_record(release, &item)).transpose()
    }

    async fn open(&self, release: &Release) -> PortResult<Opening> {
        let writer = transaction::new_token();
        let locks = release.lock_keys();
        let mut items = vec![self.put_new(item::record(release, &writer)?), self.put(item::active(release))];
        items.extend(locks.iter().map(|key| self.put_lock(release, key)));
        let mut watches: Vec<_> =
            release.plan.judge.alarms.iter().map(|alarm| self.put(item::watch(release, alarm))).collect();
        // Where not everything fits, watches go first: one without a record watches over nothing, but a record whose watches are
        // missing would not be put back.
        let excess = (items.len() + watches.len()).saturating_sub(TRANSACTION_LIMIT);
        let early = watches.split_off(watches.len().saturating_sub(excess));
        for batch in early.chunks(TRANSACTION_LIMIT) {
            self.transact(batch).await.map_err(Cancelled::unexpected)?;
        }
        items.extend(watches);
        match self.transact(&items).await {
            Ok(()) => Ok(Opening::Opened),
            Err(Cancelled::Other(error)) => Err(error),
            Err(Cancelled::Conditions(reasons)) => {
                if reasons.first().is_some_and(transaction::failed_condition) {
                    return Ok(Opening::AlreadyOpen);
                }
                // The locks follow the record and the item of active releases.
                let lock = reasons.iter().skip(2).zip(&locks).find(|(reason, _)| transaction::failed_condition(reason));
                let (reason, key) = lock.ok_or_else(|| transaction::unexplained(&reasons))?;
                let holder = self.lock_holder(key, reason).await?;
                Ok(Opening::Busy { key: key.clone(), holder })
            }
        }
    }

    async fn save(&self, release: &mut Release, story: &[StoryEntry]) -> PortResult<()> {
        let writer = transaction::new_token();
        let next = Release { revision: release.revision + 1, ..release.clone() };
        let mut items = vec![self.put_over(item::record(&next, &writer)?, release.revision)];
        let mut rest = Vec::new();
        for (number, entry) in story.iter().enumerate() {
            rest.push(self.put(item::story(&next, number, entry)?));
        }
        if next.phase.is_terminal() {
            if next.outbox.is_empty() {
                items.push(self.delete(&Keyed::active(&next.id)));
            }
            items.extend(next.lock_keys().iter().map(|key| self.delete_lock(&next.id, key)));
            for left in RouteLeft::by(&next) {
                items.push(self.put(item::left(&left)?));
            }
            let account = next.plan.account_number();
            rest.extend(
                next.plan.judge.alarms.iter().map(|alarm| self.delete(&Keyed::watch(account, alarm, &next.id))),
            );
        }
        let room = TRANSACTION_LIMIT.saturating_sub(items.len()).min(rest.len());
        items.extend(rest.drain(..room));
        self.save_all(release, items, &writer).await?;
        release.revision = next.revision;
        // The record is written; the story comes first of what did not fit. A watch that stays behind finds its release ended,
        // and expires, but whoever saved is to know.
        let mut failure = None;
        for batch in rest.chunks(TRANSACTION_LIMIT) {
            let failed = self.transact(batch).await.map_err(Cancelled::unexpected).err();
            failure = failure.or(failed);
        }
        failure.map_or(Ok(()), Err)
    }

    async fn tell(&self, release: &Release, entry: &StoryEntry) -> PortResult<()> {
        let item = item::story_beside(release, entry)?;
        let put = self.dynamodb().put_item().table_name(&self.settings.table).set_item(Some(item)).send();
        put.await.map(drop).map_err(|error| port_error(PUT_ITEM, &self.table(), &error))
    }

    async fn requests(&self, release: &ReleaseId) -> PortResult<Requests> {
        self.read_requests(release).await
    }

    async fn ask(&self, release: &ReleaseId, request: &Request) -> PortResult<()> {
        let item = item::request(release, request)?;
        match self.put_unless_there(item.clone()).await? {
            Some(there) if item::read_request(&there).is_err() => self.put_over_spoilt(item, &there).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn keep_hook(&self, release: &ReleaseId, ticket: &HookTicket) -> PortResult<()> {
        self.put_unless_there(item::hook(release, ticket)?).await.map(drop)
    }

    async fn hooks(&self, release: &ReleaseId) -> PortResult<Vec<HookTicket>> {
        let texts = self.query(&Keyed::hooks(release), "", "ticket").await?;
        let read = texts.iter().map(|text| item::decode::<HookTicket>(QUERY, &format!("a hook of {release}"), text));
        let mut hooks = read.collect::<PortResult<Vec<_>>>()?;
        hooks.sort_by_key(|hook| hook.asked_at);
        Ok(hooks)
    }

    async fn watching(&self, account: Option<&str>, alarm: &AlarmName) -> PortResult<Vec<ReleaseId>> {
        self.query_ids(&Keyed::alarm(account, alarm)).await
    }

    async fn holder(&self, key: &str) -> PortResult<Option<ReleaseId>> {
        let Some(item) = self.get(&Keyed::lock(key)).await? else { return Ok(None) };
        let holder = item::text(&item, "holder").unwrap_or_default();
        let refused =
            |problem| PortError::Refused { call: GET_ITEM, message: format!("the holder of lock {key}: {problem}") };
        ReleaseId::new(holder).map(Some).map_err(refused)
    }

    async fn active(&self) -> PortResult<Vec<ReleaseId>> {
        self.query_ids(item::ACTIVE).await
    }

    async fn left(&self) -> PortResult<Vec<RouteLeft>> {
        let texts = self.query(item::ROUTES, "", "left").await?;
        texts.iter().map(|text| item::decode(QUERY, "what a release left on a route", text)).collect()
    }

    async fn replace_left(&self, read: &RouteLeft, new: Option<&RouteLeft>) -> PortResult<()> {
        let write = match new {
            Some(new) => self.put_if_left(item::left(new)?, &item::left_text(read)?),
            None => self.delete_if_left(&Keyed::route(read), &item::left_text(read)?),
        };
        match self.transact(&[write]).await {
            Ok(()) => Ok(()),
            Err(Cancelled::Conditions(reasons)) if reasons.iter().any(transaction::failed_condition) => Ok(()),
            Err(cancelled) => Err(cancelled.unexpected()),
        }
    }

    async fn list(&self, service: Option<&str>, limit: usize) -> PortResult<Vec<Summary>> {
        let mut query = self
            .dynamodb()
            .query()
            .table_name(&self.settings.table)
            .index_name(INDEX)
            .key_condition_expression("#kind = :kind")
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_values(":kind", string(item::KIND))
            .projection_expression("summary")
            .scan_index_forward(false);
        if let Some(service) = service {
            query = query
                .filter_expression("#service = :service")
                .expression_attribute_names("#service", "service")
                .expression_attribute_values(":service", string(service));
        }
        let mut pages = query.into_paginator().send();
        let mut list = Vec::new();
        while list.len() < limit
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(|error| port_error(QUERY, &self.table(), &error))?;
            for item in page.items() {
                let text = item::text(item, "summary").unwrap_or_default();
                list.push(item::decode(QUERY, "the summary of a release", text)?);
            }
        }
        list.truncate(limit);
        Ok(list)
    }

    async fn story(&self, release: &ReleaseId) -> PortResult<Vec<StoryEntry>> {
        let texts = self.query(&Keyed::release(release), "story#", "entry").await?;
        texts.iter().map(|text| item::decode(QUERY, &format!("the story of {release}"), text)).collect()
    }
}

impl Aws {
    /// Saves a record with what goes along. `items` begins with the record.
    async fn save_all(&self, release: &Release, mut items: Vec<TransactWriteItem>, writer: &str) -> PortResult<()> {
        loop {
            let reasons = match self.transact(&items).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Other(error)) => return Err(error),
                Err(Cancelled::Conditions(reasons)) => reasons,
            };
            if let Some(record) = reasons.first().filter(|reason| transaction::failed_condition(reason)) {
                // An attempt whose answer was lost has written it already.
                let is_ours = record.item().and_then(|item| item::text(item, "writer")) == Some(writer);
                return if is_ours { Ok(()) } else { Err(PortError::Stale { release: release.id.clone() }) };
            }
            // A lock that is another release's by now (a person removed ours, say) is not this one's to give up.
            let before = items.len();
            let mut failed = reasons.iter().map(transaction::failed_condition);
            items.retain(|_| !failed.next().unwrap_or_default());
            if items.len() == before {
                return Err(transaction::unexplained(&reasons));
            }
        }
    }

    /// Writes an item unless there is one in its place; gives that one, as far as it is told.
    async fn put_unless_there(&self, item: Item) -> PortResult<Option<Item>> {
        let put = self
            .dynamodb()
            .put_item()
            .table_name(&self.settings.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(None) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item().cloned()),
            _ => Err(port_error(PUT_ITEM, &self.table(), &error)),
        }
    }

    fn table(&self) -> String {
        format!("table {}", self.settings.table)
    }

    async fn get(&self, key: &Keyed) -> PortResult<Option<Item>> {
        let request = self
            .dynamodb()
            .get_item()
            .table_name(&self.settings.table)
            .set_key(Some(key.attributes()))
            .consistent_read(true);
        let answer = request.send().await.map_err(|error| port_error(GET_ITEM, &self.table(), &error))?;
        Ok(answer.item)
    }

    /// Until when rollbacks were last said to come first at the load balancer's API, in Unix milliseconds; see [`crate::turn`].
    pub(crate) async fn claimed_until(&self) -> PortResult<Option<u64>> {
        let item = self.get(&Keyed::turn()).await?;
        Ok(item.as_ref().and_then(item::claimed_until))
    }

    /// Makes a claim, unless there is one by a release with more requests on green. Gives how many that one has.
    pub(crate) async fn claim(&self, claim: Claim, now: u64) -> PortResult<Option<u64>> {
        let put = self.dynamodb().put_item().table_name(&self.settings.table).set_item(Some(claim.item()));
        let put = put
            .condition_expression("attribute_not_exists(firstUntil) OR firstUntil < :now OR onGreen <= :mine")
            .expression_attribute_values(":now", item::number(&now))
            .expression_attribute_values(":mine", item::number(&claim.on_green))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match put.send().await {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Ok(failed.item().and_then(item::claimed_for))
            }
            _ => Err(port_error(PUT_ITEM, "the claim of rollbacks", &error)),
        }
    }

    /// Who holds a lock: as the refusal says, or as the lock itself says.
    async fn lock_holder(&self, key: &str, reason: &CancellationReason) -> PortResult<ReleaseId> {
        let item = match reason.item() {
            Some(item) if !item.is_empty() => Some(item.clone()),
            _ => self.get(&Keyed::lock(key)).await?,
        };
        let holder = item.as_ref().and_then(|item| item::text(item, "holder")).map(ReleaseId::new);
        // None: it was given up in between, so that trying again may succeed.
        holder.and_then(Result::ok).ok_or(PortError::Throttled { call: transaction::CALL })
    }

    async fn query_ids(&self, pk: &str) -> PortResult<Vec<ReleaseId>> {
        let texts = self.query(pk, "", "sk").await?;
        let refused = |message| PortError::Refused { call: QUERY, message };
        texts.into_iter().map(|text| ReleaseId::new(text).map_err(refused)).collect()
    }

    /// One attribute of every item under `pk` whose sort key begins with `prefix`, in the order of the sort keys.
    async fn query(&self, pk: &str, prefix: &str, attribute: &str) -> PortResult<Vec<String>> {
        let items = self.query_items(pk, prefix).await?;
        Ok(items.iter().filter_map(|item| item::text(item, attribute)).map(str::to_owned).collect())
    }

    fn items_query(&self, pk: &str, prefix: &str) -> QueryFluentBuilder {
        let query = self
            .dynamodb()
            .query()
            .table_name(&self.settings.table)
            .consistent_read(true)
            .expression_attribute_values(":pk", string(pk));
        if prefix.is_empty() {
            query.key_condition_expression("pk = :pk")
        } else {
            query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", string(prefix))
        }
    }

    async fn query_items(&self, pk: &str, prefix: &str) -> PortResult<Vec<Item>> {
        let mut pages = self.items_query(pk, prefix).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error(QUERY, &self.table(), &error))?;
            items.extend_from_slice(page.items());
        }
        Ok(items)
    }
}

/// An item's attributes by name.
type Attributes = HashMap<String, AttributeValue>;
