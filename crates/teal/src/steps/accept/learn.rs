//! What is learnt about blue before the release, so that green can be compared with it.

use crate::compare::{Compared, History, edges, usual_edges};
use crate::judge::CalibrationBasis;
use crate::plan::MetricSource;
use crate::ports::{PortResult, Router, Signals, World};
use crate::release::Release;
use crate::route::Colour;
use crate::signals::{Readings, Wanted};
use crate::steps::Step;
use crate::story::Fact;

impl<W: World> Step<'_, W> {
    /// The metrics by which green is compared with blue, each with the noise that blue's last hours show. What cannot be
    /// read does not keep a release from beginning: then much noise is assumed, and the story says so.
    pub(super) async fn learn(&mut self, release: &Release) -> Vec<Compared> {
        if release.plan.judge.metrics.is_empty() || release.timeline.compared_stages() == 0 {
            return Vec::new();
        }
        let history = History::before(self.now(), release.plan.judge.settle.as_seconds().into());
        let edges = self.latency_edges(release, history).await;
        let place = release.place(Colour::Blue);
        let metrics = release.plan.judge.metrics.iter();
        let mut compared: Vec<Compared> = metrics.flat_map(|metric| Compared::of(metric, edges, &place)).collect();
        if let Err(error) = self.calibrate(release, history, &mut compared).await {
            self.note(Fact::Noted { note: format!("blue's history could not be read: {error}") });
        }
        let has_zones = place.meter.knows_zones;
        for metric in &compared {
            let calibration = metric.calibration;
            let remedy = match calibration.basis() {
                CalibrationBasis::NoHistory { .. } if !metric.learns_by_zone() || !has_zones => {
                    "; it is not counted by Availability Zone, so the plan may say its `noise`"
                }
                _ => "",
            };
            let note = format!(
                "{} is compared with blue's: {} (phi {:.2}, cv {:.2}){remedy}",
                metric.name,
                calibration.basis(),
                calibration.phi(),
                calibration.cv()
            );
            self.note(Fact::Noted { note });
        }
        compared
    }

    /// How long blue takes, where latency is compared: its median, 90th and 99th percentile in seconds.
    async fn latency_edges(&mut self, release: &Release, history: History) -> [f64; 3] {
        if !release.plan.judge.metrics.iter().any(|metric| metric.source == MetricSource::Latency) {
            return usual_edges();
        }
        let mut wanted = Wanted::default();
        let percentiles = History::want_percentiles(&mut wanted, &release.place(Colour::Blue));
        let (found, why) = match self.read(release, &wanted, history).await {
            Ok(readings) => {
                (percentiles.and_then(|percentiles| edges(&percentiles, &readings)), "there are none".to_owned())
            }
            Err(error) => (None, error.to_string()),
        };
        found.unwrap_or_else(|| {
            let [low, middle, high] = usual_edges();
            self.note(Fact::Noted {
                note: format!(
                    "blue's latency percentiles could not be read ({why}): requests slower than {low} s, {middle} s and {high} s are counted"
                ),
            });
            usual_edges()
        })
    }

    /// Measures the noise of what the load balancer publishes by Availability Zone.
    async fn calibrate(&self, release: &Release, history: History, compared: &mut [Compared]) -> PortResult<()> {
        let Some(part) = release.route.first().map(|part| &part.part) else { return Ok(()) };
        if !part.facts().meter.knows_zones || !compared.iter().any(Compared::learns_by_zone) {
            return Ok(());
        }
        let side = self.side(release).await?;
        let zones = side.zones(part).await?;
        let blue = release.place(Colour::Blue);
        let mut wanted = Wanted::default();
        let keys: Vec<_> = compared
            .iter()
            .map(|metric| match metric.learns_by_zone() {
                true => history.want_zones(&mut wanted, &metric.source, &blue, &zones),
                false => Vec::new(),
            })
            .collect();
        let readings = self.read(release, &wanted, history).await?;
        for (metric, keys) in compared.iter_mut().zip(keys).filter(|(metric, _)| metric.learns_by_zone()) {
            metric.calibration = history.calibration(&keys, &readings);
        }
        Ok(())
    }

    async fn read(&self, release: &Release, wanted: &Wanted, history: History) -> PortResult<Readings> {
        let side = self.side(release).await?;
        side.metrics(wanted.queries(), history.from, history.to).await.map(Readings::new)
    }
}
