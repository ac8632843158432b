use crate::testing::{BLUE_GROUP, GREEN_GROUP, LISTENER, RULE, Script, group};
use serde_json::json;
use teal::ports::{PortError, Router, TargetHealth};
use teal::route::{Action, ActionKind, PartRef, Stickiness, WeightedDestination};

fn listener() -> PartRef {
    PartRef::Listener(LISTENER.parse().unwrap())
}

fn rule() -> PartRef {
    PartRef::Rule(RULE.parse().unwrap())
}

/// An answer in ELB's XML.
fn xml(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{operation}Response>"
    )
}

fn error(code: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>said so</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
}

fn listener_xml(actions: &str) -> String {
    xml(
        "DescribeListeners",
        &format!(
            "<Listeners><member><ListenerArn>{LISTENER}</ListenerArn><LoadBalancerArn>lb</LoadBalancerArn>\
             <Port>8443</Port><Protocol>HTTPS</Protocol><DefaultActions>{actions}</DefaultActions></member></Listeners>"
        ),
    )
}

fn weighted(arn: &str, weight: u16) -> WeightedDestination {
    WeightedDestination { destination: group(arn), weight }
}

async fn read(actions: &str) -> Result<Vec<Action>, PortError> {
    let script = Script::default().answers(200, listener_xml(actions));
    let read = script.aws().actions(&listener()).await;
    let sent = script.sent();
    assert_eq!(
        sent[0].form(),
        [("ListenerArns.member.1".to_owned(), LISTENER.to_owned())],
        "one listener, one request"
    );
    read
}

/// The form that is sent when a list is written.
async fn write(part: &PartRef, operation: &str, actions: &[Action]) -> Vec<(String, String)> {
    let script = Script::default().answers(200, xml(operation, ""));
    script.aws().set_actions(part, actions).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent[0].operation, operation);
    sent[0].form()
}

fn value<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

const TWO_GROUPS: &str = "<ForwardConfig><TargetGroups>\
    <member><TargetGroupArn>BLUE</TargetGroupArn><Weight>100</Weight></member>\
    <member><TargetGroupArn>GREEN</TargetGroupArn><Weight>0</Weight></member></TargetGroups>\
    <TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>3600</DurationSeconds></TargetGroupStickinessConfig></ForwardConfig>";

#[tokio::test]
async fn a_listener_with_authentication_and_a_sticky_forward_comes_back_as_it_was() {
    let forward = TWO_GROUPS.replace("BLUE", BLUE_GROUP).replace("GREEN", GREEN_GROUP);
    let actions = read(&format!(
        "<member><Type>authenticate-oidc</Type><Order>1</Order><AuthenticateOidcConfig><Issuer>https://id.example</Issuer>\
         <AuthorizationEndpoint>https://id.example/a</AuthorizationEndpoint><TokenEndpoint>https://id.example/t</TokenEndpoint>\
         <UserInfoEndpoint>https://id.example/u</UserInfoEndpoint><ClientId>shop</ClientId><SessionTimeout>604800</SessionTimeout>\
         <AuthenticationRequestExtraParams><entry><key>prompt</key><value>login</value></entry></AuthenticationRequestExtraParams>\
         <OnUnauthenticatedRequest>authenticate</OnUnauthenticatedRequest></AuthenticateOidcConfig></member>\
         <member><Type>forward</Type><Order>2</Order>{forward}</member>"
    ))
    .await
    .unwrap();

    let [authenticate, forward] = actions.as_slice() else { panic!("{actions:?}") };
    let ActionKind::Kept { kind, settings } = &authenticate.kind else { panic!("{authenticate:?}") };
    assert_eq!((kind.as_str(), authenticate.order), ("authenticate-oidc", Some(1)));
    assert_eq!(settings["AuthenticationRequestExtraParams"], json!({"prompt": "login"}));
    let stickiness = Some(Stickiness { enabled: true, duration_seconds: Some(3600) });
    let groups = vec![weighted(BLUE_GROUP, 100), weighted(GREEN_GROUP, 0)];
    assert_eq!(forward.kind, ActionKind::Forward { groups, stickiness });

    let form = write(&listener(), "ModifyListener", &actions).await;
    let oidc = "DefaultActions.member.1.AuthenticateOidcConfig";
    assert_eq!(value(&form, &format!("{oidc}.UseExistingClientSecret")), Some("true"));
    assert_eq!(value(&form, &format!("{oidc}.ClientSecret")), None);
    assert_eq!(value(&form, &format!("{oidc}.SessionTimeout")), Some("604800"));
    assert_eq!(value(&form, &format!("{oidc}.AuthenticationRequestExtraParams.entry.1.value")), Some("login"));
    let forward = "DefaultActions.member.2";
    assert_eq!(value(&form, &format!("{forward}.TargetGroupArn")), None, "ELB refuses it beside two groups");
    let config = format!("{forward}.ForwardConfig");
    assert_eq!(value(&form, &format!("{config}.TargetGroups.member.2.Weight")), Some("0"));
    assert_eq!(value(&form, &format!("{config}.TargetGroupStickinessConfig.DurationSeconds")), Some("3600"));
}

