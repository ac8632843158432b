//! Answers that the load balancer makes itself, and the body type that all answers share.

use super::route::host;
use crate::model::Redirect;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, SERVER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A target's body on its way to the client, or one of the load balancer's own.
pub(crate) type AnswerBody<G> = Either<Guarded<G>, Full<Bytes>>;

/// A body that holds on to a guard until it is sent or given up.
#[derive(Debug)]
pub(crate) struct Guarded<G> {
    pub(crate) body: Incoming,
    /// Dropped with the body.
    pub(crate) _guard: G,
}

impl<G: Unpin> Body for Guarded<G> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn own<G>(status: StatusCode, content_type: Option<HeaderValue>, body: impl Into<Bytes>) -> Response<AnswerBody<G>> {
    let mut answer = Response::new(Either::Right(Full::new(body.into())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("awselb/2.0"));
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    answer
}

/// An error page.
pub(crate) fn error<G>(status: StatusCode) -> Response<AnswerBody<G>> {
    let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\r\n");
    own(status, Some(HeaderValue::from_static("text/html")), page)
}

pub(crate) fn fixed<G>(status: u16, content_type: &str, body: &str) -> Response<AnswerBody<G>> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    own(status, HeaderValue::from_str(content_type).ok(), body.to_owned())
}

/// A redirect with the request's own protocol, host, port, path and query where the action names them.
///
/// Source: Application Load Balancers guide, "Redirect actions".
pub(crate) fn redirect<G, B>(
    redirect: &Redirect,
    request: &Request<B>,
    protocol: &str,
    port: u16,
) -> Response<AnswerBody<G>> {
    let (port, uri) = (port.to_string(), request.uri());
    let fill = |template: &str| {
        template
            .replace("#{protocol}", protocol)
            .replace("#{host}", host(request))
            .replace("#{port}", &port)
            .replace("#{path}", uri.path().trim_start_matches('/'))
            .replace("#{query}", uri.query().unwrap_or_default())
    };
    let query = fill(&redirect.query);
    let mark = if query.is_empty() { "" } else { "?" };
    let location = format!(
        "{}://{}:{}{}{mark}{query}",
        fill(&redirect.protocol).to_lowercase(),
        fill(&redirect.host),
        fill(&redirect.port),
        fill(&redirect.path)
    );
    let status = if redirect.status == 301 { StatusCode::MOVED_PERMANENTLY } else { StatusCode::FOUND };
    match HeaderValue::from_str(&location) {
        Ok(location) => {
            let mut answer = own(status, None, Bytes::new());
            answer.headers_mut().insert(LOCATION, location);
            answer
        }
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
