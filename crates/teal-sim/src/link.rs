//! One run of a function, as the world sees it: every call it makes goes through its link.

use crate::course::{Course, Failure};
use crate::deed::{Deed, Late};
use crate::function::Function;
use crate::mutation::Remembered;
use crate::watch::Seen;
use crate::world::{Waiting, World};
use jiff::SignedDuration;
use std::cell::RefCell;
use std::rc::Rc;
use teal::ports::{PortError, PortResult};
use teal::time::Timestamp;

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The invocation's id, as intents name it.
    pub(crate) invocation: String,
    pub(crate) function: Function,
    /// By the world's clock.
    pub(crate) started: Timestamp,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) kind: OpKind,
}

/// What Teal asks of its own account, or of none.
const OWN: [&str; 11] = [
    "AssumeRole",
    "DescribeExecution",
    "GET /health",
    "GetItem",
    "PutEvents",
    "PutItem",
    "PutJobSuccessResult",
    "Query",
    "StartExecution",
    "StoredPlan",
    "TransactWriteItems",
];

/// What a call can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpKind {
    /// Writes to a listener or a service.
    Deed,
    /// Reads a listener.
    ReadListener,
    /// Anything else.
    Other,
}

impl Op {
    pub(crate) const fn other(name: &'static str) -> Self {
        Self { name, kind: OpKind::Other }
    }

    /// Whether it asks the account that the service is in, and not Teal's own or nobody's.
    fn is_of_service(self) -> bool {
        !OWN.contains(&self.name)
    }
}

/// A function's link to the world.
#[derive(Debug)]
pub(crate) struct Link<'w> {
    pub(crate) world: &'w World,
    pub(crate) who: Who,
    /// How far the function's clock is ahead of the world's, in milliseconds.
    pub(crate) clock_ahead: i64,
    /// The account whose side it is; `None` for Teal's own.
    pub(crate) account: Option<String>,
    /// What this run was told: the promises are checked by it. Shared with the simulation, which looks when the run is over.
    pub(crate) seen: Rc<RefCell<Seen>>,
    /// What a mutated world keeps in mind.
    pub(crate) remembered: RefCell<Remembered>,
}

pub(crate) fn later(at: Timestamp, millis: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX)
}

impl<'w> Link<'w> {
    pub(crate) fn new(world: &'w World, who: Who) -> Self {
        Self { world, who, clock_ahead: 0, account: None, seen: Rc::default(), remembered: RefCell::default() }
    }

    /// One call: it travels, has its effect, and the answer travels back.
    pub(crate) async fn call<T>(&self, op: Op, effect: impl FnOnce(&Course) -> PortResult<T>) -> PortResult<T> {
        let course = self.world.course(&self.who, op);
        self.run(op, course, effect).await
    }

    /// A call that writes to a listener or a service.
    pub(crate) async fn act(&self, name: &'static str, deed: Deed) -> PortResult<()> {
        let op = Op { name, kind: OpKind::Deed };
        let course = self.world.course(&self.who, op);
        self.world.watch.borrow_mut().sent_off(&self.world.state(), &deed, &self.who, self.world.now());
        if let Some(after) = course.late {
            let late = Late { after, deed: deed.clone(), who: self.who.clone() };
            self.world.late.borrow_mut().push(late);
        }
        self.run(op, course, |_| self.world.perform(&deed, &self.who)).await
    }

    /// The same function's link to another account.
    pub(crate) fn in_account(&self, account: &str) -> Self {
        let account = Some(account.to_owned());
        let (who, seen) = (self.who.clone(), Rc::clone(&self.seen));
        Self { world: self.world, who, clock_ahead: self.clock_ahead, account, seen, remembered: RefCell::default() }
    }

    async fn run<T>(&self, op: Op, course: Course, effect: impl FnOnce(&Course) -> PortResult<T>) -> PortResult<T> {
        let world = self.world;
        if op.is_of_service() && world.state().home != self.account {
            let message = format!("{} is another account's", op.name);
            return Err(PortError::Denied { call: op.name, message });
        }
        if world.state().unanswering && op.kind != OpKind::Other {
            return Err(PortError::Unavailable { call: op.name, message: "service unavailable".to_owned() });
        }
        let mut result = None;
        if let Some(millis) = course.effect {
            world.wait(Waiting::ForEffect(later(world.now(), millis))).await;
        }
        if course.effect.is_some() {
            let told = effect(&course);
            world.observe();
            world.log(|| format!("{} {}: {}", self.who.invocation, op.name, verb(&told)));
            result = Some(told);
        }
        if course.crash {
            world.log(|| format!("{} {}: killed", self.who.invocation, op.name));
            world.wait(Waiting::Crashed).await;
        }
        let Some(millis) = course.answer else {
            world.log(|| format!("{} {}: no answer comes", self.who.invocation, op.name));
            return self.never().await;
        };
        world.wait(Waiting::ForAnswer(later(world.now(), millis))).await;
        if let Some(failure) = course.error {
            self.seen.borrow_mut().disturbed = true;
            self.seen.borrow_mut().failed_calls += u32::from(matches!(failure, Failure::Unavailable(_)));
            let error = failure.error(op.name);
            world.log(|| format!("{} {error}", self.who.invocation));
            return Err(error);
        }
        match result {
            Some(result) => result,
            None => self.never().await,
        }
    }

    async fn never<T>(&self) -> T {
        self.world.wait(Waiting::ForEver).await;
        std::future::pending().await
    }

    /// Lets a pause of the function's own pass.
    pub(crate) async fn pause(&self, seconds: u32) {
        if self.world.chaos.borrow().is_none() {
            self.world.pass(seconds.into());
            return;
        }
        self.world.wait(Waiting::ForAnswer(later(self.world.now(), i64::from(seconds) * 1000))).await;
    }
}

fn verb<T>(result: &PortResult<T>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}
