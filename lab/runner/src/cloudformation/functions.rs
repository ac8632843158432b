//! Lambda functions, their versions, aliases and URLs.

use super::Resource;
use super::evaluate::text;
use crate::{Aws, LabError};
use http::Method;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use teal_lab_wire::{ACCOUNT, REGION};

const FUNCTIONS: &str = "/2015-03-31/functions";
const URLS: &str = "/2021-10-31/functions";

/// What the types of AWS Lambda begin with.
pub(super) const LAMBDA: &str = "AWS::Lambda::";

/// Creates one of them; `None` if the lab does not know its type.
pub(super) async fn create(
    aws: &Aws,
    kind: &str,
    mut properties: Map<String, Value>,
) -> Result<Option<Resource>, LabError> {
    // A list in the template, a map in the API.
    properties.remove("Tags");
    let mut taken = |name: &str| properties.remove(name).map(|value| text(&value)).unwrap_or_default();
    let (id, attribute) = match kind.strip_prefix(LAMBDA).unwrap_or_default() {
        "Function" => {
            let name = properties.get("FunctionName").map(text).unwrap_or_default();
            create_or_update(aws, &name, properties).await?;
            (name.clone(), ("Arn", format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")))
        }
        "Version" => {
            let path = format!("{FUNCTIONS}/{}/versions", taken("FunctionName"));
            let made = post(aws, &path, properties).await?;
            (text(&made["FunctionArn"]), ("Version", text(&made["Version"])))
        }
        "Alias" => {
            let path = format!("{FUNCTIONS}/{}/aliases", taken("FunctionName"));
            let arn = text(&post(aws, &path, properties).await?["AliasArn"]);
            (arn.clone(), ("AliasArn", arn))
        }
        "Url" => {
            let (function, qualifier) = (taken("TargetFunctionArn"), taken("Qualifier"));
            let path = format!("{URLS}/{function}/url?Qualifier={qualifier}");
            let made = post(aws, &path, properties).await?;
            (text(&made["FunctionArn"]), ("FunctionUrl", text(&made["FunctionUrl"])))
        }
        _ => return Ok(None),
    };
    let attributes = BTreeMap::from([(attribute.0.to_owned(), attribute.1)]);
    Ok(Some(Resource { kind: kind.into(), id, attributes }))
}

async fn post(aws: &Aws, path: &str, properties: Map<String, Value>) -> Result<Value, LabError> {
    aws.rest("lambda", Method::POST, path, Value::from(properties).to_string().into(), None).await
}

/// A function, or, where there is one of that name, what an update of its stack makes of its configuration.
async fn create_or_update(aws: &Aws, name: &str, properties: Map<String, Value>) -> Result<(), LabError> {
    match post(aws, FUNCTIONS, properties.clone()).await {
        Err(LabError::Aws { code, .. }) if code == "ResourceConflictException" => {
            let path = format!("{FUNCTIONS}/{name}/configuration");
            let mut changed = properties;
            changed.retain(|property, _| !["FunctionName", "Code"].contains(&property.as_str()));
            let body = Value::from(changed).to_string().into();
            aws.rest("lambda", Method::PUT, &path, body, None).await.map(drop)
        }
        made => made.map(drop),
    }
}
