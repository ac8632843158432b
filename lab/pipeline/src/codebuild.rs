//! Builds that test a service: each sends real requests to the address that it is given.
//! <https://docs.aws.amazon.com/codebuild/latest/APIReference/Welcome.html>

use crate::text;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teal_lab_wire::{ACCOUNT, AwsAnswer, AwsFault, AwsRequest, LabClock, REGION, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a request of a build may take (real time).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What requests are addressed to.
const TARGET: &str = "CodeBuild_20161006";

/// The code of an input that does not fit.
const INVALID: &str = "InvalidInputException";

/// What a project's builds do, or a function that tests green.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// Where they send requests, below green's URL.
    pub path: String,
    /// How many requests they send. Each must be answered with 200 by the version that is released.
    pub requests: u32,
    /// How long they take besides (lab time), in seconds.
    #[serde(default)]
    pub seconds: u64,
}

impl Project {
    /// Sends the requests to green at this URL with these headers, until one is answered otherwise than by this version with 200.
    ///
    /// # Errors
    /// Which request that is, and what came of it.
    pub async fn test(&self, url: &str, headers: &BTreeMap<String, String>, version: &str) -> Result<(), String> {
        let address = url.strip_prefix("http://").ok_or_else(|| format!("green's URL is {url:?}"))?;
        for number in 1..=self.requests {
            let answered = tokio::time::timeout(REQUEST_TIMEOUT, request(address, &self.path, headers)).await;
            let answer = answered.map_err(|_| format!("request {number} got no answer"))?;
            let (status, by) = answer.map_err(|problem| format!("request {number}: {problem}"))?;
            if status != 200 || by != version {
                return Err(format!("request {number} was answered {status} by version {by:?}"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Build {
    project: String,
    token: String,
    status: &'static str,
    trouble: Option<String>,
}

/// The service.
#[derive(Clone, Debug)]
pub struct CodeBuild {
    clock: LabClock,
    projects: Arc<Mutex<BTreeMap<String, Project>>>,
    builds: Arc<Mutex<BTreeMap<String, Build>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CodeBuild {
    #[must_use]
    pub fn new(clock: LabClock) -> Self {
        Self { clock, projects: Arc::default(), builds: Arc::default() }
    }

    /// Makes a project, or changes it.
    pub fn set_project(&self, name: &str, project: Project) {
        lock(&self.projects).insert(name.to_owned(), project);
    }

    /// Serves one request.
    pub async fn handle(&self, request: AwsRequest) -> AwsAnswer {
        json::answer(json::read(&request, TARGET).and_then(|(operation, input)| match operation.as_str() {
            "StartBuild" => self.start(&input),
            "BatchGetBuilds" => Ok(self.get(&input)),
            other => Err(AwsFault::client("UnknownOperationException", format!("the lab does not serve {other}"))),
        }))
    }

    /// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html>
    fn start(&self, input: &Value) -> Result<Value, AwsFault> {
        let name = text(input, "projectName", INVALID)?;
        let Some(project) = lock(&self.projects).get(name).cloned() else {
            let arn = format!("arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{name}");
            return Err(AwsFault::client("ResourceNotFoundException", format!("Project cannot be found: {arn}")));
        };
        let minutes = input["timeoutInMinutesOverride"].as_u64().unwrap_or(60);
        if !(5..=2160).contains(&minutes) {
            return Err(AwsFault::client(INVALID, "timeoutInMinutes must be from 5 to 2160"));
        }
        let mut environment = BTreeMap::new();
        for variable in input["environmentVariablesOverride"].as_array().into_iter().flatten() {
            let value = variable["value"].as_str().unwrap_or_default();
            environment.insert(text(variable, "name", INVALID)?.to_owned(), value.to_owned());
        }
        let token = input["idempotencyToken"].as_str().unwrap_or_default();
        let mut builds = lock(&self.builds);
        let known = builds.iter().find(|(_, build)| build.project == name && build.token == token && !token.is_empty());
        if let Some((id, build)) = known {
            return Ok(json!({"build": describe(id, build)}));
        }
        let id = format!("{name}:00000000-0000-4000-8000-{:012}", builds.len() + 1);
        let build = Build { project: name.to_owned(), token: token.to_owned(), status: "IN_PROGRESS", trouble: None };
        let answer = json!({"build": describe(&id, &build)});
        builds.insert(id.clone(), build);
        let (builds, clock) = (Arc::clone(&self.builds), self.clock.clone());
        tokio::spawn(async move {
            clock.sleep(Duration::from_secs(project.seconds)).await;
            let result = run(&project, &environment).await;
            if let Some(build) = lock(&builds).get_mut(&id) {
                build.status = if result.is_ok() { "SUCCEEDED" } else { "FAILED" };
                build.trouble = result.err();
            }
        });
        Ok(answer)
    }

    fn get(&self, input: &Value) -> Value {
        let builds = lock(&self.builds);
        let ids: Vec<&str> = input["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let found: Vec<Value> = ids.iter().filter_map(|id| Some(describe(id, builds.get(*id)?))).collect();
        let missing: Vec<&&str> = ids.iter().filter(|id| !builds.contains_key(**id)).collect();
        json!({"builds": found, "buildsNotFound": missing})
    }
}

/// <https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html>
fn describe(id: &str, build: &Build) -> Value {
    let mut phases = vec![json!({"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED"})];
    match &build.trouble {
        Some(trouble) => phases.push(json!({
            "phaseType": "BUILD",
            "phaseStatus": "FAILED",
            "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": trouble}],
        })),
        None if build.status == "SUCCEEDED" => phases.push(json!({"phaseType": "BUILD", "phaseStatus": "SUCCEEDED"})),
        None => phases.push(json!({"phaseType": "BUILD"})),
    }
    let link = format!(
        "https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}#logsV2:log-groups/log-group/$252Faws$252Fcodebuild$252F{}",
        build.project
    );
    json!({
        "id": id,
        "arn": format!("arn:aws:codebuild:{REGION}:{ACCOUNT}:build/{id}"),
        "projectName": build.project,
        "buildStatus": build.status,
        "phases": phases,
        "logs": {"deepLink": link},
    })
}

/// What the build's commands do.
async fn run(project: &Project, environment: &BTreeMap<String, String>) -> Result<(), String> {
    let variable = |name: &str| environment.get(name).map(String::as_str).unwrap_or_default();
    let headers = serde_json::from_str(variable("TEAL_GREEN_HEADERS"))
        .map_err(|problem| format!("TEAL_GREEN_HEADERS: {problem}"))?;
    project.test(variable("TEAL_GREEN_URL"), &headers, variable("TEAL_VERSION")).await
}

/// Status and version of one answer.
async fn request(address: &str, path: &str, headers: &BTreeMap<String, String>) -> Result<(u16, String), String> {
    let mut stream = TcpStream::connect(address).await.map_err(|problem| problem.to_string())?;
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await.map_err(|problem| problem.to_string())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(|problem| problem.to_string())?;
    let answer = String::from_utf8_lossy(&answer);
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("this is no HTTP answer")?;
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let version = head.lines().filter_map(header).find(|(name, _)| name == "x-version");
    Ok((status, version.map(|(_, value)| value).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn ended(service: &CodeBuild, id: &Value) -> Value {
        loop {
            let answer = service.get(&json!({"ids": [id]}));
            if answer["builds"][0]["buildStatus"] != "IN_PROGRESS" {
                return answer["builds"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// A service that says that it is this version.
    async fn green(version: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let _ = stream.read(&mut request).await;
                let answer = format!("HTTP/1.1 200 OK\r\nX-Version: {version}\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        url
    }

    fn order(url: &str, token: &str) -> Value {
        let variable = |name: &str, value: &str| json!({"name": name, "value": value, "type": "PLAINTEXT"});
        let environment = [
            variable("TEAL_GREEN_URL", url),
            variable("TEAL_GREEN_HEADERS", "{\"X-Test\": \"1\"}"),
            variable("TEAL_VERSION", "2"),
        ];
        json!({"projectName": "p", "environmentVariablesOverride": environment, "idempotencyToken": token})
    }

    #[tokio::test]
    async fn a_build_succeeds_when_green_itself_answers_every_request() {
        let service = CodeBuild::new(LabClock::starting_now(1000.0));
        service.set_project("p", Project { path: "/".into(), requests: 3, seconds: 0 });
        let started = service.start(&order(&green("2").await, "a")).unwrap();
        assert_eq!(ended(&service, &started["build"]["id"]).await["buildStatus"], "SUCCEEDED");
        let again = service.start(&order("http://127.0.0.1:1", "a")).unwrap();
        assert_eq!(again["build"]["id"], started["build"]["id"], "the token is the same");

        let by_blue = service.start(&order(&green("1").await, "b")).unwrap();
        let build = ended(&service, &by_blue["build"]["id"]).await;
        assert_eq!(build["buildStatus"], "FAILED");
        let message = build["phases"][1]["contexts"][0]["message"].as_str().unwrap();
        assert!(message.contains("by version \"1\""), "{message}");
    }

    #[tokio::test]
    async fn a_project_that_does_not_exist_cannot_be_started() {
        let service = CodeBuild::new(LabClock::starting_now(1.0));
        assert_eq!(service.start(&order("http://x", "a")).unwrap_err().code, "ResourceNotFoundException");
        assert_eq!(service.get(&json!({"ids": ["p:1"]}))["buildsNotFound"], json!(["p:1"]));
    }
}
