//! The HTTP client of every request, the SDK's and those of validation: HTTP/1.1 by hyper, TLS by rustls with ring.
//!
//! The SDK's default client brings HTTP/2 and a larger cryptography library besides. No endpoint of AWS needs them, and a
//! function is smaller by a quarter without them.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// How long connecting may take. An AWS endpoint of the own region answers within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections over TCP, and TLS where the request's scheme is https.
pub(crate) type Client<R> = legacy::Client<HttpsConnector<TcpConnector<R>>, SdkBody>;

/// The client for the SDK. All services share its connections.
pub(crate) fn http_client() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(client(TcpConnector::new_with_resolver(GaiResolver::new()))));
    http_client_fn(move |_, _| connector.clone())
}

/// The configuration with this client, where it has none of its own.
pub(crate) fn with_client(config: &SdkConfig) -> SdkConfig {
    if config.http_client().is_some() {
        return config.clone();
    }
    config.to_builder().http_client(http_client()).build()
}

/// A client that sends every request to one of these addresses, whatever its host is called.
pub(crate) fn client_to(addresses: Vec<IpAddr>) -> Client<Resolved> {
    client(TcpConnector::new_with_resolver(Resolved(addresses)))
}

fn client<R>(mut tcp: TcpConnector<R>) -> Client<R>
where
    TcpConnector<R>: Clone + Send + Sync + 'static,
    HttpsConnector<TcpConnector<R>>: legacy::connect::Connect + Clone,
{
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tls =
        HttpsConnectorBuilder::new().with_tls_config(tls_config()).https_or_http().enable_http1().wrap_connector(tcp);
    legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(tls)
}

/// TLS that trusts the authorities that the machine trusts. Where it trusts none (a bare container), only plain HTTP is left.
fn tls_config() -> ClientConfig {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3")
    };
    let trusting = builder().with_native_roots();
    trusting.unwrap_or_else(|_| builder().with_root_certificates(RootCertStore::empty())).with_no_client_auth()
}

/// The client as the SDK wants it.
#[derive(Clone, Debug)]
struct Connector(Client<GaiResolver>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What broke on the way may be tried again: connecting, and connections that end under a request.
fn connector_error(error: legacy::Error) -> ConnectorError {
    if error.is_connect() {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    }
}

/// Addresses that were resolved before: connecting must not resolve the name once more.
#[derive(Clone, Debug)]
pub(crate) struct Resolved(Vec<IpAddr>);

impl Service<Name> for Resolved {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        // The request's address has the port.
        ready(Ok(self.0.iter().map(|address| SocketAddr::new(*address, 0)).collect::<Vec<_>>().into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Aws, AwsSettings, Clock};
    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use std::net::SocketAddr;
    use std::time::Duration;
    use teal::ports::{Ledger, PortError};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// AWS at an address, by the client that functions use.
    fn aws(endpoint: SocketAddr) -> Aws {
        let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(format!("http://{endpoint}"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "AKID", "secret", None, None, "test",
            )))
            .retry_config(retries)
            .build();
        let (table, event_bus) = ("releases".into(), "main".into());
        Aws::new(&config, AwsSettings { table, event_bus, deployment_strategy: None, clock: Clock::WALL })
    }

    #[tokio::test]
    async fn a_connection_that_breaks_off_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = aws(listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (broken, _) = listener.accept().await.unwrap();
            drop(broken);
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 12\r\n\r\n{\"Items\":[]}";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        assert_eq!(aws.active().await, Ok(vec![]));
        let request = served.await.unwrap();
        assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
        assert!(request.to_ascii_lowercase().contains("x-amz-target: dynamodb_20120810.query"), "{request}");
    }

    #[tokio::test]
    async fn an_endpoint_that_nobody_serves_is_unavailable() {
        // A port that nobody has: bound, and given back.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = aws(address).active().await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable { .. }), "{error}");
    }
}
