//! Plain numbers of which a thousandth is the finest that counts.

use super::text::Invalid;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A ratio of two rates in thousandths, 1 to 1000; written as a plain number (`1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u32);

/// A relative standard deviation in thousandths, 0.01 to 10; written as a plain number (`0.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deviation(u32);

/// Thousandths in 1.
const ONE: u32 = 1_000;

impl Ratio {
    /// 1.1: a tenth more.
    pub const ONE_POINT_ONE: Self = Self(1_100);
}

macro_rules! thousandths {
    ($type:ident, from $least:literal, to $most:literal, $invalid:literal, $remedy:literal, $description:literal) => {
        impl $type {
            /// The number of so many thousandths.
            ///
            /// # Errors
            /// If it is out of range.
            pub fn from_thousandths(thousandths: u32) -> Result<Self, Invalid> {
                if ($least..=$most).contains(&thousandths) {
                    Ok(Self(thousandths))
                } else {
                    Err(Invalid::new($invalid, $remedy))
                }
            }

            /// It as a number.
            #[must_use]
            pub fn as_f64(self) -> f64 {
                f64::from(self.0) / f64::from(ONE)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.as_f64())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.as_f64())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = f64::deserialize(deserializer)?;
                // Out of range and NaN become 0, which is out of range too.
                let thousandths = (number * f64::from(ONE)).round() as u32;
                Self::from_thousandths(thousandths).map_err(de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "number",
                    "description": $description,
                    "minimum": f64::from($least) / f64::from(ONE),
                    "maximum": f64::from($most) / f64::from(ONE),
                })
            }
        }
    };
}

thousandths!(
    Ratio,
    from 1_000_u32, to 1_000_000_u32,
    "it is not from 1 to 1000",
    "Write a number from 1 to 1000, such as 1.1",
    "A ratio from 1 to 1000, such as 1.1; finer than a thousandth is rounded."
);

thousandths!(
    Deviation,
    from 10_u32, to 10_000_u32,
    "it is not from 0.01 to 10",
    "Write a number from 0.01 to 10, such as 0.2",
    "A relative standard deviation from 0.01 to 10, such as 0.2; finer than a thousandth is rounded."
);