#[tokio::test]
async fn every_spelling_of_a_forward_to_one_group_reads_the_same() {
    let plain = format!("<member><Type>forward</Type><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn></member>");
    let config = format!(
        "<ForwardConfig><TargetGroups><member><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn><Weight>1</Weight></member></TargetGroups>\
         <TargetGroupStickinessConfig><Enabled>false</Enabled></TargetGroupStickinessConfig></ForwardConfig>"
    );
    let both = format!("<member><Type>forward</Type><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn>{config}</member>");
    let weightless = format!("<member><Type>forward</Type>{}</member>", config.replace("<Weight>1</Weight>", ""));
    let expected = vec![Action {
        order: None,
        kind: ActionKind::Forward { groups: vec![weighted(BLUE_GROUP, 1)], stickiness: None },
    }];
    for spelling in [&plain, &both, &weightless] {
        assert_eq!(read(spelling).await.as_ref(), Ok(&expected), "{spelling}");
    }
    let numbered = plain.replace("<Type>", "<Order>1</Order><Type>");
    assert_eq!(read(&numbered).await.as_ref(), Ok(&expected), "ELB tells 1 where none was given");
    let form = write(&rule(), "ModifyRule", &expected).await;
    assert_eq!(value(&form, "RuleArn"), Some(RULE));
    assert_eq!(value(&form, "Actions.member.1.TargetGroupArn"), Some(BLUE_GROUP));
    assert_eq!(value(&form, "Actions.member.1.ForwardConfig.TargetGroups.member.1.TargetGroupArn"), Some(BLUE_GROUP));
}

#[tokio::test]
async fn the_same_list_told_in_another_way_is_the_same_list() {
    let forward = |groups: &[(&str, u16)], stickiness: &str| {
        let members: String = groups
            .iter()
            .map(|(arn, weight)| {
                format!("<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>")
            })
            .collect();
        format!(
            "<member><Type>forward</Type><ForwardConfig><TargetGroups>{members}</TargetGroups>{stickiness}</ForwardConfig></member>"
        )
    };
    let off = "<TargetGroupStickinessConfig><Enabled>false</Enabled></TargetGroupStickinessConfig>";
    let groups = [(BLUE_GROUP, 950), (GREEN_GROUP, 50)];
    let turned = [groups[1], groups[0]];
    let expected = read(&forward(&groups, "")).await.unwrap();
    for other in [forward(&turned, ""), forward(&groups, off)] {
        assert_eq!(read(&other).await.as_ref(), Ok(&expected), "{other}");
    }

    // A record may hold the other spelling: it is written all the same.
    let mut stored = expected.clone();
    stored[0].order = Some(1);
    let ActionKind::Forward { groups, stickiness } = &mut stored[0].kind else { panic!("{stored:?}") };
    groups.reverse();
    *stickiness = Some(Stickiness { enabled: false, duration_seconds: None });
    let form = write(&listener(), "ModifyListener", &stored).await;
    assert_eq!(value(&form, "DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.Weight"), Some("50"));
}

