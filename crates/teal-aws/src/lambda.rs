//! Aliases of Lambda functions, and the versions that they split their invocations between.
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html>

#[cfg(test)]
mod tests;
mod version;

use crate::fleet::{GreenOnAws, RunnerOnAws};
use crate::rest::{Request, percent_encoded};
use crate::router::{DestinationOnAws, PartOnAws};
use crate::{Aws, json};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use teal::fleet::{GreenOrder, Runner};
use teal::plan::LambdaGreen;
use teal::ports::{
    CapacityHold, DestinationReading, Endpoint, Entrance, PortError, PortResult, Progress, RunnerReading, Scaling,
    Survey, Target,
};
use teal::route::{
    Action, ActionKind, Colours, Destination, FunctionAlias, FunctionVersion, PartReading, WeightedDestination,
};

pub(crate) const LAMBDA: json::Service = json::Service { name: "lambda", target: "", version: "", id: "lambda" };

const GET_ALIAS: &str = "lambda:GetAlias";
const UPDATE_ALIAS: &str = "lambda:UpdateAlias";
const GET_CONFIGURATION: &str = "lambda:GetFunctionConfiguration";

/// The whole of an alias's traffic: its weights are read and written in permille. Lambda takes any number from 0 to 1.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_AliasRoutingConfiguration.html>
const WHOLE: u16 = 1000;

/// An alias as it was read last.
#[derive(Clone, Debug)]
pub(crate) struct AliasSeen {
    /// Changes with every change of the alias.
    revision: Option<String>,
    /// The version that takes what the others leave.
    main: FunctionVersion,
}

impl PartOnAws for FunctionAlias {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html>
    async fn actions(&self, aws: &Aws) -> PortResult<Vec<Action>> {
        let found = aws.lambda().call(GET_ALIAS, &in_words(self), Request::get(alias_path(self))).await?;
        let (seen, actions) = read_alias(self, &found.document())
            .map_err(|message| PortError::Refused { call: GET_ALIAS, message: format!("alias {self}: {message}") })?;
        aws.remember(self, seen);
        Ok(actions)
    }

    /// Sets the alias on condition that it is as it was read last: what somebody else has changed since is not written over, and a write
    /// whose answer was lost does no harm when it is tried again.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>
    async fn set_actions(&self, aws: &Aws, actions: &[Action]) -> PortResult<()> {
        if aws.seen(self).is_none() {
            self.actions(aws).await?;
        }
        let seen = aws.seen(self);
        let body = write_alias(actions, seen.as_ref()).map_err(|message| PortError::Refused {
            call: UPDATE_ALIAS,
            message: format!("alias {self}: {message}"),
        })?;
        let change = Request::json("PUT", alias_path(self), &body);
        let done = aws.lambda().call(UPDATE_ALIAS, &in_words(self), change).await?;
        if let Ok((seen, _)) = read_alias(self, &done.document()) {
            aws.remember(self, seen);
        }
        Ok(())
    }

    /// Nothing decides before an alias does.
    async fn reading(&self, aws: &Aws) -> PortResult<PartReading> {
        Ok(PartReading::alone(self.actions(aws).await?))
    }

    async fn zones(&self, _aws: &Aws) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// An alias has no address: it is invoked by its name.
    async fn endpoint(&self, _aws: &Aws) -> PortResult<Endpoint> {
        Err(PortError::NotFound { what: format!("an address of alias {self}") })
    }
}

impl DestinationOnAws for FunctionVersion {
    /// What may differ between two versions is in the survey of the fleet.
    async fn destination(&self, _aws: &Aws) -> PortResult<DestinationReading> {
        Ok(DestinationReading::default())
    }

    /// The version as its one target: healthy once Lambda can invoke it.
    async fn targets(&self, aws: &Aws) -> PortResult<Vec<Target>> {
        let (health, reason) = version::health(&aws.version_configuration(self).await?);
        Ok(vec![Target { id: self.to_string(), port: None, health, reason }])
    }

    async fn entrance(&self, _aws: &Aws) -> PortResult<Option<Entrance>> {
        Ok(None)
    }
}

impl GreenOnAws for LambdaGreen {
    async fn survey(&self, aws: &Aws, colours: &Colours) -> PortResult<Survey> {
        let [blue, green] = [version_of(&colours.blue)?, version_of(&colours.green)?];
        let found = aws.version_configuration(blue).await?;
        let wanted = aws.version_configuration(green).await?;
        if let Some(message) = version::why_not_together(&found, &wanted) {
            let message = format!("{blue} and {green} {message}");
            return Err(PortError::Refused { call: GET_CONFIGURATION, message });
        }
        Ok(Survey {
            blue: RunnerReading {
                runner: Runner::FunctionVersion(blue.clone()),
                desired: 1,
                settings: BTreeMap::new(),
            },
            green: Runner::FunctionVersion(green.clone()),
            present: None,
            runs: green.number().to_owned(),
            lacking: Vec::new(),
            green_version: version::settings(&wanted),
            blue_version: version::settings(&found),
        })
    }
}

impl RunnerOnAws for FunctionVersion {
    async fn scaling(&self, _aws: &Aws) -> PortResult<Option<Scaling>> {
        Ok(None)
    }

    async fn hold_capacity(&self, _aws: &Aws, _hold: &CapacityHold) -> PortResult<()> {
        Ok(())
    }

    async fn free_capacity(&self, _aws: &Aws, _hold: &CapacityHold) -> PortResult<()> {
        Ok(())
    }

