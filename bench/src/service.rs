//! Services with errors as they come in production, and releases of them.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution, Geometric, LogNormal, Poisson};
use std::f64::consts::TAU;
use teal::judge::{Counts, HistoryPoint};

/// The plan of every simulated release: three steps of five minutes.
pub const STEP_MINUTES: usize = 5;
/// Green's share of the traffic in each step.
pub const WEIGHTS: [f64; 3] = [0.05, 0.25, 0.5];
/// Minutes of a release.
pub const MINUTES: usize = STEP_MINUTES * WEIGHTS.len();
/// Minutes of blue against blue before it.
const HISTORY_MINUTES: usize = 240;

/// How far the load swings over a day, up and down.
const DIURNAL_SWING: f64 = 0.4;
/// Standard deviation of the logarithm of the shocks that both colours share.
const COMMON_SD: f64 = 0.5;
/// The chance that a minute begins a burst, which multiplies both colours' errors by 5 to 50 for 1 to 3 minutes.
const BURST_CHANCE: f64 = 0.02;
/// Mean number of errors in a clump.
const CLUMP_SIZE: f64 = 4.0;
/// Standard deviation of the logarithm of the noise that each colour has alone, each minute.
const COLOUR_SD: f64 = 0.5;
/// No service fails more than this, however large its burst.
const WORST: f64 = 0.9;

/// What disturbs the errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Every request fails or not by itself.
    Plain,
    /// Shocks and bursts hit both colours at once.
    Bursty,
    /// One cause fails several requests of one colour.
    Clumped,
    /// Each colour's error rate wanders by itself, and so do the two halves of blue before the release.
    PerColour,
    /// The same, but before the release nothing wandered: what calibration cannot foresee.
    Unforeseen,
}

impl Noise {
    /// Those that the history before a release shows too.
    pub const FORESEEN: [Self; 4] = [Self::Plain, Self::Bursty, Self::Clumped, Self::PerColour];

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Bursty => "bursty",
            Self::Clumped => "clumped",
            Self::PerColour => "per colour",
            Self::Unforeseen => "unforeseen",
        }
    }
}

/// A service and the release that is simulated of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Mean requests a second.
    pub rps: u32,
    /// Blue's mean share of bad requests.
    pub blue: f64,
    /// Green's mean share of bad requests.
    pub green: f64,
    /// What disturbs them.
    pub noise: Noise,
}

/// What a simulated release shows.
#[derive(Clone, Debug)]
pub struct Release {
    /// Blue against blue, before it.
    pub history: Vec<HistoryPoint>,
    /// Green and blue, minute by minute.
    pub minutes: Vec<Minute>,
}

/// One minute of a release.
#[derive(Clone, Copy, Debug)]
pub struct Minute {
    /// What green served.
    pub green: Counts,
    /// What blue served.
    pub blue: Counts,
}

/// The disturbance that both colours share, minute after minute.
struct Common {
    noise: Noise,
    burst: f64,
    burst_left: u32,
}

impl Common {
    fn next(&mut self, rng: &mut impl Rng) -> f64 {
        if self.noise != Noise::Bursty {
            return 1.0;
        }
        if self.burst_left == 0 && rng.random_bool(BURST_CHANCE) {
            self.burst = rng.random_range(5.0..50.0);
            self.burst_left = rng.random_range(1..=3);
        }
        let burst = if self.burst_left > 0 { self.burst } else { 1.0 };
        self.burst_left = self.burst_left.saturating_sub(1);
        burst * log_normal(COMMON_SD, rng)
    }
}

impl Service {
    /// One release, the same for the same seed.
    #[must_use]
    pub fn release(&self, rng: &mut Xoshiro256PlusPlus) -> Release {
        let mut common = Common { noise: self.noise, burst: 1.0, burst_left: 0 };
        let midnight = rng.random_range(0..24 * 60);
        let mut minute_of_day = midnight;
        let mut split = |share: f64, first: f64, second: f64, wanders: bool, rng: &mut Xoshiro256PlusPlus| {
            minute_of_day += 1;
            let swing = 1.0 + DIURNAL_SWING * (TAU * f64::from(minute_of_day) / (24.0 * 60.0)).sin();
            let total = poisson(f64::from(self.rps) * 60.0 * swing, rng);
            let ours = binomial(total, share, rng);
            let shock = common.next(rng);
            let first = self.serve(ours, first * shock, wanders, rng);
            let second = self.serve(total - ours, second * shock, wanders, rng);
            (first, second)
        };
        let history = (0..HISTORY_MINUTES)
            .map(|_| {
                let (a, b) = split(0.5, self.blue, self.blue, self.noise == Noise::PerColour, rng);
                HistoryPoint { a, b }
            })
            .collect();
        let wanders = matches!(self.noise, Noise::PerColour | Noise::Unforeseen);
        let minutes = (0..MINUTES)
            .map(|minute| {
                let (green, blue) = split(WEIGHTS[minute / STEP_MINUTES], self.green, self.blue, wanders, rng);
                Minute { green, blue }
            })
            .collect();
        Release { history, minutes }
    }

