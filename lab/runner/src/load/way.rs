//! How requests get to a target.

use super::connection::{Answer, Pool};
use super::datagram;
use http::Request;
use std::net::SocketAddr;

/// What carries requests and their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LoadProtocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams: every request is a flow of its own.
    Udp,
}

/// The way to one target.
pub(super) enum Way {
    Connections(Pool),
    Datagrams(SocketAddr),
}

impl Way {
    pub(super) fn to(address: SocketAddr, protocol: LoadProtocol, keep_alive: bool) -> Self {
        match protocol {
            LoadProtocol::Tcp => Self::Connections(Pool::new(address, keep_alive)),
            LoadProtocol::Udp => Self::Datagrams(address),
        }
    }

    /// Sends the load's request with this number; `None` if nobody answers it.
    pub(super) async fn send(&self, request: &Request<()>, number: usize) -> Option<Answer> {
        match self {
            Self::Connections(pool) => pool.send(request).await,
            Self::Datagrams(address) => datagram::send(*address, request, number).await,
        }
    }
}
