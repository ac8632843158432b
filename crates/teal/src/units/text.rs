//! Values that a document writes as one string: checked when read, written back in the same form.

use std::fmt::Display;
use std::str::FromStr;

/// Why a text is not a value of its type, and what to write instead. Both are sentences without their final full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}. {remedy}")]
pub struct Invalid {
    /// What is wrong with the text.
    pub reason: String,
    /// What to write instead.
    pub remedy: String,
}

impl Invalid {
    /// An error with its reason and its remedy.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }
}

/// A value that a document writes as one string.
pub trait Text: FromStr<Err = Invalid> + Display {
    /// The definition's name in the JSON Schema.
    const NAME: &'static str;
    /// What the value is, for the JSON Schema and for messages: a noun phrase with its article, as in "a share".
    const NOUN: &'static str;
    /// The definition's description in the JSON Schema.
    const DESCRIPTION: &'static str;
    /// A regular expression (ECMA 262) for editors. It may be wider than the parser, never narrower.
    const PATTERN: &'static str;
    /// Valid texts.
    const EXAMPLES: &'static [&'static str];
    /// What to put behind a bare number to make it a valid text (`%`, `s`), if there is such a unit.
    const UNIT: Option<&'static str> = None;
}

/// Reads and writes a [`Text`] as a string with serde, and describes it in the JSON Schema.
macro_rules! impl_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$name as $crate::units::Text>::NAME.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": <$name as $crate::units::Text>::DESCRIPTION,
                    "pattern": <$name as $crate::units::Text>::PATTERN,
                    "examples": <$name as $crate::units::Text>::EXAMPLES,
                })
            }
        }
    };
}
pub(crate) use impl_text;

/// Declares a string that is checked when it is made: the doc comment becomes the schema's description, `check` says
/// why a text is refused.
macro_rules! text_newtype {
    (
        $(#[doc = $doc:literal])+
        $name:ident { noun: $noun:literal, pattern: $pattern:literal, examples: $examples:expr, check: $check:path $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as it stands in the plan.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::units::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl $crate::units::Text for $name {
            const NAME: &'static str = stringify!($name);
            const NOUN: &'static str = $noun;
            const DESCRIPTION: &'static str = concat!($($doc),+).trim_ascii();
            const PATTERN: &'static str = $pattern;
            const EXAMPLES: &'static [&'static str] = $examples;
        }

        $crate::units::impl_text!($name);
    };
}
pub(crate) use text_newtype;
