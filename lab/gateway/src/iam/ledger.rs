//! Callers with their policies, what they were refused, and which permissions they used.

use crate::call::Call;
use crate::iam::actions::{Needed, is_checked, needed};
use crate::iam::policy::{Grant, PolicyError, Statement, grants};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use teal_lab_wire::Millis;

/// A permission that a caller did not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// On the lab clock.
    pub at: Millis,
    pub caller: String,
    /// IAM action, for example `elasticloadbalancing:ModifyListener`.
    pub action: String,
    pub resource: String,
}

/// One action pattern of one statement of a caller's policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionUse {
    pub caller: String,
    /// The action pattern as the statement has it.
    pub action: String,
    /// The whole statement.
    pub statement: Value,
    /// By how many calls it was needed.
    pub uses: u64,
    /// Whether the gateway sees uses of it at all.
    pub checked: bool,
}

/// What the policies were good for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    pub violations: Vec<Violation>,
    /// Allowed actions, used or not, by caller.
    pub permissions: Vec<PermissionUse>,
    /// Calls of known callers that the gateway cannot check, as `service:operation`.
    pub unchecked: BTreeMap<String, BTreeSet<String>>,
    /// Access keys nobody was registered for.
    pub unknown_callers: BTreeSet<String>,
}

impl PolicyReport {
    /// The permissions that no call needed, of those whose use the gateway sees.
    pub fn unused(&self) -> impl Iterator<Item = &PermissionUse> {
        self.permissions.iter().filter(|permission| permission.checked && permission.uses == 0)
    }
}

/// Tags of a resource, for conditions on `aws:ResourceTag`.
pub type ResourceTags = dyn Fn(&str) -> BTreeMap<String, String> + Send + Sync;

#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    names: BTreeMap<String, String>,
    policies: BTreeMap<String, Policy>,
    violations: Vec<Violation>,
    unchecked: BTreeMap<String, BTreeSet<String>>,
    unknown: BTreeSet<String>,
    tags: Option<Box<ResourceTags>>,
}

#[derive(Default)]
struct Policy {
    statements: Vec<Statement>,
    uses: BTreeMap<Grant, u64>,
}

impl Ledger {
    /// Gives the access keys a name, and the name a policy; `None` may do everything.
    pub(crate) fn register(
        &self,
        access_keys: impl IntoIterator<Item = String>,
        name: &str,
        documents: Option<&[Value]>,
    ) -> Result<(), PolicyError> {
        let statements = documents.map(Statement::read_all).transpose()?;
        let mut state = self.state();
        for key in access_keys {
            state.names.insert(key, name.to_owned());
        }
        if let Some(statements) = statements {
            state.policies.insert(name.to_owned(), Policy { statements, uses: BTreeMap::new() });
        }
        Ok(())
    }

    pub(crate) fn set_tags(&self, tags: Box<ResourceTags>) {
        self.state().tags = Some(tags);
    }

    /// The caller's name: the access key itself if nobody is registered for it.
    pub(crate) fn caller(&self, access_key: &str) -> String {
        let mut state = self.state();
        match state.names.get(access_key) {
            Some(name) => name.clone(),
            None => {
                if !access_key.is_empty() {
                    state.unknown.insert(access_key.to_owned());
                }
                access_key.to_owned()
            }
        }
    }

    /// Remembers a call that ministack's own evaluation of the policy refused although the gateway's allowed it.
    pub(crate) fn refused_elsewhere(&self, caller: &str, call: &Call, at: Millis) {
        let mut state = self.state();
        if state.policies.contains_key(caller) {
            let action = format!("{}:{}", call.service, call.operation);
            let violation =
                Violation { at, caller: caller.to_owned(), action, resource: "as ministack sees it".to_owned() };
            state.violations.push(violation);
        }
    }

    /// Remembers a call that is refused for another reason than its caller's policy. Gives the message.
    pub(crate) fn refuse(&self, caller: &str, call: &Call, resource: &str, at: Millis) -> String {
        let action = format!("{}:{}", call.service, call.operation);
        let message = format!(
            "User: arn:aws:sts::{account}:assumed-role/{caller}/{caller} is not authorized to perform: {action} on resource: {resource}",
            account = teal_lab_wire::ACCOUNT
        );
        let violation = Violation { at, caller: caller.to_owned(), action, resource: resource.to_owned() };
        self.state().violations.push(violation);
        message
    }

    /// Whether the caller's policy allows the call. What is missing is remembered.
    ///
    /// # Errors
    /// With the message that AWS gives.
    pub(crate) fn check(&self, caller: &str, call: &Call, at: Millis) -> Result<(), String> {
        let mut state = self.state();
        let State { policies, violations, unchecked, tags, .. } = &mut *state;
        let Some(policy) = policies.get_mut(caller) else { return Ok(()) };
        let Some(needed) = needed(call) else {
            unchecked.entry(caller.to_owned()).or_default().insert(format!("{}:{}", call.service, call.operation));
            return Ok(());
        };
        let mut used = BTreeSet::new();
        for Needed { action, resource, mut context } in needed {
            if let Some(tags) = tags {
                context.extend(resource_tags(tags(&resource)));
            }
            match grants(&policy.statements, &action, &resource, &context) {
                Some(grants) => used.extend(grants),
                None => {
                    let message = format!(
                        "User: arn:aws:sts::{account}:assumed-role/{caller}/{caller} is not authorized to perform: {action} \
                         on resource: {resource} because no identity-based policy allows the {action} action",
                        account = teal_lab_wire::ACCOUNT
                    );
                    violations.push(Violation { at, caller: caller.to_owned(), action, resource });
                    return Err(message);
                }
            }
        }
        for grant in used {
            *policy.uses.entry(grant).or_default() += 1;
        }
        Ok(())
    }

