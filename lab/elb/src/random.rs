//! Random numbers for the data plane, identifiers and addresses.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64 over an atomic counter: any number of threads draw from it without a lock, and a seed makes the
/// sequence repeatable.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Dice {
    /// A generator with the given seed, or with one from the operating system.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(AtomicU64::new(seed.unwrap_or_else(|| RandomState::new().hash_one(std::process::id()))))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(GOLDEN_GAMMA, Ordering::Relaxed).wrapping_add(GOLDEN_GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; `bound` must be above zero.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// The 16 hexadecimal digits that end a resource's ARN.
    pub(crate) fn resource_id(&self) -> String {
        format!("{:016x}", self.next())
    }

    /// A version 4 UUID, the form of AWS request ids.
    pub(crate) fn uuid(&self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_over_the_range() {
        let dice = Dice::new(Some(7));
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[dice.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
    }

    #[test]
    fn a_seed_repeats_the_sequence() {
        let (a, b) = (Dice::new(Some(1)), Dice::new(Some(1)));
        assert_eq!([a.next(), a.next()], [b.next(), b.next()]);
    }
}
