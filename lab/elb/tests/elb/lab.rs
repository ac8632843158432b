//! A lab with load balancers only: the service, an HTTP client, and targets that behave as told.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use teal_lab_elb::{Elb, ElbOptions, TargetGroupCounts};
use teal_lab_wire::{AwsRequest, LabClock, MetricSample, MetricSink, TargetAddress, TargetRegistry};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A lab second takes ten real milliseconds: health checks every 5 s come every 50 ms.
pub(crate) const SCALE: f64 = 100.0;

pub(crate) struct Lab {
    pub(crate) elb: Arc<Elb>,
    pub(crate) clock: LabClock,
    pub(crate) metrics: Arc<Metrics>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// What came over the wire.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(ElbOptions { throttle: false, seed: None })
    }

    pub(crate) fn with(options: ElbOptions) -> Self {
        let clock = LabClock::starting_now(SCALE);
        let metrics = Arc::new(Metrics::default());
        let elb = Elb::new(clock.clone(), Arc::clone(&metrics) as Arc<dyn MetricSink>, options);
        Self { elb, clock, metrics, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Calls the API; the answer's XML, or the error's code.
    pub(crate) async fn call(&self, action: &str, params: &[(&str, &str)]) -> Result<String, String> {
        self.call_as(None, action, params).await
    }

    /// [`Lab::call`] with an access key id.
    pub(crate) async fn call_as(
        &self,
        access_key_id: Option<&str>,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", "2015-12-01").extend_pairs(params);
        let mut headers = HeaderMap::new();
        if let Some(id) = access_key_id {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential={id}/20261122/us-east-1/elasticloadbalancing/aws4_request, \
                 SignedHeaders=host, Signature=0"
            );
            headers.insert("authorization", value.parse().unwrap());
        }
        let request =
            AwsRequest { method: Method::POST, uri: Uri::from_static("/"), headers, body: form.finish().into() };
        let answer = self.elb.handle(request).await;
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        if answer.status.is_success() {
            assert!(body.contains("<RequestId>"), "{body}");
            return Ok(body);
        }
        assert_eq!(answer.status, 400, "{body}");
        Err(text(&body, "Code"))
    }

    /// [`Lab::call`] that must succeed.
    pub(crate) async fn ok(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call(action, params).await.unwrap_or_else(|code| panic!("{action} {params:?}: {code}"))
    }

    /// A load balancer; its ARN and address.
    pub(crate) async fn load_balancer(&self, name: &str) -> (String, String) {
        let params = [("Name", name), ("Subnets.member.1", "subnet-1"), ("Subnets.member.2", "subnet-2")];
        let answer = self.ok("CreateLoadBalancer", &params).await;
        (text(&answer, "LoadBalancerArn"), text(&answer, "DNSName"))
    }

    /// A target group that checks health every 5 lab seconds; its ARN.
    pub(crate) async fn target_group(&self, name: &str) -> String {
        let params = [
            ("Name", name),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("VpcId", "vpc-1"),
            ("TargetType", "ip"),
            ("HealthCheckIntervalSeconds", "5"),
            ("HealthCheckTimeoutSeconds", "2"),
            ("HealthCheckPath", "/health"),
            ("HealthyThresholdCount", "2"),
        ];
        text(&self.ok("CreateTargetGroup", &params).await, "TargetGroupArn")
    }

    /// A listener that forwards to `groups` by weight; its ARN and the URL of its root, without the slash.
    pub(crate) async fn listener(&self, (arn, address): &(String, String), groups: &[(&str, u16)]) -> (String, String) {
        let port = free_port().to_string();
        let mut params = owned(&[("LoadBalancerArn", arn), ("Port", &port), ("Protocol", "HTTP")]);
        params.extend(forward("DefaultActions", groups));
        let answer = self.ok("CreateListener", &borrowed(&params)).await;
        (text(&answer, "ListenerArn"), format!("http://{address}:{port}"))
    }

    /// Sets the weights of a listener.
    pub(crate) async fn weigh(&self, listener: &str, groups: &[(&str, u16)]) {
        let mut params = owned(&[("ListenerArn", listener)]);
        params.extend(forward("DefaultActions", groups));
        self.ok("ModifyListener", &borrowed(&params)).await;
    }

    /// A load balancer with one listener over groups of one target each, all healthy.
    pub(crate) async fn over(&self, targets: &[(&Target, u16)]) -> (Vec<String>, String, String) {
        let mut groups = Vec::new();
        for (index, (target, _)) in targets.iter().enumerate() {
            let group = self.target_group(&format!("group-{index}")).await;
            self.elb.register(&group, target.address.clone()).unwrap();
            groups.push(group);
        }
        let weighted: Vec<(&str, u16)> =
            groups.iter().zip(targets).map(|(group, (_, weight))| (group.as_str(), *weight)).collect();
        let balancer = self.load_balancer("balancer").await;
        let (listener, url) = self.listener(&balancer, &weighted).await;
        for group in &groups {
            self.until_state(group, &["healthy"]).await;
        }
        (groups, listener, url)
    }

    /// Waits until the targets of a group are in these states.
    pub(crate) async fn until_state(&self, group: &str, states: &[&str]) {
        until(&format!("{group} is {states:?}"), || async { self.states(group).await == states }).await;
    }

    /// The states of a group's targets, in the order of their addresses.
    pub(crate) async fn states(&self, group: &str) -> Vec<String> {
        texts(&self.ok("DescribeTargetHealth", &[("TargetGroupArn", group)]).await, "State")
    }

    pub(crate) async fn get(&self, url: &str) -> Got {
        self.send(url, &[]).await
    }

    /// A GET with headers. The connections are kept alive.
    pub(crate) async fn send(&self, url: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) fn counts(&self, group: &str) -> TargetGroupCounts {
        self.elb.counters().target_groups[group].clone()
    }
}

