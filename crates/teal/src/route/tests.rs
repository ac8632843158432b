use super::*;

const A: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/73e2d6bc24d8a067";
const B: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/b/83e2d6bc24d8a068";
const C: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/c/93e2d6bc24d8a069";
const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2";
const RULE: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

fn group(arn: &str) -> Destination {
    arn.parse().unwrap()
}

fn listener() -> PartRef {
    PartRef::Listener(LISTENER.parse().unwrap())
}

fn rule() -> PartRef {
    PartRef::Rule(RULE.parse().unwrap())
}

fn forward(groups: &[(&str, u16)]) -> Action {
    let groups =
        groups.iter().map(|(arn, weight)| WeightedDestination { destination: group(arn), weight: *weight }).collect();
    let stickiness = Some(Stickiness { enabled: true, duration_seconds: Some(600) });
    Action { order: Some(2), kind: ActionKind::Forward { groups, stickiness } }
}

fn login() -> Action {
    let settings = serde_json::json!({"UserPoolArn": "pool"});
    Action { order: Some(1), kind: ActionKind::Kept { kind: "authenticate-cognito".to_owned(), settings } }
}

fn colours() -> Colours {
    Colours { blue: group(A), green: group(B) }
}

#[test]
fn blue_is_the_group_with_all_the_weight() {
    type Case = (&'static [(&'static str, u16)], Option<(&'static str, &'static str)>);
    let table: [Case; 7] = [
        (&[(A, 100), (B, 0)], Some((A, B))),
        (&[(A, 0), (B, 1)], Some((B, A))),
        (&[(A, 999), (B, 0)], Some((A, B))),
        (&[(A, 0), (B, 0)], None),
        (&[(A, 50), (B, 50)], None),
        (&[(A, 1)], None),
        (&[(A, 1), (B, 0), (C, 0)], None),
    ];
    for (groups, expected) in table {
        let found = discover(&[(listener(), vec![login(), forward(groups)])], &Named::Nothing);
        let expected = expected.map(|(blue, green)| Colours { blue: group(blue), green: group(green) });
        assert_eq!(found.ok(), expected, "{groups:?}");
    }
}

#[test]
fn the_parts_of_a_route_must_agree() {
    let parts = [(listener(), vec![forward(&[(A, 1), (B, 0)])]), (rule(), vec![forward(&[(A, 0), (B, 1)])])];
    let problem = discover(&parts, &Named::Nothing).unwrap_err();
    assert!(matches!(&problem, NotShiftable::Disagree { .. }), "{problem}");
}

#[test]
fn a_part_that_forwards_elsewhere_than_the_plan_says_is_refused() {
    let parts = [(listener(), vec![forward(&[(A, 1), (C, 0)])])];
    let problem = discover(&parts, &Named::Pair([group(A), group(B)])).unwrap_err();
    assert_eq!(problem, NotShiftable::OtherGroup { part: listener(), found: group(C) });
}

#[test]
fn a_lone_group_is_joined_at_weight_nothing() {
    let pair = [group(A), group(B)];
    assert_eq!(discover(&[(listener(), vec![forward(&[(A, 1)])])], &Named::Pair(pair)), Ok(colours()));
    assert_eq!(
        attach(&listener(), &[login(), forward(&[(A, 1)])], &colours()),
        [login(), forward(&[(A, 100), (B, 0)])]
    );
    assert_eq!(attach(&listener(), &[forward(&[(A, 7), (B, 0)])], &colours()), [forward(&[(A, 7), (B, 0)])]);
    let swapped = Colours { blue: colours().green, green: colours().blue };
    assert_eq!(
        attach(&listener(), &[forward(&[(B, 7)])], &swapped),
        [forward(&[(A, 0), (B, 100)])],
        "as it is read back"
    );
}

#[test]
fn only_the_two_weights_ever_change() {
    let original = vec![login(), forward(&[(A, 200), (B, 0)])];
    let part = RoutePart { part: listener(), expected: original.clone(), original, ahead: None };
    let table = [("0%", (200, 0)), ("0.1%", (999, 1)), ("5%", (950, 50)), ("99.9%", (1, 999)), ("100%", (0, 200))];
    for (share, (blue, green)) in table {
        let share: Share = share.parse().unwrap();
        assert_eq!(part.at(&colours(), share), [login(), forward(&[(A, blue), (B, green)])], "{share}");
        assert_eq!(green_share(&part.at(&colours(), share), &colours()), Some(share));
    }
}

