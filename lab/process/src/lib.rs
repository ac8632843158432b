//! The processes behind the lab's fleets: a task of ECS or an instance of EC2 Auto Scaling is one local process (of the
//! demo service, usually), so that what a load balancer sends it is real traffic, a crash is a real crash and draining
//! is real draining.
//!
//! A process is started with an environment and nothing of the lab's own. It must print one line of JSON with its
//! address, `{"listening": "127.0.0.1:40123"}`, and must end when its standard input closes: that is how none outlives
//! the lab, even one that was killed.
//!
//! Ending one in order takes it out of its target groups first, waits until its targets have drained, sends SIGTERM,
//! and SIGKILL if it does not end in time.

mod supervise;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use teal_lab_wire::LabClock;
use tokio::sync::watch;

/// What a process's supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Run,
    /// Drain, then terminate.
    Stop,
    /// SIGKILL at once, as a crash.
    Kill,
}

/// How a process ended that nobody had asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There never was a process; why not.
    NotStarted(String),
    /// It did not come up: what was wrong, and its last words.
    NotUp(String),
    /// It was up and has ended; its last words, if it had any.
    Exited(Option<String>),
}

/// What becomes of a line that a process prints.
pub type LineTaker = Arc<dyn Fn(&str) + Send + Sync>;

/// What to run.
pub struct Launch {
    /// What the owner calls it.
    pub id: String,
    pub environment: Vec<(String, String)>,
    /// Gets what it prints after its first line, where somebody wants it.
    pub log: Option<LineTaker>,
    /// Lab time between SIGTERM and SIGKILL.
    pub stop_timeout: Duration,
    pub control: watch::Receiver<Control>,
}

/// Who has processes, and is told what becomes of them. Every call is short and never waits.
pub trait Owner: Send + Sync + 'static {
    fn processes(&self) -> &Processes;

    /// There is a process.
    fn started(&self, id: &str, pid: Option<u32>);

    /// It has said where it listens: it may be registered.
    fn is_up(&self, id: &str, address: SocketAddr);

    /// It is to leave its target groups.
    fn deregister(&self, id: &str);

    /// Whether one of its targets is still draining.
    fn is_draining(&self, id: &str) -> bool;

    /// It was deregistered and drains.
    fn drains(&self, id: &str);

    /// It has drained and is told to terminate.
    fn terminates(&self, id: &str);

    /// It is gone. `ending` says why, if it was to run.
    fn has_ended(&self, id: &str, exit_code: Option<i32>, ending: Ending);
}

/// All processes of one owner.
#[derive(Debug)]
pub struct Processes {
    clock: LabClock,
    program: PathBuf,
    stopping: watch::Sender<bool>,
    /// How many supervisors are alive.
    supervisors: watch::Sender<usize>,
}

impl Processes {
    /// Processes that run `program`, without arguments.
    #[must_use]
    pub fn new(clock: LabClock, program: PathBuf) -> Self {
        Self { clock, program, stopping: watch::Sender::new(false), supervisors: watch::Sender::new(0) }
    }

    /// What every process gets besides what its definition says. `service` is that of the service or
    /// group that has it, `number` counts the processes of that.
    #[must_use]
    pub fn environment(&self, id: &str, service: &str, number: u64) -> [(String, String); 5] {
        let clock = format!("{}:{}", self.clock.origin_millis(), self.clock.scale());
        [
            ("TEAL_LAB_CLOCK".to_owned(), clock),
            ("TEAL_LAB_TASK".to_owned(), id.to_owned()),
            ("TEAL_LAB_SERVICE".to_owned(), service.to_owned()),
            ("TEAL_LAB_TASK_NUMBER".to_owned(), number.to_string()),
            ("TEAL_DEMO_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ]
    }

    /// Kills everything; does not wait.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Says when [`Self::stop`] is called.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Kills everything and waits until no process is left.
    pub async fn shutdown(&self) {
        self.stop();
        // The sender is ours: waiting cannot fail.
        let _ = self.supervisors.subscribe().wait_for(|alive| *alive == 0).await;
    }
}

/// Starts a process and looks after it until it is gone.
pub fn launch<O: Owner>(owner: &Arc<O>, launch: Launch) {
    supervise::spawn(owner, launch);
}
