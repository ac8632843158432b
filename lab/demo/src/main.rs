//! `teal-lab-demo`: see the library's documentation for what it reads and does.

use std::process::ExitCode;
use teal_lab_demo::{Settings, serve};

/// Exit status for an environment that cannot be understood.
const BAD_SETTINGS: u8 = 2;

// One thread is enough for many thousand requests a second, and a lab starts many of these processes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = match Settings::from_environment(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