/// Keeps every sample.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Vec<MetricSample>>);

impl MetricSink for Metrics {
    fn record(&self, sample: MetricSample) {
        self.0.lock().unwrap().push(sample);
    }
}

impl Metrics {
    /// The samples of one metric under exactly these dimensions.
    pub(crate) fn of(&self, name: &str, dimensions: &[(&str, &str)]) -> Vec<MetricSample> {
        let samples = self.0.lock().unwrap();
        let matches = |sample: &&MetricSample| {
            let of_flows = sample.dimensions.iter().any(|(_, value)| value.starts_with("net/"));
            assert_eq!(sample.namespace, if of_flows { "AWS/NetworkELB" } else { "AWS/ApplicationELB" });
            sample.name == name
                && sample.dimensions.len() == dimensions.len()
                && dimensions.iter().all(|(key, value)| sample.dimensions.contains(&(*key, (*value).to_owned())))
        };
        // The names are 'static in a sample, so they are compared by value, not by type.
        samples.iter().filter(matches).cloned().collect()
    }

    /// The sum of a counting metric.
    pub(crate) fn sum(&self, name: &str, dimensions: &[(&str, &str)]) -> f64 {
        self.of(name, dimensions).iter().map(|sample| sample.value * sample.count).sum()
    }
}

/// A real HTTP server that answers its own name, or misbehaves.
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    pub(crate) state: Arc<TargetState>,
    serving: JoinHandle<()>,
}

pub(crate) struct TargetState {
    name: String,
    behaviour: Mutex<Behaviour>,
    /// Status of `/health`.
    health: Mutex<u16>,
    /// Lets a held answer go.
    pub(crate) release: Notify,
    pub(crate) connections: AtomicUsize,
    /// Requests other than health checks.
    pub(crate) requests: AtomicUsize,
    /// Headers of the latest of them.
    pub(crate) headers: Mutex<HeaderMap>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behaviour {
    Answer(u16),
    /// Drop the connection without an answer.
    Reset,
    /// Wait for `release`, then answer 200.
    Hold,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Target {
    pub(crate) async fn start(name: &str, zone: &str) -> Self {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = TargetAddress { address: socket.local_addr().unwrap(), zone: zone.to_owned() };
        let state = Arc::new(TargetState {
            name: name.to_owned(),
            behaviour: Mutex::new(Behaviour::Answer(200)),
            health: Mutex::new(200),
            release: Notify::new(),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            headers: Mutex::default(),
        });
        let serving = tokio::spawn(serve(socket, Arc::clone(&state)));
        Self { address, state, serving }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn set_health(&self, status: u16) {
        *self.state.health.lock().unwrap() = status;
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.state.headers.lock().unwrap().get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

async fn serve(socket: TcpListener, state: Arc<TargetState>) {
    loop {
        let (stream, _) = socket.accept().await.unwrap();
        state.connections.fetch_add(1, Ordering::SeqCst);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&state)));
            // An error is how a behaviour resets the connection.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: Arc<TargetState>) -> Result<Response<Full<Bytes>>, &'static str> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/health" {
        let status = *state.health.lock().unwrap();
        return Ok(Response::builder().status(status).body(Full::default()).unwrap());
    }
    let sent = body.collect().await.map_err(|_| "no body")?.to_bytes();
    *state.headers.lock().unwrap() = head.headers;
    state.requests.fetch_add(1, Ordering::SeqCst);
    let behaviour = *state.behaviour.lock().unwrap();
    let status = match behaviour {
        Behaviour::Answer(status) => status,
        Behaviour::Reset => return Err("reset"),
        Behaviour::Hold => {
            state.release.notified().await;
            200
        }
    };
    let body = if sent.is_empty() { Bytes::from(state.name.clone()) } else { sent };
    Ok(Response::builder().status(status).body(Full::new(body)).unwrap())
}

/// Waits for a condition, ten seconds at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A port that nothing listens on now, on any address.
pub(crate) fn free_port() -> u16 {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    std::net::TcpListener::bind(any).unwrap().local_addr().unwrap().port()
}

/// The text of the first element of this name.
pub(crate) fn text(xml: &str, name: &str) -> String {
    texts(xml, name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {xml}"))
}

/// The texts of all elements of this name.
pub(crate) fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inside = |rest: &str| rest.split_once(&close).map(|(inside, _)| inside.to_owned());
    xml.split(&open).skip(1).filter_map(inside).collect()
}

/// The parameters of one forward action over weighted groups.
pub(crate) fn forward(list: &str, groups: &[(&str, u16)]) -> Vec<(String, String)> {
    let mut params = vec![(format!("{list}.member.1.Type"), "forward".to_owned())];
    for (index, (arn, weight)) in groups.iter().enumerate() {
        let group = format!("{list}.member.1.ForwardConfig.TargetGroups.member.{}", index + 1);
        params.push((format!("{group}.TargetGroupArn"), (*arn).to_owned()));
        params.push((format!("{group}.Weight"), weight.to_string()));
    }
    params
}

pub(crate) fn owned(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn borrowed(params: &[(String, String)]) -> Vec<(&str, &str)> {
    params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}
