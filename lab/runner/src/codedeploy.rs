//! What CodeDeploy's deployments act on, in the lab: load balancers, ECS services, aliases of functions.

use crate::aws::{answer_of, request_to};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::sync::Arc;
use teal_lab_codedeploy::{Call, PRINCIPAL, Services};
use teal_lab_ecs::Ecs;
use teal_lab_elb::Elb;
use teal_lab_functions::Functions;
use teal_lab_wire::{AwsFault, AwsRequest, REGION};

pub(crate) struct ServicesOfDeployments {
    elb: Arc<Elb>,
    ecs: Arc<Ecs>,
    functions: Arc<Functions>,
}

impl ServicesOfDeployments {
    pub(crate) fn new(elb: &Arc<Elb>, ecs: &Arc<Ecs>, functions: &Arc<Functions>) -> Self {
        Self { elb: Arc::clone(elb), ecs: Arc::clone(ecs), functions: Arc::clone(functions) }
    }
}

impl Services for ServicesOfDeployments {
    fn call(&self, service: &'static str, action: &'static str, parameters: Value) -> Call {
        let (elb, ecs) = (Arc::clone(&self.elb), Arc::clone(&self.ecs));
        Box::pin(async move {
            let request = request_to(service, action, &parameters, PRINCIPAL)?;
            let answer = if service == "ecs" { ecs.handle(request).await } else { elb.handle(request).await };
            answer_of(action, &answer)
        })
    }

    fn lambda(&self, method: Method, path: String, body: Value) -> Call {
        let functions = Arc::clone(&self.functions);
        Box::pin(async move {
            let request = lambda_request(method, &path, &body)?;
            let missing = || AwsFault::client("ResourceNotFoundException", "the lab has no such function");
            let answer = functions.handle(&request).await.ok_or_else(missing)?;
            answer_of("", &answer)
        })
    }
}

fn lambda_request(method: Method, path: &str, body: &Value) -> Result<AwsRequest, AwsFault> {
    let invalid = |_| AwsFault::client("InvalidParameterValueException", format!("{path} is no path of Lambda's"));
    let uri = path.parse().map_err(invalid)?;
    let mut headers = HeaderMap::new();
    let signature = format!("AWS4-HMAC-SHA256 Credential={PRINCIPAL}/20260101/{REGION}/lambda/aws4_request");
    if let Ok(signature) = signature.parse() {
        headers.insert(AUTHORIZATION, signature);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Ok(AwsRequest { method, uri, headers, body: body.into() })
}
