//! Values that are written as one string.

use super::{LISTENER, RULE, check, problems, with};
use serde_json::json;

#[test]
fn a_text_that_its_parser_refuses_is_a_problem() {
    check("/service", json!("check out"), "service", "it contains ' '");
    check("/service", json!("x".repeat(41)), "service", "it has 41 characters");
    check("/version", json!(""), "version", "it is empty");
    check("/green/ecs/taskDefinition", json!("checkout"), "green.ecs.taskDefinition", "it names no revision");
    check("/green/ecs/taskDefinition", json!("checkout:latest"), "green.ecs.taskDefinition", "is not a revision");
    check("/green/ecs/services/0", json!("arn:aws:ecs:x"), "green.ecs.services[0]", "it is an ARN");
    check("/traffic/alb/listeners/0", json!(RULE), "traffic.alb.listeners[0]", "the ARN of a \"listener-rule\"");
    check("/traffic/alb/listeners/0", json!(LISTENER.replace("/app/", "/net/")), "traffic.alb.listeners[0]", "Network");
    check("/traffic/alb/rules/0", json!("arn:aws:s3:::bucket"), "traffic.alb.rules[0]", "it is an ARN of \"s3\"");
    check("/traffic/alb/rules/0", json!(RULE.replace("arn:aws:", "arn:azure:")), "traffic.alb.rules[0]", "partition");
    check("/traffic/alb/rules/0", json!(RULE.replace("000000000000", "1")), "traffic.alb.rules[0]", "12 digits");
    check("/traffic/alb/rules/0", json!("shop"), "traffic.alb.rules[0]", "it is not an ARN");
    check("/traffic/weightParameters", json!("teal/x"), "traffic.weightParameters", "does not begin with a slash");
    check("/traffic/weightParameters", json!("/teal//x"), "traffic.weightParameters", "a name in it is empty");
    check("/traffic/weightParameters", json!("/teal/"), "traffic.weightParameters", "a name in it is empty");
    check("/traffic/weightParameters", json!("/teal/${Name}"), "traffic.weightParameters", "it contains '$'");
    check("/traffic/weightParameters", json!("/AWS/x"), "traffic.weightParameters", "AWS's own");
    check("/traffic/weightParameters", json!("/a".repeat(14)), "traffic.weightParameters", "14 levels");
    check("/judge/limits/latency/percentile", json!("99"), "judge.limits.latency.percentile", "such as \"p99\"");
    check("/judge/limits/latency/above", json!("0ms"), "judge.limits.latency.above", "out of range");
    check("/validate/http/0/path", json!("health"), "validate.http[0].path", "does not begin with a slash");
    check("/validate/http/0/path", json!("/a#b"), "validate.http[0].path", "fragment");
    check("/validate/http/0/headers", json!({"X Y": "1"}), "validate.http[0].headers[\"X Y\"]", "no ' '");
    check("/validate/http/0/headers", json!({"Upgrade": "h2c"}), "validate.http[0].headers.Upgrade", "connection");
    check("/judge/alarms/0", json!("arn:aws:cloudwatch:…"), "judge.alarms[0]", "it is an ARN");
}

#[test]
fn a_pair_of_auto_scaling_groups_is_checked() {
    let green = |groups: [&str; 2], version: &str| {
        let groups = json!({"groups": groups, "launchTemplateVersion": version, "readyWithin": "20m"});
        json!({"autoScaling": groups})
    };
    assert_eq!(problems(&with("/green", green(["checkout a", "checkout-b"], "7"))), Vec::<String>::new());
    let at = "green.autoScaling";
    let version = format!("{at}.launchTemplateVersion");
    check("/green", green(["a", "b"], "$Latest"), &version, "could change under way");
    check("/green", green(["a", "b"], "07"), &version, "not a number from 1");
    check("/green", green(["a", "a"], "7"), &format!("{at}.groups[1]"), "already");
    check("/green", green(["arn:aws:autoscaling:x", "b"], "7"), &format!("{at}.groups[0]"), "it is an ARN");
    check("/green", green(["a:b", "b"], "7"), &format!("{at}.groups[0]"), "no colon");
    let slow = json!({"autoScaling": {"groups": ["a", "b"], "launchTemplateVersion": "7", "readyWithin": "3h"}});
    check("/green", slow, &format!("{at}.readyWithin"), "from \"30s\" to \"2h\"");
}

#[test]
fn a_headers_value_is_never_repeated() {
    let found = problems(&with("/validate/http/0/headers", json!({"X-Shop": "s3cret\n"})));
    assert_eq!(found.len(), 1);
    assert!(!found[0].contains("s3cret"), "{}", found[0]);
}

#[test]
fn a_text_in_place_of_headers_or_variables_is_not_repeated() {
    let environment = json!({"project": "smoke", "environment": "DB_PASSWORD=s3cret"});
    for (pointer, value, place) in [
        ("/validate/http/0/headers", json!("Authorization: s3cret"), "validate.http[0].headers"),
        ("/validate/codeBuild", environment, "validate.codeBuild.environment"),
    ] {
        let found = problems(&with(pointer, value));
        let expected = format!("{place}: it is a text, not an object. Write fields, each with a text in quotes.");
        assert_eq!(found, [expected]);
    }
}

