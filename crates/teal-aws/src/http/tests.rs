use super::{BODY_LIMIT, Origin, is_name, send_in_time};
use crate::testing::Script;
use serde_json::json;
use std::net::SocketAddr;
use teal::plan::HttpCheck;
use teal::ports::{Endpoint, ProbeAnswer, Prober};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that reads one request and gives one answer, keeping the connection open; its request's head.
async fn serve(answer: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(&answer).await.unwrap();
        // Until the client has gone: an answer may say nothing of its end.
        let _closed = stream.read(&mut [0]).await;
        String::from_utf8(head).unwrap()
    });
    (address, served)
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { url: format!("http://{address}"), headers: Vec::new(), paths: Vec::new() }
}

fn check(more: &serde_json::Value) -> HttpCheck {
    let mut check = json!({"path": "/health?deep=1", "expect": {"within": "5s"}});
    check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(check).unwrap()
}

/// As on the lab, where servers are on this machine.
async fn probe(endpoint: &Endpoint, check: &HttpCheck) -> Result<ProbeAnswer, String> {
    send_in_time(endpoint, check, true).await
}

#[tokio::test]
async fn a_request_carries_path_and_headers_and_its_answer_comes_back() {
    let (address, served) = serve("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnäh").await;
    let to = Endpoint {
        headers: vec![("X-Release".into(), "green".into()), ("host".into(), "shop.example".into())],
        ..endpoint(address)
    };
    let answer = probe(&to, &check(&json!({"headers": {"x-release": "own", "Accept": "text/plain"}}))).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (404, "näh"));
    let head = served.await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /health?deep=1 http/1.1\r\n"), "{head}");
    assert!(
        head.contains("\r\nx-release: own\r\n") && !head.contains("green"),
        "the check's own header stands: {head}"
    );
    assert!(head.contains("\r\nhost: shop.example\r\n"), "{head}");
    assert_eq!(head.matches("\r\nhost:").count(), 1, "{head}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (address, served) =
        serve("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    let answer = probe(&endpoint(address), &check(&json!({"method": "HEAD"}))).await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(served.await.unwrap().starts_with("HEAD "));
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(endless.len() + BODY_LIMIT + 1000, b'x');
    let (address, _served) = serve(endless).await;
    let answer = probe(&endpoint(address), &check(&json!({}))).await.unwrap();
    assert_eq!(answer.body.len(), BODY_LIMIT);
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_an_error() {
    let (address, _served) = serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    let error = probe(&endpoint(address), &check(&json!({"expect": {"within": "50ms"}}))).await.unwrap_err();
    assert_eq!(error, "no complete answer within 550 ms");
}

#[tokio::test]
async fn what_cannot_be_reached_is_said() {
    // A port that nobody has: bound, and given back.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = probe(&endpoint(address), &check(&json!({}))).await.unwrap_err();
    assert!(error.contains("refused"), "{error}");

    let (address, _served) = serve("this is not HTTP\r\n\r\n").await;
    assert!(probe(&endpoint(address), &check(&json!({}))).await.is_err());
}

#[tokio::test]
async fn addresses_of_metadata_are_never_asked() {
    for host in [
        "169.254.169.254",
        "[::ffff:169.254.170.2]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "0.0.0.0",
        "[::ffff:0.0.0.0]",
        "[::]",
    ] {
        let to = Endpoint { url: format!("http://{host}:80"), headers: Vec::new(), paths: Vec::new() };
        let error = probe(&to, &check(&json!({}))).await.unwrap_err();
        assert!(error.contains("no check is sent"), "{host}: {error}");
    }
}

#[tokio::test]
async fn the_functions_own_machine_is_asked_on_the_lab_only() {
    for host in ["127.0.0.1:9001", "[::1]:9001", "[::ffff:127.0.0.1]:2000", "localhost:9001"] {
        let to = Endpoint { url: format!("http://{host}"), headers: Vec::new(), paths: Vec::new() };
        let error = Script::default().aws().probe(&to, &check(&json!({}))).await.unwrap_err();
        assert!(error.contains("no check is sent: it is the function's own machine"), "{host}: {error}");
    }
}

#[test]
fn a_name_is_not_asked_where_one_of_its_addresses_is_metadatas_or_the_functions_own() {
    let origin = Origin::of("http://green.example").unwrap();
    let own_machine =
        ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"];
    for address in own_machine {
        let refused = origin.allowed(vec![address.parse().unwrap()], false).unwrap_err();
        assert!(refused.contains("the function's own machine"), "{refused}");
    }
    let own = ["10.0.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    assert_eq!(origin.allowed(own.to_vec(), false), Ok(own.to_vec()));
    let metadata =
        ["169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"];
    // To where nobody is, Linux connects to itself.
    let nobodys = ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "::ffff:0:1", "64:ff9b::", "2002::"];
    for metadata in metadata.into_iter().chain(nobodys) {
        let addresses = [own[0], metadata.parse().unwrap()];
        let refused = origin.allowed(addresses.to_vec(), false).unwrap_err();
        assert!(refused.contains("green.example is at"), "{refused}");
    }
}

#[test]
fn the_address_that_is_connected_to_is_not_taken_from_a_header() {
    let plain = Origin::of("http://shop-1.elb.example:8080").unwrap();
    assert_eq!(plain.authority(Some("shop.example")), "shop-1.elb.example:8080");
    let secure = Origin::of("https://shop-1.elb.example/").unwrap();
    assert_eq!(secure.authority(Some("shop.example")), "shop.example:443", "whose certificate must be shown");
    assert_eq!(secure.authority(Some("shop.example:9")), "shop.example:443");
    for address in ["169.254.169.254", "0xA9FEA9FE", "2852039166", "[fe80::1]", "a@b", ""] {
        assert_eq!(secure.authority(Some(address)), "shop-1.elb.example:443", "{address}");
    }
    assert_eq!(Origin::of("https://[2001:db8::1]:8443").unwrap().authority(None), "[2001:db8::1]:8443");
    assert!(is_name("a-1.example.") && !is_name("1.2.3.4"));
}

#[test]
fn what_is_not_an_http_address_is_refused() {
    for url in ["ftp://a", "a", "http://a:b", "http://[::1", "http://a:99999"] {
        assert!(Origin::of(url).is_err(), "{url}");
    }
}