#[tokio::test]
async fn stickiness_that_is_off_keeps_its_duration() {
    let list = read(&format!(
        "<member><Type>forward</Type><ForwardConfig><TargetGroups><member><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn>\
         <Weight>1</Weight></member></TargetGroups><TargetGroupStickinessConfig><Enabled>false</Enabled>\
         <DurationSeconds>60</DurationSeconds></TargetGroupStickinessConfig></ForwardConfig></member>"
    ))
    .await
    .unwrap();
    assert!(!list[0].is_sticky());
    let form = write(&listener(), "ModifyListener", &list).await;
    let of = |member: &str| {
        value(&form, &format!("DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig.{member}"))
    };
    assert_eq!((of("Enabled"), of("DurationSeconds")), (Some("false"), Some("60")));
}

#[tokio::test]
async fn other_actions_come_back_as_they_were() {
    let others = [
        "<Type>authenticate-cognito</Type><AuthenticateCognitoConfig><UserPoolArn>pool</UserPoolArn><UserPoolClientId>c</UserPoolClientId>\
         <UserPoolDomain>d</UserPoolDomain><Scope>openid</Scope><SessionCookieName>s</SessionCookieName>\
         <OnUnauthenticatedRequest>deny</OnUnauthenticatedRequest></AuthenticateCognitoConfig>",
        "<Type>redirect</Type><RedirectConfig><Protocol>HTTPS</Protocol><Port>443</Port><Host>#{host}</Host><Path>/#{path}</Path>\
         <Query>#{query}</Query><StatusCode>HTTP_301</StatusCode></RedirectConfig>",
        "<Type>fixed-response</Type><FixedResponseConfig><MessageBody>soon</MessageBody><StatusCode>503</StatusCode>\
         <ContentType>text/plain</ContentType></FixedResponseConfig>",
        "<Type>jwt-validation</Type><JwtValidationConfig><JwksEndpoint>https://id.example/k</JwksEndpoint><Issuer>i</Issuer>\
         <AdditionalClaims><member><Format>string-array</Format><Name>scope</Name><Values><member>a</member><member>b</member></Values>\
         </member></AdditionalClaims></JwtValidationConfig>",
    ];
    for action in others {
        let actions = read(&format!("<member>{action}<Order>3</Order></member>")).await.unwrap();
        let form = write(&listener(), "ModifyListener", &actions).await;
        // Every text of the answer stands in the request.
        let texts = action.split(['<', '>']).skip(2).step_by(2).filter(|text| !text.is_empty());
        for text in texts {
            assert!(form.iter().any(|(_, value)| value == text), "{text:?} of {action} is not in {form:?}");
        }
    }
}

#[tokio::test]
async fn an_action_that_cannot_be_kept_is_refused_with_its_type() {
    let refused = read("<member><Type>teleport</Type></member>").await.unwrap_err();
    assert!(refused.to_string().contains("\"teleport\""), "{refused}");

    let unknown_setting = Action {
        order: None,
        kind: ActionKind::Kept {
            kind: "redirect".into(),
            settings: json!({"StatusCode": "HTTP_302", "Colour": "red"}),
        },
    };
    let script = Script::default();
    let refused = script.aws().set_actions(&listener(), &[unknown_setting]).await.unwrap_err();
    assert!(refused.to_string().contains("Colour"), "{refused}");
    assert!(script.sent().is_empty(), "nothing is written that would lose a setting");
}

#[tokio::test]
async fn the_default_rule_is_refused_for_its_listener() {
    let answer = format!("<Rules><member><RuleArn>{RULE}</RuleArn><IsDefault>true</IsDefault></member></Rules>");
    let script = Script::default().answers(200, xml("DescribeRules", &answer));
    let refused = script.aws().actions(&rule()).await.unwrap_err();
    assert!(refused.to_string().contains("name the listener instead"), "{refused}");
}

