//! Teal's ports ([`teal::ports`]) on AWS, one file per service. SDK types stop here.
//!
//! [`Aws`] implements every port. It makes the client of a service when that service is first called, so that a function
//! neither pays at its start for services that it does not use, nor carries their code.

mod account;
mod appconfig;
mod autoscaling;
mod beanstalk;
mod client;
mod clock;
mod cloudwatch;
mod codedeploy;
mod codepipeline;
mod config;
mod deployments;
mod dynamodb;
mod ec2;
mod ec2_autoscaling;
mod ecs;
mod elb;
mod error;
mod eventbridge;
mod external;
mod fleet;
mod http;
mod json;
mod lambda;
mod logs;
mod looking;
mod plans;
mod query;
mod rest;
mod router;
#[cfg(test)]
mod spoilt;
mod stepfunctions;
mod testers;
#[cfg(test)]
mod testing;
mod turn;
mod weights;

pub use clock::Clock;
pub use config::{AwsSettings, sdk_config};
pub use dynamodb::RECORD_KEPT_DAYS;
pub use looking::session_policy;
pub use plans::{KeptPlan, LONGEST_PARAMETER_VALUE};
pub use stepfunctions::{Execution, Started, execution_arn};
pub use turn::Urgency;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use teal::route::FunctionAlias;

/// AWS as the world that a release runs against.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    settings: AwsSettings,
    aliases: Mutex<HashMap<FunctionAlias, lambda::AliasSeen>>,
    appconfig: OnceLock<rest::Client>,
    autoscaling: OnceLock<json::Client>,
    beanstalk: OnceLock<query::Client>,
    /// For what must not be sent a second time.
    beanstalk_once: OnceLock<query::Client>,
    cloudwatch: OnceLock<json::Client>,
    cloudwatch_logs: OnceLock<json::Client>,
    codedeploy: OnceLock<json::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    ec2_autoscaling: OnceLock<query::Client>,
    ecs: OnceLock<json::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    eventbridge: OnceLock<json::Client>,
    lambda: OnceLock<rest::Client>,
    /// What sessions in other accounts may do at most; what the role may where there is none.
    session_policy: Option<String>,
    /// The service's accounts that this run has reached.
    sides: Mutex<account::Sides>,
    step_functions: OnceLock<aws_sdk_sfn::Client>,
    sts: OnceLock<query::Client>,
    turn: Arc<turn::Turn>,
}

impl Aws {
    /// AWS as Lambda gives it to a function (credentials and region from the environment, in the lab the endpoint too), with
    /// the settings of [`AwsSettings::from_env`]. People's machines have more places for these: see [`sdk_config`].
    ///
    /// # Errors
    /// A sentence that names the variable of the environment that is missing or wrong.
    pub async fn from_env() -> Result<Self, String> {
        let settings = AwsSettings::from_env()?;
        Ok(Self::new(&config::function_config()?, settings))
    }

    /// The same for a function of this name: one that only looks can do no more in other accounts either.
    #[must_use]
    pub fn for_function(self, function: &str) -> Self {
        Self { session_policy: session_policy(function), ..self }
    }

    /// AWS as `config` reaches it.
    #[must_use]
    pub fn new(config: &SdkConfig, settings: AwsSettings) -> Self {
        Self {
            config: client::with_client(config),
            settings,
            aliases: Mutex::default(),
            appconfig: OnceLock::new(),
            autoscaling: OnceLock::new(),
            beanstalk: OnceLock::new(),
            beanstalk_once: OnceLock::new(),
            cloudwatch: OnceLock::new(),
            cloudwatch_logs: OnceLock::new(),
            codedeploy: OnceLock::new(),
            dynamodb: OnceLock::new(),
            ec2_autoscaling: OnceLock::new(),
            ecs: OnceLock::new(),
            elb: OnceLock::new(),
            eventbridge: OnceLock::new(),
            lambda: OnceLock::new(),
            session_policy: None,
            sides: Mutex::default(),
            step_functions: OnceLock::new(),
            sts: OnceLock::new(),
            turn: Arc::default(),
        }
    }

    /// The clock of waits and deadlines.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.settings.clock
    }

    fn appconfig(&self) -> &rest::Client {
        self.appconfig.get_or_init(|| rest::Client::new(&self.config, &appconfig::APPCONFIG))
    }

    fn autoscaling(&self) -> &json::Client {
        self.autoscaling.get_or_init(|| json::Client::new(&self.config, &autoscaling::AUTOSCALING))
    }

    fn beanstalk(&self) -> &query::Client {
        self.beanstalk.get_or_init(|| query::Client::new(&self.config, &beanstalk::BEANSTALK))
    }

    fn beanstalk_once(&self) -> &query::Client {
        self.beanstalk_once.get_or_init(|| {
            let config = self.config.to_builder().retry_config(RetryConfig::disabled()).build();
            query::Client::new(&config, &beanstalk::BEANSTALK)
        })
    }

    fn cloudwatch(&self) -> &json::Client {
        self.cloudwatch.get_or_init(|| json::Client::new(&self.config, &cloudwatch::CLOUDWATCH))
    }

    fn cloudwatch_logs(&self) -> &json::Client {
        self.cloudwatch_logs.get_or_init(|| json::Client::new(&self.config, &logs::LOGS))
    }

    fn codedeploy(&self) -> &json::Client {
        self.codedeploy.get_or_init(|| json::Client::new(&self.config, &codedeploy::CODEDEPLOY))
    }

    fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config))
    }

    fn ec2_autoscaling(&self) -> &query::Client {
        self.ec2_autoscaling.get_or_init(|| query::Client::new(&self.config, &ec2_autoscaling::EC2_AUTOSCALING))
    }

    fn ecs(&self) -> &json::Client {
        self.ecs.get_or_init(|| json::Client::new(&self.config, &ecs::ECS))
    }

    fn elb(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.elb.get_or_init(|| aws_sdk_elasticloadbalancingv2::Client::new(&self.config))
    }

    fn eventbridge(&self) -> &json::Client {
        self.eventbridge.get_or_init(|| json::Client::new(&self.config, &eventbridge::EVENTS))
    }

    fn lambda(&self) -> &rest::Client {
        self.lambda.get_or_init(|| rest::Client::new(&self.config, &lambda::LAMBDA))
    }

    fn step_functions(&self) -> &aws_sdk_sfn::Client {
        self.step_functions.get_or_init(|| aws_sdk_sfn::Client::new(&self.config))
    }
}
