//! TCP connections through a listener of a Network Load Balancer.
//!
//! A connection goes to a target group by weight when it is made, and stays there whatever the weights become.
//! Source: Network Load Balancers guide, "Listeners", Distribute traffic to multiple target groups.

use super::group::{Group, Target};
use super::observe::{FlowEvent, FlowObservation};
use super::route::{Route, RouteTable};
use super::{Balancer, CONNECT_TIMEOUT, Plane};
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A connection on which nothing moves for this long is reset, in real time.
///
/// Source: Network Load Balancers guide, "Network Load Balancers", Connection idle timeout.
const IDLE_TIMEOUT: Duration = Duration::from_secs(350);
/// How much is carried at once.
const CHUNK: usize = 16 * 1024;

/// One listener's end towards its clients.
#[derive(Debug)]
pub(super) struct FlowFront {
    pub(super) plane: Arc<Plane>,
    pub(super) balancer: Arc<Balancer>,
    pub(super) table: Arc<ArcSwap<RouteTable>>,
    /// `TCP`, `TLS` or `UDP`: the metrics' suffix.
    pub(super) protocol: &'static str,
}

impl FlowFront {
    /// Where a new flow goes: a group by weight, and one of its targets. `None` if all weights are 0 or the group that
    /// was drawn has no registered target.
    pub(super) fn choose(&self, client: IpAddr) -> Option<(Arc<Group>, Arc<Target>)> {
        let table = self.table.load();
        let Route::Forward(split) = &table.default else { return None };
        let total = split.total();
        if total == 0 {
            return None;
        }
        let group = split.at(self.plane.dice.below(total))?;
        Some((Arc::clone(group), group.choose_for_flow(client)?))
    }

    pub(super) fn observe(&self, event: FlowEvent) {
        let (at, balancer) = (self.plane.clock.now_millis(), Arc::clone(&self.balancer));
        self.plane.observe_flow(FlowObservation { at, balancer, protocol: self.protocol, event });
    }
}

/// Counts a flow as open until it is dropped.
#[derive(Debug)]
pub(super) struct OpenFlow {
    front: Arc<FlowFront>,
    group: Arc<Group>,
}

impl OpenFlow {
    pub(super) fn begin(front: &Arc<FlowFront>, group: Arc<Group>) -> Self {
        group.counters.flow_began();
        front.balancer.active_flows.of(front.protocol).add();
        front.observe(FlowEvent::Began);
        Self { front: Arc::clone(front), group }
    }
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        self.group.counters.done();
        self.front.balancer.active_flows.of(self.front.protocol).subtract();
    }
}

/// Accepts connections; they end with this task.
pub(super) async fn accept(socket: TcpListener, front: Arc<FlowFront>) {
    let mut flows = JoinSet::new();
    loop {
        match socket.accept().await {
            Ok((client, peer)) => {
                flows.spawn(carry(Arc::clone(&front), client, peer.ip()));
            }
            // Out of file descriptors, most likely: connections that end give some back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        while flows.try_join_next().is_some() {}
    }
}

/// One connection, from its target's choice to its end.
async fn carry(front: Arc<FlowFront>, mut client: TcpStream, peer: IpAddr) {
    let Some((group, target)) = front.choose(peer) else {
        front.observe(FlowEvent::BalancerReset);
        return reset(&client);
    };
    let mut to_be_ended = pin!(target.flows_end.notified());
    to_be_ended.as_mut().enable();
    let _open = OpenFlow::begin(&front, group);
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(target.address.address));
    let mut server = match connecting.await {
        Ok(Ok(server)) => server,
        // What refuses a connection sends a reset.
        Ok(Err(_)) => return end(&front, FlowEvent::TargetReset, &[&client]),
        Err(_) => return end(&front, FlowEvent::BalancerReset, &[&client]),
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = tokio::select! {
        ended = exchange(&front, &mut client, &mut server) => ended,
        () = to_be_ended => Err(FlowEvent::BalancerReset),
    };
    if let Err(by) = ended {
        end(&front, by, &[&client, &server]);
    }
}

fn end(front: &FlowFront, by: FlowEvent, sides: &[&TcpStream]) {
    front.observe(by);
    sides.iter().for_each(|side| reset(side));
}

/// Has the connection reset, not closed, when it is dropped.
fn reset(stream: &TcpStream) {
    // A connection that is gone cannot be reset, and need not be.
    let _ = stream.set_zero_linger();
}

/// Carries bytes both ways until both sides have closed; an error says who reset the flow.
async fn exchange(front: &FlowFront, client: &mut TcpStream, server: &mut TcpStream) -> Result<(), FlowEvent> {
    let activity = Activity::new();
    let (client_in, client_out) = client.split();
    let (server_in, server_out) = server.split();
    let both = async {
        tokio::try_join!(
            copy(front, &activity, (client_in, FlowEvent::ClientReset), (server_out, FlowEvent::TargetReset)),
            copy(front, &activity, (server_in, FlowEvent::TargetReset), (client_out, FlowEvent::ClientReset)),
        )
    };
    tokio::select! {
        ended = both => ended.map(|_| ()),
        () = activity.idle_for(IDLE_TIMEOUT) => Err(FlowEvent::BalancerReset),
    }
}

/// Carries one direction; each end comes with what its failure means.
async fn copy(
    front: &FlowFront,
    activity: &Activity,
    (mut from, broken_from): (impl AsyncRead + Unpin, FlowEvent),
    (mut to, broken_to): (impl AsyncWrite + Unpin, FlowEvent),
) -> Result<(), FlowEvent> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| broken_from)?;
        if read == 0 {
            // The other direction may go on: a flow can be half closed.
            return to.shutdown().await.map_err(|_| broken_to);
        }
        activity.now();
        to.write_all(&buffer[..read]).await.map_err(|_| broken_to)?;
        front.observe(FlowEvent::Bytes(read));
    }
}

/// When something last moved on a flow.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    /// Milliseconds after `since`.
    latest: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), latest: AtomicU64::new(0) }
    }

    pub(super) fn now(&self) {
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.latest.fetch_max(millis, Ordering::Relaxed);
    }

    /// Resolves once nothing has moved for this long.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let latest = self.since + Duration::from_millis(self.latest.load(Ordering::Relaxed));
            let rest = limit.saturating_sub(latest.elapsed());
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep(rest).await;
        }
    }
}
