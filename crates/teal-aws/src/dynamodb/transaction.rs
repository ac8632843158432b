//! Writes that happen all or not at all.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>

use super::item::{self, Item, Keyed, number, string};
use crate::Aws;
use crate::error::port_error;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use std::time::Duration;
use teal::ports::PortError;
use teal::release::{Release, ReleaseId};

pub(super) const CALL: &str = "dynamodb:TransactWriteItems";

/// The most items of one transaction.
pub(super) const TRANSACTION_LIMIT: usize = 100;

/// How often a transaction is tried that meets another one on the same item. The SDK does not try these again.
const CONFLICT_ATTEMPTS: u32 = 5;

/// The longest pause before the second attempt; it doubles from attempt to attempt.
const CONFLICT_PAUSE: Duration = Duration::from_millis(40);

/// The condition on a lock that a release may take, or give up.
const FREE_OR_MINE: &str = "attribute_not_exists(pk) OR #holder = :me";

/// The condition on what is known of a part of a route: nobody has written it since it was read.
const AS_READ: &str = "#left = :read";

/// Why nothing was written.
pub(super) enum Cancelled {
    /// At least one condition did not hold: one reason for each item, in the items' order.
    Conditions(Vec<CancellationReason>),
    Other(PortError),
}

impl Cancelled {
    /// The error of a transaction that has no conditions.
    pub(super) fn unexpected(self) -> PortError {
        match self {
            Cancelled::Conditions(reasons) => unexplained(&reasons),
            Cancelled::Other(error) => error,
        }
    }
}

/// A token that tells one write from all others: 32 hexadecimal digits.
pub(super) fn new_token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

pub(super) fn failed_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Conditions failed where none was expected to.
pub(super) fn unexplained(reasons: &[CancellationReason]) -> PortError {
    let texts = reasons.iter().filter_map(|reason| reason.message().or(reason.code()).filter(|code| *code != "None"));
    PortError::Refused { call: CALL, message: texts.collect::<Vec<_>>().join("; ") }
}

impl Aws {
    /// Writes all items or none.
    pub(super) async fn transact(&self, items: &[TransactWriteItem]) -> Result<(), Cancelled> {
        // DynamoDB takes a second attempt with the same token for the same write, for ten minutes.
        let token = new_token();
        for attempt in 0..CONFLICT_ATTEMPTS {
            if attempt > 0 {
                let longest = CONFLICT_PAUSE * 2_u32.pow(attempt - 1);
                tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            }
            let request = self.dynamodb().transact_write_items().set_transact_items(Some(items.to_vec()));
            let Err(error) = request.client_request_token(&token).send().await else { return Ok(()) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(Cancelled::Other(port_error(CALL, &self.table(), &error)));
            };
            let reasons = cancelled.cancellation_reasons();
            let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
            if has("ConditionalCheckFailed") {
                return Err(Cancelled::Conditions(reasons.to_vec()));
            }
            if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
                return Err(Cancelled::Other(PortError::Throttled { call: CALL }));
            }
            if !has("TransactionConflict") {
                return Err(Cancelled::Other(unexplained(reasons)));
            }
        }
        Err(Cancelled::Other(PortError::Throttled { call: CALL }))
    }

    /// Writes an item that must not exist.
    pub(super) fn put_new(&self, item: Item) -> TransactWriteItem {
        self.put_if(item, |put| put.condition_expression("attribute_not_exists(pk)"))
    }

    /// Writes a record over the one of this revision.
    pub(super) fn put_over(&self, item: Item, revision: u64) -> TransactWriteItem {
        self.put_if(item, |put| {
            put.condition_expression("#revision = :read")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":read", number(&revision))
        })
    }

    /// Takes a lock that is free, or this release's already.
    pub(super) fn put_lock(&self, release: &Release, key: &str) -> TransactWriteItem {
        self.put_if(item::lock(release, key), |put| {
            put.condition_expression(FREE_OR_MINE)
                .expression_attribute_names("#holder", "holder")
                .expression_attribute_values(":me", string(release.id.as_str()))
        })
    }

    /// Writes what is known of a part of a route over what was read of it.
    pub(super) fn put_if_left(&self, item: Item, read: &AttributeValue) -> TransactWriteItem {
        self.put_if(item, |put| {
            put.condition_expression(AS_READ)
                .expression_attribute_names("#left", "left")
                .expression_attribute_values(":read", read.clone())
        })
    }

    /// Forgets a part of a route, if it is as it was read.
    pub(super) fn delete_if_left(&self, key: &Keyed, read: &AttributeValue) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.settings.table)
            .set_key(Some(key.attributes()))
            .condition_expression(AS_READ)
            .expression_attribute_names("#left", "left")
            .expression_attribute_values(":read", read.clone());
        TransactWriteItem::builder().set_delete(delete.build().ok()).build()
    }

    pub(super) fn put(&self, item: Item) -> TransactWriteItem {
        self.put_if(item, |put| put)
    }

    fn put_if(&self, item: Item, condition: impl FnOnce(PutBuilder) -> PutBuilder) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.settings.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder().set_put(condition(put).build().ok()).build()
    }

    pub(super) fn delete(&self, key: &Keyed) -> TransactWriteItem {
        let delete = Delete::builder().table_name(&self.settings.table).set_key(Some(key.attributes()));
        TransactWriteItem::builder().set_delete(delete.build().ok()).build()
    }

    /// Gives up a lock, if it is this release's.
    pub(super) fn delete_lock(&self, release: &ReleaseId, key: &str) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.settings.table)
            .set_key(Some(Keyed::lock(key).attributes()))
            .condition_expression(FREE_OR_MINE)
            .expression_attribute_names("#holder", "holder")
            .expression_attribute_values(":me", string(release.as_str()));
        TransactWriteItem::builder().set_delete(delete.build().ok()).build()
    }
}
