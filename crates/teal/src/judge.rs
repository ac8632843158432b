//! The sequential judge: is green worse than blue?
//!
//! For every count metric ("of n requests, x were bad") the judge bets against the null hypothesis that green's rate of
//! bad requests is at most `rho` times blue's. It starts each release with a wealth of 1; under the null the wealth is
//! not expected to grow, so by Ville's inequality the chance that it *ever* reaches `1/alpha` is at most `alpha`,
//! however often somebody looks. That is what makes a look after every data point safe.
//!
//! * [`JudgeConfig`]: what the plan sets. * [`Calibration`]: how noisy this metric is, from blue against blue.
//! * [`MetricState`]: all that is carried from look to look, of constant size. [`MetricState::observe`] takes one period.
//! * [`decide`]: one verdict from all metrics, with its numbers and a sentence.
//!
//! `docs/judge.md` explains it without mathematics and says what is guaranteed and what is not.
//!
//! Sources: Lindon & Malek, *Anytime-Valid Inference for Multinomial Count Data*, NeurIPS 2022 (arXiv 2011.03567);
//! Lindon, Sanden & Shirikian, *Rapid Regression Detection in Software Deployments through Sequential Testing*, KDD 2022
//! (arXiv 2205.14762); Vovk & Wang, *E-values: Calibration, combination and applications*, Annals of Statistics 2021
//! (arXiv 1912.06116).

mod calibration;
mod config;
mod counts;
mod factor;
mod latency;
mod logs;
mod sentence;
mod state;
mod verdict;
mod wealth;

pub use calibration::{Calibration, CalibrationBasis, HistoryPoint};
pub use config::{ConfigError, JudgeConfig};
pub use counts::{Counts, Interval, NotACount, is_final};
pub use latency::EDGE_PERCENTILES;
pub use state::{MetricState, Observation};
pub use verdict::{Evidence, Judgement, Moment, Reading, Shortage, Verdict, Weight, decide};

/// `ln E` at which the accept process says that green is good enough: wealth 20.
pub const ACCEPT_LIMIT: f64 = 20.0;
