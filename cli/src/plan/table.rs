//! The timeline of a plan as a table.

use teal::plan::{CheckedPlan, limits};
use teal::strategy::{RATES_AS_OF, RATES_REGION, ScheduleRow, ScheduledPart, Usage};
use teal::units::Span;

const HEADER: [&str; 7] = ["step", "starts", "lasts", "weight", "looks", "transitions", "cost"];

/// The compiled timeline: step by step, then the sum, then the bounds.
pub(super) fn timeline(checked: &CheckedPlan) -> String {
    let (plan, timeline) = (checked.plan(), checked.timeline());
    let schedule = timeline.schedule();
    let cost = |usage: Usage| format!("${:.4}", usage.cost(&plan.judge).usd);
    let cells = |name: String, starts: String, lasts: String, weight: String, usage: Usage| {
        [name, starts, lasts, weight, usage.looks.to_string(), usage.transitions.to_string(), cost(usage)]
    };
    let mut rows: Vec<[String; 7]> = vec![HEADER.map(str::to_owned)];
    for row in &schedule {
        if let Some(gate) = &row.gate {
            let name = format!("gate {:?}", gate.as_str());
            rows.push(
                [name].into_iter().chain(vec![String::new(); 6]).collect::<Vec<_>>().try_into().unwrap_or_default(),
            );
        }
        let at = |span: Option<Span>| span.map_or(String::new(), |span| span.to_string());
        let lasts = match row.earliest {
            Some(earliest) => format!("{earliest} to {}", at(row.lasts)),
            None => at(row.lasts),
        };
        let weight = match row.flags {
            Some(flags) => format!("{}, flags {flags}", row.weight),
            None => row.weight.to_string(),
        };
        rows.push(cells(name(row), at(row.starts), lasts, weight, row.usage));
    }
    let usual: Usage = schedule.iter().map(|row| row.usage).sum();
    rows.push(cells("in all".to_owned(), String::new(), String::new(), String::new(), usual));
    let bounds = timeline.bounds();
    let pace = timeline.pace();
    format!(
        "\n{} {}: how it goes if green is fine and gates are answered at once\n\n{}\n\
         Times count from when green is ready and validated; that may take {}.\n\
         The bakes take {} together; after {} the release is rolled back.\n\
         At most {} looks, {} state transitions, {} of {} history events, {}.\n\
         Costs are estimates by list prices ({RATES_REGION}, {RATES_AS_OF}) without free tiers, logs and alarms.\n",
        plan.service,
        plan.version,
        aligned(&rows),
        pace.ready_within,
        timeline.baking(),
        pace.deadline,
        bounds.looks,
        bounds.transitions,
        bounds.history_events,
        limits::MAX_HISTORY_EVENTS,
        cost(bounds),
    )
}

fn name(row: &ScheduleRow) -> String {
    match row.part {
        ScheduledPart::Prepare => "prepare green".to_owned(),
        ScheduledPart::Stage(index) => (index + 1).to_string(),
        ScheduledPart::Retire => "keep blue, retire it".to_owned(),
    }
}

/// Columns of one width each, the first to the left and the others to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    rows.iter()
        .map(|row| {
            let line: Vec<String> = row
                .iter()
                .zip(widths)
                .enumerate()
                .map(
                    |(column, (cell, width))| {
                        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                    },
                )
                .collect();
            format!("  {}\n", line.join("  ").trim_end())
        })
        .collect()
}