    /// Serves `total` requests of one colour in one minute.
    fn serve(&self, total: u64, rate: f64, wanders: bool, rng: &mut impl Rng) -> Counts {
        let alone = if wanders { log_normal(COLOUR_SD, rng) } else { 1.0 };
        let rate = (rate * alone).min(WORST);
        let bad = if self.noise == Noise::Clumped {
            let clumps = poisson(total as f64 * rate / CLUMP_SIZE, rng);
            (0..clumps).map(|_| 1 + geometric(1.0 / CLUMP_SIZE, rng)).sum::<u64>().min(total)
        } else {
            binomial(total, rate, rng)
        };
        Counts::new(total, bad)
    }
}

/// A factor of mean 1.
fn log_normal(sd: f64, rng: &mut impl Rng) -> f64 {
    LogNormal::new(-sd * sd / 2.0, sd).map_or(1.0, |factor| factor.sample(rng))
}

fn poisson(mean: f64, rng: &mut impl Rng) -> u64 {
    Poisson::new(mean).map_or(0, |count: Poisson<f64>| count.sample(rng) as u64)
}

fn binomial(n: u64, p: f64, rng: &mut impl Rng) -> u64 {
    Binomial::new(n, p).map_or(0, |count| count.sample(rng))
}

/// Failures before the first success.
fn geometric(p: f64, rng: &mut impl Rng) -> u64 {
    Geometric::new(p).map_or(0, |count| count.sample(rng))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn shares(noise: Noise) -> (f64, f64) {
        let service = Service { rps: 100, blue: 0.01, green: 0.03, noise };
        let (mut green, mut blue) = ((0, 0), (0, 0));
        for seed in 0..400 {
            for minute in service.release(&mut Xoshiro256PlusPlus::seed_from_u64(seed)).minutes {
                green = (green.0 + minute.green.bad(), green.1 + minute.green.total());
                blue = (blue.0 + minute.blue.bad(), blue.1 + minute.blue.total());
            }
        }
        (green.0 as f64 / green.1 as f64, blue.0 as f64 / blue.1 as f64)
    }

    #[test]
    fn each_colour_fails_at_its_rate() {
        for noise in [Noise::Plain, Noise::Clumped, Noise::PerColour] {
            let (green, blue) = shares(noise);
            assert!((green - 0.03).abs() < 0.001 && (blue - 0.01).abs() < 0.0005, "{noise:?}: {green} {blue}");
        }
        // Bursts add errors to both alike, up to where they can fail no more.
        let (green, blue) = shares(Noise::Bursty);
        assert!(blue > 0.012 && green / blue > 2.0 && green / blue < 3.1, "{green} {blue}");
    }

    #[test]
    fn a_seed_gives_one_release() {
        let service = Service { rps: 10, blue: 0.01, green: 0.01, noise: Noise::Clumped };
        let release = |seed| format!("{:?}", service.release(&mut Xoshiro256PlusPlus::seed_from_u64(seed)));
        assert_eq!(release(7), release(7));
        assert_ne!(release(7), release(8));
    }

    #[test]
    fn the_plan_shifts_5_25_and_50_percent() {
        let service = Service { rps: 1_000, blue: 0.01, green: 0.01, noise: Noise::Plain };
        let release = service.release(&mut Xoshiro256PlusPlus::seed_from_u64(1));
        assert_eq!((release.history.len(), release.minutes.len()), (240, 15));
        for (minute, counts) in release.minutes.iter().enumerate() {
            let share = counts.green.total() as f64 / (counts.green.total() + counts.blue.total()) as f64;
            assert!((share - WEIGHTS[minute / STEP_MINUTES]).abs() < 0.02);
        }
    }
}
