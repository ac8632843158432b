//! What deployments act on.

use http::Method;
use serde_json::Value;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use teal_lab_wire::AwsFault;

/// The service principal, in whose name it sets weights.
pub const PRINCIPAL: &str = "codedeploy.amazonaws.com";

/// A call to another service: its answer's document, or its refusal.
pub type Call = Pin<Box<dyn Future<Output = Result<Value, AwsFault>> + Send>>;

/// Something done on an instance, or a sentence that says why it was not.
pub type Act<T = ()> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// The instances that are deployed to, by their ids, with what the agent on each has at hand.
pub trait Instances: Send + Sync {
    /// Those of an Auto Scaling group that are in service, oldest first; `None` if there is no such group.
    fn in_service(&self, group: &str) -> Option<Vec<String>>;

    /// Where an instance's files are: in place of `/`.
    fn root(&self, instance: &str) -> PathBuf;

    /// What scripts find in their environment besides the agent's own variables.
    fn environment(&self, instance: &str) -> Vec<(String, String)>;

    /// An object of S3.
    fn object(&self, bucket: &str, key: &str) -> Act<Vec<u8>>;

    /// Takes an instance out of a target group, or puts it in.
    ///
    /// # Errors
    /// A sentence, if there is no such instance or target group.
    fn set_registered(&self, instance: &str, target_group: &str, wanted: bool) -> Result<(), String>;

    /// Whether an instance has left a target group with its last request.
    ///
    /// # Errors
    /// A sentence, if there is no such instance.
    fn has_left(&self, instance: &str, target_group: &str) -> Result<bool, String>;

    /// Whether an instance of a target group is sent requests.
    ///
    /// # Errors
    /// A sentence, if there is no such instance.
    fn is_served(&self, instance: &str, target_group: &str) -> Result<bool, String>;

    /// Ends the service on an instance: on AWS a revision's own script does.
    fn stop_application(&self, instance: &str) -> Act;

    /// Starts the service on an instance with what is installed there: on AWS a revision's own script does.
    fn start_application(&self, instance: &str) -> Act;
}

/// The services that CodeDeploy calls in its role's name.
pub trait Services: Send + Sync {
    /// Calls an operation of ECS or Elastic Load Balancing by its signing name, parameters as the API reference names them. Lists in
    /// answers are arrays; numbers and booleans in those of Elastic Load Balancing are text.
    fn call(&self, service: &'static str, action: &'static str, parameters: Value) -> Call;

    /// Calls an operation of Lambda, which is a method and a path.
    fn lambda(&self, method: Method, path: String, body: Value) -> Call;
}
