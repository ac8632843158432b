//! `teal approve`, `teal reject`, `teal abort`: requests that the release's next look finds.

use super::AskArgs;
use super::connect::{Connection, ReleaseError, print_json};
use crate::exit::Exit;
use teal::ports::Ledger;
use teal::release::{Phase, Release};
use teal::request::{Ask, Request};

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Approve,
    Reject,
    Abort,
}

pub(super) async fn ask(args: &AskArgs, wish: Wish) -> Result<Exit, ReleaseError> {
    let connection = Connection::new(&args.target).await?;
    let release = connection.release(&args.release).await?;
    let ask = possible(&release, wish).map_err(ReleaseError::NotNow)?;
    let by = connection.aws.caller().await?;
    let request = Request { ask, by, at: connection.now(), note: args.note.clone() };
    connection.aws.ask(&release.id, &request).await?;
    if connection.json {
        print_json(&request)?;
        return Ok(Exit::Fine);
    }
    if ask == Ask::GiveUp {
        say!(
            "release {id} ends within five minutes (sweep), without what is missing of its route, once all else of it is on blue. \
             Where something is not missing but refused to Teal, it waits for that: teal status {id}",
            id = release.id
        )?;
        return Ok(Exit::Fine);
    }
    if ask == Ask::LeaveOnGreen {
        say!(
            "release {id} ends with the traffic on green, within five minutes (sweep) of when green has all of it and blue has had 15 minutes to \
             come up; blue gets it if it can serve again by then: teal status {id}",
            id = release.id
        )?;
        return Ok(Exit::Fine);
    }
    let every = release.timeline.every();
    let done = match wish {
        Wish::Approve => "approved",
        Wish::Reject => "rejected; it rolls back",
        Wish::Abort => "aborted; it rolls back",
    };
    say!("release {} is {done}. Its next look acts on it, within {every}: teal watch {}", release.id, release.id)?;
    Ok(Exit::Fine)
}

/// The request that the wish comes to in the release's phase.
fn possible(release: &Release, wish: Wish) -> Result<Ask, String> {
    let id = &release.id;
    match (wish, release.phase) {
        (Wish::Approve, Phase::AwaitApproval { stage }) => Ok(Ask::Approve { stage }),
        (Wish::Reject, Phase::AwaitApproval { stage }) => Ok(Ask::Reject { stage }),
        (Wish::Approve | Wish::Reject, phase) => {
            Err(format!("release {id} waits at no gate; it is in phase {phase}. `teal status {id}` shows what it does"))
        }
        (Wish::Abort, phase) if phase.is_terminal() => Err(format!("release {id} has ended: {phase}")),
        (Wish::Abort, Phase::RetireBlue) => Err(format!(
            "release {id} is past the point of no return: green has everything and blue is being taken in. Release the old version to go back"
        )),
        (Wish::Abort, Phase::RollbackNeedsHuman) if release.kept_on_green_since.is_some() => Ok(Ask::LeaveOnGreen),
        (Wish::Abort, Phase::RollbackNeedsHuman) => Ok(Ask::GiveUp),
        (Wish::Abort, _) => Ok(Ask::Abort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use teal::state::State;
    use teal_sim::{Machine, World, plan};

    fn gated() -> Value {
        let mut plan = plan();
        plan["strategy"]["steps"] = json!([{"gate": {"name": "QA", "within": "1h"}}, {"weight": "10%", "bake": "5m"}]);
        plan
    }

    /// A release that is about to enter a state.
    fn before(state: State, plan: Value) -> Release {
        let world = World::new();
        let mut machine = Machine::new(&world, "r-1", plan);
        machine.run_until(|next| next == state);
        world.record(machine.release()).unwrap()
    }

    #[test]
    fn at_a_gate_a_person_says_yes_or_no_to_that_gate() {
        let release = before(State::AwaitApproval, gated());
        assert_eq!(possible(&release, Wish::Approve), Ok(Ask::Approve { stage: 0 }));
        assert_eq!(possible(&release, Wish::Reject), Ok(Ask::Reject { stage: 0 }));
        assert_eq!(possible(&release, Wish::Abort), Ok(Ask::Abort));
    }

    #[test]
    fn without_a_gate_there_is_nothing_to_approve() {
        let release = before(State::Bake, plan());
        for wish in [Wish::Approve, Wish::Reject] {
            let refusal = possible(&release, wish).unwrap_err();
            assert!(refusal.contains("waits at no gate") && refusal.contains("teal status r-1"), "{refusal}");
        }
        assert_eq!(possible(&release, Wish::Abort), Ok(Ask::Abort));
    }

    #[test]
    fn who_was_called_gives_up_what_is_missing() {
        let mut release = before(State::Bake, plan());
        for (phase, ask) in [(Phase::RollBack, Ask::Abort), (Phase::RollbackNeedsHuman, Ask::GiveUp)] {
            release.phase = phase;
            assert_eq!(possible(&release, Wish::Abort), Ok(ask), "{phase}");
        }
        release.kept_on_green_since = Some(release.started_at);
        assert_eq!(possible(&release, Wish::Abort), Ok(Ask::LeaveOnGreen), "blue cannot serve");
    }

    #[test]
    fn nothing_is_aborted_beyond_the_point_of_no_return() {
        let mut release = before(State::RetireBlue, plan());
        release.phase = Phase::RetireBlue;
        assert!(possible(&release, Wish::Abort).unwrap_err().contains("point of no return"));
        release.phase = Phase::Promoted;
        assert!(possible(&release, Wish::Abort).unwrap_err().contains("has ended"));
    }
}
