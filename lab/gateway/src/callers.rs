//! Who may call, and what: functions, roles of the lab's own account, and roles of another one.

use crate::iam::PolicyError;
use crate::{AssumableRole, AssumedCredentials, Gateway};
use serde_json::Value;
use std::sync::PoisonError;

impl Gateway {
    /// Names the caller behind access keys and limits it to its identity policies: the documents as
    /// `iam get-role-policy` gives them, with ARNs resolved. See [`crate::execution_access_key`] for a function's keys.
    ///
    /// # Errors
    /// If a document holds what the gateway cannot check.
    pub fn register_caller(
        &self,
        access_keys: impl IntoIterator<Item = String>,
        name: &str,
        policies: &[Value],
    ) -> Result<(), PolicyError> {
        self.core.ledger.register(access_keys, name, Some(policies))
    }

    /// Names the caller behind the access key of a role that ministack does not know, an instance's say, and limits it to its policies, as
    /// [`Gateway::register_caller`] does.
    ///
    /// # Errors
    /// If a document holds what the gateway cannot check.
    pub fn register_role(&self, access_key: String, name: &str, policies: &[Value]) -> Result<(), PolicyError> {
        self.core.ledger.register([access_key.clone()], name, Some(policies))?;
        self.core.roles.write().unwrap_or_else(PoisonError::into_inner).insert(access_key);
        Ok(())
    }

    /// Lets a role in another account be assumed, and puts what has a certain name into that account.
    ///
    /// # Errors
    /// If one of its policies holds what the gateway cannot check.
    pub fn add_role(&self, role: AssumableRole) -> Result<(), PolicyError> {
        self.core.ledger.register([], role.name(), Some(&role.policies))?;
        self.core.accounts.add(role);
        Ok(())
    }

    /// The credentials that sessions in other accounts were given so far.
    #[must_use]
    pub fn assumed_credentials(&self) -> Vec<AssumedCredentials> {
        self.core.accounts.credentials()
    }

    /// Who has assumed a role by this access key; `None` if it is no session's.
    #[must_use]
    pub fn assumed_by(&self, access_key: &str) -> Option<String> {
        self.core.accounts.of_session(access_key).map(|session| session.assumed_by)
    }
}
