//! What one look reads of CloudWatch, in one call: the limits, and green against blue.

use super::limits::{self, Window};
use crate::compare::{Compared, Comparison, Moments, NewMessage, Novelty, Place};
use crate::error::TealResult;
use crate::judge::{self, JudgeConfig, Moment, decide};
use crate::plan::AdvanceOn;
use crate::ports::{Logs, PortError, PortResult, Signals, World};
use crate::release::{Phase, Release};
use crate::route::{Colour, RouteKind};
use crate::signals::{Readings, Wanted};
use crate::steps::Step;
use crate::time::{Timestamp, after};
use crate::units::Share;
use crate::verdict::{Decision, Reason, Verdict};

/// What the metrics say.
#[derive(Debug)]
pub(in crate::steps) struct Measured {
    /// What the limits say about the stage that green has reached.
    pub(in crate::steps) limits: Verdict,
    /// What the comparison with blue says.
    pub(in crate::steps) comparison: Verdict,
    /// Whether there is evidence that green is good enough.
    pub(in crate::steps) accepted: bool,
    /// The metrics of which the step saw too little to judge green by.
    pub(in crate::steps) short: Vec<String>,
}

impl Measured {
    fn nothing() -> Self {
        let nothing = || Verdict { decision: Decision::Advance, reasons: Vec::new() };
        Self { limits: nothing(), comparison: nothing(), accepted: false, short: Vec::new() }
    }
}

impl Release {
    /// Where a colour's traffic is measured.
    pub(in crate::steps) fn place(&self, colour: Colour) -> Place<'_> {
        Place {
            colour,
            meter: self.plan.traffic.route.kind().facts().meter,
            load_balancer: &self.load_balancer,
            target_group: self.colours.of(colour).name_in_metrics(),
            service: self.green.runner(colour).name(),
            zone: None,
        }
    }

    /// From when on limits are about the stage in force: from the shift of the traffic, or from when clients know how far the flags were turned
    /// since. The comparison ends with the shift, for blue has nothing any more.
    fn limited_from(&self, shifted_at: Timestamp) -> Timestamp {
        let polled = RouteKind::Flag.facts().propagation.as_seconds().into();
        self.flags_turned_at.map_or(shifted_at, |at| shifted_at.max(after(at, polled)))
    }

    /// When what happened, as far as the comparison is concerned; nothing while green has no traffic.
    fn moments(&self, now: Timestamp) -> Option<Moments> {
        let (stage, shifted_at) = (self.stage_in_force()?, self.shifted_at?);
        // Before that, some of the traffic may still go by the weights of the step before.
        let shifted_at = after(shifted_at, self.propagation().as_seconds().into());
        let is_all = self.timeline.stages().get(stage).is_none_or(|stage| stage.weight == Share::ALL);
        let step = if is_all { self.timeline.compared_stages() } else { stage + 1 };
        Some(Moments {
            now,
            settle: self.plan.judge.settle.as_seconds().into(),
            shifted_at,
            step: u32::try_from(step).unwrap_or(u32::MAX),
            is_all,
        })
    }
}