#[tokio::test]
async fn errors_of_elb_keep_their_meaning() {
    let script = Script::default().answers(400, error("ListenerNotFound")).answers(400, error("TargetGroupNotFound"));
    let aws = script.aws();
    let gone = aws.actions(&listener()).await;
    assert_eq!(gone, Err(PortError::NotFound { what: format!("listener {LISTENER}") }));
    assert!(matches!(aws.set_actions(&listener(), &[]).await, Err(PortError::NotFound { .. })));
}

/// Restoring a route is a read, a write and a read: three requests where nothing fails.
#[tokio::test]
async fn each_call_is_one_request_on_the_wire() {
    let forward = format!("<member><Type>forward</Type><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn></member>");
    let script = Script::default()
        .answers(200, listener_xml(&forward))
        .answers(200, xml("ModifyListener", ""))
        .answers(200, listener_xml(&forward));
    let aws = script.aws_with_retries();
    let actions = aws.actions(&listener()).await.unwrap();
    aws.set_actions(&listener(), &actions).await.unwrap();
    assert_eq!(aws.actions(&listener()).await, Ok(actions));
    assert_eq!(script.operations(), ["DescribeListeners", "ModifyListener", "DescribeListeners"]);
}

#[tokio::test]
async fn a_write_is_repeated_only_where_it_had_no_effect() {
    let throttled = Script::default().answers(400, error("Throttling")).answers(200, xml("ModifyListener", ""));
    assert_eq!(throttled.aws_with_retries().set_actions(&listener(), &[]).await, Ok(()));
    assert_eq!(throttled.operations(), ["ModifyListener", "ModifyListener"]);

    for unclear in [Script::default().breaks_off(), Script::default().answers(503, error("ServiceUnavailable"))] {
        let error = unclear.aws_with_retries().set_actions(&listener(), &[]).await;
        assert!(matches!(error, Err(PortError::Unavailable { .. })), "{error:?}");
        assert_eq!(unclear.operations(), ["ModifyListener"], "it may still happen");
    }

    let read = Script::default().breaks_off().answers(400, error("Throttling")).answers(200, listener_xml(""));
    assert_eq!(read.aws_with_retries().actions(&listener()).await, Ok(vec![]));
    assert_eq!(read.operations().len(), 3);
}

#[tokio::test]
async fn a_target_group_has_its_settings_and_attributes() {
    let member = format!(
        "<member><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn><Protocol>HTTP</Protocol><Port>8080</Port>\
         <HealthCheckPath>/health</HealthCheckPath><Matcher><HttpCode>200</HttpCode></Matcher>\
         <LoadBalancerArns><member>lb</member></LoadBalancerArns></member>"
    );
    for (attribute, sticky) in [("true", true), ("false", false)] {
        let attributes = format!(
            "<Attributes><member><Key>stickiness.enabled</Key><Value>{attribute}</Value></member>\
             <member><Key>deregistration_delay.timeout_seconds</Key><Value>30</Value></member></Attributes>"
        );
        let script = Script::default()
            .answers(200, xml("DescribeTargetGroups", &format!("<TargetGroups>{member}</TargetGroups>")))
            .answers(200, xml("DescribeTargetGroupAttributes", &attributes));
        let found = script.aws().destination(&group(BLUE_GROUP)).await.unwrap();
        assert_eq!(found.sticky, sticky);
        assert_eq!(found.settings["HealthCheckPath"], json!("/health"));
        assert_eq!(found.settings["deregistration_delay.timeout_seconds"], json!("30"));
        assert_eq!(value(&script.sent()[0].form(), "TargetGroupArns.member.1"), Some(BLUE_GROUP));
    }
}

#[tokio::test]
async fn a_target_group_that_is_not_there_is_said_to_be_missing() {
    let script = Script::default().answers(400, error("TargetGroupNotFound"));
    let missing = script.aws().destination(&group(BLUE_GROUP)).await;
    assert_eq!(missing, Err(PortError::NotFound { what: format!("target group {BLUE_GROUP}") }));
}

