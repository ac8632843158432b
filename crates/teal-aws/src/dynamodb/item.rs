//! The items of the table.

use super::Attributes;
use aws_sdk_dynamodb::types::AttributeValue;
use teal::drift::RouteLeft;
use teal::hook::HookTicket;
use teal::plan::AlarmName;
use teal::ports::{PortError, PortResult};
use teal::release::{RECORD_FORMAT, Release, ReleaseId};
use teal::request::{Ask, Request};
use teal::story::StoryEntry;
use teal::time::Timestamp;

/// How long the record of a release and its story are kept after its end, in days. Then DynamoDB's time to live removes
/// them.
pub const RECORD_KEPT_DAYS: i64 = 400;

/// The longest that a release can be asked for something before it ends, in days: an execution's longest life.
const LONGEST_RELEASE_DAYS: i64 = 365;

/// How many characters are read of who asks, and of why. An ARN of IAM has fewer than 700.
const LONGEST_BY: usize = 700;
const LONGEST_NOTE: usize = 2_000;

/// How long an old claim that rollbacks come first is kept: it says nothing any more.
const CLAIM_KEPT_SECONDS: u64 = 86_400;

/// The partition of the releases that hold locks.
pub(super) const ACTIVE: &str = "active";

/// The partition of what releases left on routes.
pub(super) const ROUTES: &str = "routes";

/// The partition of the index of releases.
pub(super) const KIND: &str = "release";

pub(super) type Item = Attributes;

/// The key of an item.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    pk: String,
    sk: String,
}

impl Keyed {
    /// The partition of a release.
    pub(super) fn release(id: &ReleaseId) -> String {
        format!("release#{id}")
    }

    /// The partition of what people ask of a release. It is not the record's, so that a policy can let people write the one
    /// without the other.
    pub(super) fn requests(id: &ReleaseId) -> String {
        format!("request#{id}")
    }

    /// The partition of the hooks that ask about a release: neither the record's nor that of what people ask.
    pub(super) fn hooks(id: &ReleaseId) -> String {
        format!("hook#{id}")
    }

    /// The partition of the watches of an alarm of Teal's own account, or of another one. The beginnings differ, since an alarm's name may
    /// have any character.
    pub(super) fn alarm(account: Option<&str>, name: &AlarmName) -> String {
        match account {
            None => format!("watch#{name}"),
            Some(account) => format!("watch-in#{account}#{name}"),
        }
    }

    pub(super) fn record(id: &ReleaseId) -> Self {
        Self { pk: Self::release(id), sk: "record".to_owned() }
    }

    pub(super) fn request(id: &ReleaseId, ask: Ask) -> Self {
        Self { pk: Self::requests(id), sk: ask.key() }
    }

    pub(super) fn lock(key: &str) -> Self {
        Self { pk: format!("lock#{key}"), sk: "lock".to_owned() }
    }

    pub(super) fn watch(account: Option<&str>, alarm: &AlarmName, id: &ReleaseId) -> Self {
        Self { pk: Self::alarm(account, alarm), sk: id.to_string() }
    }

    pub(super) fn active(id: &ReleaseId) -> Self {
        Self { pk: ACTIVE.to_owned(), sk: id.to_string() }
    }

    pub(super) fn route(left: &RouteLeft) -> Self {
        Self { pk: ROUTES.to_owned(), sk: left.key() }
    }

    pub(super) fn turn() -> Self {
        Self { pk: "turn".to_owned(), sk: "restoring".to_owned() }
    }

    pub(super) fn attributes(&self) -> Item {
        Item::from([("pk".to_owned(), string(&self.pk)), ("sk".to_owned(), string(&self.sk))])
    }

    fn with<const N: usize>(&self, attributes: [(&str, AttributeValue); N]) -> Item {
        let mut item = self.attributes();
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        item
    }
}

pub(super) fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A string attribute.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// Unix seconds so many days after `at`, as time to live wants it.
fn days_after(at: Timestamp, days: i64) -> AttributeValue {
    number(&at.as_second().saturating_add(days * 86_400))
}

/// When what belongs to a release is no longer needed, whenever it ends.
fn outlived(release: &Release) -> AttributeValue {
    days_after(release.deadline_at, RECORD_KEPT_DAYS)
}

/// That rollbacks come first, made for a release with so many requests on green. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// Until when functions that can wait do so.
    pub(crate) until: u64,
    pub(crate) on_green: u64,
    /// Until when rollbacks with fewer requests on green let this one go first.
    pub(crate) first_until: u64,
}

impl Claim {
    pub(super) fn item(self) -> Item {
        let Self { until, on_green, first_until } = self;
        Keyed::turn().with([
            ("until", number(&until)),
            ("onGreen", number(&on_green)),
            ("firstUntil", number(&first_until)),
            ("expiresAt", number(&(until / 1000 + CLAIM_KEPT_SECONDS))),
        ])
    }
}

/// For how many requests on green a claim was made.
pub(super) fn claimed_for(item: &Item) -> Option<u64> {
    item.get("onGreen")?.as_n().ok()?.parse().ok()
}

/// Until when the item of a claim holds.
pub(super) fn claimed_until(item: &Item) -> Option<u64> {
    item.get("until")?.as_n().ok()?.parse().ok()
}

fn json<T: serde::Serialize>(value: &T) -> PortResult<AttributeValue> {
    let text = serde_json::to_string(value);
    text.map(string).map_err(|error| PortError::Refused { call: super::PUT_ITEM, message: error.to_string() })
}

