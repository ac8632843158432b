//! Quantities as people write them in a plan: `2.5%`, `1h30m`, `800ms`.

mod duration;
mod ratio;
mod share;
mod text;

pub use duration::{Latency, Span};
pub use ratio::{Deviation, Ratio};
pub use share::{Percent, Share};
pub use text::{Invalid, Text};
pub(crate) use text::{impl_text, text_newtype};

#[cfg(test)]
mod tests;
