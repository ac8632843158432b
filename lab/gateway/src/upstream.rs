//! ministack, to which everything is forwarded that the lab does not serve itself.

use crate::identity::ROOT_ACCESS_KEY;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, EXPECT, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use teal_lab_wire::{AwsAnswer, AwsRequest};
use thiserror::Error;

/// How long a connection is kept for the next request: less than the 75 s after which ministack closes it.
const CONNECTION_IDLE: Duration = Duration::from_secs(30);
/// Headers that are about one connection only.
const HOP_BY_HOP: [HeaderName; 8] =
    [CONNECTION, EXPECT, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Why a request could not be forwarded.
#[derive(Debug, Error)]
pub(crate) enum UpstreamError {
    #[error("the lab has nowhere to forward this call to")]
    Absent,
    #[error("the request cannot be forwarded: {0}")]
    Request(#[from] http::Error),
    #[error("forwarding failed: {0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off: {0}")]
    Answer(#[from] hyper::Error),
}

pub(crate) struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    address: RwLock<Option<SocketAddr>>,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(CONNECTION_IDLE)
            .build(connector);
        Self { client, address: RwLock::default() }
    }

    pub(crate) fn set_address(&self, address: SocketAddr) {
        *self.address.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    /// Sends the request on as it came, the Host header included: signatures stay valid.
    pub(crate) async fn forward(&self, request: &AwsRequest) -> Result<AwsAnswer, UpstreamError> {
        let address = *self.address.read().unwrap_or_else(PoisonError::into_inner);
        let address = address.ok_or(UpstreamError::Absent)?;
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path).build()?;
        let mut forwarded = Request::builder().method(request.method.clone()).uri(uri);
        if let Some(headers) = forwarded.headers_mut() {
            *headers = end_to_end(request.headers.clone());
        }
        let answer = self.client.request(forwarded.body(Full::new(request.body.clone()))?).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(AwsAnswer { status: head.status, headers: end_to_end(head.headers), body })
    }
}

/// The request in the name of the account's root user, whose signature ministack does not check.
pub(crate) fn as_root(mut request: AwsRequest, access_key: &str) -> AwsRequest {
    let credential = |key: &str| format!("Credential={key}/");
    let signed = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let renamed = signed.map(|text| text.replace(&credential(access_key), &credential(ROOT_ACCESS_KEY)));
    if let Some(value) = renamed.and_then(|text| text.parse().ok()) {
        request.headers.insert(AUTHORIZATION, value);
        request.headers.remove("x-amz-security-token");
    }
    request
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
    headers
}

/// What a client sees if forwarding failed.
pub(crate) fn bad_gateway(error: &UpstreamError) -> AwsAnswer {
    AwsAnswer::new(StatusCode::BAD_GATEWAY, "text/plain", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_roots_name_keeps_all_but_key_and_token() {
        let mut headers = HeaderMap::new();
        let signature =
            "AWS4-HMAC-SHA256 Credential=ASIA1/20261122/us-east-1/events/aws4_request, SignedHeaders=host, Signature=a";
        headers.insert(AUTHORIZATION, signature.parse().unwrap());
        headers.insert("x-amz-security-token", "token".parse().unwrap());
        headers.insert("x-amz-target", "AWSEvents.PutEvents".parse().unwrap());
        let request =
            AwsRequest { method: http::Method::POST, uri: Uri::from_static("/"), headers, body: Bytes::new() };
        let request = as_root(request, "ASIA1");
        let authorization = request.headers[AUTHORIZATION].to_str().unwrap();
        assert!(authorization.contains("Credential=test/20261122/us-east-1/events/aws4_request"), "{authorization}");
        assert!(!request.headers.contains_key("x-amz-security-token"));
        assert_eq!(request.headers["x-amz-target"], "AWSEvents.PutEvents");
    }
}
