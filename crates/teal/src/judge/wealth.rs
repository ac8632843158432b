//! The log-wealth of every bet, and its exact, compact text.

use super::factor::{Factors, accept_factors};
use super::logs::{ACCEPT_THETAS, RESTARTS, THETAS, log_sum_exp};
use super::{Counts, JudgeConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt::Write as _;

/// The weight of the robust process in E; the tempered one has the rest.
const ROBUST_WEIGHT: f64 = 0.3;
/// How many numbers there are.
const NUMBERS: usize = 2 * RESTARTS * THETAS + ACCEPT_THETAS;
/// Hexadecimal digits of one number.
const DIGITS: usize = 16;

type Process = [[f64; THETAS]; RESTARTS];

/// The log-wealth of each bet: 5 thetas in 3 restarts of the robust and of the tempered process, and 3 of the accept
/// process. Every number is finite.
///
/// Its serialised form is the numbers' IEEE 754 bits in hexadecimal, in the order of the fields. That is exact, of fixed
/// length, and fits where a store's number type would round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wealth {
    robust: Process,
    tempered: Process,
    accept: [f64; ACCEPT_THETAS],
}

impl Wealth {
    /// Lets the restarts that have begun by `step` bet on a period.
    pub(super) fn bet(&mut self, step: u32, factors: &Factors) {
        let begun = usize::try_from(step).unwrap_or(usize::MAX).min(RESTARTS);
        for (process, factors) in [(&mut self.robust, &factors.robust), (&mut self.tempered, &factors.tempered)] {
            for restart in &mut process[..begun] {
                for (wealth, factor) in restart.iter_mut().zip(factors) {
                    *wealth += factor;
                }
            }
        }
    }

    /// Lets the accept process bet on a period.
    pub(super) fn bet_on_accept(&mut self, green: Counts, blue: Counts, phi: f64) {
        for (wealth, factor) in self.accept.iter_mut().zip(accept_factors(green, blue, phi)) {
            *wealth += factor;
        }
    }

    /// `ln E`: the mixture over processes, restarts and thetas.
    pub(super) fn ln_e(&self, config: &JudgeConfig) -> f64 {
        let robust_weight = if config.strict() { 1.0 } else { ROBUST_WEIGHT };
        let mut terms = [f64::NEG_INFINITY; 2 * RESTARTS * THETAS];
        let weighted = [(robust_weight, &self.robust), (1.0 - robust_weight, &self.tempered)];
        let bets = weighted.into_iter().flat_map(|(process_weight, process)| {
            process.iter().zip(config.restart_weights()).flat_map(move |(restart, restart_weight)| {
                let ln_weight = (process_weight * restart_weight / THETAS as f64).ln();
                restart.iter().map(move |wealth| ln_weight + wealth)
            })
        });
        for (term, bet) in terms.iter_mut().zip(bets) {
            *term = bet;
        }
        log_sum_exp(&terms)
    }

    /// `ln` of the accept process's wealth.
    pub(super) fn ln_accept(&self) -> f64 {
        log_sum_exp(&self.accept) - (ACCEPT_THETAS as f64).ln()
    }

    fn numbers(&self) -> impl Iterator<Item = &f64> {
        self.robust.iter().chain(&self.tempered).flatten().chain(&self.accept)
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        self.robust.iter_mut().chain(&mut self.tempered).flatten().chain(&mut self.accept)
    }
}

impl Serialize for Wealth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(NUMBERS * DIGITS);
        for number in self.numbers() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{:016x}", number.to_bits());
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Wealth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() != NUMBERS * DIGITS {
            return Err(de::Error::custom(format_args!("wealth has {} digits, not {}", text.len(), NUMBERS * DIGITS)));
        }
        let mut wealth = Self::default();
        for (number, digits) in wealth.numbers_mut().zip(text.as_bytes().chunks(DIGITS)) {
            let bits = std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
            *number = bits
                .map(f64::from_bits)
                .filter(|number| number.is_finite())
                .ok_or_else(|| de::Error::custom("wealth holds something other than finite numbers"))?;
        }
        Ok(wealth)
    }
}