/// A value written by [`json`].
pub(super) fn decode<T: serde::de::DeserializeOwned>(call: &'static str, what: &str, text: &str) -> PortResult<T> {
    teal::json::read(text).map_err(|error| PortError::Refused {
        call,
        message: format!("{what} cannot be read by this version of Teal: {error}"),
    })
}

/// Of a record only what says who can read the rest.
#[derive(serde::Deserialize)]
struct Format {
    #[serde(default)]
    format: u64,
}

/// The record. Besides the document, what people look for in the table, and the token of the write.
pub(super) fn record(release: &Release, writer: &str) -> PortResult<Item> {
    let mut item = Keyed::record(&release.id).with([
        ("kind", string(KIND)),
        // Millisecond precision always: the index sorts this as text.
        ("startedAt", string(format!("{:.3}", release.started_at))),
        ("doc", json(release)?),
        ("summary", json(&release.summary())?),
        ("revision", number(&release.revision)),
        ("writer", string(writer)),
        ("service", string(release.plan.service.as_str())),
        ("version", string(release.plan.version.as_str())),
        ("phase", string(release.phase.to_string())),
        ("greenShare", string(release.green_share.to_string())),
    ]);
    if let Some(setback) = &release.setback {
        item.insert("error".to_owned(), string(setback.error.as_str()));
        item.insert("cause".to_owned(), string(&setback.cause));
    }
    if release.phase.is_terminal() {
        item.insert("expiresAt".to_owned(), days_after(release.phase_since, RECORD_KEPT_DAYS));
    }
    Ok(item)
}

/// The release in a record.
pub(super) fn read_record(id: &ReleaseId, item: &Item) -> PortResult<Release> {
    let what = format!("the record of release {id}");
    let document = text(item, "doc").unwrap_or_default();
    let Format { format } = decode(super::GET_ITEM, &what, document)?;
    if format > u64::from(RECORD_FORMAT) {
        let message = format!(
            "{what} was written by a newer Teal (format {format}, this one reads {RECORD_FORMAT}). Use the version that wrote it"
        );
        return Err(PortError::Refused { call: super::GET_ITEM, message });
    }
    decode(super::GET_ITEM, &what, document)
}

pub(super) fn story(release: &Release, number: usize, entry: &StoryEntry) -> PortResult<Item> {
    let key = Keyed { pk: Keyed::release(&release.id), sk: format!("story#{:08}#{number:03}", release.revision) };
    Ok(key.with([("entry", json(entry)?), ("expiresAt", outlived(release))]))
}

/// A line of its story by a function that does not write the record: behind those that came with the record's last write.
pub(super) fn story_beside(release: &Release, entry: &StoryEntry) -> PortResult<Item> {
    let key = Keyed { pk: Keyed::release(&release.id), sk: format!("story#{:08}#{}", release.revision, entry.by) };
    Ok(key.with([("entry", json(entry)?), ("expiresAt", outlived(release))]))
}

pub(super) fn request(id: &ReleaseId, request: &Request) -> PortResult<Item> {
    let key = Keyed::request(id, request.ask);
    let expires_at = days_after(request.at, LONGEST_RELEASE_DAYS + RECORD_KEPT_DAYS);
    Ok(key.with([("request", json(request)?), ("expiresAt", expires_at)]))
}

/// The request in an item, or what was asked and why it cannot be read.
pub(super) fn read_request(item: &Item) -> Result<Request, String> {
    let what = format!("the request {:?}", text(item, "sk").unwrap_or_default());
    match text(item, "request") {
        None => Err(format!("{what} has no attribute `request` with a text")),
        Some(found) => {
            let request: Request = teal::json::read(found)
                .map_err(|error| format!("{what} cannot be read by this version of Teal: {error}"))?;
            Ok(Request {
                by: cut(request.by, LONGEST_BY),
                note: request.note.map(|note| cut(note, LONGEST_NOTE)),
                ..request
            })
        }
    }
}

/// A text of a person's up to its most characters: it goes into the record and the story, which have no room for a whole item's.
fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A hook. The same lifecycle event may be asked about by another call, which is another hook.
pub(super) fn hook(id: &ReleaseId, ticket: &HookTicket) -> PortResult<Item> {
    let key = Keyed { pk: Keyed::hooks(id), sk: format!("{}#{}", ticket.event, ticket.execution) };
    let expires_at = days_after(ticket.asked_at, LONGEST_RELEASE_DAYS + RECORD_KEPT_DAYS);
    Ok(key.with([("ticket", json(ticket)?), ("expiresAt", expires_at)]))
}

pub(super) fn left(left: &RouteLeft) -> PortResult<Item> {
    let attributes = [("left", left_text(left)?), ("expiresAt", days_after(left.at, RECORD_KEPT_DAYS))];
    Ok(Keyed::route(left).with(attributes))
}

/// What a release left on a part of its route, as the item has it.
pub(super) fn left_text(left: &RouteLeft) -> PortResult<AttributeValue> {
    json(left)
}

pub(super) fn lock(release: &Release, key: &str) -> Item {
    let since = string(release.started_at.to_string());
    Keyed::lock(key).with([("holder", string(release.id.as_str())), ("since", since)])
}

pub(super) fn watch(release: &Release, alarm: &AlarmName) -> Item {
    Keyed::watch(release.plan.account_number(), alarm, &release.id).with([("expiresAt", outlived(release))])
}

pub(super) fn active(release: &Release) -> Item {
    Keyed::active(&release.id).with([("since", string(release.started_at.to_string()))])
}
