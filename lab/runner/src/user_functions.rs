//! Users' functions: versions of the service, which run the demo service, and functions that test green.

use crate::demo_functions::DemoFunctions;
use crate::{Aws, Lab, LabError};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use teal_lab_functions::{Executed, Running, Runtime};
use teal_lab_pipeline::Project;
use teal_lab_wire::ACCOUNT;

/// What functions execute: by name those that test green, and the demo service for all others.
#[derive(Clone)]
pub(crate) struct UserFunctions {
    demo: DemoFunctions,
    testers: Arc<Mutex<BTreeMap<String, Project>>>,
}

impl UserFunctions {
    pub(crate) fn new(demo: DemoFunctions) -> Self {
        Self { demo, testers: Arc::default() }
    }

    /// Kills every process and waits until none is left.
    pub(crate) async fn shutdown(&self) {
        self.demo.shutdown().await;
    }

    fn tester(&self, function: &str) -> Option<Project> {
        self.testers.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned()
    }
}

impl Runtime for UserFunctions {
    fn execute(&self, executed: Executed<'_>, payload: Bytes) -> Running {
        match self.tester(executed.function) {
            Some(tester) => Box::pin(async move { Ok(test(&tester, &payload).await.to_string().into()) }),
            None => self.demo.execute(executed, payload),
        }
    }
}

/// Tests green as Teal's invocation says, and answers as docs/plan.md has it.
async fn test(tester: &Project, payload: &[u8]) -> Value {
    let input: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |field: &str| input[field].as_str().unwrap_or_default();
    let headers = serde_json::from_value(input["headers"].clone()).unwrap_or_default();
    match tester.test(text("url"), &headers, text("version")).await {
        Ok(()) => json!({"passed": true}),
        Err(reason) => json!({"passed": false, "reason": reason}),
    }
}

impl Lab {
    /// Makes a function that tests green, or changes what it does.
    pub(crate) async fn set_tester(&self, name: &str, tester: Project) -> Result<(), LabError> {
        let functions = self.user_functions();
        functions.testers.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), tester);
        create(self.aws(), name).await
    }
}

async fn create(aws: &Aws, name: &str) -> Result<(), LabError> {
    let function = json!({
        "FunctionName": name,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/validation"),
        "Code": {"ZipFile": ""},
    });
    match aws.rest("lambda", Method::POST, "/2015-03-31/functions", function.to_string().into(), None).await {
        Err(LabError::Aws { code, .. }) if code == "ResourceConflictException" => Ok(()),
        made => made.map(drop),
    }
}
