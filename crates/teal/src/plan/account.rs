//! The account that the service runs in, where it is not the one that Teal is installed in.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html>

use super::AppConfigId;
use super::arn::{Home, PARTITIONS, home};
use crate::units::{Invalid, text_newtype};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The account that the service runs in. Everything of the service's is called with credentials of a role there; Teal's own table, events and
/// executions stay where Teal is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    /// The role that Teal assumes there. Its account is the service's account.
    pub role: ReleaseRoleArn,
    /// The external id that the role's trust policy asks for. It is required: with it, whoever may start releases cannot have Teal
    /// assume a role that was meant for somebody else's (<https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>).
    pub external_id: ExternalId,
    /// The id of the deployment strategy there by which feature flags are turned; required where the plan turns any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_strategy: Option<AppConfigId>,
}

impl Account {
    /// The account's number: 12 digits.
    #[must_use]
    pub fn number(&self) -> &str {
        self.role.account()
    }
}

text_newtype! {
    /// The ARN of an IAM role.
    ReleaseRoleArn {
        noun: "the ARN of a role",
        pattern: r"^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/([!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}$",
        examples: &["arn:aws:iam::222222222222:role/TealRelease-checkout"],
        check: check_role,
    }
}

text_newtype! {
    /// An external id: 2 to 1224 letters, digits and _ + = , . @ : / -
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
    ExternalId {
        noun: "an external id",
        pattern: r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
        examples: &["teal-checkout-7f3c2a"],
        check: check_external_id,
    }
}

impl ReleaseRoleArn {
    /// The number of the account that it is in.
    #[must_use]
    pub fn account(&self) -> &str {
        self.home().account()
    }

    /// Where it is; its region is empty.
    pub(super) fn home(&self) -> Home<'_> {
        home(self.as_str())
    }
}

fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn check_role(text: &str) -> Result<(), Invalid> {
    let invalid = |reason: String| {
        Err(Invalid::new(reason, "Write it in the form \"arn:aws:iam::222222222222:role/TealRelease-checkout\""))
    };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return invalid("it is not an ARN of IAM".to_owned());
    };
    if !PARTITIONS.contains(partition) {
        return invalid(format!("{partition:?} is not a partition of AWS ({})", PARTITIONS.join(", ")));
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return invalid(format!("{account:?} is not an account's number of 12 digits"));
    }
    let Some(path) = resource.strip_prefix("role/") else {
        return invalid(format!("it is the ARN of {resource:?}, not of a role"));
    };
    let (path, name) = path.rsplit_once('/').map_or((None, path), |(path, name)| (Some(path), name));
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_of_names) {
        return invalid(format!("{name:?} is not a role's name: 1 to 64 letters, digits and _ + = , . @ -"));
    }
    match path {
        Some(path) if !(1..=510).contains(&path.len()) || !path.chars().all(|c| c.is_ascii_graphic()) => {
            invalid(format!("{path:?} is not a role's path"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_external_id(text: &str) -> Result<(), Invalid> {
    let is_part = |c: char| is_of_names(c) || ":/".contains(c);
    let invalid = |reason: String| {
        Err(Invalid::new(
            reason,
            "Write 2 to 1224 letters, digits and _ + = , . @ : / -, as the role's trust policy has them",
        ))
    };
    if let Some(other) = text.chars().find(|c| !is_part(*c)) {
        return invalid(format!("it contains {other:?}"));
    }
    if !(2..=1224).contains(&text.len()) {
        return invalid(format!("it has {} characters", text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_with_their_paths() {
        for fine in [
            "arn:aws:iam::222222222222:role/TealRelease-checkout",
            "arn:aws-cn:iam::222222222222:role/team/shop/Teal@1",
        ] {
            assert_eq!(fine.parse::<ReleaseRoleArn>().unwrap().account(), "222222222222", "{fine}");
        }
        for (wrong, named) in [
            ("TealRelease", "not an ARN"),
            ("arn:aws:iam:eu-central-1:222222222222:role/a", "not an ARN of IAM"),
            ("arn:aws:sts::222222222222:assumed-role/a/b", "not an ARN of IAM"),
            ("arn:aws:iam::2222:role/a", "12 digits"),
            ("arn:aws:iam::222222222222:user/a", "not of a role"),
            ("arn:aws:iam::222222222222:role/", "role's name"),
            ("arn:aws:iam::222222222222:role//a", "path"),
            ("arn:aws:iam::222222222222:role/*", "role's name"),
            ("arn:aws-x:iam::222222222222:role/a", "partition"),
        ] {
            let error = wrong.parse::<ReleaseRoleArn>().unwrap_err().to_string();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn external_ids_are_as_sts_takes_them() {
        for fine in ["ab", "teal:checkout/1@x", &"a".repeat(1224)] {
            fine.parse::<ExternalId>().unwrap();
        }
        for wrong in ["", "a", "a b", "ü1", &"a".repeat(1225)] {
            assert!(wrong.parse::<ExternalId>().is_err(), "{wrong}");
        }
    }
}
