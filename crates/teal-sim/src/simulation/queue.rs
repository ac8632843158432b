//! What is to come, in the order of time.

use super::happenings::Heal;
use super::runs::Invoke;
use crate::deed::Late;
use crate::disturbance::Happening;
use crate::place::Place;
use std::collections::BTreeMap;
use teal::release::ReleaseId;
use teal::time::Timestamp;

/// Something that is to come.
#[derive(Debug)]
pub(crate) enum Event {
    /// An execution starts.
    Begin(usize),
    /// A function starts.
    Invoke(Box<Invoke>),
    /// What a function waits for is there.
    Wake {
        run: usize,
        token: u64,
    },
    /// A function's time is over.
    Timeout {
        run: usize,
    },
    /// A Wait state or a pause before a retry is over.
    Timer {
        execution: usize,
        token: u64,
    },
    /// A task's time is over.
    TaskTimeout {
        execution: usize,
        token: u64,
    },
    /// A call has its effect after it was given up.
    Late(Late),
    /// Something happens that was planned for a place, or follows from what did.
    Happen(Happening, Option<Place>),
    Heal(Heal),
    /// Somebody says yes at a gate.
    Approve {
        release: ReleaseId,
        stage: usize,
    },
    Sweep,
    /// Somebody begins a deployment.
    Deploy,
    /// The deployment moves on.
    Move,
}

/// Events by time; those of one moment in the order in which they were written down.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: BTreeMap<(Timestamp, u64), Event>,
    written: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Timestamp, event: Event) {
        self.written += 1;
        self.events.insert((at, self.written), event);
    }

    pub(crate) fn pop(&mut self) -> Option<(Timestamp, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// Whether there is anything but sweeps, and but events that find nobody any more.
    pub(crate) fn has_work(&self) -> bool {
        let is_work = |event: &Event| {
            matches!(
                event,
                Event::Begin(_)
                    | Event::Invoke(_)
                    | Event::Late(_)
                    | Event::Happen(..)
                    | Event::Heal(_)
                    | Event::Deploy
            )
        };
        self.events.values().any(is_work)
    }

    /// What is on its way is lost.
    pub(crate) fn drop_late(&mut self) {
        self.events.retain(|_, event| !matches!(event, Event::Late(_)));
    }

    /// Takes out what heals.
    pub(crate) fn take_heals(&mut self) -> Vec<Heal> {
        let mut heals = Vec::new();
        self.events.retain(|_, event| match event {
            Event::Heal(heal) => {
                heals.push(*heal);
                false
            }
            _ => true,
        });
        heals
    }
}
