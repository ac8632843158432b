//! Requests as datagrams, in the demo service's own protocol: a datagram holds an HTTP/1.1 request, and one with the response comes back.

use super::connection::Answer;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;
use tokio::net::UdpSocket;

/// No datagram is longer.
const LONGEST: usize = 65_535;
/// The addresses that requests are sent from, one after the other: 127.1.0.0 to 127.254.255.255.
const FIRST_SOURCE: u32 = 0x7F01_0000;
const SOURCES: u32 = 0x00FE_0000;

/// Sends a load's request number `number` on a flow of its own and reads the one answer; `None` if nobody is there, or what comes back is no
/// answer. Waits for ever where nothing comes back.
pub(super) async fn send(to: SocketAddr, request: &Request<()>, number: usize) -> Option<Answer> {
    let socket = UdpSocket::bind((source(to, number), 0)).await.ok()?;
    socket.connect(to).await.ok()?;
    socket.send(&written(request)).await.ok()?;
    let mut buffer = vec![0; LONGEST];
    let length = socket.recv(&mut buffer).await.ok()?;
    let complete_at = Instant::now();
    let (status, headers) = read(&buffer[..length])?;
    Some(Answer { status, headers, complete_at })
}

/// The address to send from. A load balancer knows a flow by its source for minutes after the last datagram, while the port of a socket that is
/// closed may be the next one's: only another address is certain to make another flow.
fn source(to: SocketAddr, number: usize) -> IpAddr {
    match to.ip() {
        IpAddr::V4(to) if to.is_loopback() => {
            // Fewer than SOURCES, so it fits.
            let offset = u32::try_from(number % SOURCES as usize).unwrap_or(0);
            Ipv4Addr::from(FIRST_SOURCE + offset).into()
        }
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn written(request: &Request<()>) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    for (name, value) in request.headers() {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Status and headers of a response.
fn read(datagram: &[u8]) -> Option<(StatusCode, HeaderMap)> {
    let (head, _) = str::from_utf8(datagram).ok()?.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?))
    };
    Some((status, lines.map(header).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one datagram, and says what it was and where it came from.
    async fn answer_one(socket: &UdpSocket, text: &str) -> (String, SocketAddr) {
        let mut buffer = [0; 4096];
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        socket.send_to(text.as_bytes(), client).await.unwrap();
        (String::from_utf8(buffer[..length].to_vec()).unwrap(), client)
    }

    #[tokio::test]
    async fn a_request_is_one_datagram_from_an_address_of_its_own_and_so_is_its_answer() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = socket.local_addr().unwrap();
        let request = Request::get("/orders?open").header("host", "shop:8080").body(()).unwrap();
        let text = "HTTP/1.1 503 Service Unavailable\r\nX-Version: 2.0\r\ncontent-length: 2\r\n\r\nno";
        let mut sources = Vec::new();
        for number in [0, 1, SOURCES as usize - 1] {
            let (answer, (asked, from)) = tokio::join!(send(to, &request, number), answer_one(&socket, text));
            assert_eq!(asked, "GET /orders?open HTTP/1.1\r\nhost: shop:8080\r\n\r\n");
            let answer = answer.unwrap();
            assert_eq!((answer.status.as_u16(), answer.headers["x-version"].as_bytes()), (503, b"2.0".as_slice()));
            sources.push(from.ip().to_string());
        }
        assert_eq!(sources, ["127.1.0.0", "127.1.0.1", "127.254.255.255"]);
    }

    #[tokio::test]
    async fn nobody_and_an_answer_that_is_none_are_told_at_once() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = socket.local_addr().unwrap();
        let request = Request::get("/").body(()).unwrap();
        for text in
            ["", "pong", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n"]
        {
            let (answer, _) = tokio::join!(send(to, &request, 0), answer_one(&socket, text));
            assert!(answer.is_none(), "{text:?}");
        }
        drop(socket);
        assert!(send(to, &request, 0).await.is_none());
    }
}
