//! A second account, and the roles in it that may be assumed.
//!
//! The emulators know one account. Whoever has assumed a role in another one sees the same resources under that account's number: the gateway
//! writes one number in the place of the other on the way in and out. What belongs to the second account is told by its name, and whoever
//! asks for it without such a role is refused, as AWS does. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
//!
//! Not as on AWS: of a trust policy only the external id is looked at, and credentials last as long as the lab.

mod session;

pub use session::AssumedCredentials;

use crate::call::Call;
use crate::events::matches;
use crate::refusal;
use http::{StatusCode, Uri};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, AwsAnswer, AwsFault, AwsRequest};

/// The namespace of STS's answers.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Services that a release calls about what belongs to the service that is released.
const OF_SERVICES: [&str; 9] = [
    "appconfig",
    "application-autoscaling",
    "autoscaling",
    "codebuild",
    "ecs",
    "elasticbeanstalk",
    "elasticloadbalancing",
    "logs",
    "monitoring",
];

/// A role in another account.
#[derive(Clone, Debug)]
pub struct AssumableRole {
    pub arn: String,
    /// What its trust policy asks for.
    pub external_id: String,
    /// Its policies, with the lab's own account in their ARNs.
    pub policies: Vec<Value>,
    /// What has this in its name is in the role's account.
    pub owns: String,
    /// The pattern of the rule that forwards that account's events to the lab's own.
    pub forwards: Value,
}

impl AssumableRole {
    /// The caller that its sessions are.
    pub(crate) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

#[derive(Default)]
pub(crate) struct Accounts(RwLock<State>);

#[derive(Default)]
struct State {
    roles: Vec<AssumableRole>,
    /// By their access keys.
    sessions: BTreeMap<String, Session>,
}

/// Who a session's calls are made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The account that it is in.
    pub(crate) account: String,
    /// Who has assumed the role.
    pub(crate) assumed_by: String,
    credentials: AssumedCredentials,
}

impl Accounts {
    pub(crate) fn add(&self, role: AssumableRole) {
        let mut state = self.write();
        state.roles.retain(|known| known.arn != role.arn);
        state.roles.push(role);
    }

    /// The session that an access key belongs to; `None` for the lab's own account.
    pub(crate) fn of_session(&self, access_key: &str) -> Option<Session> {
        self.read().sessions.get(access_key).cloned()
    }

    /// The credentials of every session so far.
    pub(crate) fn credentials(&self) -> Vec<AssumedCredentials> {
        self.read().sessions.values().map(|session| session.credentials.clone()).collect()
    }

    /// Assumes a role for who may. Gives the answer, and on success the new access key with the caller that it belongs to.
    pub(crate) fn assume(&self, caller: &str, call: &Call) -> (AwsAnswer, Option<(String, String)>) {
        let text = |name: &str| call.input[name].as_str().unwrap_or_default().to_owned();
        let (arn, external_id, session) = (text("RoleArn"), text("ExternalId"), text("RoleSessionName"));
        let mut state = self.write();
        let role = state.roles.iter().find(|role| role.arn == arn && role.external_id == external_id).cloned();
        let Some(role) = role else {
            let message = format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller}/{caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            );
            let fault = AwsFault { status: StatusCode::FORBIDDEN, code: "AccessDenied".to_owned(), message };
            return (refusal::answer(call, &fault), None);
        };
        let credentials = AssumedCredentials::of(role.name(), state.sessions.len());
        let (account, name) = (role.account(), role.name());
        let AssumedCredentials { access_key_id: key, secret_access_key: secret, session_token: token, .. } =
            credentials.clone();
        let opened = Session { account: account.to_owned(), assumed_by: caller.to_owned(), credentials };
        state.sessions.insert(key.clone(), opened);
        let mut x = Xml::default();
        x.node("AssumedRoleUser", |x| {
            x.leaf("Arn", format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"));
            x.leaf("AssumedRoleId", format!("AROA2:{session}"));
        });
        x.node("Credentials", |x| {
            x.leaf("AccessKeyId", &key);
            x.leaf("SecretAccessKey", secret);
            x.leaf("SessionToken", token);
            x.leaf("Expiration", "2099-01-01T00:00:00Z");
        });
        let answer = Xml::answer(NAMESPACE, "AssumeRole", "lab", Ok(Some(x)));
        (answer, Some((key, name.to_owned())))
    }

    /// What of another account a request without a session there asks for, by its name.
    pub(crate) fn foreign(&self, call: &Call, request: &AwsRequest) -> Option<String> {
        if !OF_SERVICES.contains(&call.service.as_str()) {
            return None;
        }
        let state = self.read();
        let mentions = |name: &str| contains(&request.body, name) || request.uri.to_string().contains(name);
        state.roles.iter().map(|role| &role.owns).find(|name| mentions(name)).cloned()
    }

