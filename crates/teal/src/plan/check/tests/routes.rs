//! What splits the traffic, and what runs green behind it.

use super::*;
use crate::route::Named;
use crate::units::Span;

#[test]
fn routes() {
    check("/traffic/alb", json!({}), "traffic.alb", "it names nothing that splits traffic");
    check(
        "/traffic/alb/listeners/1",
        json!(LISTENER),
        "traffic.alb.listeners[1]",
        "stands at traffic.alb.listeners[0]",
    );
    check("/traffic/alb/targetGroups/1", json!(GROUP_A), "traffic.alb.targetGroups[1]", "already");
    check("/green/ecs/services/1", json!("checkout-a"), "green.ecs.services[1]", "already");
    check("/traffic/test", json!({"listener": LISTENER}), "traffic.test.listener", "takes production traffic");
    check("/traffic/test", json!({"rule": RULE}), "traffic.test.rule", "takes production traffic");
    check("/traffic/test", json!({"instance": {"port": 0}}), "traffic.test.instance.port", "0");
    let elsewhere = json!(LISTENER_443.replace("us-east-1", "eu-west-1"));
    check("/traffic/alb/listeners/1", elsewhere, "traffic.alb.listeners[1]", "it is in eu-west-1");
    let other_balancer = json!(RULE.replace("app/shop/50dc6c495c0c9188", "app/blog/50dc6c495c0c9189"));
    check("/traffic/alb/rules/0", other_balancer, "traffic.alb.rules[0]", "belongs to the load balancer app/blog");
    let cluster = json!("arn:aws:ecs:us-east-1:111111111111:cluster/prod");
    check("/green/ecs/cluster", cluster, "green.ecs.cluster", "account 111111111111");
    let many: Vec<String> = (0..21).map(|n| LISTENER.replace("f2f7dc8efc522ab2", &format!("{n:016x}"))).collect();
    check("/traffic/alb/listeners", json!(many), "traffic.alb", "it names 22 listeners and rules");
}

/// The same plan for a service in another account than Teal.
pub(super) fn elsewhere(account: Value) -> Value {
    let mut plan = full();
    plan["account"] = account;
    plan
}

#[test]
fn accounts() {
    let role = "arn:aws:iam::000000000000:role/TealRelease-checkout";
    let fine = elsewhere(json!({"role": role, "externalId": "teal-7f3c", "deploymentStrategy": "abc1234"}));
    let checked = Plan::check(&fine).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(checked.plan().account_number(), Some("000000000000"));
    for (account, path, reason) in [
        (json!({"role": role}), "account.externalId", "this field is missing"),
        (json!({"role": "TealRelease", "externalId": "teal-7f3c"}), "account.role", "it is not an ARN of IAM"),
        (json!({"role": role, "externalId": "x"}), "account.externalId", "it has 1 characters"),
        (json!({"role": role, "externalId": "teal-7f3c", "name": "x"}), "account.name", "there is no such field"),
    ] {
        let problems = Plan::check(&elsewhere(account)).unwrap_err().problems;
        let found = |problem: &Problem| problem.path.to_string() == path && problem.reason.contains(reason);
        assert!(problems.iter().any(found), "{path}: {problems:?}");
    }
}

#[test]
fn everything_named_by_its_arn_is_in_the_roles_account() {
    let other = json!({"role": "arn:aws:iam::222222222222:role/TealRelease", "externalId": "teal-7f3c"});
    let problems = Plan::check(&elsewhere(other)).unwrap_err().problems;
    let reported: Vec<String> = problems.iter().map(|problem| problem.path.to_string()).collect();
    for path in
        ["traffic.alb.listeners[0]", "traffic.alb.rules[0]", "traffic.alb.targetGroups[1]", "traffic.test.listener"]
    {
        assert!(reported.iter().any(|reported| reported == path), "{path}: {reported:?}");
    }
    let of_account = problems.iter().filter(|problem| problem.reason.contains("is not in account 222222222222"));
    assert!(of_account.count() >= 4, "{problems:?}");
}

const NETWORK: &str =
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";

/// A plan for a Network Load Balancer.
pub(super) fn network() -> Value {
    let mut plan = full();
    let test = NETWORK.replace("f2f7dc8efc522ab2", "aaaaaaaaaaaaaaaa");
    plan["traffic"] = json!({"nlb": {"listeners": [NETWORK]}, "test": {"listener": test}});
    plan["judge"] = json!({"alarms": ["checkout-errors"], "metrics": []});
    plan
}

