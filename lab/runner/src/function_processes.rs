//! The processes in which a lab's functions run, seen from outside.

use crate::lab::Lab;
use std::collections::BTreeMap;
use std::fs;

/// Tells a lab's function processes from all others.
#[derive(Clone, Debug)]
pub(crate) struct FunctionProcesses {
    /// Only this lab's functions have this endpoint.
    endpoint: String,
    /// Binaries by the functions' physical names.
    binaries: BTreeMap<String, String>,
}

/// A process of a function.
#[derive(Clone, Debug)]
pub(crate) struct FunctionProcess {
    pub(crate) pid: i32,
    /// The binary's name: `accept`.
    pub(crate) binary: String,
    /// What it was started with.
    pub(crate) environment: Vec<(String, String)>,
}

impl FunctionProcesses {
    pub(crate) fn of(lab: &Lab) -> Self {
        let functions = &lab.deployment().functions;
        Self {
            endpoint: lab.aws().endpoint().to_owned(),
            binaries: functions.iter().map(|function| (function.name.clone(), function.binary.clone())).collect(),
        }
    }

    /// Those that run now.
    pub(crate) fn running(&self) -> Vec<FunctionProcess> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // A process that is gone meanwhile, or somebody else's, is none of ours.
        pids.filter_map(|pid| self.function(pid, environment(pid)?)).collect()
    }

    fn function(&self, pid: i32, environment: Vec<(String, String)>) -> Option<FunctionProcess> {
        let value = |name: &str| environment.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        if value("AWS_ENDPOINT_URL")? != &self.endpoint {
            return None;
        }
        let binary = self.binaries.get(value("AWS_LAMBDA_FUNCTION_NAME")?)?.clone();
        Some(FunctionProcess { pid, binary, environment })
    }
}

/// The environment that a process was started with.
fn environment(pid: i32) -> Option<Vec<(String, String)>> {
    let content = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = content.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let pairs = variables.filter_map(|variable| variable.split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_a_function_of_this_lab_by_endpoint_and_name() {
        let processes = FunctionProcesses {
            endpoint: "http://127.0.0.1:1".to_owned(),
            binaries: [("teal-Accept-1".to_owned(), "accept".to_owned())].into(),
        };
        let with = |endpoint: &str, name: &str| {
            let variables = [("AWS_ENDPOINT_URL", endpoint), ("AWS_LAMBDA_FUNCTION_NAME", name)];
            processes.function(7, variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
        };
        assert_eq!(with("http://127.0.0.1:1", "teal-Accept-1").map(|found| found.binary), Some("accept".to_owned()));
        assert!(with("http://127.0.0.1:2", "teal-Accept-1").is_none());
        assert!(with("http://127.0.0.1:1", "other").is_none());
    }

    #[test]
    fn this_process_has_an_environment() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(environment(pid).is_some_and(|variables| variables.iter().any(|(name, _)| name == "PATH")));
    }
}