    pub(crate) fn report(&self) -> PolicyReport {
        let state = self.state();
        let mut permissions = Vec::new();
        for (caller, policy) in &state.policies {
            for (at, statement) in policy.statements.iter().enumerate().filter(|(_, statement)| statement.allows) {
                for (action_at, action) in statement.actions.iter().enumerate() {
                    let grant = Grant { statement: at, action: action_at };
                    permissions.push(PermissionUse {
                        caller: caller.clone(),
                        action: action.clone(),
                        statement: statement.source.clone(),
                        uses: policy.uses.get(&grant).copied().unwrap_or_default(),
                        checked: is_checked(action),
                    });
                }
            }
        }
        PolicyReport {
            violations: state.violations.clone(),
            permissions,
            unchecked: state.unchecked.clone(),
            unknown_callers: state.unknown.clone(),
        }
    }

    /// Forgets violations and uses; who has which policy stays.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.violations.clear();
        state.unchecked.clear();
        state.unknown.clear();
        state.policies.values_mut().for_each(|policy| policy.uses.clear());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resource_tags(tags: BTreeMap<String, String>) -> Vec<(String, Vec<String>)> {
    tags.into_iter().map(|(key, value)| (format!("aws:ResourceTag/{key}"), vec![value])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Protocol;
    use serde_json::json;

    fn call(service: &str, operation: &str, input: Value) -> Call {
        let (service, operation) = (service.to_owned(), operation.to_owned());
        Call { access_key: "AKID".to_owned(), service, operation, protocol: Protocol::Json, input }
    }

    #[test]
    fn violations_and_unused_permissions_are_remembered() {
        let ledger = Ledger::default();
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": "arn:aws:dynamodb:*:*:table/releases"},
            {"Effect": "Allow", "Action": "cloudwatch:GetMetricData", "Resource": "*"},
            {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"},
        ]});
        ledger.register(["ASIA1".to_owned(), "ASIA2".to_owned()], "EvaluateHealth", Some(&[policy])).unwrap();
        assert_eq!(ledger.caller("ASIA2"), "EvaluateHealth");
        assert_eq!(ledger.caller("ASIA3"), "ASIA3");

        let get = call("dynamodb", "GetItem", json!({"TableName": "releases"}));
        assert_eq!(ledger.check("EvaluateHealth", &get, 1), Ok(()));
        assert_eq!(ledger.check("EvaluateHealth", &get, 2), Ok(()));
        let delete = call("dynamodb", "DeleteItem", json!({"TableName": "releases"}));
        let message = ledger.check("EvaluateHealth", &delete, 3).unwrap_err();
        assert!(message.contains("not authorized to perform: dynamodb:DeleteItem"), "{message}");
        assert_eq!(ledger.check("EvaluateHealth", &call("sts", "GetCallerIdentity", json!({})), 4), Ok(()));
        assert_eq!(ledger.check("somebody else", &delete, 5), Ok(()));

        let report = ledger.report();
        assert_eq!(report.violations.len(), 1);
        assert_eq!((report.violations[0].action.as_str(), report.violations[0].at), ("dynamodb:DeleteItem", 3));
        let unused: Vec<_> = report.unused().map(|permission| permission.action.as_str()).collect();
        assert_eq!(unused, ["dynamodb:PutItem", "cloudwatch:GetMetricData"]);
        assert_eq!(report.permissions[0].uses, 2);
        assert_eq!(report.unchecked["EvaluateHealth"].iter().collect::<Vec<_>>(), ["sts:GetCallerIdentity"]);
        assert_eq!(report.unknown_callers.iter().collect::<Vec<_>>(), ["ASIA3"]);

        ledger.clear();
        assert_eq!(ledger.report().violations, []);
    }

    #[test]
    fn tags_come_from_the_services() {
        let ledger = Ledger::default();
        let policy = json!({"Statement": {"Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/teal": "managed"}}}});
        ledger.register(["A".to_owned()], "PrepareGreen", Some(&[policy])).unwrap();
        ledger.set_tags(Box::new(|arn| {
            let managed = arn.ends_with("/green");
            managed.then(|| ("teal".to_owned(), "managed".to_owned())).into_iter().collect()
        }));
        let update = |name: &str| call("ecs", "UpdateService", json!({"cluster": "c", "service": name}));
        assert!(ledger.check("PrepareGreen", &update("green"), 0).is_ok());
        assert!(ledger.check("PrepareGreen", &update("other"), 0).is_err());
    }
}
