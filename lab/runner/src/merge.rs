//! One document laid over another.

use serde_json::Value;

/// Lays `change` over `target`: objects are merged, lists and values are replaced, and `null` takes away what is there.
/// Where nothing is there, what the change says is taken as it is, `null` included.
pub(crate) fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (name, change) in change {
                match target.get_mut(name) {
                    Some(_) if change.is_null() => drop(target.remove(name)),
                    Some(found) => merge(found, change),
                    None => drop(target.insert(name.clone(), change.clone())),
                }
            }
        }
        (target, change) => *target = change.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_change_does_not_name_stays() {
        let mut target = json!({"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1});
        merge(&mut target, &json!({"a": {"c": [3], "x": {"y": null}}, "d": null, "f": {"g": 2}, "h": null}));
        let expected = json!({"a": {"b": 1, "c": [3], "x": {"y": null}}, "f": {"g": 2}, "h": null});
        assert_eq!(target, expected);
    }
}