#[test]
fn exactly_one_thing_splits_the_traffic() {
    assert_eq!(problems(&network()), Vec::<String>::new());
    let mut both = network();
    both["traffic"]["alb"] = json!({"listeners": [LISTENER]});
    assert!(problems(&both).iter().any(|found| found.starts_with("traffic: it has `alb` and `nlb`")));
    check("/traffic", json!({"test": {"listener": TEST_LISTENER}}), "traffic", "nothing says what splits the traffic");
    for unsplit in [("alb", json!(null)), ("weightParameters", json!("/teal/weights/shop"))] {
        let mut traffic = json!({"test": {"listener": TEST_LISTENER}});
        traffic[unsplit.0] = unsplit.1;
        check("/traffic", traffic, "traffic", "nothing says what splits the traffic");
    }
}

#[test]
fn a_network_load_balancer_tells_nothing_of_requests() {
    let mut plan = network();
    for (metrics, places) in [
        (json!(["errors", {"latency": {}}]), vec!["judge.metrics[0]: ", "judge.metrics[1]: "]),
        (json!([{"logs": {"namespace": "Shop", "metric": "Errors-${service}"}}]), vec!["judge.metrics[0]: "]),
        (json!([{"xray": {"faults": "${service}-faults", "traces": "${service}"}}]), vec![]),
    ] {
        plan["judge"]["metrics"] = metrics;
        let found = problems(&plan);
        assert_eq!(found.len(), places.len(), "{found:#?}");
        assert!(found.iter().zip(places).all(|(found, place)| found.starts_with(place)), "{found:#?}");
        assert!(found.iter().all(|found| found.contains("`cloudWatch")), "what to do instead: {found:#?}");
    }
    plan["judge"].as_object_mut().unwrap().remove("metrics");
    assert!(problems(&plan)[0].starts_with("judge.metrics: without this field"), "{:#?}", problems(&plan));
    plan["judge"]["metrics"] = json!([]);
    plan["judge"]["limits"] = json!({"badShare": {"above": "1%"}});
    assert!(problems(&plan)[0].starts_with("judge.limits: `traffic.nlb` counts flows"), "{:#?}", problems(&plan));
}

#[test]
fn bakes_of_a_network_load_balancer_begin_when_its_weights_are_in_force() {
    let checked = Plan::check(&network()).unwrap();
    let bakes: Vec<String> = checked.timeline().stages().iter().map(|stage| stage.bake.to_string()).collect();
    assert_eq!(bakes, ["15m", "20m", "20m"], "5m, 10m and 10m, each behind 10m of propagation");
    let mut plan = network();
    plan["deadline"] = json!("50m");
    assert!(problems(&plan)[0].contains("each of them 10m longer than written"), "{:#?}", problems(&plan));
}

#[test]
fn green_of_somebody_else() {
    for green in [json!({"external": {}}), json!({"external": {"minHealthy": 2, "readyWithin": "1h"}})] {
        assert_eq!(problems(&with("/green", green)), Vec::<String>::new());
    }
    check("/green", json!({"external": {"minHealthy": 0}}), "green.external.minHealthy", "not from 1 to 1000");
    check("/green", json!({"external": {"readyWithin": "1s"}}), "green.external.readyWithin", "out of range");
    let mut both = full();
    both["green"]["external"] = json!({});
    assert!(problems(&both)[0].contains("which exclude each other"), "{:#?}", problems(&both));
}

/// A plan that releases a behaviour behind a flag.
pub(super) fn flag() -> Value {
    let mut plan = full();
    plan["green"] = json!({"external": {}});
    plan["traffic"] = json!({"flag": {
        "application": "shop123", "environment": "prod123", "profile": "flag123", "flag": "new-checkout",
    }});
    let series = |metric: &str| json!({"namespace": "Shop", "metric": metric, "dimensions": {"Variant": "${variant}"}});
    let orders = json!({"name": "orders", "cloudWatch": {"bad": series("Failed"), "total": series("Orders")}});
    plan["judge"] = json!({"alarms": ["checkout-errors"], "metrics": [orders]});
    plan.as_object_mut().unwrap().remove("validate");
    plan
}