    /// Lambda runs it on demand.
    async fn bring_up(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn bring_on(&self, _aws: &Aws, _order: &GreenOrder) -> PortResult<()> {
        Ok(())
    }

    async fn progress_of_green(&self, aws: &Aws, _order: &GreenOrder) -> PortResult<Progress> {
        self.progress(aws).await
    }

    async fn progress(&self, aws: &Aws) -> PortResult<Progress> {
        Ok(version::progress(&aws.version_configuration(self).await?))
    }

    async fn scale_out(&self, _aws: &Aws, _units: u32) -> PortResult<()> {
        Ok(())
    }

    async fn scale_in(&self, _aws: &Aws) -> PortResult<()> {
        Ok(())
    }
}

impl Aws {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>
    async fn version_configuration(&self, version: &FunctionVersion) -> PortResult<Value> {
        let path = format!("{}/configuration?Qualifier={}", function_path(version.function()), version.number());
        let what = format!("function version {version}");
        let answer = self.lambda().call(GET_CONFIGURATION, &what, Request::get(path)).await?;
        answer.members(GET_CONFIGURATION)
    }

    fn remember(&self, alias: &FunctionAlias, seen: AliasSeen) {
        let mut aliases = self.aliases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        aliases.insert(alias.clone(), seen);
    }

    fn seen(&self, alias: &FunctionAlias) -> Option<AliasSeen> {
        self.aliases.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(alias).cloned()
    }
}

fn in_words(alias: &FunctionAlias) -> String {
    format!("alias {alias}")
}

fn function_path(function: &str) -> String {
    format!("/2015-03-31/functions/{}", percent_encoded(function, ""))
}

fn alias_path(alias: &FunctionAlias) -> String {
    format!("{}/aliases/{}", function_path(alias.function()), percent_encoded(alias.alias(), ""))
}

fn version_of(destination: &Destination) -> PortResult<&FunctionVersion> {
    match destination {
        Destination::FunctionVersion(version) => Ok(version),
        other => Err(PortError::Refused {
            call: GET_CONFIGURATION,
            message: format!("{} {other} is no version of a function", other.noun()),
        }),
    }
}

/// An alias as one forward action. A version of weight 0 takes nothing and is left out.
fn read_alias(alias: &FunctionAlias, found: &Value) -> Result<(AliasSeen, Vec<Action>), String> {
    let number = found["FunctionVersion"].as_str().ok_or("Lambda did not say its version")?;
    if number == "$LATEST" {
        return Err("it points to $LATEST, which cannot share its traffic. Publish a version and point it there".into());
    }
    let main = alias.version(number)?;
    let mut groups = Vec::new();
    let mut rest = WHOLE;
    for (number, weight) in found["RoutingConfig"]["AdditionalVersionWeights"].as_object().into_iter().flatten() {
        let weight = weight.as_f64().filter(|weight| (0.0..=1.0).contains(weight));
        let weight = weight.ok_or_else(|| format!("the weight of version {number} is not from 0 to 1"))?;
        // However little somebody has given it, it is not nothing.
        let least = u16::from(weight > 0.0);
        let permille = ((weight * f64::from(WHOLE)).round() as u16).max(least);
        rest = rest.checked_sub(permille).ok_or("its additional weights are more than the whole")?;
        groups.push(WeightedDestination { destination: alias.version(number)?.into(), weight: permille });
    }
    groups.push(WeightedDestination { destination: main.clone().into(), weight: rest });
    groups.retain(|group| group.weight > 0);
    groups.sort_by(|one, other| one.destination.cmp(&other.destination));
    let revision = found["RevisionId"].as_str().map(str::to_owned);
    let action = Action { order: None, kind: ActionKind::Forward { groups, stickiness: None } };
    Ok((AliasSeen { revision, main }, vec![action]))
}

/// The body that sets an alias to a forward action. Of two versions the one that took the rest before goes on doing so.
fn write_alias(actions: &[Action], seen: Option<&AliasSeen>) -> Result<Value, String> {
    let [action] = actions else { return Err(format!("it has {} actions", actions.len())) };
    let mut versions = Vec::new();
    for group in action.groups().iter().filter(|group| group.weight > 0) {
        match &group.destination {
            Destination::FunctionVersion(version) => versions.push((version, group.weight)),
            other => return Err(format!("{} {other} is no version of a function", other.noun())),
        }
    }
    let whole: u16 = versions.iter().map(|(_, weight)| *weight).sum();
    let before = versions.iter().find(|(version, _)| seen.is_some_and(|seen| seen.main == **version));
    let main =
        before.or_else(|| versions.iter().max_by_key(|(_, weight)| *weight)).ok_or("no version has any weight")?.0;
    if whole != WHOLE || versions.len() > 2 {
        return Err(format!(
            "its weights are {whole} of {WHOLE} over {} versions, of which Lambda takes two",
            versions.len()
        ));
    }
    let others = versions.iter().filter(|(version, _)| *version != main);
    let weights: Map<String, Value> = others
        .map(|(version, weight)| (version.number().to_owned(), json!(f64::from(*weight) / f64::from(WHOLE))))
        .collect();
    let mut body = json!({
        "FunctionVersion": main.number(),
        "RoutingConfig": {"AdditionalVersionWeights": weights},
    });
    if let Some(revision) = seen.and_then(|seen| seen.revision.as_deref()) {
        body["RevisionId"] = json!(revision);
    }
    Ok(body)
}
