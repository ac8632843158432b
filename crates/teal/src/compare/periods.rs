//! Which minutes the judge consumes, and in which order.
//!
//! Metrics with shorter periods are added up to minutes: how much a share wanders by itself is known, or assumed, of minutes, and noise
//! that lasts a minute would count again with every period in it. A healthy release would be rolled back far more often than `alpha` says.

use super::calibrate::HISTORY;
use super::messages::LONGEST_READ;
use super::source::CountKeys;
use super::{Compared, CountSource, Place};
use crate::judge::{Interval, JudgeConfig};
use crate::plan::limits::METRIC_PERIOD;
use crate::ports::LogGives;
use crate::signals::{Readings, SeriesKey, Wanted};
use crate::time::Timestamp;

/// When what happened, as far as it matters for periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    pub(crate) now: Timestamp,
    /// Seconds after its end that a period is final.
    pub(crate) settle: u64,
    /// When the weight in force was read back.
    pub(crate) shifted_at: Timestamp,
    /// The step of the weight in force, counted from 1; at 100 % that of the last weight below.
    pub(crate) step: u32,
    /// Whether green has everything, so that there is nothing to compare from the shift on.
    pub(crate) is_all: bool,
}

/// The minutes of one metric that are to be consumed: those whose beginning lies in `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: i64,
    to: i64,
}

const MINUTE_MILLIS: i64 = METRIC_PERIOD.as_seconds() as i64 * 1000;

impl Moments {
    /// The final minutes since the last one consumed. The first is the one in which green first got traffic; at 100 % the
    /// last is the one in which blue lost it.
    fn due(&self, metric: &Compared) -> Span {
        let shifted = self.shifted_at.as_millisecond();
        let settle = self.settle.max(metric.source.settle());
        let settle = i64::try_from(settle).unwrap_or(i64::MAX).saturating_mul(1000);
        let begin = |millis: i64| millis.div_euclid(MINUTE_MILLIS) * MINUTE_MILLIS;
        let final_until = begin(self.now.as_millisecond().saturating_sub(settle));
        let last = metric.state.last_period_end();
        Span {
            from: last.map_or_else(|| begin(shifted), |end| end.as_millisecond()),
            to: if self.is_all {
                final_until.min(begin(shifted.saturating_add(MINUTE_MILLIS - 1)))
            } else {
                final_until
            },
        }
    }
}

/// What one look reads for the comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    moments: Moments,
    /// For each metric: its periods, and the series of green and blue.
    due: Vec<(Span, CountKeys, CountKeys)>,
    /// The lines of green and of blue, by the place of their metric.
    lines: Vec<(usize, [SeriesKey; 2])>,
}

/// The most lines of a colour that are read at a look: what one answer of Logs Insights holds.
const MOST_LINES: u32 = 10_000;

impl Comparison {
    /// Wants what is due of each metric, for green and for blue.
    pub(crate) fn want(
        wanted: &mut Wanted,
        compared: &[Compared],
        [green, blue]: [&Place<'_>; 2],
        moments: Moments,
    ) -> Self {
        let (mut due, mut lines) = (Vec::with_capacity(compared.len()), Vec::new());
        for (place, metric) in compared.iter().enumerate() {
            let span = moments.due(metric);
            let over = (instant(span.from), instant(span.to.max(span.from)));
            let mut want = |colour| metric.source.want(wanted, colour, over);
            due.push((span, want(green), want(blue)));
            if let (Some(messages), CountSource::Logs(query)) = (&metric.messages, &metric.source)
                && span.from < span.to
            {
                let gives = || LogGives::Lines {
                    most: MOST_LINES,
                    longest: LONGEST_READ,
                    message: messages.field.to_string(),
                    request: messages.request_field.as_ref().map(ToString::to_string),
                };
                // What blue wrote before the release is read once, with the first minutes.
                let past = if messages.has_learnt() { 0 } else { HISTORY as i64 * 1000 };
                let since = instant(span.from.saturating_sub(past));
                let of_green = wanted.search(green.search(query, over, gives()));
                let of_blue = wanted.search(blue.search(query, (since, over.1), gives()));
                lines.push((place, [of_green, of_blue]));
            }
        }
        Self { moments, due, lines }
    }

    /// Whether any period is due at all.
    pub(crate) fn is_due(compared: &[Compared], moments: Moments) -> bool {
        compared.iter().map(|metric| moments.due(metric)).any(|span| span.from < span.to)
    }

    /// The beginning of the first period and the end of the last one.
    pub(crate) fn window(&self) -> Option<(Timestamp, Timestamp)> {
        let due = || self.due.iter().map(|(span, ..)| span).filter(|span| span.from < span.to);
        let from = due().map(|span| span.from).min()?;
        let to = due().map(|span| span.to).max()?;
        Some((instant(from), instant(to)))
    }

    /// Shows the judge every due period, in order. Done twice it changes nothing.
    pub(crate) fn consume(&self, config: &JudgeConfig, compared: &mut [Compared], readings: &Readings) {
        for (place, keys) in &self.lines {
            let ((span, ..), Some(metric)) = (&self.due[*place], compared.get_mut(*place)) else { continue };
            let [green, blue] = keys.map(|key| readings.lines(key));
            match &mut metric.messages {
                Some(messages) if !keys.iter().any(|key| readings.is_unread(*key)) => {
                    messages.take_in(blue, green, instant(span.to));
                }
                _ => {}
            }
        }
        // What could not be read is still due at the next look.
        let unread = |green: &CountKeys, blue: &CountKeys| green.is_unread(readings) || blue.is_unread(readings);
        let read = self.due.iter().zip(compared).filter(|((_, green, blue), _)| !unread(green, blue));
        for ((span, green, blue), metric) in read {
            let mut begin = span.from;
            while begin < span.to {
                let end = begin.saturating_add(MINUTE_MILLIS);
                let at = instant(begin);
                match (green.counts(readings, at), blue.counts(readings, at)) {
                    (Ok(green), Ok(blue)) => {
                        let step = self.step_of(instant(end));
                        let begun_after_shift = at >= self.moments.shifted_at;
                        let interval = Interval { step, period_end: instant(end), begun_after_shift, green, blue };
                        metric.state.observe(config, &metric.calibration, &interval);
                    }
                    (Err(_), _) | (_, Err(_)) => _ = metric.state.skip(instant(end)),
                }
                begin = end;
            }
        }
    }

    /// The step that a period belongs to. What ended before the shift belongs to the step before; all of it, since a look
    /// of that step consumed what came earlier.
    fn step_of(&self, period_end: Timestamp) -> u32 {
        let Moments { shifted_at, step, is_all, .. } = self.moments;
        if period_end <= shifted_at && !is_all { step.saturating_sub(1).max(1) } else { step }
    }
}

fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests;