#[tokio::test]
async fn targets_have_their_state_and_reason() {
    let member = |id: &str, health: &str| {
        format!("<member><Target><Id>{id}</Id><Port>80</Port></Target><TargetHealth>{health}</TargetHealth></member>")
    };
    let members = [
        member("a", "<State>healthy</State>"),
        member("b", "<State>unused</State><Reason>Target.NotInUse</Reason><Description>not in use</Description>"),
        member("c", "<State>unhealthy.draining</State>"),
        member("d", "<State>puzzled</State>"),
    ];
    let descriptions = format!("<TargetHealthDescriptions>{}</TargetHealthDescriptions>", members.concat());
    let script = Script::default().answers(200, xml("DescribeTargetHealth", &descriptions));
    let targets = script.aws().targets(&group(BLUE_GROUP)).await.unwrap();
    let states: Vec<TargetHealth> = targets.iter().map(|target| target.health).collect();
    let expected = [TargetHealth::Healthy, TargetHealth::Unused, TargetHealth::Draining, TargetHealth::Unavailable];
    assert_eq!(states, expected);
    assert_eq!(targets[0].reason, None);
    assert_eq!(targets[1].reason.as_deref(), Some("Target.NotInUse: not in use"));
}

#[tokio::test]
async fn zones_are_those_of_the_load_balancer_that_the_arn_names() {
    let zones = "<LoadBalancers><member><AvailabilityZones><member><ZoneName>eu-central-1a</ZoneName></member>\
        <member><ZoneName>eu-central-1b</ZoneName></member></AvailabilityZones></member></LoadBalancers>";
    let script = Script::default().answers(200, xml("DescribeLoadBalancers", zones));
    assert_eq!(script.aws().zones(&rule()).await.unwrap(), ["eu-central-1a", "eu-central-1b"]);
    let form = script.sent()[0].form();
    let arn = value(&form, "LoadBalancerArns.member.1").unwrap();
    let (listener, _) = LISTENER.rsplit_once('/').unwrap();
    assert_eq!(arn, listener.replacen(":listener/", ":loadbalancer/", 1));
}

#[tokio::test]
async fn a_network_load_balancer_is_spoken_to_in_http_behind_tcp_or_tls() {
    let arn = LISTENER.replace(":listener/app/", ":listener/net/");
    let part = PartRef::Listener(arn.parse().unwrap());
    for (protocol, scheme) in [("TCP", Some("http")), ("TLS", Some("https")), ("UDP", None)] {
        let balancers = "<LoadBalancers><member><DNSName>shop-1.elb.example</DNSName></member></LoadBalancers>";
        let script = Script::default()
            .answers(200, listener_xml("").replace("HTTPS", protocol))
            .answers(200, xml("DescribeLoadBalancers", balancers));
        let endpoint = script.aws().endpoint(&part).await;
        match scheme {
            Some(scheme) => assert_eq!(endpoint.unwrap().url, format!("{scheme}://shop-1.elb.example:8443")),
            None => assert!(endpoint.unwrap_err().to_string().contains("nobody can send HTTP"), "{protocol}"),
        }
        assert_eq!(value(&script.sent()[0].form(), "ListenerArns.member.1"), Some(arn.as_str()));
    }
}

#[tokio::test]
async fn a_rule_is_reached_at_its_listener_with_what_its_conditions_ask_for() {
    let conditions = "<Conditions>\
        <member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>X-Release</HttpHeaderName>\
        <Values><member>green*</member><member>g</member></Values></HttpHeaderConfig></member>\
        <member><Field>host-header</Field><HostHeaderConfig><Values><member>*.shop.example</member></Values></HostHeaderConfig></member>\
        <member><Field>path-pattern</Field><PathPatternConfig><Values><member>/api/*</member><member>/up</member></Values></PathPatternConfig></member>\
        </Conditions>";
    let rule_xml =
        format!("<Rules><member><RuleArn>{RULE}</RuleArn>{conditions}<IsDefault>false</IsDefault></member></Rules>");
    let balancers = "<LoadBalancers><member><DNSName>shop-1.elb.example</DNSName></member></LoadBalancers>";
    let script = Script::default()
        .answers(200, xml("DescribeRules", &rule_xml))
        .answers(200, listener_xml(""))
        .answers(200, xml("DescribeLoadBalancers", balancers));
    let endpoint = script.aws().endpoint(&rule()).await.unwrap();
    assert_eq!(endpoint.url, "https://shop-1.elb.example:8443");
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(endpoint.headers, [header("X-Release", "g"), header("Host", "teal.shop.example")]);
    assert_eq!(endpoint.paths, ["/api/*", "/up"]);
    let sent = script.sent();
    assert_eq!(value(&sent[1].form(), "ListenerArns.member.1"), Some(LISTENER), "the rule's own listener");
    assert_eq!(value(&sent[2].form(), "LoadBalancerArns.member.1"), Some("lb"));
}