#[test]
fn a_flag_splits_users_between_two_behaviours_of_what_runs() {
    assert_eq!(problems(&flag()), Vec::<String>::new());
    let checked = Plan::check(&flag()).unwrap();
    let route = &checked.plan().traffic.route;
    let name = "appconfig:shop123/prod123/flag123/new-checkout";
    assert_eq!(route.parts()[0].key(), name);
    assert_eq!(checked.plan().named(), Named::Green(format!("{name}#on").parse().unwrap()));
    let bakes: Vec<String> = checked.timeline().stages().iter().map(|stage| stage.bake.to_string()).collect();
    assert_eq!(bakes, ["6m", "11m", "11m"], "clients poll for a minute at most");
    let mut off = flag();
    off["traffic"]["flag"]["turn"] = json!("off");
    assert_eq!(Plan::check(&off).unwrap().plan().named(), Named::Green(format!("{name}#off").parse().unwrap()));
    let again: Plan = serde_json::from_value(serde_json::to_value(checked.plan()).unwrap()).unwrap();
    assert_eq!(&again, checked.plan());
}

#[test]
fn what_a_flag_has_no_use_for_is_refused() {
    let refused = |pointer: &str, value: Value, begins: &str| {
        let mut plan = flag();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        plan.pointer_mut(parent).unwrap()[name] = value;
        let found = problems(&plan);
        assert!(found.iter().any(|problem| problem.starts_with(begins)), "{begins}: {found:#?}");
    };
    refused(
        "/green",
        full()["green"].clone(),
        "green.ecs: `traffic.flag` sends traffic to behaviours of the version that runs already",
    );
    refused("/green/external", json!({"minHealthy": 2}), "green.external.minHealthy: a flag has no targets");
    refused("/traffic/test", json!({"rule": RULE}), "traffic.test.rule: no rule leads");
    refused("/traffic/weightParameters", json!("/teal/weights"), "traffic.weightParameters: a flag's percentage");
    refused("/traffic/flag/application", json!("Shop 1"), "traffic.flag.application");
    refused("/traffic/flag/flag", json!("New"), "traffic.flag.flag");
    refused(
        "/judge/metrics",
        json!(["errors"]),
        "judge.metrics[0]: `errors` counts among the route's requests, but `traffic.flag` counts no requests",
    );
    refused("/judge/limits", json!({"badShare": {"above": "1%"}}), "judge.limits: `traffic.flag` counts no requests");
}

/// A plan for an alias of a Lambda function.
pub(super) fn alias() -> Value {
    let mut plan = full();
    plan["green"] = json!({"lambda": {"functionVersion": "42"}});
    plan["traffic"] = json!({"lambda": {"function": "checkout", "alias": "live"}, "weightParameters": "/teal/weights"});
    plan["validate"] = json!({"lambda": {"function": "checkout-validation"}});
    plan["judge"]["limits"].as_object_mut().unwrap().remove("loadBalancer5xx");
    plan
}

fn problems_of_alias(pointer: &str, value: Value) -> Vec<String> {
    let mut plan = alias();
    *plan.pointer_mut(pointer).unwrap() = value;
    problems(&plan)
}

#[test]
fn an_alias_splits_invocations_between_versions() {
    let checked = Plan::check(&alias()).unwrap();
    let plan = checked.plan();
    assert_eq!(plan.named(), Named::Green("checkout:42".parse().unwrap()));
    assert_eq!(plan.traffic.route.parts()[0].key(), "checkout:live");
    let written = serde_json::to_value(plan).unwrap();
    assert_eq!(written["traffic"]["lambda"], json!({"function": "checkout", "alias": "live"}));
    for (pointer, value, expected) in [
        ("/green/lambda/functionVersion", json!("$LATEST"), "green.lambda.functionVersion: it is no published version"),
        ("/green/lambda/functionVersion", json!("042"), "green.lambda.functionVersion: it is not a number from 1"),
        ("/traffic/lambda/function", json!("arn:aws:lambda:x"), "traffic.lambda.function: it is an ARN"),
        ("/traffic/lambda/function", json!("checkout:live"), "traffic.lambda.function: there is a version or an alias"),
        ("/traffic/lambda/alias", json!("42"), "traffic.lambda.alias: it is a version"),
        ("/traffic/lambda/alias", json!("li ve"), "traffic.lambda.alias: an alias's name has"),
        (
            "/green",
            json!({"external": {}}),
            "green.external: `traffic.lambda` sends traffic to published versions of a function, and green would be none of them. Write `green.lambda`",
        ),
        (
            "/traffic",
            json!({"alb": {"listeners": [LISTENER]}}),
            "green.lambda: `traffic.alb` sends traffic to target groups, and green would be none of them",
        ),
        ("/validate", json!({"http": [{"path": "/health"}]}), "validate.http: a version of a function has no address"),
        (
            "/judge/limits",
            json!({"loadBalancer5xx": {"above": "1%"}}),
            "judge.limits.loadBalancer5xx: behind `traffic.lambda` there is no load balancer",
        ),
    ] {
        let found = problems_of_alias(pointer, value);
        let (path, reason) = expected.split_once(": ").unwrap();
        let is_expected = |found: &String| found.starts_with(&format!("{path}: ")) && found.contains(reason);
        assert!(found.iter().any(is_expected), "{expected}: {found:#?}");
    }
}

