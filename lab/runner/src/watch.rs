//! Who watches a run: the live display, or nobody.

use crate::load::Served;
use std::collections::BTreeMap;

/// Told what happens while it happens. Times are lab seconds since the load began.
pub trait Watcher: Send + Sync {
    /// Something happened, in one line; `kind` is one word for it: `state`, `weight`, `alarm`, `story`, `event`.
    fn event(&mut self, at: f64, kind: &str, line: &str);

    /// How things stand, once a real second.
    fn status(&mut self, status: &Status);
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct Status {
    pub at: f64,
    /// The state that the release's execution is in.
    pub state: String,
    /// The largest share of green on any listener or rule, 0 to 1.
    pub green_share: f64,
    /// Requests and errors so far, by who answered.
    pub counts: BTreeMap<Served, (u64, u64)>,
}

/// Watches nothing.
#[derive(Debug)]
pub struct Nobody;

impl Watcher for Nobody {
    fn event(&mut self, _: f64, _: &str, _: &str) {}
    fn status(&mut self, _: &Status) {}
}
