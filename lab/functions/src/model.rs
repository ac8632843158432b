//! Functions, their versions and aliases, and what Lambda refuses about them.

use fastrand::Rng;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use teal_lab_wire::{ACCOUNT, AwsFault, Millis, REGION};

/// What changes with every upload, and is no version that an alias can share.
pub(crate) const LATEST: &str = "$LATEST";

/// A function.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// The configuration of the code that is published next, under Lambda's names.
    pub configuration: Value,
    /// The published versions by their numbers, with their configurations.
    pub versions: BTreeMap<u64, Value>,
    pub aliases: BTreeMap<String, Alias>,
}

/// An alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The version that takes what the additional one leaves.
    pub version: String,
    /// Another version, and its share of the invocations from 0 to 1.
    pub additional: Option<(String, f64)>,
    pub description: String,
    /// Changes with every change of the alias.
    pub revision: String,
}

/// What an alias was set to, when and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasChange {
    /// Lab time.
    pub at: Millis,
    /// Real time.
    pub instant: Instant,
    pub function: String,
    pub alias: String,
    /// The shares of its versions, in permille.
    pub weights: BTreeMap<String, u16>,
    /// The caller's access key id, if the request was signed.
    pub access_key_id: Option<String>,
}

/// All functions.
#[derive(Debug)]
pub(crate) struct State {
    functions: BTreeMap<String, Function>,
    /// What was set of aliases, oldest first.
    pub(crate) changes: Vec<AliasChange>,
    rng: Rng,
}

pub(crate) type Answer<T> = Result<T, AwsFault>;

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self { functions: BTreeMap::new(), changes: Vec::new(), rng: Rng::with_seed(seed) }
    }

    pub(crate) fn knows(&self, function: &str) -> bool {
        self.functions.contains_key(function)
    }

    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }

    pub(crate) fn existing(&mut self, name: &str) -> Answer<&mut Function> {
        self.functions.get_mut(name).ok_or_else(|| not_found(&format!("Function not found: {}", arn(name, None))))
    }

    pub(crate) fn create(&mut self, name: &str, configuration: Value) -> Answer<()> {
        if self.knows(name) {
            return Err(conflict(&format!("Function already exist: {name}")));
        }
        self.functions.insert(name.to_owned(), Function { configuration, ..Function::default() });
        Ok(())
    }

    /// The version that takes the next invocation, and its configuration.
    pub(crate) fn choose(&mut self, function: &str, qualifier: Option<&str>) -> Answer<(String, Value)> {
        let drawn = self.rng.f64();
        let found = self.existing(function)?;
        let qualifier = qualifier.unwrap_or(LATEST);
        let version = match found.aliases.get(qualifier) {
            Some(Alias { additional: Some((version, weight)), .. }) if drawn < *weight => version,
            Some(alias) => &alias.version,
            None => qualifier,
        };
        let settings = if version == LATEST { Some(&found.configuration) } else { found.version(version) };
        let missing = || not_found(&format!("Function not found: {}", arn(function, Some(qualifier))));
        Ok((version.to_owned(), settings.cloned().ok_or_else(missing)?))
    }

    pub(crate) fn new_revision(&mut self) -> String {
        format!("{:032x}", self.rng.u128(..))
    }
}

impl Function {
    /// The configuration of a published version.
    #[must_use]
    pub fn version(&self, number: &str) -> Option<&Value> {
        self.versions.get(&number.parse().ok()?)
    }

    /// Publishes the code as it is, and gives the version's number. The same code twice is one version.
    pub(crate) fn publish(&mut self) -> u64 {
        match self.versions.last_key_value() {
            Some((number, configuration)) if *configuration == self.configuration => *number,
            last => {
                let number = last.map_or(1, |(number, _)| number + 1);
                self.versions.insert(number, self.configuration.clone());
                number
            }
        }
    }

    /// Whether an alias may be as asked for.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>
    pub(crate) fn check(&self, name: &str, alias: &Alias) -> Answer<()> {
        let published = |version: &str| {
            let missing = || not_found(&format!("Function not found: {}", arn(name, Some(version))));
            self.version(version).ok_or_else(missing)
        };
        let main = if alias.version == LATEST { None } else { Some(published(&alias.version)?) };
        let Some((version, weight)) = &alias.additional else { return Ok(()) };
        if !(0.0..=1.0).contains(weight) {
            return Err(invalid("weights must be from 0.0 to 1.0"));
        }
        let Some(main) = main.filter(|_| version != LATEST) else {
            return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
        };
        let other = published(version)?;
        if *version == alias.version {
            return Err(invalid("a version cannot be the primary and the additional one of an alias"));
        }
        if main["Role"] != other["Role"] {
            return Err(invalid("both versions of an alias must have the same execution role"));
        }
        Ok(())
    }
}

impl Alias {
    /// The shares of its versions, in permille.
    #[must_use]
    pub fn weights(&self) -> BTreeMap<String, u16> {
        let mut weights = BTreeMap::from([(self.version.clone(), 1000)]);
        if let Some((version, weight)) = &self.additional {
            // Checked to be from 0 to 1 when it was set.
            let share = (weight * 1000.0).round() as u16;
            weights.insert(self.version.clone(), 1000_u16.saturating_sub(share));
            weights.insert(version.clone(), share);
        }
        weights
    }

    /// The alias as Lambda shows it.
    pub(crate) fn shown(&self, function: &str, name: &str) -> Value {
        let mut shown = json!({
            "AliasArn": arn(function, Some(name)),
            "Name": name,
            "FunctionVersion": self.version,
            "Description": self.description,
            "RevisionId": self.revision,
        });
        if let Some((version, weight)) = &self.additional {
            shown["RoutingConfig"] = json!({"AdditionalVersionWeights": {(version): weight}});
        }
        shown
    }
}

pub(crate) fn arn(function: &str, qualifier: Option<&str>) -> String {
    let qualifier = qualifier.map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}{qualifier}")
}

pub(crate) fn invalid(message: &str) -> AwsFault {
    AwsFault::client("InvalidParameterValueException", message)
}

pub(crate) fn not_found(message: &str) -> AwsFault {
    AwsFault { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException".into(), message: message.into() }
}

pub(crate) fn conflict(message: &str) -> AwsFault {
    AwsFault { status: StatusCode::CONFLICT, code: "ResourceConflictException".into(), message: message.into() }
}
