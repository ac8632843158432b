//! What Teal does to listeners and services. A deed is data, so that it can happen after its caller has given up.

use crate::link::Who;
use crate::world::World;
use std::fmt;
use teal::fleet::GreenOrder;
use teal::ports::{CapacityHold, PortError, PortResult};
use teal::route::{Action, ActionKind, PartRef};
use teal::time::Timestamp;

/// A write to a listener or a service.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    SetActions {
        part: PartRef,
        actions: Vec<Action>,
        /// When its run had read the part before it sent this off.
        based_on: Timestamp,
    },
    BringUp(Box<GreenOrder>),
    ScaleIn {
        service: String,
    },
    ScaleOut {
        service: String,
        tasks: u32,
    },
    /// Automatic scaling may take no tasks.
    Hold {
        service: String,
        hold: CapacityHold,
    },
    /// It may again.
    Free {
        service: String,
        hold: CapacityHold,
    },
}

/// A deed that happens after the caller was told that it failed.
#[derive(Clone, Debug)]
pub(crate) struct Late {
    /// Milliseconds.
    pub(crate) after: i64,
    pub(crate) deed: Deed,
    pub(crate) who: Who,
}

impl World {
    /// A deed has its effect.
    pub(crate) fn perform(&self, deed: &Deed, who: &Who) -> PortResult<()> {
        let now = self.now();
        self.watch.borrow_mut().before(&self.state(), deed, who, now);
        self.log(|| format!("{} does: {deed}", who.invocation));
        let mut state = self.state();
        match deed {
            Deed::SetActions { part, actions, .. } => {
                if state.denied {
                    let message = "no identity-based policy allows it".to_owned();
                    return Err(PortError::Denied { call: "ModifyListener", message });
                }
                let actions = match part {
                    PartRef::Cname(_) => state.parts.get(part.key()).map(|found| swapped(found)).unwrap_or_default(),
                    _ => actions.clone(),
                };
                let written = state.write_part(part.key(), actions.clone(), now);
                written.ok_or_else(|| PortError::NotFound { what: part.to_string() })?;
                self.watch.borrow_mut().wrote(&state, part, &actions, who, now);
                Ok(())
            }
            Deed::BringUp(order) => {
                let group = order.colours.green.as_str();
                state.order(order.green.name(), group, &order.runs, order.desired, now);
                if let Some(hold) = order.hold {
                    state.scaling.insert(order.green.name().to_owned(), hold.held);
                }
                Ok(())
            }
            Deed::ScaleIn { service } => {
                let done = state.take_in(service, now);
                done.ok_or_else(|| PortError::NotFound { what: format!("service {service}") })
            }
            Deed::ScaleOut { service, tasks } => {
                let found = state.services.get(service).cloned();
                let found = found.ok_or_else(|| PortError::NotFound { what: format!("service {service}") })?;
                if found.desired < *tasks {
                    state.order(service, &found.group, &found.task_definition, *tasks, now);
                }
                Ok(())
            }
            Deed::Hold { service, hold } => {
                if let Some(rule) = state.scaling.get_mut(service) {
                    *rule = hold.begun(*rule);
                }
                Ok(())
            }
            Deed::Free { service, hold } => {
                if let Some(rule) = state.scaling.get_mut(service) {
                    *rule = hold.ended(*rule);
                }
                Ok(())
            }
        }
    }

    /// Somebody other than Teal changes a listener.
    pub(crate) fn change_from_outside(&self, part: &str, change: impl FnOnce(&mut Vec<Action>)) {
        let (mut state, now) = (self.state(), self.now());
        let Some(mut actions) = state.parts.get(part).cloned() else { return };
        self.watch.borrow_mut().before_change(&state, now);
        self.watch.borrow_mut().before_replacing(part, &actions, now);
        change(&mut actions);
        state.write_part(part, actions, now);
        state.outside.insert(part.to_owned(), now);
        self.watch.borrow_mut().part_changed(&state, part);
    }

    /// Something may have changed: the watch keeps up.
    pub(crate) fn observe(&self) {
        self.watch.borrow_mut().observe(&self.state(), self.now());
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::SetActions { part, actions, .. } => {
                write!(f, "{} forwards", short(part.key()))?;
                for group in actions.iter().flat_map(Action::groups) {
                    write!(f, " {}={}", group.destination.name(), group.weight)?;
                }
                Ok(())
            }
            Deed::BringUp(order) => {
                write!(f, "{} runs {} with {} tasks", order.green.name(), order.runs, order.desired)
            }
            Deed::ScaleIn { service } => write!(f, "{service} goes to 0 tasks"),
            Deed::ScaleOut { service, tasks } => write!(f, "{service} goes to {tasks} tasks"),
            Deed::Hold { service, .. } => write!(f, "{service} is not scaled in any more"),
            Deed::Free { service, .. } => write!(f, "{service} is scaled as before"),
        }
    }
}

/// Two environments have exchanged their names, whoever was meant to have which: done twice, it is undone.
fn swapped(actions: &[Action]) -> Vec<Action> {
    let weights: Vec<u16> = actions.iter().flat_map(Action::groups).map(|group| group.weight).rev().collect();
    let mut actions = actions.to_vec();
    for action in &mut actions {
        if let ActionKind::Forward { groups, .. } = &mut action.kind {
            groups.iter_mut().zip(&weights).for_each(|(group, weight)| group.weight = *weight);
        }
    }
    actions
}

/// The last part of an ARN.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
