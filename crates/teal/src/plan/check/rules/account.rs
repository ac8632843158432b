//! The account: everything that the plan names by its ARN is in it, and what is different there is said.

use super::super::{Fields, Findings};
use super::route;
use crate::plan::problem::{Path, Problem};
use crate::plan::{AppConfigId, FlagRoute, FunctionName, ReleaseRoleArn, home_of};
use crate::route::RouteKind;

pub(super) fn check(fields: &Fields<'_>, findings: &mut Findings) {
    let account = Path::of("account");
    if !fields.is_present(&account) {
        return;
    }
    let role_path = account.field("role");
    if let Some(role) = fields.get::<ReleaseRoleArn>(&role_path) {
        let tester = Path::of("validate.lambda.function");
        let function = fields.get::<FunctionName>(&tester);
        let function = function.as_ref().map(FunctionName::as_str);
        let function = function.and_then(|arn| Some((tester, arn, home_of(arn)?)));
        for (path, arn, home) in route::arns(fields).into_iter().chain(function) {
            // What is malformed was reported.
            if home.is_elsewhere(&role.home()) && !findings.is_reported(&path) {
                let reason = format!("it is not in account {}, which `{role_path}` belongs to", role.account());
                let remedy = "Name what belongs to the service's account, or a role of the account that this is in";
                findings.problem(Problem::new(path, reason, remedy).showing(arn));
            }
        }
    }
    check_strategy(fields, &account.field("deploymentStrategy"), findings);
    check_deployment(fields, findings);
}

/// Reports a deployment that moves the traffic: the hooks that would keep it from doing so before green is validated are in its own account,
/// and Teal's is not there.
fn check_deployment(fields: &Fields<'_>, findings: &mut Findings) {
    let path = Path::of("traffic.shiftedBy");
    if fields.is_present(&path) {
        let reason = "a deployment in another account does not ask Teal's hook before it moves traffic";
        let remedy = "Install Teal in the deployment's account and leave `account` out, or let Teal move the traffic";
        findings.problem(Problem::new(path, reason, remedy));
    }
}

/// Reports flags without the strategy by which they are turned: the one of Teal's stack is in Teal's account.
fn check_strategy(fields: &Fields<'_>, path: &Path, findings: &mut Findings) {
    let flag = RouteKind::Flag.path();
    let turns_flags = fields.is_present(&flag) || !fields.items::<FlagRoute>(&Path::of("flags")).is_empty();
    match (turns_flags, fields.is_present(path)) {
        (true, false) => {
            let reason = "the plan turns feature flags there, and a deployment strategy belongs to one account";
            let remedy = "Write the output DeploymentStrategyId of the release role's stack";
            findings.problem(Problem::new(path.clone(), reason, remedy));
        }
        (false, true) => {
            let problem = Problem::new(path.clone(), "the plan turns no feature flag", "Leave it out");
            findings.warning(match fields.get::<AppConfigId>(path) {
                Some(id) => problem.showing(id),
                None => problem,
            });
        }
        (true, true) | (false, false) => {}
    }
}
