//! A request to an AWS endpoint and its answer, as bytes.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

/// One request as a client signed and sent it.
#[derive(Clone, Debug)]
pub struct AwsRequest {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl AwsRequest {
    /// The caller's access key id, from the `Credential` of a Signature Version 4 `Authorization` header.
    #[must_use]
    pub fn access_key_id(&self) -> Option<String> {
        let header = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = header.split_once("Credential=")?;
        credential.split('/').next().filter(|id| !id.is_empty()).map(str::to_owned)
    }
}

/// One answer as it goes over the wire.
#[derive(Clone, Debug)]
pub struct AwsAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl AwsAnswer {
    /// An answer with a body of the given content type.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }
}

/// An error as AWS names it; each protocol writes it in its own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsFault {
    /// HTTP status, 400 for most of the caller's mistakes.
    pub status: StatusCode,
    /// The code of the AWS API, for example `TargetGroupNotFound`.
    pub code: String,
    pub message: String,
}

impl AwsFault {
    /// A fault of the caller (HTTP 400).
    #[must_use]
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code.into(), message: message.into() }
    }
}
