//! What the lab needs on a machine.

use crate::setup::{find_python, is_complete, venv_directory};
use crate::{LabError, Places};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use tokio::process::Command;

/// Prints each thing the lab needs with what was found; answers whether nothing is missing.
///
/// # Errors
/// If the repository cannot be found.
pub async fn doctor() -> Result<bool, LabError> {
    let places = Places::find()?;
    let findings =
        [cargo().await, python().await, pip().await, venv(&places), loopback(), scripts().await, strip().await];
    for finding in &findings {
        let word = match finding.state {
            State::Good => "ok     ",
            State::Optional => "note   ",
            State::Missing => "MISSING",
        };
        println!("{word}  {:<22} {}", finding.what, finding.found);
    }
    Ok(findings.iter().all(|finding| finding.state != State::Missing))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    /// The lab works without.
    Optional,
    Missing,
}

struct Finding {
    what: &'static str,
    state: State,
    found: String,
}

async fn cargo() -> Finding {
    let version = output("cargo", &["--version"]).await;
    let state = if version.is_some() { State::Good } else { State::Missing };
    Finding { what: "cargo", state, found: version.unwrap_or_else(|| "install Rust from rustup.rs".into()) }
}

async fn python() -> Finding {
    let (state, found) = match find_python().await {
        Ok(python) => (State::Good, format!("{} {}.{}", python.command, python.version.0, python.version.1)),
        Err(error) => (State::Missing, error.to_string()),
    };
    Finding { what: "Python 3", state, found }
}

async fn pip() -> Finding {
    let found = match find_python().await {
        Ok(python) => {
            output(&python.command, &["-c", "import venv, ensurepip; print('venv and ensurepip are there')"]).await
        }
        Err(_) => None,
    };
    let state = if found.is_some() { State::Good } else { State::Missing };
    let found = found.unwrap_or_else(|| "install Python's venv module (Debian and Ubuntu: python3-venv)".into());
    Finding { what: "Python's venv", state, found }
}

/// What scripts and the agent on instances use.
async fn scripts() -> Finding {
    let mut missing = Vec::new();
    for program in ["tar", "curl"] {
        if output(program, &["--version"]).await.is_none() {
            missing.push(program);
        }
    }
    let state = if missing.is_empty() { State::Good } else { State::Optional };
    let found = if missing.is_empty() {
        "both are there".to_owned()
    } else {
        format!("no {}: scenarios of scripts on instances (codedeploy-ec2) need both", missing.join(", no "))
    };
    Finding { what: "tar and curl", state, found }
}

fn venv(places: &Places) -> Finding {
    let (state, found) = match venv_directory(places) {
        Ok(venv) if is_complete(&venv) => (State::Good, format!("{}", venv.display())),
        Ok(_) => (State::Optional, "not made yet; the first run makes it and needs PyPI for that".into()),
        Err(error) => (State::Missing, error.to_string()),
    };
    Finding { what: "virtual environment", state, found }
}

/// Every lab load balancer has an address of its own in 127.0.0.0/8; Linux has them all, others only 127.0.0.1.
fn loopback() -> Finding {
    let (state, found) = match TcpListener::bind((Ipv4Addr::new(127, 83, 1, 2), 0)) {
        Ok(_) => (State::Good, "all of 127.0.0.0/8 can be bound".into()),
        Err(error) => (State::Missing, format!("127.83.1.2 cannot be bound ({error}): the lab needs Linux's loopback")),
    };
    Finding { what: "loopback addresses", state, found }
}

async fn strip() -> Finding {
    let found = output("strip", &["--version"]).await.and_then(|text| text.lines().next().map(str::to_owned));
    let state = if found.is_some() { State::Good } else { State::Optional };
    let found = found.unwrap_or_else(|| "not there: packages of development builds stay large".into());
    Finding { what: "strip", state, found }
}

async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
