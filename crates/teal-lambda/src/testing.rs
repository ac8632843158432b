//! What tests of every event dialect share.

use proptest::prelude::*;
use serde_json::Value;

/// Any document whose members have names of this pattern and whose texts are of this kind.
pub(crate) fn any_json(
    names: &'static str,
    text: impl Strategy<Value = Value> + 'static,
) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        3 => text,
    ];
    leaf.prop_recursive(5, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}
