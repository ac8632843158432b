//! Simulated releases, and what rolls them back: Teal's judge and the rules of other tools, on the same data.
//!
//! `cargo bench -p teal-bench --bench simulation` prints the table; `--bench look` the speed of one look.

pub mod cell;
pub mod chart;
pub mod rules;
pub mod service;
pub mod table;
