//! The table of a simulation, as Markdown.

use crate::cell::Outcome;
use crate::rules::Rule;
use crate::service::Service;
use std::fmt::Write as _;

/// A service with what each rule made of its releases.
pub struct Row {
    /// The service.
    pub service: Service,
    /// One outcome for each rule.
    pub outcomes: Vec<Outcome>,
}

/// False rollbacks of healthy services, in percent with their Monte-Carlo standard error.
#[must_use]
pub fn false_rollbacks(rules: &[Box<dyn Rule>], rows: &[Row]) -> String {
    table(
        rules,
        rows,
        "errors",
        |service| percent(service.blue),
        |outcome| format!("{:.2} ± {:.2}", 100.0 * outcome.rate(), 100.0 * outcome.error()),
    )
}

/// Regressed services: power in percent, median minute of the rollback, mean bad requests served by green until then.
#[must_use]
pub fn detections(rules: &[Box<dyn Rule>], rows: &[Row]) -> String {
    table(
        rules,
        rows,
        "errors, blue → green",
        |service| change(service.blue, service.green),
        |outcome| {
            let minute = outcome.median_minute().map_or("–".to_owned(), |minute| minute.to_string());
            format!("{:.0} / {minute} / {:.0}", 100.0 * outcome.rate(), outcome.mean_bad())
        },
    )
}

/// "1 % → 2 %"
#[must_use]
pub fn change(blue: f64, green: f64) -> String {
    format!("{} → {}", percent(blue), percent(green))
}

fn percent(share: f64) -> String {
    // Rounded first, because 100 * 0.06 is not 6.
    format!("{} %", (share * 1e6).round() / 1e4)
}

fn table(
    rules: &[Box<dyn Rule>],
    rows: &[Row],
    heading: &str,
    errors: impl Fn(&Service) -> String,
    cell: impl Fn(&Outcome) -> String,
) -> String {
    let mut text = format!("| noise | rps | {heading} |");
    for rule in rules {
        // Writing to a String cannot fail.
        let _ = write!(text, " {} |", rule.name());
    }
    text += "\n|---|---:|---|";
    text += &"---:|".repeat(rules.len());
    text.push('\n');
    for row in rows {
        let Service { rps, noise, .. } = row.service;
        let _ = write!(text, "| {} | {rps} | {} |", noise.name(), errors(&row.service));
        for outcome in &row.outcomes {
            let _ = write!(text, " {} |", cell(outcome));
        }
        text.push('\n');
    }
    text
}
