//! The live display: a line for each event, and one a second for the traffic.

use crate::load::Served;
use crate::result::ScenarioResult;
use crate::scenario::Scenario;
use crate::watch::{Status, Watcher};
use std::collections::BTreeMap;
use std::io::IsTerminal;

/// Writes to standard output; in colour if that is a terminal.
#[derive(Debug)]
pub(crate) struct Display {
    /// Names of services by version.
    services: BTreeMap<String, String>,
    before: BTreeMap<Served, (u64, u64)>,
}

impl Display {
    /// A display that calls versions by the scenario's names for them.
    #[must_use]
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let services = scenario.services.iter().map(|(name, spec)| (spec.version.clone(), name.clone())).collect();
        Self { services, before: BTreeMap::new() }
    }

    /// Prints the heading of a scenario.
    pub(crate) fn print_heading(scenario: &Scenario, scale: f64) {
        println!("\n{}", paint("1", &format!("{}: {}", scenario.name, scenario.description)));
        println!("lab time runs {scale} times as fast as the wall; requests and latencies are real\n");
    }

    /// Prints what came of it.
    pub(crate) fn print_result(result: &ScenarioResult) {
        let (good, bad) = (|text: &str| paint("32", text), |text: &str| paint("31", text));
        let release = &result.release;
        println!();
        println!("outcome     {:?} after {:.0} s of lab time", release.outcome, release.seconds);
        if let Some(error) = &release.error {
            println!("error       {error}");
        }
        if let Some(cause) = &release.cause {
            println!("because     {cause}");
        }
        if let Some(seconds) = result.seconds_to_blue {
            println!("to blue     {seconds:.1} s of lab time from the first trouble");
        }
        for (service, totals) in &result.requests {
            let latency = match (totals.p50_millis, totals.p99_millis) {
                (Some(p50), Some(p99)) => format!(", p50 {p50:.1} ms, p99 {p99:.1} ms"),
                _ => String::new(),
            };
            println!("{service:<11} {} requests, {} errors{latency}", totals.requests, totals.errors);
        }
        println!("wrongly     {} requests served wrongly by the load balancer itself", result.wrongly_served);
        println!(
            "machine     {} state transitions, {} history events",
            release.state_transitions, release.history_events
        );
        for (function, calls) in &result.calls {
            let calls: Vec<_> = calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
            println!("calls       {function}: {}", calls.join(", "));
        }
        for check in &result.expectations {
            if check.passed {
                println!("{}  {}: {}", good("ok  "), check.what, shortened(&check.found));
            } else {
                println!("{}  {}", bad("FAIL"), check.what);
                println!("      expected {}", check.expected);
                println!("      found    {}", check.found);
            }
        }
        let word = if result.passed { good("passed") } else { bad("FAILED") };
        println!("{} {word} in {:.0} s", result.scenario, result.real_seconds);
    }

    fn name_of(&self, served: &Served) -> String {
        match served {
            Served::Version(version) => {
                self.services.get(&**version).cloned().unwrap_or_else(|| format!("version {version}"))
            }
            Served::LoadBalancer => "load balancer".into(),
            Served::Nobody => "unanswered".into(),
        }
    }
}

impl Watcher for Display {
    fn event(&mut self, at: f64, kind: &str, line: &str) {
        let attribute = match kind {
            "state" => "36",
            "weight" => "33",
            "alarm" => "31",
            _ => "0",
        };
        println!("{}  {}", clock(at), paint(attribute, &format!("{kind:<7} {line}")));
    }

    fn status(&mut self, status: &Status) {
        let mut parts = Vec::new();
        for (served, (requests, errors)) in &status.counts {
            let (requests_before, errors_before) = self.before.get(served).copied().unwrap_or_default();
            let name = self.name_of(served);
            parts.push(format!("{name} {}/s {} err", requests - requests_before, errors - errors_before));
        }
        self.before.clone_from(&status.counts);
        let share = status.green_share * 100.0;
        let line = format!("{:<15} green {share:>5.1} %   {}", status.state, parts.join("   "));
        println!("{}  {}", clock(status.at), paint("2", &line));
    }
}

/// Text with an ANSI attribute, on a terminal that wants colour (see <https://no-color.org>).
fn paint(attribute: &str, text: &str) -> String {
    let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if is_coloured { format!("\x1b[{attribute}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Lab time as minutes and seconds.
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{:>3}:{:02}", whole / 60, whole % 60)
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_time_is_shown_in_minutes_and_seconds() {
        assert_eq!(clock(0.4), "  0:00");
        assert_eq!(clock(754.9), " 12:34");
    }

    #[test]
    fn long_findings_are_cut_between_characters() {
        assert_eq!(shortened("ü".repeat(101).as_str()), format!("{}...", "ü".repeat(100)));
        assert_eq!(shortened("short"), "short");
    }
}
