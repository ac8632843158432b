//! Where plans are kept: SSM parameters, and objects in S3.

use crate::Aws;
use crate::json;
use crate::rest::{self, Answer, Request, percent_encoded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use teal::plan::PlanRef;
use teal::ports::{MAX_STORED_PLAN, PlanStore, PortError, PortResult, StoredPlan};

/// The longest value of an SSM parameter, in bytes: of one in the advanced tier.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
pub const LONGEST_PARAMETER_VALUE: usize = 8 * 1024;

/// A version of a plan, or the newest one of each in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPlan {
    /// The parameter's name.
    pub name: String,
    pub version: u64,
    /// When it was put, in seconds since 1970.
    pub put_at: f64,
    /// Who put it, where that is told.
    pub put_by: Option<String>,
}

impl PlanStore for Aws {
    async fn stored_plan(&self, reference: &PlanRef) -> PortResult<StoredPlan> {
        match reference {
            PlanRef::Parameter { name, version } => self.parameter(name, version.as_deref()).await,
            PlanRef::Object { bucket, key, version } => self.object(bucket, key, version.as_deref()).await,
        }
    }
}

const SSM: json::Service = json::Service { name: "ssm", target: "AmazonSSM", version: "1.1", id: "ssm" };
const S3: json::Service = json::Service { name: "s3", target: "", version: "", id: "s3" };

impl Aws {
    pub(crate) fn ssm(&self) -> json::Client {
        json::Client::new(&self.config, &SSM)
    }

    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
    async fn parameter(&self, name: &str, version: Option<&str>) -> PortResult<StoredPlan> {
        const CALL: &str = "ssm:GetParameter";
        let selected = version.map_or_else(|| name.to_owned(), |version| format!("{name}:{version}"));
        let what = format!("the SSM parameter {selected}");
        let answer = self.ssm().call(CALL, &what, &json!({"Name": selected})).await?;
        let found = &answer["Parameter"];
        let not_taken = |message: String| PortError::Refused { call: CALL, message };
        if found["Type"] != "String" {
            let kind = found["Type"].as_str().unwrap_or("of no type");
            return Err(not_taken(format!(
                "{what} is {kind}, and a plan is kept as a String. It holds no secrets; `teal plan put` keeps it so"
            )));
        }
        let text = found["Value"].as_str().ok_or_else(|| not_taken(format!("{what} has no value")))?.to_owned();
        Ok(StoredPlan { text, version: found["Version"].as_u64().map(|version| version.to_string()) })
    }

    /// A version needs a permission of its own, s3:GetObjectVersion.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    async fn object(&self, bucket: &str, key: &str, version: Option<&str>) -> PortResult<StoredPlan> {
        let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let what = format!("s3://{bucket}/{key}");
        let query = version.map_or_else(String::new, |version| format!("?versionId={}", percent_encoded(version, "")));
        let request = Request {
            method: "GET",
            path: format!("{}{query}", object_path(bucket, key)),
            // Not the whole of what may lie there by mistake: one byte more than is taken.
            headers: vec![("range", format!("bytes=0-{MAX_STORED_PLAN}"))],
            body: Vec::new(),
        };
        let Answer { headers, body } = self.s3(action, &what, request).await?;
        let not_taken = |message: String| PortError::Refused { call: action, message };
        if body.len() > MAX_STORED_PLAN {
            return Err(not_taken(format!(
                "{what} is larger than {} KiB, the most that a plan has",
                MAX_STORED_PLAN / 1024
            )));
        }
        let text = String::from_utf8(body).map_err(|_| not_taken(format!("{what} is not UTF-8 text")))?;
        Ok(StoredPlan { text, version: version_of(&headers) })
    }

    /// Keeps a plan as the next version of an SSM parameter; gives that version. A value of more than 4 KiB makes it an advanced
    /// parameter, which costs a little each month.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn put_parameter(&self, name: &str, text: &str) -> PortResult<u64> {
        let what = format!("the SSM parameter {name}");
        let input = json!({
            "Name": name, "Value": text, "Type": "String", "Overwrite": true, "Tier": "Intelligent-Tiering",
            "Description": "A release plan for Teal",
        });
        let answer = self.ssm().call("ssm:PutParameter", &what, &input).await?;
        Ok(answer["Version"].as_u64().unwrap_or_default())
    }

    /// Keeps a plan as an object in S3; gives its version where the bucket keeps versions.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn put_object(&self, bucket: &str, key: &str, text: &str) -> PortResult<Option<String>> {
        let what = format!("s3://{bucket}/{key}");
        let request = Request {
            method: "PUT",
            path: object_path(bucket, key),
            headers: vec![("content-type", "application/yaml".to_owned())],
            body: text.as_bytes().to_vec(),
        };
        Ok(version_of(&self.s3("s3:PutObject", &what, request).await?.headers))
    }

    async fn s3(&self, action: &'static str, what: &str, request: Request) -> PortResult<Answer> {
        let answer = rest::Client::new(&self.config, &S3).call(action, what, request).await;
        answer.map_err(|error| of_region(error, what))
    }

    /// The versions of a plan in an SSM parameter, the oldest first. SSM keeps the newest 100.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn parameter_versions(&self, name: &str) -> PortResult<Vec<KeptPlan>> {
        let what = format!("the SSM parameter {name}");
        let input = json!({"Name": name, "MaxResults": 50});
        let found = self.ssm().call_paged("ssm:GetParameterHistory", &what, input, "Parameters").await?;
        Ok(found.iter().map(kept).collect())
    }

    /// The plans in SSM parameters below a path, by name.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn parameters_below(&self, path: &str) -> PortResult<Vec<KeptPlan>> {
        let input = json!({"Path": path, "Recursive": true, "MaxResults": 10});
        let found = self.ssm().call_paged("ssm:GetParametersByPath", path, input, "Parameters").await?;
        let mut found: Vec<KeptPlan> = found.iter().map(kept).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

