//! Lambda's API as far as the user's side of a release needs it.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>

use crate::model::{Alias, Answer, LATEST, State, arn, conflict, invalid, not_found};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use teal_lab_wire::{AwsFault, AwsRequest};

/// Where functions are.
const FUNCTIONS: &str = "/2015-03-31/functions";

/// Where their URLs are.
const URLS: &str = "/2021-10-31/functions";

/// A call: the function, what of it, and which of those.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    /// Empty where one is made.
    pub(crate) function: String,
    /// `aliases`, `configuration`, `invocations`, `url`, `versions`, or nothing.
    part: String,
    /// The alias's name.
    name: Option<String>,
    pub(crate) qualifier: Option<String>,
}

impl Call {
    /// `None` where it is no call about functions.
    pub(crate) fn read(request: &AwsRequest) -> Option<Self> {
        let path = request.uri.path();
        let path = [FUNCTIONS, URLS].iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let mut parts = path.trim_start_matches('/').split('/').map(decoded);
        let named = parts.next().unwrap_or_default();
        // A name, an ARN, either with a qualifier.
        let named = named.rsplit_once(":function:").map_or(named.as_str(), |(_, name)| name);
        let (function, in_name) = named.split_once(':').map_or((named, None), |(name, last)| (name, Some(last)));
        let query = request.uri.query().unwrap_or_default();
        let in_query = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "Qualifier");
        let qualifier = in_query.map(|(_, value)| value.into_owned()).or_else(|| in_name.map(str::to_owned));
        Some(Self {
            method: request.method.clone(),
            function: function.to_owned(),
            part: parts.next().unwrap_or_default(),
            name: parts.next(),
            qualifier,
        })
    }

    /// Whether it makes a function.
    pub(crate) fn makes_one(&self) -> bool {
        self.method == Method::POST && self.function.is_empty()
    }

    /// Whether it sets an alias.
    pub(crate) fn sets_alias(&self) -> bool {
        [Method::POST, Method::PUT].contains(&self.method) && self.part == "aliases"
    }

    /// Whether it makes a URL of a function or an alias.
    pub(crate) fn makes_url(&self) -> bool {
        self.method == Method::POST && self.part == "url"
    }

    pub(crate) fn is_invocation(&self) -> bool {
        self.method == Method::POST && self.part == "invocations"
    }
}

fn decoded(part: &str) -> String {
    // A path's part is encoded as a form's value is, but for the plus sign.
    let text = format!("v={}", part.replace('+', "%2B"));
    form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Answers any call but an invocation.
pub(crate) fn answer(state: &mut State, call: &Call, body: &Bytes) -> Answer<(StatusCode, Value)> {
    let input: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body)
            .map_err(|problem| AwsFault::client("InvalidRequestContentException", problem.to_string()))?
    };
    let name = call.function.as_str();
    match (&call.method, call.part.as_str(), call.name.as_deref()) {
        (&Method::POST, "", None) if name.is_empty() => create_function(state, &input),
        (&Method::POST, "versions", None) => {
            let function = state.existing(name)?;
            let number = function.publish().to_string();
            Ok((StatusCode::CREATED, configuration(name, function.version(&number), &number)?))
        }
        (&Method::PUT, "code", None) => {
            let function = state.existing(name)?;
            function.configuration["Code"] = input.clone();
            let version = if input["Publish"] == true { function.publish().to_string() } else { LATEST.to_owned() };
            Ok((StatusCode::OK, configuration(name, Some(&function.configuration), &version)?))
        }
        (&Method::PUT, "configuration", None) => {
            let function = state.existing(name)?;
            for (setting, value) in input.as_object().into_iter().flatten() {
                function.configuration[setting] = value.clone();
            }
            Ok((StatusCode::OK, configuration(name, Some(&function.configuration), LATEST)?))
        }
        (&Method::GET, "configuration", None) => {
            let function = state.existing(name)?;
            let qualifier = call.qualifier.as_deref().unwrap_or(LATEST);
            let qualifier = function.aliases.get(qualifier).map_or(qualifier, |alias| &alias.version);
            let found = if qualifier == LATEST { Some(&function.configuration) } else { function.version(qualifier) };
            Ok((StatusCode::OK, configuration(name, found, qualifier)?))
        }
        (&Method::POST, "aliases", None) => {
            let alias = input["Name"].as_str().ok_or_else(|| invalid("an alias needs a Name"))?;
            if state.existing(name)?.aliases.contains_key(alias) {
                return Err(conflict(&format!("Alias already exists: {}", arn(name, Some(alias)))));
            }
            let none =
                Alias { version: String::new(), additional: None, description: String::new(), revision: String::new() };
            set_alias(state, name, alias, none, &input).map(|shown| (StatusCode::CREATED, shown))
        }
        (&Method::GET, "aliases", Some(alias)) => {
            let found = alias_of(state, name, alias)?;
            Ok((StatusCode::OK, found.shown(name, alias)))
        }
        (&Method::PUT, "aliases", Some(alias)) => {
            let found = alias_of(state, name, alias)?;
            if input["RevisionId"].as_str().is_some_and(|revision| revision != found.revision) {
                return Err(AwsFault {
                    status: StatusCode::PRECONDITION_FAILED,
                    code: "PreconditionFailedException".into(),
                    message:
                        "The Revision Id provided does not match the latest Revision Id. Call the GetAlias API to \
                              retrieve the latest Revision Id"
                            .into(),
                });
            }
            set_alias(state, name, alias, found, &input).map(|shown| (StatusCode::OK, shown))
        }
        (method, part, _) => Err(not_found(&format!("the lab's Lambda does not know {method} {part}"))),
    }
}

