//! Launch templates, of Amazon EC2.
//!
//! EC2 speaks a dialect of the Query protocol: lists are numbered without `member`, and come back as `item`s.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html>

use crate::describe_instances;
use crate::fleet::Fleet;
use crate::model::{LaunchTemplate, State, TemplateVersion, hex, uuid};
use http::StatusCode;
use std::collections::BTreeMap;
use teal_lab_wire::query::{Form, Params, Tree};
use teal_lab_wire::xml::Xml;
use teal_lab_wire::{ACCOUNT, AwsAnswer, AwsFault, AwsRequest, Millis, iso8601};

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const CREATOR: &str = "arn:aws:iam::000000000000:root";
/// The members of LaunchTemplateData that are given back; the others are taken and forgotten.
const GIVEN_BACK: [(&str, &str); 4] =
    [("ImageId", "imageId"), ("InstanceType", "instanceType"), ("KeyName", "keyName"), ("UserData", "userData")];

type Result<T> = std::result::Result<T, AwsFault>;

pub(crate) fn answer(fleet: &Fleet, request: &AwsRequest) -> AwsAnswer {
    let form = Form::of(request);
    let params = form.params();
    let action = params.text("Action").unwrap_or_default();
    let now = fleet.clock.now_millis();
    let mut state = fleet.state();
    let result = match action {
        "CreateLaunchTemplate" => create(&mut state, &params, now),
        "CreateLaunchTemplateVersion" => create_version(&mut state, &params, now),
        "DescribeLaunchTemplateVersions" => describe_versions(&state, &params),
        "DescribeInstances" => describe_instances::answer(&state, &params),
        other => {
            Err(AwsFault::client("InvalidAction", format!("The action {other} is not valid for this web service.")))
        }
    };
    let request_id = uuid();
    let (status, body) = match result {
        Ok(inside) => {
            let inside = inside.into_string();
            let id = format!("<requestId>{request_id}</requestId>");
            (StatusCode::OK, format!("<{action}Response xmlns=\"{NAMESPACE}\">{id}{inside}</{action}Response>"))
        }
        Err(fault) => {
            let mut x = Xml::default();
            x.node("Response", |x| {
                x.node("Errors", |x| {
                    x.node("Error", |x| {
                        x.leaf("Code", &fault.code);
                        x.leaf("Message", &fault.message);
                    });
                });
                x.leaf("RequestID", &request_id);
            });
            (fault.status, x.into_string())
        }
    };
    AwsAnswer::new(status, "text/xml;charset=UTF-8", body)
}

fn create(state: &mut State, params: &Params<'_>, now: Millis) -> Result<Xml> {
    let name = params.required("LaunchTemplateName")?;
    if state.templates.values().any(|known| known.name == name) {
        return Err(AwsFault::client(
            "InvalidLaunchTemplateName.AlreadyExistsException",
            format!("Launch template name '{name}' already in use."),
        ));
    }
    let template = LaunchTemplate {
        id: format!("lt-{}", hex(17)),
        name: name.to_owned(),
        created: now,
        versions: vec![new_version(params, BTreeMap::new(), now)],
    };
    let mut x = Xml::default();
    x.node("launchTemplate", |x| {
        x.leaf("launchTemplateId", &template.id);
        x.leaf("launchTemplateName", &template.name);
        x.leaf("createTime", iso8601(template.created));
        x.leaf("createdBy", CREATOR);
        x.leaf("defaultVersionNumber", 1);
        x.leaf("latestVersionNumber", 1);
    });
    state.templates.insert(template.id.clone(), template);
    Ok(x)
}

/// A version has the members of its source version, if it names one, under its own.
fn create_version(state: &mut State, params: &Params<'_>, now: Millis) -> Result<Xml> {
    let template = find(state, params)?;
    let base = match params.text("SourceVersion") {
        Some(number) => {
            let index = number.parse().ok().and_then(|number: usize| number.checked_sub(1));
            let source = index.and_then(|index| template.versions.get(index));
            source.map(|source| source.data.clone()).ok_or_else(|| no_version(number))?
        }
        None => BTreeMap::new(),
    };
    let id = template.id.clone();
    let Some(template) = state.templates.get_mut(&id) else { return Ok(Xml::default()) };
    template.versions.push(new_version(params, base, now));
    let mut x = Xml::default();
    x.node("launchTemplateVersion", |x| write_version(x, template, template.versions.len()));
    Ok(x)
}

fn new_version(params: &Params<'_>, mut data: BTreeMap<String, String>, now: Millis) -> TemplateVersion {
    if let Some(Tree::Structure(members)) = params.tree("LaunchTemplateData") {
        let values = members.into_iter().filter_map(|(name, value)| match value {
            Tree::Leaf(text) => Some((name, text)),
            _ => None,
        });
        data.extend(values);
    }
    TemplateVersion { created: now, description: params.text("VersionDescription").map(str::to_owned), data }
}

/// The versions of one template: those asked for, or all.
fn describe_versions(state: &State, params: &Params<'_>) -> Result<Xml> {
    let template = find(state, params)?;
    let latest = template.versions.len();
    let mut wanted = Vec::new();
    if let Some(Tree::Structure(numbered)) = params.tree("LaunchTemplateVersion") {
        for number in numbered.values().filter_map(|value| value.text(&[])) {
            let found = match number {
                "$Latest" => Some(latest),
                "$Default" => Some(1),
                number => number.parse().ok().filter(|number| (1..=latest).contains(number)),
            };
            wanted.push(found.ok_or_else(|| no_version(number))?);
        }
    } else {
        wanted.extend(1..=latest);
    }
    let mut x = Xml::default();
    x.node("launchTemplateVersionSet", |x| {
        for number in wanted {
            x.node("item", |x| write_version(x, template, number));
        }
    });
    Ok(x)
}

fn write_version(x: &mut Xml, template: &LaunchTemplate, number: usize) {
    let Some(version) = number.checked_sub(1).and_then(|index| template.versions.get(index)) else { return };
    x.leaf("launchTemplateId", &template.id);
    x.leaf("launchTemplateName", &template.name);
    x.leaf("versionNumber", number);
    x.maybe("versionDescription", version.description.as_ref());
    x.leaf("createTime", iso8601(version.created));
    x.leaf("createdBy", CREATOR);
    x.leaf("defaultVersion", number == 1);
    x.node("launchTemplateData", |x| {
        for (member, written) in GIVEN_BACK {
            x.maybe(written, version.data.get(member));
        }
    });
}

fn find<'a>(state: &'a State, params: &Params<'_>) -> Result<&'a LaunchTemplate> {
    let (id, name) = (params.text("LaunchTemplateId"), params.text("LaunchTemplateName"));
    let found = match (id, name) {
        (Some(id), None) => state.templates.get(id),
        (None, Some(name)) => state.templates.values().find(|known| known.name == name),
        _ => {
            return Err(AwsFault::client(
                "MissingParameter",
                "Either launch template ID or launch template name must be specified",
            ));
        }
    };
    found.ok_or_else(|| match id {
        Some(id) => AwsFault::client(
            "InvalidLaunchTemplateId.NotFound",
            format!("The specified launch template, with template ID {id}, does not exist."),
        ),
        None => AwsFault::client(
            "InvalidLaunchTemplateName.NotFoundException",
            format!("The specified launch template, with template name {}, does not exist.", name.unwrap_or_default()),
        ),
    })
}

fn no_version(number: &str) -> AwsFault {
    AwsFault::client(
        "InvalidLaunchTemplateId.VersionNotFound",
        format!("Could not find the specified version {number} for the launch template in account {ACCOUNT}."),
    )
}