#[test]
fn differences_are_told_in_words() {
    let expected = [login(), forward(&[(A, 950), (B, 50)])];
    let check = |found: &[Action], words: &[&str]| {
        let list = differences(&listener(), &expected, found);
        assert_eq!(list.len(), words.len(), "{list:?}");
        for (difference, word) in list.iter().zip(words) {
            assert!(difference.to_string().contains(word), "{difference} does not say {word:?}");
        }
    };
    check(&expected, &[]);
    check(&[login(), forward(&[(A, 100), (B, 50)])], &["is 100, Teal left 950"]);
    check(&[login(), forward(&[(A, 950)])], &["no longer in the forward action"]);
    check(&[login(), forward(&[(A, 950), (B, 50), (C, 1)])], &["was added to the forward action at weight 1"]);
    check(&[forward(&[(A, 950), (B, 50)])], &["authenticate-cognito"]);
}

#[test]
fn a_part_survives_being_written_and_read() {
    let part =
        RoutePart { part: rule(), original: vec![login(), forward(&[(A, 1), (B, 0)])], expected: vec![], ahead: None };
    let json = serde_json::to_string(&part).unwrap();
    assert_eq!(serde_json::from_str::<RoutePart>(&json).unwrap(), part);
}

const BLUE_VERSION: &str = "checkout:41";
const GREEN_VERSION: &str = "checkout:42";

fn alias() -> PartRef {
    PartRef::Alias("checkout:live".parse().unwrap())
}

fn versions() -> Colours {
    Colours { blue: group(BLUE_VERSION), green: group(GREEN_VERSION) }
}

#[test]
fn an_alias_has_what_is_idle_nowhere() {
    let original = vec![forward(&[(BLUE_VERSION, 1000)])];
    let green = Named::Green(group(GREEN_VERSION));
    assert_eq!(discover(&[(alias(), original.clone())], &green), Ok(versions()));
    assert_eq!(attach(&alias(), &original, &versions()), original);
    let part = RoutePart { part: alias(), original: original.clone(), expected: original.clone(), ahead: None };
    let at = |percent: &str| part.at(&versions(), percent.parse().unwrap());
    assert_eq!(at("0%"), original);
    assert_eq!(at("5%"), [forward(&[(BLUE_VERSION, 950), (GREEN_VERSION, 50)])]);
    assert_eq!(at("100%"), [forward(&[(GREEN_VERSION, 1000)])]);
    for percent in ["0%", "5%", "100%"] {
        assert_eq!(part.on_blue(&at(percent), &versions()), Some(original.clone()), "{percent}");
    }
}

#[test]
fn an_alias_that_somebody_else_has_moved_is_theirs() {
    let original = vec![forward(&[(BLUE_VERSION, 1000)])];
    let part = RoutePart { part: alias(), original: original.clone(), expected: original.clone(), ahead: None };
    for moved in [vec![("checkout:43", 1000)], vec![("checkout:43", 900), (GREEN_VERSION, 100)]] {
        assert_eq!(part.on_blue(&[forward(&moved)], &versions()), None, "{moved:?}");
    }
    let late = differences(&alias(), &part.at(&versions(), Share::ALL), &original);
    assert!(late.len() == 2 && late.iter().all(Difference::is_weight), "an answer from before a write: {late:?}");
}

#[test]
fn a_version_that_serves_already_is_no_green() {
    let green = Named::Green(group(GREEN_VERSION));
    let problem = discover(&[(alias(), vec![forward(&[(GREEN_VERSION, 1000)])])], &green).unwrap_err();
    assert!(problem.to_string().contains("checkout:42 has all the traffic already"), "{problem}");
    let split = discover(&[(alias(), vec![forward(&[(BLUE_VERSION, 900), (GREEN_VERSION, 100)])])], &green);
    assert!(split.unwrap_err().to_string().contains("split 900 to 100"));
}
