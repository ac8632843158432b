//! What every kind of fleet says of itself, and the enums that are made of their list.

use crate::plan::check::{Fields, Findings};
use crate::plan::problem::Path;
use crate::plan::texts::TextKind;
use crate::route::DestinationKind;
use crate::units::Span;

/// What is known of a kind of fleet before any plan.
pub(crate) struct FleetFacts {
    /// Its field in a plan's `green`.
    pub(crate) field: &'static str,
    /// Its field that says what version green is to run, which changes from release to release.
    pub(crate) version: Option<&'static str>,
    /// What of it is written as one string in a plan.
    pub(crate) texts: &'static [TextKind],
    /// Whether Teal brings it up, and does not merely wait for it.
    pub(crate) is_brought_up: bool,
    /// The destinations behind which it brings something up.
    pub(crate) behind: &'static [DestinationKind],
    /// Reports what its fields must not say together, where a plan has it: the first argument is its place.
    pub(crate) check: fn(&Path, &Fields<'_>, &mut Findings),
}

impl FleetFacts {
    /// Where a plan has it.
    pub(crate) fn path(&self) -> Path {
        Path::of("green").field(self.field)
    }
}

/// Green of one kind of fleet, as a plan has it.
pub(crate) trait PlannedGreen {
    const FACTS: FleetFacts;

    /// How long green may take until all its targets are healthy.
    fn ready_within(&self) -> Span;
}

/// What runs a colour, of one kind of fleet.
pub(crate) trait RunsColour {
    /// What people call it, and metrics that have it as a dimension.
    fn name(&self) -> &str;

    /// What the rest of Teal must know of it.
    fn facts(&self) -> RunnerFacts;

    /// Who brings it up, in words, with what it must have by then; `None` where Teal orders it.
    fn comes_by_itself(&self, _desired: u32) -> Option<String> {
        None
    }
}

/// What the rest of Teal must know of what runs a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerFacts {
    /// What kind of thing it is, in words.
    pub noun: &'static str,
    /// What it is made of.
    pub units: &'static str,
    /// What a version of it is: what its units are made from.
    pub version_noun: &'static str,
    /// Who brings its units up.
    pub system: &'static str,
    /// Whether there is anything of it to bring up and to take in.
    pub has_units: bool,
    /// Whether Teal brings its units up and takes them in; otherwise somebody else does.
    pub is_sized_by_teal: bool,
    /// Why it is not taken in when it has no traffic any more; `None` where Teal takes it in.
    pub left_because: Option<&'static str>,
    /// Whether it must be brought on while it comes up: some of what is ordered can only be done when it is there.
    pub comes_in_stages: bool,
}

/// From the list of all kinds of fleets, each with what a plan says of it and what runs a colour: the enums of both, and what goes
/// through their variants. The first token is a dollar sign, for the macros that this one makes.
macro_rules! fleets {
    (($d:tt) $($(#[$meta:meta])* $green:ident($plan:ident) run by $runner:ident($runs:ident);)+) => {
        /// What runs the new version.
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Green {
            $($(#[$meta])* $green($plan),)+
        }

        /// What runs a colour. Its size is counted in units, whatever a unit is: a task, an instance.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Runner {
            $(#[doc = concat!("See [`", stringify!($runs), "`].")] $runner($runs),)+
        }

        impl Green {
            /// Every kind.
            pub(crate) const KINDS: &[FleetFacts] = &[$(<$plan as PlannedGreen>::FACTS,)+];

            /// Where a plan has it.
            #[must_use]
            pub fn path(&self) -> crate::plan::Path {
                match self {
                    $(Green::$green(_) => <$plan as PlannedGreen>::FACTS.path(),)+
                }
            }

            /// How long green may take until all its targets are healthy.
            #[must_use]
            pub fn ready_within(&self) -> crate::units::Span {
                match self {
                    $(Green::$green(green) => PlannedGreen::ready_within(green),)+
                }
            }
        }

        /// The same expression for green of whichever kind of fleet: `for_green!(green, it => it.method())`.
        #[macro_export]
        macro_rules! for_green {
            ($d green:expr, $d it:ident => $d then:expr) => {
                match $d green {
                    $($crate::fleet::Green::$green($d it) => $d then,)+
                }
            };
        }

        /// The same expression for whatever runs a colour: `for_runner!(runner, it => it.method())`.
        #[macro_export]
        macro_rules! for_runner {
            ($d runner:expr, $d it:ident => $d then:expr) => {
                match $d runner {
                    $($crate::fleet::Runner::$runner($d it) => $d then,)+
                }
            };
        }
    };
}

pub(super) use fleets;
