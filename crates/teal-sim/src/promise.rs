//! The promises of the design as names, each checked by the watch.

use std::fmt;

macro_rules! promises {
    ($($(#[$what:meta])* $name:ident,)*) => {
        /// What must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Promise {
            $($(#[$what])* $name,)*
        }

        impl Promise {
            /// Every promise.
            pub const ALL: &'static [Promise] = &[$(Promise::$name,)*];
        }
    };
}

promises! {
    /// 1: a release that has ended leaves the route wholly on one colour: green when promoted, blue when not.
    RouteWhole,
    /// 1: of a listener's actions, nothing but the weights of blue and green is changed.
    OnlyTwoWeights,
    /// 2: production requests reach green only when it runs the release's version, is healthy and was validated.
    GreenReadyFirst,
    /// 3: green has no more weight than the stage that was reached, and a stage is reached when the one before it has baked.
    WeightOfStage,
    /// 3: weight goes to groups with healthy targets only, and their health is read again after the weights are set.
    HealthyWhenWeighted,
    /// 3: blue keeps its capacity until the point of no return.
    BlueKeepsCapacity,
    /// Weights that are given back go to blue only where it serves no worse than green, and stay only where it would.
    LesserEvil,
    /// Green that was given back is taken in only when all of the load balancer knows that it has no weight any more.
    AnswersUntilKnown,
    /// A flag that goes with a version is turned on only when green has everything, and off before blue gets anything back.
    FlagsFollow,
    /// A hook of a deployment is answered Succeeded only for what the record says.
    HookToldTruth,
    /// A hook that asked and was heard is answered before its hour is over.
    HookAnswered,
    /// A release that was rolled back leaves nothing of its deployment that may still move traffic.
    StoppedForGood,
    /// What the record says of green's share is what it was when it was read.
    WeightOnRecord,
    /// 4: a release under way holds all its locks; nobody else acts on its route.
    OneHolder,
    /// 4: a newer release that is to take a route over gets it in the end, from an older one and from no newer.
    NewerTakesOver,
    /// 5: every act was announced in the record before, and happens before its `actBy`.
    IntentBeforeAct,
    /// 5: after acting the route is read back before anything is built on it.
    RouteReadBack,
    /// 5: no release ends while another run may still act.
    SettledBeforeEnd,
    /// 5: phases follow from each other; past the point of no return nothing rolls back.
    PhasesInOrder,
    /// The first reason to roll back stands.
    FirstReasonStands,
    /// An alarm that was raised when a release began as its plan allows ends nothing until it was OK once.
    PassedOver,
    /// An alarm ends no release that was started after it went off, however late its event comes, and none whose alarm is another account's.
    OnlyItsAlarms,
    /// 6: on-alarm rolls back every release that watches the alarm, itself.
    AlarmActs,
    /// 6: at most three requests to a listener until it is restored, and three more for each call that failed, of which two count.
    RequestBudget,
    /// 7: no data is not good data.
    NoDataNoAdvance,
    /// 8: what somebody else changed is not overwritten by a shift.
    NotBlindly,
    /// What others do to a route between releases is told, and what releases do is not.
    DriftTold,
    /// 9: who asks a release to end, or says no at a gate, is heard at the next look.
    AbortHeard,
    /// 9: after its deadline a release goes on to nothing but its end, and after a gate's time nothing waits there.
    DeadlineKept,
    /// 9: whatever happens to the execution, the release ends.
    AlwaysEnds,
    /// A person is only called when restoring is impossible.
    HumanOnlyWhenImpossible,
    /// Every ending is explained in the record and its story, and told to the bus.
    EndingExplained,
    /// What was brought up for a release that was rolled back is taken in again, and what was held is let go.
    NothingLeftBehind,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    pub promise: Promise,
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}
