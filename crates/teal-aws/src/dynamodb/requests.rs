//! What people ask of a release. They write freely, so that what is read of it is bounded.

use super::item::{self, Item, Keyed};
use super::{PUT_ITEM, QUERY};
use crate::Aws;
use crate::error::port_error;
use std::collections::HashMap;
use teal::ports::PortResult;
use teal::release::ReleaseId;
use teal::request::{Ask, Requests};

/// The most requests that are read: one to end the release by each way, and a yes or a no before each of some hundred stages.
const REQUEST_PAGE: i32 = 250;

/// The most requests of which it is told, one by one, that they cannot be read.
const MOST_UNREAD: usize = 10;

impl Aws {
    pub(super) async fn read_requests(&self, release: &ReleaseId) -> PortResult<Requests> {
        let mut requests = Requests::default();
        let (items, is_all) = self.request_items(release).await?;
        // People write here: what one of them spoilt keeps nobody else from being heard.
        let mut unread = Vec::new();
        for item in items {
            match item::read_request(&item) {
                Ok(request) => requests.read.push(request),
                Err(why) => unread.push(why),
            }
        }
        requests.read.sort_by_key(|request| request.at);
        let untold = unread.len().saturating_sub(MOST_UNREAD);
        unread.truncate(MOST_UNREAD);
        requests.unread = unread;
        if untold > 0 {
            requests.unread.push(format!("{untold} more requests in {} cannot be read", Keyed::requests(release)));
        }
        if !is_all {
            let partition = Keyed::requests(release);
            requests.unread.push(format!(
                "more than {REQUEST_PAGE} requests, or 1 MiB of them, are in {partition}, so that not all were read; those to abort, to give up and to leave \
                 the traffic on green were. Remove from the table what `teal` has not written"
            ));
        }
        Ok(requests)
    }

    /// What people asked, and whether that is all. They write freely, so one page is read, however much there is. Where there is more,
    /// those that end a release are read by their keys, as nothing may keep them from being heard, then noes before yeses.
    async fn request_items(&self, release: &ReleaseId) -> PortResult<(Vec<Item>, bool)> {
        let partition = Keyed::requests(release);
        let (items, is_all) = self.query_page(&partition, "").await?;
        if is_all {
            return Ok((items, true));
        }
        let mut items = Vec::new();
        for ask in [Ask::Abort, Ask::GiveUp, Ask::LeaveOnGreen] {
            items.extend(self.get(&Keyed::request(release, ask)).await?);
        }
        for prefix in ["reject#", "approve#"] {
            items.append(&mut self.query_page(&partition, prefix).await?.0);
        }
        Ok((items, false))
    }

    /// The first items of a partition, and whether those are all.
    async fn query_page(&self, pk: &str, prefix: &str) -> PortResult<(Vec<Item>, bool)> {
        let page = self.items_query(pk, prefix).limit(REQUEST_PAGE).send().await;
        let page = page.map_err(|error| port_error(QUERY, &self.table(), &error))?;
        let is_all = page.last_evaluated_key().is_none_or(HashMap::is_empty);
        Ok((page.items.unwrap_or_default(), is_all))
    }

    /// Writes a request in the place of one that cannot be read, unless somebody else has done so.
    pub(super) async fn put_over_spoilt(&self, item: Item, spoilt: &Item) -> PortResult<()> {
        let put = self.dynamodb().put_item().table_name(&self.settings.table).set_item(Some(item));
        let put = put.expression_attribute_names("#request", "request");
        let put = match spoilt.get("request") {
            Some(there) => {
                put.condition_expression("#request = :there").expression_attribute_values(":there", there.clone())
            }
            None => put.condition_expression("attribute_not_exists(#request)"),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(port_error(PUT_ITEM, &self.table(), &error)),
        }
    }
}
