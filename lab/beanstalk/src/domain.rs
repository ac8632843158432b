//! Domain names: a relay for each, and resolvers that keep answers for their time to live.

use crate::Inner;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use teal_lab_wire::Millis;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// How long a resolver keeps an answer, in milliseconds.
/// Source: developer guide, "Blue/Green deployments with Elastic Beanstalk", which asks to wait for records to expire.
pub const TIME_TO_LIVE: Millis = 60_000;

/// How many resolvers clients use: each of them asks again at a time of its own.
const RESOLVERS: usize = 16;

/// Where a name leads in this lab: an address of its own, made of the name and this process, so that labs side by side do not meet.
#[must_use]
pub fn address_of(name: &str) -> Ipv4Addr {
    let mut hasher = DefaultHasher::new();
    (name, std::process::id()).hash(&mut hasher);
    let [a, b, c, ..] = hasher.finish().to_be_bytes();
    Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254))
}

/// What a resolver has kept, and until when.
#[derive(Clone, Default)]
struct Kept {
    endpoint: Option<SocketAddr>,
    until: Millis,
}

/// Relays connections to a name, for as long as the lab lives.
pub(crate) async fn relay(inner: Arc<Inner>, name: String, port: u16) {
    let Ok(listener) = TcpListener::bind((address_of(&name), port)).await else {
        inner.state().note(inner.clock.now_millis(), &name, "ERROR", "the lab cannot bind the name's address");
        return;
    };
    let mut resolvers = vec![Kept::default(); RESOLVERS];
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let now = inner.clock.now_millis();
        let resolver = &mut resolvers[fastrand::usize(..RESOLVERS)];
        if now >= resolver.until {
            // The first answer of each was asked for at some time before.
            let age = if resolver.until == 0 { fastrand::i64(0..TIME_TO_LIVE) } else { 0 };
            *resolver = Kept { endpoint: endpoint_of(&inner, &name), until: now + TIME_TO_LIVE - age };
        }
        if let Some(endpoint) = resolver.endpoint {
            // A connection belongs to its two ends.
            tokio::spawn(connect(client, endpoint));
        }
    }
}

async fn connect(mut client: TcpStream, endpoint: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(endpoint).await {
        // Either end may break off.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The load balancer of the environment that has the name now.
fn endpoint_of(inner: &Inner, name: &str) -> Option<SocketAddr> {
    let state = inner.state();
    let holder = state.environments.values().find(|environment| environment.cname == name)?;
    holder.parts.endpoint.as_ref()?.parse().ok()
}