impl<W: World> Step<'_, W> {
    /// What limits and comparison say. The periods read are consumed: they are in the record once it is saved.
    ///
    /// # Errors
    /// `Teal.Internal` when the record's settings are out of range.
    pub(in crate::steps) async fn look_at_metrics(&self, release: &mut Release) -> TealResult<Measured> {
        let now = self.now();
        let Some(moments) = release.moments(now) else { return Ok(Measured::nothing()) };
        let mut compared = std::mem::take(&mut release.compared);
        let measured = self.measure(release, &mut compared, moments).await;
        release.compared = compared;
        measured
    }

    async fn measure(&self, release: &Release, compared: &mut [Compared], moments: Moments) -> TealResult<Measured> {
        let (green, blue) = (release.place(Colour::Green), release.place(Colour::Blue));
        let mut wanted = Wanted::default();
        let window = Window::readable(release.limited_from(moments.shifted_at), moments.settle, moments.now);
        let limits = match (&release.plan.judge.limits, &window) {
            (Some(limits), Ok(_)) => limits::want(&mut wanted, limits, &green),
            (Some(_), Err(_)) | (None, _) => Vec::new(),
        };
        let comparison = Comparison::is_due(compared, moments)
            .then(|| Comparison::want(&mut wanted, compared, [&green, &blue], moments));
        let readings = match span(&limits, window.as_ref().ok(), comparison.as_ref()) {
            Some((from, to)) => self.read_metrics(release, &wanted, from, to).await,
            None => Ok(Readings::default()),
        };
        let mut readings = match readings {
            Ok(readings) => readings,
            Err(error) => return Ok(Measured { limits: unreadable(&error), ..Measured::nothing() }),
        };
        let logs = self.read_logs(release, &wanted, &mut readings).await;
        let config = release.judge_config()?;
        if let Some(comparison) = &comparison {
            comparison.consume(&config, compared, &readings);
        }
        let Measured { comparison, accepted, short, .. } = self.compared(release, compared, &config, moments, &window);
        let comparison = Verdict::all([comparison, logs].into_iter().chain(compared.iter().filter_map(new_message)));
        let min_requests = release.plan.judge.limits.as_ref().map_or(0, |limits| limits.min_requests);
        let limits = match (&release.plan.judge.limits, window) {
            (None, _) => Measured::nothing().limits,
            (Some(_), Err(readable_in_seconds)) => {
                Verdict::because(Decision::Insufficient, Reason::NoPeriodYet { readable_in_seconds })
            }
            (Some(_), Ok(window)) => {
                Verdict::all(limits.iter().map(|limit| limit.judge(&readings, window, min_requests)))
            }
        };
        Ok(Measured { limits, comparison, accepted, short })
    }

    async fn read_metrics(
        &self,
        release: &Release,
        wanted: &Wanted,
        from: Timestamp,
        to: Timestamp,
    ) -> PortResult<Readings> {
        let side = self.side(release).await?;
        side.metrics(wanted.queries(), from, to).await.map(Readings::new)
    }

    /// Searches the logs. Where that fails, only what is compared by logs waits for the next look.
    async fn read_logs(&self, release: &Release, wanted: &Wanted, readings: &mut Readings) -> Verdict {
        let searches = wanted.searches();
        if searches.is_empty() {
            return Measured::nothing().comparison;
        }
        let found = match self.side(release).await {
            Ok(side) => side.search_logs(searches).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(findings) => {
                readings.found(findings);
                Measured::nothing().comparison
            }
            Err(error) => {
                readings.not_found(searches);
                unreadable(&error)
            }
        }
    }

    /// What the judge says of everything that was consumed so far; nothing about limits.
    fn compared(
        &self,
        release: &Release,
        compared: &[Compared],
        config: &JudgeConfig,
        moments: Moments,
        window: &Result<Window, u64>,
    ) -> Measured {
        let says = |comparison| Measured { comparison, ..Measured::nothing() };
        if compared.is_empty() {
            return Measured::nothing();
        }
        let readings: Vec<_> = compared.iter().filter_map(|metric| metric.reading().ok()).collect();
        let step_over = !moments.is_all && release.bake_ends_at().is_some_and(|end| moments.now >= end);
        let judgement = decide(config, &readings, Moment { step: moments.step, step_over });
        let verdict = judgement.verdict;
        if moments.is_all && verdict != judge::Verdict::RollBack {
            // There is no blue any more; what is still to come of the step before was consumed.
            return Measured::nothing();
        }
        let nothing_seen = compared.iter().all(|metric| metric.state.last_period_end().is_none());
        if let (true, judge::Verdict::Hold, Err(readable_in_seconds)) = (nothing_seen, verdict, window) {
            let readable_in_seconds = *readable_in_seconds;
            return says(Verdict::because(Decision::Hold, Reason::NoPeriodYet { readable_in_seconds }));
        }
        let short = judgement.shortages.iter().map(|shortage| shortage.metric.clone()).collect();
        let reason = Reason::Compared { judgement: judgement.brief() };
        let decision = match verdict {
            judge::Verdict::RollBack => Decision::RollBack,
            judge::Verdict::Accept => Decision::Advance,
            judge::Verdict::Clear if release.plan.judge.advance_on == AdvanceOn::Clear => Decision::Advance,
            judge::Verdict::Clear => {
                let reasons = vec![Reason::AcceptWanted, reason];
                return says(Verdict { decision: Decision::Insufficient, reasons });
            }
            judge::Verdict::Insufficient => Decision::Insufficient,
            judge::Verdict::Hold => Decision::Hold,
        };
        let accepted = verdict == judge::Verdict::Accept;
        Measured { accepted, short, ..says(Verdict::because(decision, reason)) }
    }
}

fn unreadable(error: &PortError) -> Verdict {
    Verdict::because(Decision::Insufficient, Reason::MetricsUnreadable { detail: error.to_string() })
}

/// What is to be said about messages that only green writes.
fn new_message(compared: &Compared) -> Option<Verdict> {
    let metric = compared.name.clone();
    Some(match compared.messages.as_ref()?.novelty()? {
        Novelty::TooVarious => Verdict::because(Decision::Advance, Reason::MessagesTooVarious { metric }),
        Novelty::Seen { message, others, at_least, rolls_back } => {
            let decision = if rolls_back { Decision::RollBack } else { Decision::Advance };
            let NewMessage { text, count } = message;
            Verdict::because(decision, Reason::NewMessage { metric, text, count, others, at_least, rolls_back })
        }
    })
}

/// From the first to the last period that anybody wants.
fn span(
    limits: &[limits::WantedLimit],
    window: Option<&Window>,
    comparison: Option<&Comparison>,
) -> Option<(Timestamp, Timestamp)> {
    let of_limits = window.filter(|_| !limits.is_empty()).map(|window| (window.from, window.to));
    let of_comparison = comparison.and_then(Comparison::window);
    match (of_limits, of_comparison) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

/// Whether the release waits at a gate, where a person decides and nothing but a rollback is judged.
pub(in crate::steps) fn is_at_gate(release: &Release) -> bool {
    matches!(release.phase, Phase::AwaitApproval { .. })
}
