//! UDP flows through a listener of a Network Load Balancer.
//!
//! A flow is what comes from one client address and port. Its first datagram chooses group and target; the others
//! follow, whatever the weights become, until nothing has moved for a while.

use super::flows::{Activity, FlowFront, OpenFlow};
use super::group::Target;
use super::observe::FlowEvent;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// A flow on which nothing moves for this long is forgotten, in real time.
///
/// Source: Network Load Balancers guide, "Network Load Balancers", Connection idle timeout.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// No datagram is longer.
const LONGEST: usize = 65_535;

/// A flow's way to its target.
#[derive(Debug)]
struct Way {
    socket: UdpSocket,
    activity: Activity,
}

/// The flows of one listener, by client.
type Flows = Mutex<HashMap<SocketAddr, Arc<Way>>>;

fn lock(flows: &Flows) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Way>>> {
    flows.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries datagrams; the flows end with this task.
pub(super) async fn carry(socket: UdpSocket, front: Arc<FlowFront>) {
    let (socket, flows) = (Arc::new(socket), Arc::new(Flows::default()));
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            // What an earlier answer met on its way; the next datagram is not concerned.
            tokio::task::yield_now().await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        let known = lock(&flows).get(&client).map(Arc::clone);
        let way = match known {
            Some(way) => way,
            None => {
                // Datagrams that nobody can take are lost.
                let Some((group, target)) = front.choose(client.ip()) else { continue };
                let Ok(way) = way_to(&target).await else { continue };
                lock(&flows).insert(client, Arc::clone(&way));
                let open = OpenFlow::begin(&front, group);
                let (socket, flows, way_back) = (Arc::clone(&socket), Arc::clone(&flows), Arc::clone(&way));
                let front = Arc::clone(&front);
                tasks.spawn(async move {
                    answer(&front, &socket, client, &way_back, &target).await;
                    lock(&flows).remove(&client);
                    drop(open);
                });
                way
            }
        };
        way.activity.now();
        if way.socket.send(&buffer[..length]).await.is_ok() {
            front.observe(FlowEvent::Bytes(length));
        }
    }
}

async fn way_to(target: &Target) -> io::Result<Arc<Way>> {
    let address = target.address.address;
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    Ok(Arc::new(Way { socket, activity: Activity::new() }))
}

/// Carries a target's datagrams back to the client, until the flow is idle or to be ended.
async fn answer(front: &FlowFront, socket: &UdpSocket, client: SocketAddr, way: &Way, target: &Target) {
    let mut to_be_ended = pin!(target.flows_end.notified());
    to_be_ended.as_mut().enable();
    let mut buffer = vec![0; LONGEST];
    loop {
        tokio::select! {
            received = way.socket.recv(&mut buffer) => {
                // An error says that a datagram did not arrive; the next one may.
                let Ok(length) = received else { continue };
                way.activity.now();
                if socket.send_to(&buffer[..length], client).await.is_ok() {
                    front.observe(FlowEvent::Bytes(length));
                }
            }
            () = &mut to_be_ended => return,
            () = way.activity.idle_for(IDLE_TIMEOUT) => return,
        }
    }
}