#[test]
fn a_header_that_carries_a_credential_is_refused_and_its_value_not_repeated() {
    for name in [
        "Cookie",
        "authorization",
        "X-Api-Key",
        "Proxy-Authorization",
        "X-Amz-Security-Token",
        "X-Token",
        "x-session-id",
        "X-SessionId",
        "X-Hub-Signature",
        "Client_Secret",
        "xAuthToken",
        "X-AccessToken",
    ] {
        let found = problems(&with("/validate/http/0/headers", json!({name: "id=s3cret", "X-Release": "green"})));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("validate.http[0].headers.{name}")), "{found:?}");
        assert!(found[0].contains("fetches its own") && !found[0].contains("s3cret"), "{found:?}");
    }
}

#[test]
fn a_query_parameter_that_carries_a_credential_is_refused_and_no_path_or_address_is_repeated() {
    for path in
        ["/health?token=s3cret", "/a?deep=1&api_key=s3cret", "/?X-Amz-Signature=s3cret&b", "/?a;accessToken=s3cret"]
    {
        let found = problems(&with("/validate/http/0/path", json!(path)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("validate.http[0].path: the name of its query parameter"), "{found:?}");
        assert!(found[0].contains("fetches its own") && !found[0].contains("s3cret"), "{found:?}");
    }
    for path in ["/health?deep=1&tokens=5", "/token/password", "/?", "/?cacheKey=1&=2"] {
        assert_eq!(problems(&with("/validate/http/0/path", json!(path))), Vec::<String>::new(), "{path}");
    }
    for (pointer, value) in [
        ("/validate/http/0/path", json!("/health?token=s3cret#")),
        ("/traffic/test", json!({"url": "http://green?token=s3cret"})),
        ("/traffic/test", json!({"url": "http://ann:s3cret@green"})),
    ] {
        let found = problems(&with(pointer, value));
        assert!(found.len() == 1 && !found[0].contains("s3cret"), "{found:?}");
    }
}

#[test]
fn a_variable_that_carries_a_credential_is_refused_and_others_and_other_headers_are_not() {
    let build = |variable: &str| json!({"project": "smoke", "environment": {variable: "s3cret"}});
    for name in [
        "DB_PASSWORD",
        "API_KEY",
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "dbPassword",
        "apiKey",
        "PGPASSWORD",
        "DBPwd",
        "NPMAUTHTOKEN",
        "PRIVATEKEY",
        "AWSAccessKeyId",
        "DBCREDENTIALS",
        "DB_PASSWORD2",
        "DB_PASS",
        "SSH_PASSPHRASE",
        "SIGNINGKEY",
    ] {
        let found = problems(&with("/validate/codeBuild", build(name)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("validate.codeBuild.environment.{name}")), "{found:?}");
        assert!(found[0].contains("Secrets Manager") && !found[0].contains("s3cret"), "{found:?}");
    }
    for name in ["SUITE", "CACHE_KEY", "TOKENS", "AUTHOR", "cacheKey", "passwordless", "ID"] {
        assert_eq!(problems(&with("/validate/codeBuild", build(name))), Vec::<String>::new(), "{name}");
    }
    for name in ["X-Cache-Key", "Idempotency-Key", "X-Author", "X-Request-Id"] {
        assert_eq!(problems(&with("/validate/http/0/headers", json!({name: "1"}))), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn metadata_is_no_test_address() {
    for url in [
        "http://169.254.169.254",
        "http://169.254.170.2:80/",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://[fd00:ec2::23]",
        "http://[::169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::1]",
        "http://[::ffff:169.254.169.254]:80",
        // Linux connects to itself there.
        "http://[::ffff:0.0.0.0]:9001",
        "http://[64:ff9b::]:9001",
        "http://[::]:9001",
        "http://0.0.0.0:9001",
        "http://0.1.2.3",
        "http://[::ffff:0.0.0.1]",
        "http://100.100.100.200",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://0251.0376.0251.0376",
        "http://169.254.43518",
    ] {
        let found = problems(&with("/traffic/test", json!({ "url": url })));
        assert_eq!(found.len(), 1, "{url}: {found:#?}");
        assert!(found[0].starts_with("traffic.test.url: "), "{}", found[0]);
    }
    for url in ["http://green.internal:8080", "https://10.0.3.4/", "http://[2001:db8::1]:8443", "http://127.8.9.1:8080"]
    {
        assert_eq!(problems(&with("/traffic/test", json!({ "url": url }))), Vec::<String>::new(), "{url}");
    }
    for (url, words) in [
        ("ftp://green", "does not begin with http"),
        ("http://user:pw@green", "names a user"),
        ("http://green/path", "has a path"),
        ("http://green:0", "port"),
        ("http://green:", "port"),
        ("http://gre en", "not a host name"),
        ("http://[::1", "malformed"),
        ("http://", "not a host name"),
    ] {
        check("/traffic/test", json!({ "url": url }), "traffic.test.url", words);
    }
}
