//! A configuration of feature flags as AppConfig keeps it: definitions under `flags`, values under `values`.
//! <https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-type-reference-feature-flags.html>

use serde_json::{Map, Value, json};
use teal::route::{Action, ActionKind, Destination, FlagRef, WeightedDestination, weight_in};
use teal_flag::{ENABLED, Flag, PERCENTAGE, SALT};

/// All the weight of a flag, in tenths of a percent.
const WHOLE: u16 = 1000;

/// A document that has the flag it was read for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document(Value);

impl Document {
    /// # Errors
    /// What about the document keeps Teal from turning this flag, with what to do about it.
    pub(super) fn read(bytes: &[u8], flag: &FlagRef) -> Result<Self, String> {
        let [.., key] = flag.parts();
        let document: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("its configuration is not JSON: {error}"))?;
        let Some(definition) = document["flags"].get(key) else {
            return Err(format!("its configuration has no flag {key:?}. Add it to the profile, and deploy it"));
        };
        if definition["attributes"][PERCENTAGE]["constraints"]["type"] != "number" {
            return Err(format!(
                "the flag has no attribute `{PERCENTAGE}` that is a number. Add it to the flag's definition \
                 (constraints: type number, minimum 0, maximum 100), and deploy it"
            ));
        }
        if !document["values"][key]["_variants"].is_null() {
            return Err(
                "it is a flag with variants, which AppConfig's agent evaluates by itself. Use one without".to_owned()
            );
        }
        Ok(Self(document))
    }

    /// For which share of users the flag is on, in tenths of a percent.
    pub(super) fn share(&self, flag: &FlagRef) -> Result<u16, String> {
        let flag = self.value(flag)?;
        Ok(if flag.enabled { flag.permille } else { 0 })
    }

    fn value(&self, flag: &FlagRef) -> Result<Flag, String> {
        let [.., key] = flag.parts();
        Flag::read(&self.0["values"][key])
    }

    /// The flag as an action list: on and off share the users. What deals users anew is kept in sight, because changing it under way
    /// would give other users the flag.
    pub(super) fn actions(&self, flag: &FlagRef) -> Result<Vec<Action>, String> {
        let on = self.share(flag)?;
        let weighted =
            |is_on, weight| WeightedDestination { destination: Destination::Flag(flag.state(is_on)), weight };
        let groups = vec![weighted(false, WHOLE - on), weighted(true, on)];
        let mut actions = vec![Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } }];
        let salt = self.value(flag)?.salt;
        if !salt.is_empty() {
            let kind = ActionKind::Kept { kind: "deals-users".to_owned(), settings: json!({ (SALT): salt }) };
            actions.push(Action { order: None, kind });
        }
        Ok(actions)
    }

    /// The document with the flag on for another share of users, and everything else as it is. For nobody means off, for listed users too.
    pub(super) fn with_share(&self, flag: &FlagRef, share: u16) -> Result<Vec<u8>, String> {
        let [.., key] = flag.parts();
        let mut document = self.0.clone();
        let Some(members) = document.as_object_mut() else { return Err("its configuration is no object".to_owned()) };
        let values = members.entry("values").or_insert_with(|| Value::Object(Map::new()));
        let value = values.as_object_mut().map(|values| values.entry(key).or_insert_with(|| json!({})));
        let Some(Value::Object(value)) = value else { return Err("its values are no object".to_owned()) };
        value.insert(ENABLED.to_owned(), (share > 0).into());
        let percentage =
            if share.is_multiple_of(10) { Value::from(share / 10) } else { Value::from(f64::from(share) / 10.0) };
        value.insert(PERCENTAGE.to_owned(), percentage);
        Ok(document.to_string().into_bytes())
    }
}

/// The share of users that an action list has the flag on for.
pub(super) fn share_of(flag: &FlagRef, actions: &[Action]) -> Result<u16, String> {
    let weight = |on| weight_in(actions, &Destination::Flag(flag.state(on)));
    match (weight(false), weight(true)) {
        (Some(off), Some(on)) if off + on == WHOLE => Ok(on),
        (off, on) => Err(format!("its two states have the weights {off:?} and {on:?}, which are not {WHOLE} together")),
    }
}
