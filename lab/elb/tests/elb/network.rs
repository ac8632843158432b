//! Network Load Balancers: flows are split by weight and stay where they are.

use crate::lab::{Lab, borrowed, forward, free_port, owned, text, texts, until};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use teal_lab_wire::{TargetAddress, TargetRegistry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A server that answers each line (TCP) or datagram (UDP) with its name, on one port for both.
struct Echo {
    address: TargetAddress,
    serving: Vec<JoinHandle<()>>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

impl Echo {
    async fn start(name: &'static str) -> Self {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let connections = tokio::spawn(async move {
            loop {
                let (stream, _) = tcp.accept().await.unwrap();
                tokio::spawn(echo(stream, name));
            }
        });
        let datagrams = tokio::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let (_, client) = udp.recv_from(&mut buffer).await.unwrap();
                udp.send_to(name.as_bytes(), client).await.unwrap();
            }
        });
        let address = TargetAddress { address, zone: "us-east-1a".to_owned() };
        Self { address, serving: vec![connections, datagrams] }
    }
}

/// Answers every byte with the name; `!` resets the connection.
async fn echo(mut stream: TcpStream, name: &str) {
    let mut byte = [0; 1];
    while let Ok(1) = stream.read(&mut byte).await {
        if byte == *b"!" {
            stream.set_zero_linger().unwrap();
            return;
        }
        stream.write_all(name.as_bytes()).await.unwrap();
    }
}

/// Asks over a connection who is at its other end.
async fn who(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(b"?").await?;
    let mut answer = [0; 5];
    let read = timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await;
    read.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?;
    Ok(String::from_utf8(answer.to_vec()).unwrap())
}

struct Network {
    lab: Lab,
    blue: Echo,
    green: Echo,
    /// Of blue and green.
    groups: [String; 2],
    load_balancer: String,
    listener: String,
    address: SocketAddr,
}

impl Network {
    /// A listener over a healthy blue and a healthy green, with these weights.
    async fn over(protocol: &str, weights: [u16; 2]) -> Self {
        let lab = Lab::new();
        let (blue, green) = (Echo::start("blue.").await, Echo::start("green").await);
        let balancer = network_load_balancer(&lab).await;
        let mut groups = Vec::new();
        for (name, echo) in [("blue", &blue), ("green", &green)] {
            let arn = target_group(&lab, name, protocol).await;
            lab.elb.register(&arn, echo.address.clone()).unwrap();
            groups.push(arn);
        }
        let groups: [String; 2] = groups.try_into().unwrap();
        let port = free_port();
        let (arn, number) = (balancer.0.clone(), port.to_string());
        let mut params = owned(&[("LoadBalancerArn", &arn), ("Port", &number), ("Protocol", protocol)]);
        params.extend(forward("DefaultActions", &[(&groups[0], weights[0]), (&groups[1], weights[1])]));
        if protocol == "TLS" {
            params
                .push(("Certificates.member.1.CertificateArn".into(), "arn:aws:acm:us-east-1:1:certificate/1".into()));
        }
        let listener = text(&lab.ok("CreateListener", &borrowed(&params)).await, "ListenerArn");
        for group in &groups {
            lab.until_state(group, &["healthy"]).await;
        }
        let address = SocketAddr::new(balancer.1.parse().unwrap(), port);
        Self { lab, blue, green, groups, load_balancer: arn, listener, address }
    }