#[test]
fn a_version_of_a_function_is_tested_by_its_number_or_at_an_address() {
    let mut plan = alias();
    plan["traffic"]["test"] = json!({"listener": TEST_LISTENER});
    let found = problems(&plan);
    assert!(
        found.iter().any(|found| found.starts_with("traffic.test.listener: it forwards to target groups")),
        "{found:#?}"
    );
    plan["traffic"]["test"] = json!({"url": "https://abc.lambda-url.eu-central-1.on.aws"});
    plan["validate"]["http"] = json!([{"path": "/health"}]);
    assert_eq!(problems(&plan), Vec::<String>::new());
}

#[test]
fn flags_may_go_with_a_version() {
    let mut alone = flag();
    let flag = alone["traffic"]["flag"].clone();
    let mut plan = full();
    plan["flags"] = json!([flag]);
    assert_eq!(problems(&plan), Vec::<String>::new());
    plan["flagSteps"] = json!([{"weight": "10%", "bake": "5m"}, {"weight": "50%", "bake": "5m"}]);
    let checked = Plan::check(&plan).unwrap();
    let stages: Vec<String> = checked
        .timeline()
        .stages()
        .iter()
        .map(|stage| format!("{} {:?} {}", stage.weight, stage.flags.map(|share| share.to_string()), stage.bake))
        .skip_while(|stage| !stage.starts_with("100%"))
        .collect();
    let bake = checked.plan().afterwards.bake;
    let whole = bake.plus(Span::minutes(1));
    assert_eq!(
        stages,
        [
            format!("100% Some(\"0%\") {bake}"),
            "100% Some(\"10%\") 6m".to_owned(),
            "100% Some(\"50%\") 6m".to_owned(),
            format!("100% Some(\"100%\") {whole}"),
        ]
    );
    for (steps, expected) in [
        (json!([{"weight": "0%", "bake": "5m"}]), "flagSteps[0].weight: the version bakes without its flags"),
        (json!([{"weight": "100%", "bake": "5m"}]), "flagSteps[0].weight: everybody comes behind"),
        (
            json!([{"weight": "50%", "bake": "5m"}, {"weight": "50%", "bake": "5m"}]),
            "flagSteps[1].weight: it is not more",
        ),
        (json!([{"weight": "50%", "bake": "0s"}]), "flagSteps[0].bake: it is out of range"),
    ] {
        plan["flagSteps"] = steps;
        let found = &problems(&plan)[0];
        let (path, reason) = expected.split_once(": ").unwrap();
        assert!(found.starts_with(path) && found.contains(reason), "{found}");
    }
    plan["flagSteps"] = json!([{"weight": "10%", "bake": "1m"}]);
    plan["judge"]["onInsufficient"] = json!({"holdFor": "0s", "then": "rollBack"});
    let found = problems(&plan);
    assert!(
        found.iter().any(|found| found.starts_with("flagSteps[0].bake: ")),
        "over before a limit can say anything: {found:#?}"
    );
    plan["judge"].as_object_mut().unwrap().remove("onInsufficient");
    plan["flags"] = json!([]);
    plan["flagSteps"] = json!([{"weight": "10%", "bake": "5m"}]);
    assert!(problems(&plan)[0].starts_with("flagSteps: no flags go with the version"));
    alone["flagSteps"] = json!([{"weight": "10%", "bake": "5m"}]);
    assert!(problems(&alone)[0].starts_with("flagSteps: `traffic.flag` releases a flag by itself"));
    alone.as_object_mut().unwrap().remove("flagSteps");
    plan["flagSteps"] = json!([]);
    plan["flags"] = json!([flag, flag]);
    let twice = &problems(&plan)[0];
    assert!(twice.starts_with("flags[1]: ") && twice.contains("it stands at flags[0] already"), "{twice}");
    alone["flags"] = json!([flag]);
    assert!(
        problems(&alone)[0].starts_with("flags: `traffic.flag` releases a flag by itself"),
        "{:#?}",
        problems(&alone)
    );
}