    /// An event as it reaches the lab's own account: another account's under its number and only where it forwards it.
    pub(crate) fn forwarded(&self, event: Value) -> Option<Value> {
        let state = self.read();
        let name = event["detail"]["alarmName"].as_str().unwrap_or_default().to_owned();
        let Some(role) = state.roles.iter().find(|role| name.contains(&role.owns)) else { return Some(event) };
        let text = event.to_string().replace(ACCOUNT, role.account());
        let event = serde_json::from_str(&text).unwrap_or(event);
        matches(&role.forwards, &event).then_some(event)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's request, with the lab's own account in the place of the session's.
pub(crate) fn inwards(mut request: AwsRequest, account: &str) -> AwsRequest {
    request.body = replaced(&request.body, account, ACCOUNT).into();
    let uri: Result<Uri, _> = request.uri.to_string().replace(account, ACCOUNT).parse();
    if let Ok(uri) = uri {
        request.uri = uri;
    }
    request
}

/// The answer to it, with the session's account in the place of the lab's own.
pub(crate) fn outwards(mut answer: AwsAnswer, account: &str) -> AwsAnswer {
    answer.body = replaced(&answer.body, ACCOUNT, account).into();
    answer
}

fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Bytes with one account's number in the place of another's, which is as long: whatever says how long something is stays true.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while from.len() == to.len() && at + from.len() <= bytes.len() {
        let end = at + from.len();
        // Not a part of a longer number or id.
        let is_whole = at.checked_sub(1).is_none_or(|before| !bytes[before].is_ascii_digit())
            && bytes.get(end).is_none_or(|after| !after.is_ascii_alphanumeric());
        if is_whole && &bytes[at..end] == from.as_bytes() {
            bytes[at..end].copy_from_slice(to.as_bytes());
            at = end;
        } else {
            at += 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Protocol;
    use http::{HeaderMap, Method};
    use serde_json::json;

    const OTHER: &str = "222222222222";

    fn accounts() -> Accounts {
        let accounts = Accounts::default();
        accounts.add(AssumableRole {
            arn: format!("arn:aws:iam::{OTHER}:role/TealRelease-shop"),
            external_id: "teal-7f3c".to_owned(),
            policies: Vec::new(),
            owns: "shop".to_owned(),
            forwards: json!({"detail": {"alarmName": [{"prefix": "shop"}], "state": {"value": ["ALARM"]}}}),
        });
        accounts
    }

    fn call(service: &str, operation: &str, input: Value) -> Call {
        let (service, operation) = (service.to_owned(), operation.to_owned());
        Call { access_key: "AKID".to_owned(), service, operation, protocol: Protocol::Query, input }
    }

    fn request(body: &str) -> AwsRequest {
        let (headers, uri) = (HeaderMap::new(), Uri::from_static("/"));
        AwsRequest { method: Method::POST, uri, headers, body: body.to_owned().into() }
    }

    #[test]
    fn a_role_is_assumed_with_its_external_id_and_with_no_other() {
        let accounts = accounts();
        let assume = |role: &str, external_id: Value| {
            let input = json!({"RoleArn": format!("arn:aws:iam::{OTHER}:role/{role}"), "ExternalId": external_id});
            accounts.assume("accept", &call("sts", "AssumeRole", input))
        };
        for (role, external_id) in
            [("TealRelease-shop", json!("x")), ("TealRelease-shop", Value::Null), ("Admin", json!("teal-7f3c"))]
        {
            let (answer, session) = assume(role, external_id);
            assert_eq!(
                (answer.status, refusal::code_of(&answer).as_deref()),
                (StatusCode::FORBIDDEN, Some("AccessDenied"))
            );
            assert_eq!(session, None);
        }
        let (answer, session) = assume("TealRelease-shop", json!("teal-7f3c"));
        let (key, caller) = session.unwrap();
        assert!(contains(&answer.body, &format!("<AccessKeyId>{key}</AccessKeyId>")));
        assert_eq!(caller, "TealRelease-shop");
        let opened = accounts.of_session(&key).unwrap();
        assert_eq!((opened.account.as_str(), opened.assumed_by.as_str()), (OTHER, "accept"));
        assert_eq!(accounts.of_session("AKID"), None);
        let [given] = <[_; 1]>::try_from(accounts.credentials()).unwrap();
        for part in [given.access_key_id, given.secret_access_key, given.session_token] {
            assert!(contains(&answer.body, &format!(">{part}<")), "{part}");
        }
    }

    #[test]
    fn what_is_in_the_other_account_is_told_by_its_name() {
        let accounts = accounts();
        let asked = |service: &str, body: &str| accounts.foreign(&call(service, "X", Value::Null), &request(body));
        assert_eq!(asked("ecs", r#"{"cluster":"shop"}"#).as_deref(), Some("shop"));
        assert_eq!(asked("ecs", r#"{"cluster":"blog"}"#), None);
        assert_eq!(asked("dynamodb", "release#shop-1"), None, "Teal's own table");
    }

    #[test]
    fn each_side_sees_its_own_number() {
        let arn = |account: &str| format!("Arn=arn%3Aaws%3Aelb%3Aus-east-1%3A{account}%3Alistener");
        let inside = inwards(request(&arn(OTHER)), OTHER);
        assert_eq!(inside.body, arn(ACCOUNT));
        let answer = AwsAnswer::new(StatusCode::OK, "text/xml", inside.body);
        assert_eq!(outwards(answer, OTHER).body, arn(OTHER));
        let id = AwsAnswer::new(StatusCode::OK, "text/xml", "listener/0000000000000001");
        assert_eq!(outwards(id, OTHER).body, "listener/0000000000000001");
    }

    #[test]
    fn alarms_are_forwarded_with_the_account_that_they_are_in() {
        let accounts = accounts();
        let event = |name: &str, state: &str| {
            json!({"account": ACCOUNT, "resources": [format!("arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}")],
                "detail": {"alarmName": name, "state": {"value": state}}})
        };
        let forwarded = accounts.forwarded(event("shop-5xx", "ALARM")).unwrap();
        assert_eq!(forwarded["account"], OTHER);
        assert!(!forwarded.to_string().contains(ACCOUNT));
        assert_eq!(accounts.forwarded(event("shop-5xx", "OK")), None, "not forwarded");
        assert_eq!(accounts.forwarded(event("blog-5xx", "OK")).unwrap()["account"], ACCOUNT);
    }
}
