//! Listeners: a bound port, and the connections on it.

use super::flows::FlowFront;
use super::proxy::Front;
use super::route::RouteTable;
use super::{Balancer, Plane, datagrams, flows};
use arc_swap::ArcSwap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

/// A listener that accepts connections until it is dropped.
#[derive(Debug)]
pub(crate) struct ListenerHandle {
    table: Arc<ArcSwap<RouteTable>>,
    accepting: Vec<AbortHandle>,
}

impl Drop for ListenerHandle {
    fn drop(&mut self) {
        self.accepting.iter().for_each(AbortHandle::abort);
    }
}

impl ListenerHandle {
    /// Binds `address` and serves it by `table`, as the listener's protocol asks.
    pub(crate) fn bind(
        runtime: &Handle,
        address: SocketAddr,
        protocol: &'static str,
        plane: Arc<Plane>,
        balancer: Arc<Balancer>,
        table: RouteTable,
    ) -> io::Result<Self> {
        let _in_runtime = runtime.enter();
        let table = Arc::new(ArcSwap::from_pointee(table));
        let connections = || {
            let socket = std::net::TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        };
        let datagrams = || {
            let socket = std::net::UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        let mut accepting = Vec::with_capacity(2);
        if matches!(protocol, "HTTP" | "HTTPS") {
            let front = Front { plane, balancer, table: Arc::clone(&table), port: address.port() };
            accepting.push(runtime.spawn(accept(connections()?, Arc::new(front))).abort_handle());
            return Ok(Self { table, accepting });
        }
        let (tcp, udp) = (protocol != "UDP", matches!(protocol, "UDP" | "TCP_UDP"));
        let (connections, datagrams) = (tcp.then(connections).transpose()?, udp.then(datagrams).transpose()?);
        let front = |protocol| {
            let (plane, balancer, table) = (Arc::clone(&plane), Arc::clone(&balancer), Arc::clone(&table));
            Arc::new(FlowFront { plane, balancer, table, protocol })
        };
        if let Some(socket) = connections {
            let protocol = if protocol == "TLS" { "TLS" } else { "TCP" };
            accepting.push(runtime.spawn(flows::accept(socket, front(protocol))).abort_handle());
        }
        if let Some(socket) = datagrams {
            accepting.push(runtime.spawn(datagrams::carry(socket, front("UDP"))).abort_handle());
        }
        Ok(Self { table, accepting })
    }

    /// Replaces the rules for every request from now on. AWS takes seconds to tell all its nodes; that is not
    /// modelled.
    pub(crate) fn set_table(&self, table: RouteTable) {
        self.table.store(Arc::new(table));
    }
}

/// Accepts connections; the connections end with this task.
async fn accept(socket: TcpListener, front: Arc<Front>) {
    let mut connections = JoinSet::new();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let front = Arc::clone(&front);
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let front = Arc::clone(&front);
                        async move { Ok::<_, std::convert::Infallible>(front.serve(request, peer.ip()).await) }
                    });
                    // The client's end of a connection is the client's business: how it ends changes nothing here.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(front.balancer.idle_timeout())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            // Out of file descriptors, most likely: connections that end give some back.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}
