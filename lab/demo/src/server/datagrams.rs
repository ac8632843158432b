//! Requests as datagrams, on the UDP port of the same number as the TCP port.
//!
//! The protocol is the lab's own: each datagram is read as if it were all that a client sends on a connection of its own, and what
//! would be written to that connection is the datagram that answers it.

use super::{Service, Unanswered};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// No datagram is longer.
const LONGEST: usize = 65_535;
/// How many free TCP ports are tried until one is free for UDP, too.
const PORT_TRIES: u32 = 100;

/// Binds both protocols to one port.
pub(super) fn bind(listen: SocketAddr) -> io::Result<(TcpSocket, std::net::UdpSocket)> {
    let mut tries = if listen.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let connections = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // What an earlier process has closed here may still wait for late packets: the next version is to have the port all the same.
        connections.set_reuseaddr(true)?;
        connections.bind(listen)?;
        match std::net::UdpSocket::bind(connections.local_addr()?) {
            // TCP's free ports and UDP's are not the same ones.
            Err(problem) if problem.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            datagrams => {
                let datagrams = datagrams?;
                datagrams.set_nonblocking(true)?;
                return Ok((connections, datagrams));
            }
        }
    }
}

/// Loses what has come so far, as if nobody had had the port.
pub(super) fn lose(socket: &std::net::UdpSocket) {
    while socket.recv_from(&mut [0]).is_ok() {}
}

/// Answers datagrams until the service stops, and then those that have come before.
pub(super) async fn serve(service: Arc<Service>, socket: UdpSocket, mut stopping: watch::Receiver<()>) {
    let socket = Arc::new(socket);
    let mut under_way = JoinSet::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, client)) => {
                    let (service, socket, request) = (Arc::clone(&service), Arc::clone(&socket), buffer[..length].to_vec());
                    under_way.spawn(async move {
                        if let Some(answer) = answer(&service, &request).await {
                            // A datagram that gets lost is nobody's error.
                            let _ = socket.send_to(&answer, client).await;
                        }
                    });
                }
                // What an earlier answer met on its way; the next datagram is not concerned.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = under_way.join_next() => {}
            _ = stopping.changed() => break,
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// What answers a datagram; `None` for nothing.
async fn answer(service: &Service, request: &[u8]) -> Option<Vec<u8>> {
    let (mut client, server) = duplex(LONGEST);
    client.write_all(request).await.ok()?;
    client.shutdown().await.ok()?;
    let respond = service_fn(|request| async {
        // Nothing is kept open for a request that hangs: to its client it is as good as dropped.
        service.answer(request).await.map_err(|_| Unanswered::Dropped)
    });
    let mut connection = hyper::server::conn::http1::Builder::new();
    // A datagram is one request, and its end does not mean that the client is gone.
    connection.keep_alive(false).half_close(true);
    // An error is a request that cannot be read, or one that was dropped on purpose.
    let _ = connection.serve_connection(TokioIo::new(server), respond).await;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.ok()?;
    (!answer.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn both_protocols_have_the_same_port_and_a_taken_one_is_refused() {
        let (connections, datagrams) = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        assert_eq!(connections.local_addr().unwrap(), datagrams.local_addr().unwrap());

        let taken = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let problem = bind(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(problem.kind(), ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn what_came_before_the_service_was_up_is_lost() {
        let (_connections, datagrams) = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let client = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for text in ["one", "two"] {
            client.send_to(text.as_bytes(), datagrams.local_addr().unwrap()).unwrap();
        }
        lose(&datagrams);
        client.send_to(b"three", datagrams.local_addr().unwrap()).unwrap();
        let mut buffer = [0; 8];
        let length = datagrams.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"three");
    }
}