#[test]
fn environments_stand_where_their_route_has_them() {
    let mut plan = network();
    plan["green"] = json!({"beanstalk": {"versionLabel": "v2", "blue": "keep"}});
    assert!(problems(&plan).iter().any(|found| found.starts_with("green.beanstalk.environments: ")));
    let name = "checkout.eu-central-1.elasticbeanstalk.com";
    plan["traffic"] = json!({"cname": {"name": name, "environments": ["checkout-a", "checkout-b"]}});
    plan["strategy"] = json!({"allAtOnce": {}});
    plan["validate"] = json!({"http": [{"path": "/health"}]});
    assert_eq!(problems(&plan), Vec::<String>::new(), "green is tested at its own address");
    plan["strategy"] = json!({"canary": {"weight": "10%", "bake": "10m"}});
    assert!(problems(&plan).iter().any(|found| found.starts_with("strategy.canary: ")));
    plan["strategy"] = json!({"allAtOnce": {}});
    plan["green"]["beanstalk"]["environments"] = json!(["checkout-a", "checkout-b"]);
    plan["traffic"]["weightParameters"] = json!("/teal/weights/shop");
    plan["traffic"]["cname"]["environments"][1] = json!("checkout-a");
    for place in ["green.beanstalk.environments: ", "traffic.weightParameters: ", "traffic.cname.environments[1]: "] {
        assert!(problems(&plan).iter().any(|found| found.starts_with(place)), "{place} {:#?}", problems(&plan));
    }
}

/// A plan whose traffic a deployment of CodeDeploy moves.
pub(super) fn shifted(by: &str) -> Value {
    let mut plan = full();
    plan["green"] = json!({"external": {}});
    plan["traffic"]["alb"]["targetGroups"] = json!([GROUP_A, GROUP_B]);
    plan["traffic"]["shiftedBy"] = match by {
        "codeDeploy" => json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout"}}),
        _ => json!({"ecs": {"cluster": "prod", "service": "checkout"}}),
    };
    plan["strategy"] = json!({"steps": [{"gate": {"name": "go", "within": "50m"}}, {"weight": "10%", "bake": "5m"}]});
    plan["afterwards"] = json!({"bake": "20m"});
    plan["judge"]["onInsufficient"] = json!({"holdFor": "30m", "then": "rollBack"});
    plan
}

#[test]
fn a_deployment_moves_the_traffic_that_it_can_move() {
    for by in ["codeDeploy", "ecs"] {
        assert_eq!(problems(&shifted(by)), Vec::<String>::new(), "{by}");
        let with = |pointer: &str, value: Value| {
            let mut plan = shifted(by);
            put(&mut plan, pointer, value);
            problems(&plan).join("\n")
        };
        let found = with("/traffic/alb/targetGroups", json!(null));
        assert!(found.starts_with("traffic.alb.targetGroups: "), "{found}");
        let ecs = json!({"cluster": "prod", "services": ["a", "b"], "taskDefinition": "checkout:2"});
        let found = with("/green", json!({"ecs": ecs}));
        assert!(found.starts_with("green.ecs: "), "{found}");
        let flag = json!({"application": "abc1234", "environment": "abc1234", "profile": "abc1234", "flag": "new"});
        let found = with("/flags", json!([flag]));
        assert!(found.starts_with("flags: "), "{found}");
        let steps = json!([{"weight": "10%", "bake": "5m"}, {"gate": {"name": "go", "within": "50m"}}]);
        let found = with("/strategy/steps", steps);
        assert!(found.starts_with("strategy.steps[1].gate: "), "{found}");
        let account = json!({"role": "arn:aws:iam::000000000000:role/TealRelease", "externalId": "teal-7f3c"});
        let found = with("/account", account);
        assert!(found.starts_with("traffic.shiftedBy: a deployment in another account"), "{found}");
        let found = with("/traffic/test", json!({"instance": {"port": 8080}}));
        assert!(found.starts_with("traffic.test.instance: it is for deployments in place"), "{found}");
        let both = json!({"codeDeploy": {"application": "a", "deploymentGroup": "b"}, "ecs": {"cluster": "c", "service": "d"}});
        let found = with("/traffic/shiftedBy", both);
        assert!(found.starts_with("traffic.shiftedBy: it has `codeDeploy` and `ecs`"), "{found}");
    }
}