/// The version of an object, where its bucket keeps versions.
fn version_of(headers: &BTreeMap<String, String>) -> Option<String> {
    headers.get("x-amz-version-id").filter(|version| *version != "null").cloned()
}

fn kept(parameter: &Value) -> KeptPlan {
    KeptPlan {
        name: parameter["Name"].as_str().unwrap_or_default().to_owned(),
        version: parameter["Version"].as_u64().unwrap_or_default(),
        put_at: parameter["LastModifiedDate"].as_f64().unwrap_or_default(),
        put_by: parameter["LastModifiedUser"].as_str().map(str::to_owned),
    }
}

/// The bucket stands in the path: its name in the host would not fit the certificate where it has dots.
fn object_path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", percent_encoded(key, "/"))
}

/// A bucket of another region answers with a redirection.
fn of_region(error: PortError, what: &str) -> PortError {
    match error {
        PortError::Refused { call, message } if message.contains("Redirect") => PortError::Refused {
            call,
            message: format!("{what} is in another region. Keep plans in a bucket of the region that Teal runs in"),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Script;

    async fn stored(script: &Script, reference: &str) -> PortResult<StoredPlan> {
        script.aws().stored_plan(&reference.parse().unwrap()).await
    }

    #[tokio::test]
    async fn a_parameter_is_read_at_its_version() {
        let answer = json!({"Parameter": {"Name": "/p", "Type": "String", "Value": "service: a", "Version": 3}});
        let script = Script::default().json(&answer);
        let plan = stored(&script, "ssm:/p:3").await.unwrap();
        assert_eq!(plan, StoredPlan { text: "service: a".into(), version: Some("3".into()) });
        assert_eq!(script.sent()[0].json(), json!({"Name": "/p:3"}));
    }

    #[tokio::test]
    async fn a_parameter_that_is_secret_or_missing_is_no_plan() {
        let answer = json!({"Parameter": {"Name": "/p", "Type": "SecureString", "Value": "AQICAH", "Version": 1}});
        let script = Script::default().json(&answer);
        let error = stored(&script, "ssm:/p").await.unwrap_err();
        assert!(error.to_string().contains("SecureString") && !error.to_string().contains("AQICAH"), "{error}");
        for code in ["ParameterNotFound", "ParameterVersionNotFound"] {
            let script = Script::default().answers(400, format!(r#"{{"__type": "{code}"}}"#));
            assert!(matches!(stored(&script, "ssm:/p:9").await, Err(PortError::NotFound { .. })));
        }
    }

    #[tokio::test]
    async fn an_object_is_read_at_its_version_and_must_be_text_of_some_size() {
        let script = Script::default().answers(200, "service: a");
        let plan = stored(&script, "s3://bucket/a b/plan.yaml?versionId=v/1").await.unwrap();
        assert_eq!(plan.text, "service: a");
        let sent = &script.sent()[0];
        assert_eq!(sent.uri, "https://s3.eu-central-1.amazonaws.com/bucket/a%20b/plan.yaml?versionId=v%2F1");
        assert!(sent.headers["authorization"].contains("x-amz-content-sha256"), "{:?}", sent.headers);
        let script = Script::default().answers(200, [0xff, 0xfe]);
        assert!(stored(&script, "s3://bucket/plan").await.unwrap_err().to_string().contains("UTF-8"));
        let large = || "x".repeat(MAX_STORED_PLAN + 1);
        let script = Script::default().answers(200, large());
        let error = stored(&script, "s3://bucket/plan").await.unwrap_err();
        assert!(error.to_string().contains("larger than 256 KiB"), "{error}");
        assert_eq!(script.sent()[0].headers["range"], "bytes=0-262144");
        let elsewhere = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
        let script = Script::default().answers(301, elsewhere);
        assert!(stored(&script, "s3://bucket/plan").await.unwrap_err().to_string().contains("another region"));
    }

    #[tokio::test]
    async fn plans_are_put_as_the_next_version() {
        let script = Script::default().json(&json!({"Version": 4, "Tier": "Standard"}));
        assert_eq!(script.aws().put_parameter("/p", "service: a").await, Ok(4));
        let sent = script.sent()[0].json();
        assert_eq!((&sent["Overwrite"], &sent["Type"]), (&json!(true), &json!("String")));
        let script = Script::default().answers(200, "");
        assert_eq!(script.aws().put_object("bucket", "plan", "service: a").await, Ok(None));
        assert_eq!(script.sent()[0].body, b"service: a");
    }

    #[tokio::test]
    async fn versions_and_lists_are_read_to_their_end() {
        let page =
            |version: u64, more: Value| json!({"Parameters": [{"Name": "/p", "Version": version}], "NextToken": more});
        let script = Script::default().json(&page(1, json!("more"))).json(&page(2, Value::Null));
        let found = script.aws().parameter_versions("/p").await.unwrap();
        assert_eq!(found.iter().map(|kept| kept.version).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(script.sent()[1].json()["NextToken"], "more");
    }
}
