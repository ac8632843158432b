//! Tags of load balancers, target groups, listeners and rules.

use super::{Call, Result, missing};
use crate::model::{Account, Pairs};
use teal_lab_wire::AwsFault;
use teal_lab_wire::query::{Params, invalid};
use teal_lab_wire::xml::Xml;

/// Source: API Reference, TooManyTags; DescribeTags, ResourceArns.
const MOST_TAGS: usize = 50;
const MOST_RESOURCES: usize = 20;

/// Keeps the `Tags` of a Create action.
pub(super) fn put_new(call: &mut Call<'_>, arn: &str) -> Result<()> {
    let tags = read(&call.params)?;
    if !tags.is_empty() {
        call.account.tags.insert(arn.to_owned(), tags);
    }
    Ok(())
}

pub(super) fn add(call: &mut Call<'_>) -> Result<Xml> {
    let tags = read(&call.params)?;
    let arns = resources(call)?;
    for arn in &arns {
        let known =
            call.account.tags.get(*arn).map_or(0, |known| known.keys().filter(|k| !tags.contains_key(*k)).count());
        if known + tags.len() > MOST_TAGS {
            return Err(too_many());
        }
    }
    for arn in arns {
        call.account.tags.entry(arn.to_owned()).or_default().extend(tags.clone());
    }
    Ok(Xml::default())
}

pub(super) fn remove(call: &mut Call<'_>) -> Result<Xml> {
    let keys = call.params.texts("TagKeys");
    for arn in resources(call)? {
        if let Some(tags) = call.account.tags.get_mut(arn) {
            tags.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }
    Ok(Xml::default())
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<Xml> {
    let mut x = Xml::default();
    x.list("TagDescriptions", resources(call)?, |x, arn| {
        x.leaf("ResourceArn", arn);
        x.list("Tags", call.account.tags.get(arn).into_iter().flatten(), |x, (key, value)| {
            x.leaf("Key", key);
            x.leaf("Value", value);
        });
    });
    Ok(x)
}

fn read(params: &Params<'_>) -> Result<Pairs> {
    let mut tags = Pairs::new();
    for tag in params.structures("Tags") {
        let (key, value) = (tag.required("Key")?.to_owned(), tag.text("Value").unwrap_or_default().to_owned());
        if tags.insert(key.clone(), value).is_some() {
            return Err(AwsFault::client(
                "DuplicateTagKeys",
                format!("The tag key '{key}' was specified more than once"),
            ));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many());
    }
    Ok(tags)
}

fn too_many() -> AwsFault {
    AwsFault::client("TooManyTags", format!("A resource can have at most {MOST_TAGS} tags"))
}

fn resources<'a>(call: &Call<'a>) -> Result<Vec<&'a str>> {
    let arns = call.params.texts("ResourceArns");
    if arns.is_empty() || arns.len() > MOST_RESOURCES {
        return Err(invalid(format!("You must specify 1 to {MOST_RESOURCES} resource ARNs")));
    }
    for arn in &arns {
        exists(call.account, arn)?;
    }
    Ok(arns)
}

fn exists(account: &Account, arn: &str) -> Result<()> {
    let kind = arn.split(':').nth(5).and_then(|resource| resource.split('/').next()).unwrap_or_default();
    let (known, fault) = match kind {
        "loadbalancer" => (account.load_balancers.contains_key(arn), missing::load_balancer(arn)),
        "targetgroup" => (account.target_groups.contains_key(arn), missing::target_group(arn)),
        "listener" => (account.listeners.contains_key(arn), missing::listener()),
        "listener-rule" => {
            let default = account.listeners.values().any(|listener| listener.default_rule_arn == arn);
            (default || account.rules.contains_key(arn), missing::rule())
        }
        _ => (false, invalid(format!("'{arn}' is not a valid resource ARN"))),
    };
    if known { Ok(()) } else { Err(fault) }
}