#[test]
fn what_a_hook_of_code_deploy_waits_for_takes_less_than_its_hour() {
    for (pointer, value, path) in [
        ("/strategy/steps/0/gate/within", "51m", "strategy.steps[0].gate.within: "),
        ("/afterwards/bake", "21m", "afterwards.bake: "),
        ("/judge/onInsufficient/holdFor", "31m", "afterwards.bake: "),
    ] {
        for (by, refused) in [("codeDeploy", true), ("ecs", false)] {
            let mut plan = shifted(by);
            put(&mut plan, pointer, json!(value));
            let found = problems(&plan);
            assert_eq!(found.iter().any(|problem| problem.starts_with(path)), refused, "{by} {pointer}: {found:?}");
        }
    }
}

#[test]
fn a_bake_that_waits_for_its_deployment_until_the_deadline_still_fits_into_the_history() {
    for by in ["codeDeploy", "ecs"] {
        let mut plan = shifted(by);
        plan["judge"]["every"] = json!("10s");
        plan["deadline"] = json!("4h");
        assert_eq!(problems(&plan), Vec::<String>::new(), "{by}");
        plan["deadline"] = json!("12h");
        let found = problems(&plan).join("\n");
        assert!(found.starts_with("judge.every: "), "{found}");
        assert!(found.contains("Write at least \"1m\", or shorten `deadline`"), "{found}");
        plan["traffic"]["shiftedBy"] = json!(null);
        assert!(!problems(&plan).iter().any(|found| found.starts_with("judge.every: ")), "Teal shifts at once");
    }
}

#[test]
fn what_no_deployment_moves_is_left_to_teal() {
    let lambda = |by: Value| {
        let mut plan = full();
        plan["green"] = json!({"lambda": {"functionVersion": "42"}});
        plan["traffic"] = json!({"lambda": {"function": "checkout", "alias": "live"}, "shiftedBy": by});
        plan["judge"] = json!({"metrics": []});
        plan["validate"] = json!({});
        plan["strategy"] = json!({"allAtOnce": {}});
        problems(&plan)
    };
    let code_deploy = json!({"codeDeploy": {"application": "shop", "deploymentGroup": "checkout", "appSpec": {"version": 0.0, "Resources": []}}});
    assert_eq!(lambda(code_deploy), Vec::<String>::new());
    let found = lambda(json!({"ecs": {"cluster": "prod", "service": "checkout"}}));
    assert!(found[0].starts_with("traffic.shiftedBy: no deployment of ECS moves"), "{found:?}");
}

#[test]
fn code_deploy_moves_flows_all_at_once() {
    let mut plan = full();
    plan["green"] = json!({"external": {}});
    plan["traffic"] = json!({
        "nlb": {"listeners": [LISTENER.replace("app/", "net/")], "targetGroups": [GROUP_A, GROUP_B]},
        "shiftedBy": {"codeDeploy": {"application": "shop", "deploymentGroup": "checkout"}},
    });
    plan["judge"] = json!({"metrics": []});
    plan["validate"] = json!({});
    plan["afterwards"] = json!({"bake": "5m", "keepBlue": "30m"});
    plan["strategy"] = json!({"canary": {"weight": "10%", "bake": "10m"}});
    let found = problems(&plan);
    assert!(
        found
            .iter()
            .any(|one| one.starts_with("strategy.canary: CodeDeploy moves the traffic of `traffic.nlb` all at once")),
        "{found:#?}"
    );
    plan["strategy"] = json!({"allAtOnce": {}});
    assert_eq!(problems(&plan), Vec::<String>::new());
}