    async fn weigh(&self, weights: [u16; 2]) {
        let [blue, green] = &self.groups;
        self.lab.weigh(&self.listener, &[(blue, weights[0]), (green, weights[1])]).await;
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The sum of a metric of the load balancer.
    fn sum(&self, name: &str) -> f64 {
        self.lab.metrics.sum(name, &[("LoadBalancer", self.suffix())])
    }

    fn suffix(&self) -> &str {
        self.load_balancer.split_once("loadbalancer/").unwrap().1
    }
}

async fn network_load_balancer(lab: &Lab) -> (String, String) {
    let params = [("Name", "flows"), ("Type", "network"), ("Subnets.member.1", "subnet-1")];
    let answer = lab.ok("CreateLoadBalancer", &params).await;
    assert_eq!(text(&answer, "Type"), "network");
    (text(&answer, "LoadBalancerArn"), text(&answer, "DNSName"))
}

/// A target group whose targets are checked every 5 lab seconds by TCP.
async fn target_group(lab: &Lab, name: &str, protocol: &str) -> String {
    let params = [
        ("Name", name),
        ("Protocol", protocol),
        ("Port", "80"),
        ("VpcId", "vpc-1"),
        ("TargetType", "ip"),
        ("HealthCheckIntervalSeconds", "5"),
        ("HealthCheckTimeoutSeconds", "5"),
    ];
    text(&lab.ok("CreateTargetGroup", &params).await, "TargetGroupArn")
}

#[tokio::test]
async fn connections_are_split_by_weight_and_stay_where_they_are() {
    let network = Network::over("TCP", [1, 0]).await;
    let mut old = network.connect().await;
    assert_eq!(who(&mut old).await.unwrap(), "blue.");

    network.weigh([0, 1]).await;
    let mut new = network.connect().await;
    assert_eq!(who(&mut new).await.unwrap(), "green");
    assert_eq!(who(&mut old).await.unwrap(), "blue.", "an open connection stays");
    assert_eq!(network.lab.counts(&network.groups[0]).in_flight, 1);
    drop(old);
    until("the closed connection is not counted", || async { network.lab.counts(&network.groups[0]).in_flight == 0 })
        .await;

    network.weigh([750, 250]).await;
    let mut greens = 0;
    for _ in 0..400 {
        greens += u32::from(who(&mut network.connect().await).await.unwrap() == "green");
    }
    assert!((60..140).contains(&greens), "{greens} of 400 at 25 %");
    until("402 new flows", || async { network.sum("NewFlowCount") == 402.0 }).await;
    assert_eq!(network.sum("NewFlowCount_TCP"), 402.0);
    until("every byte counts", || async { network.sum("ProcessedBytes") == 403.0 * 6.0 }).await;
}

#[tokio::test]
async fn a_udp_flow_stays_where_its_first_datagram_went() {
    let network = Network::over("TCP_UDP", [1, 0]).await;
    let ask = async |socket: &UdpSocket| {
        socket.send(b"?").await.unwrap();
        let mut answer = [0; 16];
        let length = timeout(Duration::from_secs(5), socket.recv(&mut answer)).await.unwrap().unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    };
    let client = async || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(network.address).await.unwrap();
        socket
    };
    let old = client().await;
    assert_eq!(ask(&old).await, "blue.");
    network.weigh([0, 1]).await;
    assert_eq!(ask(&client().await).await, "green");
    assert_eq!(ask(&old).await, "blue.");
    assert_eq!(who(&mut network.connect().await).await.unwrap(), "green", "the same port takes connections, too");
    until("two flows of datagrams", || async { network.sum("NewFlowCount_UDP") == 2.0 }).await;

    // Flows of UDP end with the deregistration delay, and the next datagram begins a new one.
    let delay = [
        ("TargetGroupArn", network.groups[0].as_str()),
        ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
        ("Attributes.member.1.Value", "5"),
    ];
    network.lab.ok("ModifyTargetGroupAttributes", &delay).await;
    network.lab.elb.deregister(&network.groups[0], &network.blue.address).unwrap();
    until("the flow has ended", || async { network.lab.counts(&network.groups[0]).in_flight == 0 }).await;
    assert_eq!(ask(&old).await, "green");
}

#[tokio::test]
async fn deregistration_ends_after_its_delay_and_flows_only_if_asked_for() {
    for (terminates, goes_on) in [("false", true), ("true", false)] {
        let network = Network::over("TCP", [1, 0]).await;
        let group = network.groups[0].as_str();
        let params = [
            ("TargetGroupArn", group),
            ("Attributes.member.1.Key", "deregistration_delay.timeout_seconds"),
            ("Attributes.member.1.Value", "20"),
            ("Attributes.member.2.Key", "deregistration_delay.connection_termination.enabled"),
            ("Attributes.member.2.Value", terminates),
        ];
        network.lab.ok("ModifyTargetGroupAttributes", &params).await;
        let mut flow = network.connect().await;
        assert_eq!(who(&mut flow).await.unwrap(), "blue.");
        network.lab.elb.deregister(group, &network.blue.address).unwrap();
        assert_eq!(network.lab.states(group).await, ["draining"]);
        assert_eq!(who(&mut flow).await.unwrap(), "blue.", "a draining target keeps its flows");
        network.lab.until_state(group, &[]).await;
        if goes_on {
            assert_eq!(who(&mut flow).await.unwrap(), "blue.");
        } else {
            until("the flow has ended", || async { network.lab.counts(group).in_flight == 0 }).await;
            assert!(who(&mut flow).await.is_err());
        }
        // Nobody is left to take a new one.
        assert!(who(&mut network.connect().await).await.is_err());
        until("the load balancer's reset counts", || async { network.sum("TCP_ELB_Reset_Count") >= 1.0 }).await;
    }
}