/// A listener's rules: two before one of a route, one after it, and the default one.
fn rules_xml() -> String {
    let forward = format!(
        "<member><Type>forward</Type><ForwardConfig><TargetGroups><member><TargetGroupArn>{BLUE_GROUP}</TargetGroupArn>\
         <Weight>100</Weight></member></TargetGroups></ForwardConfig></member>"
    );
    let rule = |arn: &str, priority: &str, conditions: &str| {
        format!(
            "<member><RuleArn>{arn}</RuleArn><Priority>{priority}</Priority><IsDefault>{}</IsDefault>\
             <Conditions>{conditions}</Conditions><Actions>{forward}</Actions></member>",
            priority == "default"
        )
    };
    let path = |path: &str| {
        format!(
            "<member><Field>path-pattern</Field><PathPatternConfig><Values><member>{path}</member></Values>\
             </PathPatternConfig></member>"
        )
    };
    let header = "<member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>X-Beta</HttpHeaderName>\
                  <Values><member>1</member></Values></HttpHeaderConfig></member>";
    let rules = [
        rule("first", "1", &path("/shop/pay")),
        rule("second", "5", header),
        rule(RULE, "10", &path("/shop/*")),
        rule("last", "20", &path("/*")),
        rule("default", "default", ""),
    ];
    xml("DescribeRules", &format!("<Rules>{}</Rules>", rules.concat()))
}

#[tokio::test]
async fn a_part_is_read_with_the_rules_before_it_in_one_request() {
    let listener_of_rule = LISTENER;
    for (part, ahead) in [(listener(), vec!["first", "second", RULE, "last"]), (rule(), vec!["first", "second"])] {
        let script = Script::default().answers(200, rules_xml());
        let reading = script.aws().reading(&part).await.unwrap();
        let found: Vec<&str> = reading.ahead.iter().map(|rule| rule.rule.as_str()).collect();
        assert_eq!(found, ahead);
        assert_eq!(reading.actions[0].groups(), [weighted(BLUE_GROUP, 100)]);
        assert_eq!(reading.ahead[1].conditions[0].to_string(), "http-header X-Beta 1");
        let sent = script.sent();
        assert_eq!((sent.len(), sent[0].operation.as_str()), (1, "DescribeRules"));
        assert!(sent[0].form().contains(&("ListenerArn".to_owned(), listener_of_rule.to_owned())));
    }
}

#[tokio::test]
async fn rules_are_read_over_all_pages_and_a_rule_that_is_gone_is_not_found() {
    let first =
        "<Rules><member><RuleArn>first</RuleArn><Priority>1</Priority></member></Rules><NextMarker>m</NextMarker>";
    let second = "<Rules><member><RuleArn>default</RuleArn><Priority>default</Priority><IsDefault>true</IsDefault></member></Rules>";
    let pages =
        || Script::default().answers(200, xml("DescribeRules", first)).answers(200, xml("DescribeRules", second));
    let script = pages();
    assert_eq!(script.aws().reading(&listener()).await.unwrap().ahead.len(), 1);
    assert!(script.sent()[1].form().contains(&("Marker".to_owned(), "m".to_owned())));
    assert!(matches!(pages().aws().reading(&rule()).await, Err(PortError::NotFound { .. })));
}
