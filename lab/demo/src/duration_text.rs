//! Durations as people write them: `250ms`, `20s`, `1m30s`.

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use std::time::Duration;

pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let signed = SignedDuration::try_from(*duration).map_err(serde::ser::Error::custom)?;
    serializer.collect_str(&format_args!("{signed:#}"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let signed: SignedDuration = text.parse().map_err(|problem| {
        D::Error::custom(format_args!("`{text}` is not a duration such as 250ms, 20s or 5m ({problem})"))
    })?;
    Duration::try_from(signed).map_err(|_| D::Error::custom(format_args!("`{text}` is below zero")))
}