fn create_function(state: &mut State, input: &Value) -> Answer<(StatusCode, Value)> {
    let name = input["FunctionName"].as_str().ok_or_else(|| invalid("a function needs a FunctionName"))?;
    let mut settings = input.clone();
    if let Some(members) = settings.as_object_mut() {
        // What the code is is its runtime's affair; that it is another one must show.
        members.retain(|member, _| !["FunctionName", "Publish", "Tags"].contains(&member.as_str()));
    }
    state.create(name, settings)?;
    let function = state.existing(name)?;
    let version = if input["Publish"] == true { function.publish().to_string() } else { LATEST.to_owned() };
    Ok((StatusCode::CREATED, configuration(name, Some(&function.configuration), &version)?))
}

fn alias_of(state: &mut State, function: &str, alias: &str) -> Answer<Alias> {
    let missing = || not_found(&format!("Cannot find alias arn: {}", arn(function, Some(alias))));
    state.existing(function)?.aliases.get(alias).cloned().ok_or_else(missing)
}

/// Sets what the input says of an alias; the rest stays.
fn set_alias(state: &mut State, function: &str, name: &str, found: Alias, input: &Value) -> Answer<Value> {
    let mut alias = Alias { revision: state.new_revision(), ..found };
    if let Some(version) = input["FunctionVersion"].as_str() {
        version.clone_into(&mut alias.version);
    }
    if let Some(description) = input["Description"].as_str() {
        description.clone_into(&mut alias.description);
    }
    if let Some(weights) = input["RoutingConfig"]["AdditionalVersionWeights"].as_object() {
        if weights.len() > 1 {
            return Err(invalid("an alias may have one additional version"));
        }
        let weight = |(version, weight): (&String, &Value)| (version.clone(), weight.as_f64().unwrap_or(f64::NAN));
        alias.additional = weights.iter().map(weight).next();
    }
    let shown = alias.shown(function, name);
    let existing = state.existing(function)?;
    existing.check(function, &alias)?;
    existing.aliases.insert(name.to_owned(), alias);
    Ok(shown)
}

fn configuration(function: &str, settings: Option<&Value>, version: &str) -> Answer<Value> {
    let qualifier = Some(version).filter(|version| *version != LATEST);
    let missing = || not_found(&format!("Function not found: {}", arn(function, Some(version))));
    let mut shown = settings.cloned().ok_or_else(missing)?;
    shown["FunctionName"] = json!(function);
    shown["FunctionArn"] = json!(arn(function, qualifier));
    shown["Version"] = json!(version);
    shown["State"] = json!("Active");
    shown["LastUpdateStatus"] = json!("Successful");
    if let Some(members) = shown.as_object_mut() {
        members.remove("Code");
    }
    Ok(shown)
}
