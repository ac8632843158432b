//! Shares of a whole, written as percentages.

use super::text::{Invalid, Text, impl_text};
use std::fmt;
use std::str::FromStr;

/// A share of the traffic in permille, 0 to 1000; written as a percentage with at most one decimal (`5%`, `2.5%`).
///
/// Load balancers take weights from 0 to 999, so 0.1 % is the finest share that they can split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything.
    pub const ALL: Self = Self(1000);

    /// The share of `permille` thousandths.
    ///
    /// # Errors
    /// If that is more than the whole.
    pub fn from_permille(permille: u16) -> Result<Self, Invalid> {
        if permille <= Self::ALL.0 { Ok(Self(permille)) } else { Err(too_much()) }
    }

    /// Thousandths of the whole, 0 to 1000.
    #[must_use]
    pub const fn permille(self) -> u16 {
        self.0
    }

    /// This share `times` over, if that is more than nothing and at most the whole.
    #[must_use]
    pub const fn times(self, times: u16) -> Option<Self> {
        match self.0.checked_mul(times) {
            Some(permille @ 1..=1000) => Some(Self(permille)),
            _ => None,
        }
    }

    /// What is left of the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(1000 - self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_percent(f, u32::from(self.0), 1)
    }
}

impl FromStr for Share {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let permille = read_percent::<Self>(text, 1, "a load balancer cannot split traffic finer than 0.1%")?;
        Ok(Self(permille as u16))
    }
}

impl Text for Share {
    const NAME: &'static str = "Share";
    const NOUN: &'static str = "a share of the traffic";
    const DESCRIPTION: &'static str =
        "A share of the traffic: a percentage from 0% to 100% with at most one decimal, such as 5% or 2.5%.";
    const PATTERN: &'static str = r"^(100(\.0)?|[0-9]{1,2}(\.[0-9])?)%$";
    const EXAMPLES: &'static [&'static str] = &["5%", "2.5%"];
    const UNIT: Option<&'static str> = Some("%");
}

impl_text!(Share);

/// A limit on a share of requests in millionths, 0 to 1,000,000; written as a percentage with at most four decimals
/// (`2%`, `0.05%`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// One in a hundred.
    pub const ONE: Self = Self(10_000);

    /// The share of `millionths`.
    ///
    /// # Errors
    /// If that is more than the whole.
    pub fn from_millionths(millionths: u32) -> Result<Self, Invalid> {
        if millionths <= 1_000_000 { Ok(Self(millionths)) } else { Err(too_much()) }
    }

    /// Millionths of the whole, 0 to 1,000,000.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_percent(f, self.0, 4)
    }
}

impl FromStr for Percent {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        read_percent::<Self>(text, 4, "the finest limit is 0.0001%").map(Self)
    }
}

impl Text for Percent {
    const NAME: &'static str = "Percent";
    const NOUN: &'static str = "a share of the requests";
    const DESCRIPTION: &'static str =
        "A share of the requests: a percentage from 0% to 100% with at most four decimals, such as 2% or 0.05%.";
    const PATTERN: &'static str = r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)%$";
    const EXAMPLES: &'static [&'static str] = &["2%", "0.05%"];
    const UNIT: Option<&'static str> = Some("%");
}

impl_text!(Percent);

fn too_much() -> Invalid {
    Invalid::new("it is more than the whole", "Write a percentage from 0% to 100%")
}

/// Writes `value`, a percentage in units of 10^-`decimals` percent, without trailing zeros.
fn write_percent(f: &mut fmt::Formatter<'_>, value: u32, decimals: u32) -> fmt::Result {
    let unit = 10_u32.pow(decimals);
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return f.pad(&format!("{whole}%"));
    }
    let digits = format!("{fraction:0width$}", width = decimals as usize);
    f.pad(&format!("{whole}.{}%", digits.trim_end_matches('0')))
}

/// Reads a percentage from 0 to 100 in units of 10^-`decimals` percent.
fn read_percent<T: Text>(text: &str, decimals: usize, too_fine: &str) -> Result<u32, Invalid> {
    let malformed = || {
        Invalid::new(
            format!("it is not {} written as a percentage", T::NOUN),
            format!("Write a number and a percent sign, such as \"{}\"", T::EXAMPLES[0]),
        )
    };
    let number = text.strip_suffix('%').ok_or_else(malformed)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(malformed());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return Err(Invalid::new(too_fine, format!("Write at most {decimals} digits after the decimal point")));
    }
    // The fraction has at most `decimals` digits here; padding it gives the number of the smallest units.
    let units = format!("{whole}{fraction:0<decimals$}").parse::<u64>().map_err(|_| too_much())?;
    if units > 100 * 10_u64.pow(decimals as u32) {
        return Err(too_much());
    }
    Ok(units as u32)
}
