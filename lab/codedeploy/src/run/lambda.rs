//! Deployments of a function's version to an alias.
//! <https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html>

use super::{Step, event, failed, hooks, patiently, shift};
use crate::Inner;
use crate::appspec::Resource;
use crate::model::Deployment;
use http::Method;
use serde_json::{Value, json};

const CODE: &str = "INVALID_LAMBDA_CONFIGURATION";

struct Alias<'a> {
    path: String,
    current: &'a str,
    target: &'a str,
}

impl<'a> Alias<'a> {
    fn of(deployment: &'a Deployment) -> Step<Self> {
        let Resource::Lambda { function, alias, current, target } = &deployment.app_spec.resource else {
            return Err(failed(CODE, "The AppSpec file names no function."));
        };
        Ok(Self { path: format!("/2015-03-31/functions/{function}/aliases/{alias}"), current, target })
    }

    async fn call(&self, inner: &Inner, method: Method, body: Value) -> Step<Value> {
        let called = patiently(|| inner.services.lambda(method.clone(), self.path.clone(), body.clone())).await;
        called.map_err(|fault| failed(CODE, format!("{} {}: {}", method, self.path, fault.message)))
    }

    /// Gives the target version this percentage of the invocations.
    async fn set_share(&self, inner: &Inner, share: u8) -> Step<()> {
        let weights =
            if share == 0 || share == 100 { json!({}) } else { json!({(self.target): f64::from(share) / 100.0}) };
        let version = if share == 100 { self.target } else { self.current };
        let body = json!({"FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}});
        self.call(inner, Method::PUT, body).await.map(drop)
    }
}

pub(super) async fn deploy(inner: &Inner, deployment: &Deployment) -> Step<()> {
    let alias = Alias::of(deployment)?;
    let found = alias.call(inner, Method::GET, Value::Null).await?;
    if found["FunctionVersion"] != alias.current {
        let message = format!(
            "The alias points to version {} of the function, not to the CurrentVersion {} of the AppSpec file.",
            found["FunctionVersion"], alias.current
        );
        return Err(failed(CODE, message));
    }
    hooks::run(inner, deployment, "BeforeAllowTraffic").await?;
    let shifted = shift(inner, deployment, |share| alias.set_share(inner, share));
    event(inner, &deployment.id, "AllowTraffic", shifted).await?;
    hooks::run(inner, deployment, "AfterAllowTraffic").await
}

pub(super) async fn roll_back(inner: &Inner, deployment: &Deployment) -> Step<()> {
    let alias = Alias::of(deployment)?;
    super::skip_hooks(inner, deployment);
    event(inner, &deployment.id, "AllowTraffic", alias.set_share(inner, 0)).await?;
    inner.change(&deployment.id, |deployment| deployment.target.share = 0);
    Ok(())
}
