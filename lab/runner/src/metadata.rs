//! The metadata of instances, by the second version of their service: an instance's id, and the credentials of its role.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>
//!
//! On AWS every instance asks one address. Here each has an endpoint of its own, whose path begins with its id.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use teal_lab_wire::accept_each;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What every session is given: the lab only looks whether there is one.
const TOKEN: &str = "lab";
const CREDENTIALS: &str = "latest/meta-data/iam/security-credentials/";

/// The role of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) access_key: String,
}

/// Which group an instance belongs to.
type GroupOf = dyn Fn(&str) -> Option<String> + Send + Sync;

struct Known {
    group_of: Box<GroupOf>,
    /// By the Auto Scaling group whose instances have them.
    roles: Mutex<BTreeMap<String, Role>>,
}

/// The service. It stops listening when it is dropped.
pub(crate) struct Metadata {
    address: SocketAddr,
    known: Arc<Known>,
    server: JoinHandle<()>,
}

impl Metadata {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start(
        group_of: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let known = Arc::new(Known { group_of: Box::new(group_of), roles: Mutex::default() });
        let served = Arc::clone(&known);
        let server = tokio::spawn(accept_each(listener, move |stream| serve(stream, Arc::clone(&served))));
        Ok(Self { address, known, server })
    }

    /// Where an instance asks.
    pub(crate) fn endpoint(&self, instance: &str) -> String {
        format!("http://{}/{instance}", self.address)
    }

    pub(crate) fn set_role(&self, group: &str, role: Role) {
        self.known.roles.lock().unwrap_or_else(PoisonError::into_inner).insert(group.to_owned(), role);
    }
}

impl Drop for Metadata {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(stream: TcpStream, known: Arc<Known>) {
    let answer = service_fn(move |request| {
        let answer = known.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    // A connection's end, whatever its reason, is the client's to notice.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

impl Known {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let token = request.headers().get("x-aws-ec2-metadata-token").and_then(|value| value.to_str().ok());
        let (status, text) = self.look_up(request.method(), request.uri().path(), token);
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = status;
        response
    }

    fn look_up(&self, method: &Method, path: &str, token: Option<&str>) -> (StatusCode, String) {
        let nothing = |status| (status, String::new());
        let Some((instance, path)) = path.trim_start_matches('/').split_once('/') else {
            return nothing(StatusCode::NOT_FOUND);
        };
        let Some(group) = (self.group_of)(instance) else { return nothing(StatusCode::NOT_FOUND) };
        if (method, path) == (&Method::PUT, "latest/api/token") {
            return (StatusCode::OK, TOKEN.to_owned());
        }
        if token != Some(TOKEN) {
            return nothing(StatusCode::UNAUTHORIZED);
        }
        let role = self.roles.lock().unwrap_or_else(PoisonError::into_inner).get(&group).cloned();
        match (path, path.strip_prefix(CREDENTIALS), role) {
            ("latest/meta-data/instance-id", ..) => (StatusCode::OK, instance.to_owned()),
            (_, Some(""), Some(role)) => (StatusCode::OK, role.name),
            (_, Some(name), Some(role)) if name == role.name => {
                let credentials = json!({
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "AccessKeyId": role.access_key,
                    // Signatures are not checked.
                    "SecretAccessKey": "lab",
                    "Token": "lab",
                    "LastUpdated": "2026-01-01T00:00:00Z",
                    "Expiration": "2099-01-01T00:00:00Z",
                });
                (StatusCode::OK, credentials.to_string())
            }
            _ => nothing(StatusCode::NOT_FOUND),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_a_token_is_told_and_only_of_an_instance_that_is_there() {
        let role = Role { name: "shop-instances".into(), access_key: "ASIA1".into() };
        let known = Known {
            group_of: Box::new(|id| (id == "i-1").then(|| "shop".to_owned())),
            roles: Mutex::new(BTreeMap::from([("shop".to_owned(), role)])),
        };
        let look = |method: Method, path: &str, token| known.look_up(&method, path, token);
        let id = "/i-1/latest/meta-data/instance-id";
        assert_eq!(look(Method::GET, id, None).0, StatusCode::UNAUTHORIZED);
        let (_, token) = look(Method::PUT, "/i-1/latest/api/token", None);
        assert_eq!(look(Method::GET, id, Some(&token)), (StatusCode::OK, "i-1".to_owned()));
        let roles = "/i-1/latest/meta-data/iam/security-credentials/";
        let (_, name) = look(Method::GET, roles, Some(&token));
        let (_, credentials) = look(Method::GET, &format!("{roles}{name}"), Some(&token));
        assert!(credentials.contains("\"AccessKeyId\":\"ASIA1\""), "{credentials}");
        assert_eq!(look(Method::PUT, "/i-2/latest/api/token", None).0, StatusCode::NOT_FOUND);
        assert_eq!(look(Method::GET, "/i-1/latest/user-data", Some(&token)).0, StatusCode::NOT_FOUND);
    }
}
