//! What was measured, and how it is printed.

use super::cold_start::ColdStart;
use std::fmt;
use std::time::Duration;

/// The largest that a function may be, zipped.
const ZIPPED_LIMIT: u64 = 3_000_000;
/// The most memory that a function may need in a whole release.
const PEAK_LIMIT: u64 = 30_000_000;
/// A start takes tens of milliseconds when half of them are faster than this.
const START_LIMIT: Duration = Duration::from_millis(100);

/// Everything that was measured.
pub(super) struct Figures {
    pub(super) functions: Vec<FunctionFigures>,
    /// The function, and its equal in Python.
    pub(super) compared: [Contender; 2],
}

/// One function of the release build.
pub(super) struct FunctionFigures {
    pub(super) name: String,
    pub(super) zipped_bytes: u64,
    /// In the releases that ran; nothing if it did not run in any, so that nothing is known of it.
    pub(super) peak_bytes: Option<u64>,
}

/// One of two programs that do the same step, started anew each time.
pub(super) struct Contender {
    language: &'static str,
    zipped_bytes: u64,
    /// AWS calls of one run.
    calls: u64,
    starts: Vec<ColdStart>,
}

impl Contender {
    /// What `starts` of a program in `language` took.
    pub(super) fn new(language: &'static str, zipped_bytes: u64, calls: u64, starts: Vec<ColdStart>) -> Self {
        Self { language, zipped_bytes, calls, starts }
    }

    /// The time that a share of the starts stayed within.
    fn quantile(&self, time: impl Fn(&ColdStart) -> Duration, share: f64) -> Duration {
        quantile(self.starts.iter().map(time).collect(), share)
    }

    fn peak_bytes(&self) -> u64 {
        self.starts.iter().map(|start| start.peak_bytes).max().unwrap_or_default()
    }
}

/// The smallest of the times that the share of them does not exceed; 0 of none.
fn quantile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort();
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

impl Figures {
    /// Whether every function ran and is as small as it must be. Times depend on the machine and are not asked.
    pub(super) fn are_within_limits(&self) -> bool {
        self.functions.iter().all(FunctionFigures::is_within_limits)
    }
}

impl FunctionFigures {
    fn is_within_limits(&self) -> bool {
        self.zipped_bytes <= ZIPPED_LIMIT && self.peak_bytes.is_some_and(|peak| peak <= PEAK_LIMIT)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(
            f,
            "release build on {}, {processors} processors; MB are millions of bytes\n",
            std::env::consts::ARCH
        )?;
        writeln!(f, "{:<20}{:>12}{:>12}", "function", "zipped MB", "peak MB")?;
        for function in &self.functions {
            let peak = function.peak_bytes.map_or_else(|| "not run".into(), megabytes);
            let mark = match function.peak_bytes {
                _ if function.is_within_limits() => "ok",
                None if function.zipped_bytes <= ZIPPED_LIMIT => "NOT MEASURED",
                _ => "TOO BIG",
            };
            writeln!(f, "{:<20}{:>12}{peak:>12}   {mark}", function.name, megabytes(function.zipped_bytes))?;
        }
        writeln!(f, "{:<20}{:>12}{:>12}\n", "at most", megabytes(ZIPPED_LIMIT), megabytes(PEAK_LIMIT))?;

        let [rust, python] = &self.compared;
        let what = format!("one step, {} AWS calls", rust.calls);
        let ratio = "ratio";
        writeln!(f, "{what:<34}{:>10}{:>10}{ratio:>8}", rust.language, python.language)?;
        let ready = |start: &ColdStart| start.ready;
        let answered = |start: &ColdStart| start.answered;
        row(f, "zipped MB", [rust, python].map(|one| one.zipped_bytes as f64 / 1e6))?;
        row(f, "peak MB", [rust, python].map(|one| one.peak_bytes() as f64 / 1e6))?;
        row(f, "start to first request, median ms", [rust, python].map(|one| millis(one.quantile(ready, 0.5))))?;
        row(f, "start to first request, p90 ms", [rust, python].map(|one| millis(one.quantile(ready, 0.9))))?;
        row(f, "start to first answer, median ms", [rust, python].map(|one| millis(one.quantile(answered, 0.5))))?;
        row(f, "start to first answer, p90 ms", [rust, python].map(|one| millis(one.quantile(answered, 0.9))))?;
        let is_fast = rust.quantile(answered, 0.5) < START_LIMIT;
        let mark = if is_fast { "ok: tens of milliseconds" } else { "SLOW, or this machine is busy" };
        writeln!(f, "{} starts of each, in turn; {} {mark}", rust.starts.len(), rust.language)
    }
}

fn row(f: &mut fmt::Formatter<'_>, what: &str, [rust, python]: [f64; 2]) -> fmt::Result {
    writeln!(f, "{what:<34}{rust:>10.2}{python:>10.2}{:>7.1}x", python / rust)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis_of(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|value| Duration::from_millis(*value)).collect()
    }

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let times = millis_of(&[10, 2, 9, 3, 8, 4, 7, 5, 6, 1]);
        assert_eq!(quantile(times.clone(), 0.5), Duration::from_millis(5));
        assert_eq!(quantile(times, 0.9), Duration::from_millis(9));
        assert_eq!(quantile(millis_of(&[7]), 0.5), Duration::from_millis(7));
        assert_eq!(quantile(Vec::new(), 0.5), Duration::ZERO);
    }

    fn figures(zipped_bytes: u64, peak_bytes: Option<u64>) -> Figures {
        let start = |millis| ColdStart {
            ready: Duration::from_millis(millis),
            answered: Duration::from_millis(10 * millis),
            peak_bytes: 4_000_000 * millis,
        };
        let functions = vec![FunctionFigures { name: "accept".into(), zipped_bytes, peak_bytes }];
        let compared = [("Rust", 2), ("Python", 30)]
            .map(|(language, millis)| Contender::new(language, 1_000_000 * millis, 12, vec![start(millis)]));
        Figures { functions, compared }
    }

    #[test]
    fn a_function_that_is_too_big_or_did_not_run_is_marked() {
        let table = [
            (3_000_000, Some(30_000_000), "30.00   ok"),
            (3_000_001, Some(1), "0.00   TOO BIG"),
            (1, Some(30_000_001), "30.00   TOO BIG"),
            (1, None, "not run   NOT MEASURED"),
            (3_000_001, None, "not run   TOO BIG"),
        ];
        for (zipped_bytes, peak_bytes, end) in table {
            let figures = figures(zipped_bytes, peak_bytes);
            assert_eq!(figures.are_within_limits(), end.ends_with("ok"), "{end}");
            let text = figures.to_string();
            let row = text.lines().find(|line| line.starts_with("accept")).unwrap();
            assert!(row.ends_with(end), "{row}");
        }
    }

    #[test]
    fn python_stands_beside_rust_with_the_ratio() {
        let text = figures(1, None).to_string();
        let row = text.lines().find(|line| line.starts_with("start to first answer, median")).unwrap();
        let words: Vec<_> = row.split_whitespace().rev().take(3).collect();
        assert_eq!(words, ["15.0x", "300.00", "20.00"]);
        assert!(text.contains("12 AWS calls") && text.contains("ok: tens of milliseconds"), "{text}");
    }
}
