//! Ratios of two rates.

use super::text::Invalid;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A ratio in thousandths, 1 to 1000; written as a plain number with at most three decimals (`1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u32);

/// Thousandths of a ratio of 1, and of the largest one.
const ONE: u32 = 1_000;
const MOST: u32 = 1_000 * ONE;

impl Ratio {
    /// 1.1: a tenth more.
    pub const ONE_POINT_ONE: Self = Self(1_100);

    /// The ratio of so many thousandths, 1,000 to 1,000,000.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn from_thousandths(thousandths: u32) -> Result<Self, Invalid> {
        if (ONE..=MOST).contains(&thousandths) { Ok(Self(thousandths)) } else { Err(out_of_range()) }
    }

    /// The ratio as a number, 1 to 1000.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(ONE)
    }
}

fn out_of_range() -> Invalid {
    Invalid::new("it is not from 1 to 1000", "Write a number from 1 to 1000, such as 1.1")
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        // Out of range and NaN become 0, which is out of range too.
        let thousandths = (number * f64::from(ONE)).round() as u32;
        Self::from_thousandths(thousandths).map_err(de::Error::custom)
    }
}

impl schemars::JsonSchema for Ratio {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number",
            "description": "A ratio from 1 to 1000, such as 1.1; finer than a thousandth is rounded.",
            "minimum": 1,
            "maximum": 1000,
        })
    }
}