#[tokio::test]
async fn resets_come_through_and_count_for_the_side_they_come_from() {
    let network = Network::over("TCP", [1, 0]).await;
    let mut flow = network.connect().await;
    flow.write_all(b"!").await.unwrap();
    let error = flow.read_exact(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    until("the target's reset counts", || async { network.sum("TCP_Target_Reset_Count") == 1.0 }).await;

    let mut flow = network.connect().await;
    who(&mut flow).await.unwrap();
    flow.set_zero_linger().unwrap();
    drop(flow);
    until("the client's reset counts", || async { network.sum("TCP_Client_Reset_Count") == 1.0 }).await;
}

#[tokio::test]
async fn an_unhealthy_target_loses_its_flows() {
    let network = Network::over("TCP", [0, 1]).await;
    let mut flow = network.connect().await;
    assert_eq!(who(&mut flow).await.unwrap(), "green");
    let Network { lab, green, groups, .. } = &network;
    // The port closes; the connection that is open would go on.
    green.serving[0].abort();
    lab.until_state(&groups[1], &["unhealthy"]).await;
    until("the flow has ended", || async { lab.counts(&groups[1]).in_flight == 0 }).await;
    assert!(who(&mut flow).await.is_err());
    let dimensions = [("LoadBalancer", network.suffix()), ("TargetGroup", groups[1].rsplit(':').next().unwrap())];
    until("the unhealthy target is published", || async {
        lab.metrics.of("UnHealthyHostCount", &dimensions).last().is_some_and(|sample| sample.value == 1.0)
    })
    .await;
    assert_eq!(lab.metrics.of("HealthyHostCount", &dimensions).last().unwrap().value, 0.0);
}

#[tokio::test]
async fn open_flows_are_published_every_minute() {
    let network = Network::over("TLS", [1, 1]).await;
    let mut flow = network.connect().await;
    who(&mut flow).await.unwrap();
    until("one open flow is published", || async {
        let flows = |name| network.lab.metrics.of(name, &[("LoadBalancer", network.suffix())]).last().map(|s| s.value);
        flows("ActiveFlowCount") == Some(1.0) && flows("ActiveFlowCount_TLS") == Some(1.0)
    })
    .await;
}

#[tokio::test]
async fn what_a_network_load_balancer_cannot_do_is_refused() {
    let lab = Lab::new();
    let (arn, _) = network_load_balancer(&lab).await;
    let (tcp, udp, http) = (
        target_group(&lab, "tcp", "TCP").await,
        target_group(&lab, "udp", "UDP").await,
        lab.target_group("http").await,
    );
    let port = free_port().to_string();
    let new = |protocol: &str, group: &str| {
        let mut params = owned(&[("LoadBalancerArn", &arn), ("Port", &port), ("Protocol", protocol)]);
        params.extend(forward("DefaultActions", &[(group, 1)]));
        params
    };
    for (code, params) in [
        ("UnsupportedProtocol", new("HTTP", &http)),
        ("IncompatibleProtocols", new("TCP", &http)),
        ("IncompatibleProtocols", new("TCP", &udp)),
        ("IncompatibleProtocols", new("TCP_UDP", &tcp)),
        ("CertificateNotFound", new("TLS", &tcp)),
    ] {
        assert_eq!(lab.call("CreateListener", &borrowed(&params)).await.unwrap_err(), code, "{params:?}");
    }
    let described = lab.ok("CreateListener", &borrowed(&new("TCP", &tcp))).await;
    assert_eq!(texts(&described, "Weight"), ["1"]);
    assert!(!described.contains("TargetGroupStickinessConfig"), "{described}");
    let listener = text(&described, "ListenerArn");

    let mut sticky = owned(&[("ListenerArn", &listener)]);
    sticky.extend(forward("DefaultActions", &[(&tcp, 1)]));
    let config = "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig";
    sticky.push((format!("{config}.Enabled"), "true".to_owned()));
    sticky.push((format!("{config}.DurationSeconds"), "60".to_owned()));
    assert_eq!(lab.call("ModifyListener", &borrowed(&sticky)).await.unwrap_err(), "ValidationError");

    let fixed = [
        ("ListenerArn", listener.as_str()),
        ("DefaultActions.member.1.Type", "fixed-response"),
        ("DefaultActions.member.1.FixedResponseConfig.StatusCode", "404"),
    ];
    assert_eq!(lab.call("ModifyListener", &fixed).await.unwrap_err(), "InvalidLoadBalancerAction");
    let mut rule = owned(&[
        ("ListenerArn", &listener),
        ("Priority", "1"),
        ("Conditions.member.1.Field", "path-pattern"),
        ("Conditions.member.1.Values.member.1", "/"),
    ]);
    rule.extend(forward("Actions", &[(&tcp, 1)]));
    assert_eq!(lab.call("CreateRule", &borrowed(&rule)).await.unwrap_err(), "ValidationError");

    // An Application Load Balancer takes no group of flows either.
    let (application, _) = lab.load_balancer("requests").await;
    let mut params = owned(&[("LoadBalancerArn", &application), ("Port", &port), ("Protocol", "HTTP")]);
    params.extend(forward("DefaultActions", &[(&tcp, 1)]));
    assert_eq!(lab.call("CreateListener", &borrowed(&params)).await.unwrap_err(), "IncompatibleProtocols");
}
