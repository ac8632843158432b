//! Mutations: each takes one guard out of Teal, from outside, by what the world answers or keeps. The promises must notice. Production code
//! has no hook for any of them.

mod taken_out;

pub(crate) use taken_out::Remembered;

use crate::promise::Promise;

macro_rules! mutations {
    ($($(#[$what:meta])* $name:ident: $promise:ident,)*) => {
        /// A guard that is switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mutation {
            $($(#[$what])* $name,)*
        }

        impl Mutation {
            /// Every mutation.
            pub const ALL: &'static [Mutation] = &[$(Mutation::$name,)*];

            /// The promise that this guard is for: without it that one is broken, where no other is before.
            #[must_use]
            pub const fn breaks(self) -> Promise {
                match self {
                    $(Mutation::$name => Promise::$promise,)*
                }
            }
        }
    };
}

mutations! {
    /// No intent is kept in the record.
    NoIntent: IntentBeforeAct,
    /// Locks and watches are given up as soon as a rollback is decided.
    LockFreedEarly: OneHolder,
    /// Who watches an alarm is read from an index that lags.
    WatchersFromIndex: AlarmActs,
    /// Health is read once in a run, never again after acting.
    HealthNotReadBack: HealthyWhenWeighted,
    /// The point of no return is written whatever the record says by then.
    RetirementWithoutCondition: PhasesInOrder,
    /// After writing to a listener, what was written is taken for what is there.
    RouteNotReadBack: RouteReadBack,
    /// The intents of other runs are overlooked.
    OthersNotWaitedFor: SettledBeforeEnd,
    /// Who decides to roll back does not see that it was decided before.
    SetbackOverwritten: FirstReasonStands,
    /// A run whose write came too late takes the route back although it had announced nothing.
    CompensationWithoutIntent: IntentBeforeAct,
    /// Alarms and metrics that cannot be read, or have no data, are taken for good ones.
    SilenceIsGood: NoDataNoAdvance,
    /// Alarm watches are written after the alarms were read.
    WatchesAfterAlarms: AlarmActs,
    /// Records are written whatever revision they have by then.
    SaveWithoutCondition: PhasesInOrder,
    /// `actBy` is the beginning of a run, not the moment after which it cannot act.
    ActByTooEarly: IntentBeforeAct,
    /// Failed checks are taken for passed ones.
    ValidationIgnored: GreenReadyFirst,
    /// Rolling back writes what was there before the release, over what others changed.
    RestoresWholeList: OnlyTwoWeights,
    /// A change of the route by others is not noticed.
    OutsideChangeOverlooked: NotBlindly,
    /// Rules that are tried before a listener's default action are not noticed.
    RulesOverlooked: NotBlindly,
    /// Of two releases that are to take the route over, the older ends the newer.
    OlderTakesOver: NewerTakesOver,
    /// That somebody asks a release to end is not read.
    AbortUnheard: AbortHeard,
    /// Sweep does not ask whether a release holds the route that it reads.
    HeldRouteDrifts: DriftTold,
    /// An alarm that is passed over is passed over for good: neither that it was OK counts, nor since when it is raised.
    PassedOverForGood: AlarmActs,
    /// on-alarm does not know which alarms are passed over.
    NothingPassedOver: PassedOver,
    /// Since when an alarm is in ALARM is not read.
    ChangesOfAlarmsNotDated: AlarmActs,
    /// Blue is taken for healthy when the route goes back to it.
    BlueHealthNotRead: LesserEvil,
    /// Accept is not told of an alarm that it may pass over.
    AcceptNotTold: AlarmActs,
    /// What automatic scaling may do with blue is read before the lock is held.
    ScalingReadBeforeLock: NothingLeftBehind,
    /// Rolling back does not stop the deployment that moves the traffic.
    DeploymentNotStopped: StoppedForGood,
    /// A hook takes green that is being prepared for validated.
    HookAnsweredEarly: HookToldTruth,
    /// Hooks that were kept are not read.
    HooksForgotten: HookAnswered,
    /// A deployment that takes its traffic back is taken for one that is over.
    TakingBackOverlooked: StoppedForGood,
    /// That a write got no answer is forgotten once the route was read again.
    LostWriteForgotten: SettledBeforeEnd,
    /// What a run gives back is dated with its beginning.
    ClockStandsStill: AnswersUntilKnown,
    /// What a run shifts is dated with its beginning.
    ShiftDatedEarly: WeightOfStage,
    /// on-alarm does not know when a release began.
    OldAlarmsTakenForNew: OnlyItsAlarms,
    /// An alarm that is gone is taken for one without data.
    GoneAlarmsAreSilent: NoDataNoAdvance,
    /// Whose an alarm is is not read.
    OthersAlarmsTakenForOwn: OnlyItsAlarms,
    /// Automatic scaling goes on taking tasks from blue.
    BlueNotHeld: BlueKeepsCapacity,
    /// That blue is scaled automatically is not noticed: the record says nothing of holding it.
    HoldNotSet: BlueKeepsCapacity,
    /// Green keeps its tasks after a rollback.
    GreenNotTakenIn: NothingLeftBehind,
    /// A bake is taken for over at its first look.
    BakeSkipped: WeightOfStage,
    /// Blue is taken in as soon as the last bake was passed.
    BlueNotKept: BlueKeepsCapacity,
    /// The time of a gate begins anew with each look.
    GateNeverExpires: DeadlineKept,
    /// That somebody says no at a gate is not read.
    RejectUnheard: AbortHeard,
    /// When a release is to be over is not read.
    DeadlineForgotten: DeadlineKept,
    /// The record does not keep what the bus was not told yet.
    EventsForgotten: EndingExplained,
    /// Sweep does not know what releases left on their routes.
    DriftOverlooked: DriftTold,
    /// Sweep does not know which releases are under way.
    ReleasesOverlooked: AlwaysEnds,
    /// A listener is asked once more where once is enough.
    RequestsRepeated: RequestBudget,
    /// A call that fails while a route is given back is taken for one that is not allowed.
    FailuresTakenForRefusals: HumanOnlyWhenImpossible,
    /// A role that cannot be assumed is taken for one that will never be.
    RoleLossTakenForRefusal: NothingLeftBehind,
    /// Every gate is taken for approved.
    GatesApproved: WeightOfStage,
    /// Rolling back believes that every part of the route but the first is on blue.
    SecondPartOverlooked: RouteWhole,
    /// Where a deployment moves the traffic, green is said to have what its stage is to have.
    SharesPresumed: WeightOnRecord,
    /// PrepareGreen takes green for ready as soon as it is ordered.
    GreenTakenForReady: GreenReadyFirst,
    /// A build that runs is taken for one that has succeeded.
    BuildNotAwaited: GreenReadyFirst,
    /// Rolling back believes that flags are off.
    FlagsLeftOn: FlagsFollow,
    /// RetireBlue does not read the route.
    RouteUnreadAtRetirement: BlueKeepsCapacity,
    /// RetireBlue does not read how green stands.
    HealthUnreadAtRetirement: BlueKeepsCapacity,
    /// Before weights are set health is not read; after that it is.
    HealthUnreadBeforeWeight: HealthyWhenWeighted,
    /// ValidateGreen does not read how green stands.
    HealthUnreadWhenTested: GreenReadyFirst,
    /// Looks do not read how green stands.
    HealthUnreadAtLooks: HealthyWhenWeighted,
    /// on-alarm records that a release goes back, and gives nothing back.
    AlarmOnlyRecorded: AlarmActs,
}
