//! The lab's demo service: one process plays one ECS task of one version.
//!
//! It answers HTTP/1.1, over connections and as datagrams, and behaves over time as its task definition's environment says, so that a scenario gives each
//! version (= task definition) its own error rate, latency, crashes or slow start.
//!
//! # Environment
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `TEAL_DEMO_BEHAVIOUR` | a [`Behaviour`] as JSON | answers 200 at once, always |
//! | `TEAL_DEMO_VERSION` | what `x-version` says | `unversioned` |
//! | `TEAL_DEMO_LISTEN` | address and port, for TCP and UDP; port 0 takes one that is free for both | `127.0.0.1:0` |
//! | `TEAL_LAB_CLOCK` | `<origin_millis>:<scale>`, the lab's clock | the wall's clock |
//! | `TEAL_LAB_TASK` | what `x-task` says; the lab gives the task's id | the process id |
//! | `TEAL_LAB_SERVICE` | what lines in the log say of `service`; the lab gives the ECS service's name | empty |
//! | `TEAL_DEMO_FLAG` | a feature flag as JSON ([`FlagSettings`]), and what those get for whom it is on | none |
//! | `TEAL_LAB_TASK_NUMBER` | the task's number in its service; varies the seed between tasks | 0 |
//!
//! An environment that cannot be understood ends the process with status 2 and one sentence on standard error.
//!
//! # Behaviour
//!
//! ```json
//! {
//!   "seed": 7,
//!   "start": {"delay": "20s", "until": "refuse"},
//!   "phases": [
//!     {"from": "0s", "latency": {"lognormal": {"median": "20ms", "p99": "120ms"}}},
//!     {"from": "2m", "errorRate": 0.05, "errorStatus": 502, "dropEvery": 50, "health": "failing"},
//!     {"from": "5m", "exit": 1}
//!   ]
//! }
//! ```
//!
//! Times are on the lab's clock. `delay` counts from the start of the process; so does `from`, unless `since` is given
//! (lab time, Unix milliseconds): then phases begin at the same moment in every task, however late it was started.
//! Latencies are real. [`Phase`] has every field.
//!
//! # Answers
//!
//! `GET /health` answers as the phase's `health` says. Every other request is answered, after the phase's latency,
//! with 200 (or `errorStatus`), the headers `x-version` and `x-task`, and a JSON body naming version, task and the
//! number of the request.
//!
//! # Datagrams
//!
//! The same service answers on the UDP port of the same number. The protocol is the lab's own, made up for load balancers that carry UDP, and
//! nothing else speaks it: a datagram holds one HTTP/1.1 request, head and body as they would be sent on a connection, and one datagram with
//! the HTTP/1.1 response goes back to where it came from. A request that is dropped or hangs gets no datagram, and neither does what is no
//! whole request head. While connections are refused at the start, datagrams are lost.
//!
//! ```text
//! GET / HTTP/1.1\r\n            HTTP/1.1 200 OK\r\n
//! Host: demo\r\n         →      x-version: 2.0\r\n
//! \r\n                          x-task: 4f1c...\r\n ...
//! ```
//!
//! # Flags and logs
//!
//! With a flag, AppConfigData is polled for it, and a request by the user that `x-user` names is answered as the flag's own version and
//! behaviour say while the flag is on for that user; its metrics are by `Variant` (`on`, `off`), too.
//!
//! A phase's `logs` are lines on standard output, as JSON, that a share of the requests leaves there. With `metrics`, every
//! request leaves one with `Requests` and `Failures` in CloudWatch's embedded metric format; a request that is dropped or
//! hangs counts as failed.
//!
//! # Life
//!
//! When it listens (or, if connections are to be refused at first, when it has its port), the service prints one line
//! on standard output, `{"listening":"127.0.0.1:40123",...}`. SIGTERM
//! stops accepting (and reading datagrams), lets requests under way finish and ends with status 0. It also ends **when its standard input
//! closes**, so that it cannot outlive the lab that started it, however the lab ends; by hand, start it with a
//! terminal or an open pipe as standard input.

mod behaviour;
mod clock;
mod draw;
mod duration_text;
mod flags;
mod server;
mod settings;

pub use behaviour::{Behaviour, Health, Latency, LogLine, Phase, Start, Until};
pub use clock::LabTime;
pub use flags::FlagSettings;
pub use server::{ServeError, serve};
pub use settings::{Settings, SettingsError};
