//! The command line as people use it: the real `teal` on the lab, through releases with a gate, by a user who has the template's
//! OperatorPolicy and nothing else. Nothing here waits for a time, only for what a release has come to.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod teal;

use serde_json::{Value, json};
use teal::{Service, checked_calls, teal, teal_by_administrator, teal_unread};

#[test]
fn a_release_is_started_approved_and_watched_until_it_is_promoted() {
    let service = Service::set("cli-promoted");
    let plan = service.plan("2.0", "green");
    let started = teal(&["start", "-", "--name", "good"], &plan);
    assert_eq!(started.status, 0, "{started}");
    assert!(started.out.contains("release good of cli-promoted 2.0 has started"), "{started}");
    assert!(started.out.contains("follow it with: teal watch good"), "{started}");
    let again = teal(&["start", "-", "--name", "good"], &service.plan("3.0", "green"));
    assert_eq!(again.status, 2, "another plan under the same name: {again}");
    assert!(again.err.contains("Choose another --name"), "{again}");

    service.wait_for_gate("good");
    let status = teal(&["status", "good"], "");
    assert_eq!(status.status, 0, "{status}");
    assert!(status.out.contains("traffic    0% green, 100% blue"), "{status}");
    assert!(status.out.contains("next       gate \"QA looks\": `teal approve good`"), "{status}");

    // The route is held by the release at the gate. There is never a record of the second one.
    let busy = teal(&["start", "-", "--name", "busy", "--watch"], &service.plan("3.0", "green"));
    assert_eq!(busy.status, 5, "{busy}");
    assert!(busy.out.contains("Teal.RouteBusy: Refused, nothing was touched") && busy.out.contains("good"), "{busy}");
    let busy = teal(&["watch", "busy", "--json"], "");
    assert_eq!(busy.status, 5, "{busy}");
    let end = busy.json_lines().pop().unwrap();
    assert_eq!((&end["release"], &end["error"]), (&json!("busy"), &json!("Teal.RouteBusy")));

    let approved = teal(&["approve", "good", "--note", "looks right", "--json"], "");
    assert_eq!(approved.status, 0, "{approved}");
    assert_eq!(approved.json_lines()[0]["note"], "looks right");
    let watched = teal(&["watch", "good", "--json"], "");
    assert_eq!(watched.status, 0, "{watched}");
    let told = watched.json_lines();
    assert!(told.len() > 5 && told.iter().all(|entry| entry["fact"]["what"].is_string()), "{watched}");

    let late = teal(&["approve", "good"], "");
    assert_eq!(late.status, 2, "{late}");
    assert!(late.err.contains("waits at no gate; it is in phase Promoted"), "{late}");
    let late = teal(&["abort", "good"], "");
    assert!(late.status == 2 && late.err.contains("release good has ended: Promoted"), "{late}");

    let report = teal(&["report", "good"], "");
    assert_eq!(report.status, 0, "{report}");
    for words in [
        "phase      Promoted",
        "100% green, 0% blue",
        "approved the gate before stage 1: looks right",
        "blue is taken in",
    ] {
        assert!(report.out.contains(words), "no {words:?}: {report}");
    }
    let report = teal(&["report", "good", "--json"], "").json_lines().pop().unwrap();
    assert_eq!(report["release"]["phase"]["name"], "Promoted");
    assert_eq!(report["requests"][0]["note"], "looks right");
    assert_eq!(report["story"].as_array().map(Vec::len), Some(told.len()));

    let list = teal(&["releases", "--service", "cli-promoted"], "");
    assert_eq!(list.status, 0, "{list}");
    let rows: Vec<&str> = list.out.lines().skip(1).collect();
    assert_eq!(rows.len(), 1, "{list}");
    assert!(rows[0].contains("good") && rows[0].contains("100%") && rows[0].ends_with("Promoted"), "{list}");
    let list = teal(&["releases", "--service", "cli-promoted", "--json"], "").json_lines().pop().unwrap();
    assert_eq!(list[0]["id"], "good");
    let (allowed, refused) = checked_calls();
    assert!(
        allowed > 0 && refused.is_empty(),
        "OperatorPolicy allows all of it: {allowed} calls, refused: {refused:?}"
    );
}

#[test]
fn what_a_person_rejects_or_aborts_ends_on_blue() {
    let service = Service::set("cli-refusing");
    for (command, error) in [("reject", "Teal.Rejected"), ("abort", "Teal.Aborted")] {
        let started = teal(&["start", "-", "--name", command, "--json"], &service.plan("2.0", "green"));
        assert_eq!(started.status, 0, "{started}");
        assert_eq!(started.json_lines()[0]["release"], command);
        service.wait_for_gate(command);
        let asked = teal(&[command, command, "--note", "not today"], "");
        assert_eq!(asked.status, 0, "{asked}");
        assert!(asked.out.contains("it rolls back"), "{asked}");
        let watched = teal(&["watch", command], "");
        assert_eq!(watched.status, 3, "{watched}");
        let status = teal(&["status", command], "");
        assert!(status.out.contains(&format!("why        {error}: ")), "{status}");
        assert!(status.out.contains("phase      RolledBack"), "{status}");
        assert!(status.out.contains("0% green, 100% blue"), "{status}");
        // Whoever reads may stop early, as `head` does: what is said by the exit status stays true.
        for (unread, expected) in [("status", 0), ("report", 0), ("watch", 3)] {
            let unread = teal_unread(&[unread, command]);
            assert_eq!((unread.status, unread.err.as_str()), (expected, ""), "{unread}");
        }
    }
    let rows: Vec<Value> =
        serde_json::from_str(&teal(&["releases", "--service", "cli-refusing", "--json"], "").out).unwrap();
    let ended: Vec<_> = rows.iter().map(|row| (row["id"].as_str().unwrap(), row["error"].as_str().unwrap())).collect();
    assert_eq!(ended, [("abort", "Teal.Aborted"), ("reject", "Teal.Rejected")], "the newest first");
}

#[test]
fn a_release_that_is_not_on_record_is_unknown() {
    for command in ["status", "approve", "reject", "abort", "report"] {
        let answer = teal(&[command, "nobody"], "");
        assert_eq!(answer.status, 2, "{command}: {answer}");
        assert!(answer.err.contains("no release nobody is on record"), "{command}: {answer}");
        assert_eq!(answer.out, "");
    }
    let list = teal(&["releases", "--service", "nobodys"], "");
    assert!(list.status == 0 && list.out.contains("no releases yet"), "{list}");
}

#[test]
fn a_plan_that_only_aws_can_refuse_is_refused_with_its_reason() {
    let service = Service::set("cli-not-there");
    let mut plan: Value = serde_json::from_str(&service.plan("2.0", "green")).unwrap();
    let listener = plan["traffic"]["alb"]["listeners"][0].as_str().unwrap().to_owned();
    let (rest, last) = listener.split_at(listener.len() - 4);
    let other = if last == "0000" { "1111" } else { "0000" };
    plan["traffic"]["alb"]["listeners"][0] = json!(format!("{rest}{other}"));
    let refused = teal(&["start", "-", "--name", "not-there", "--watch"], &plan.to_string());
    assert_eq!(refused.status, 5, "{refused}");
    assert!(refused.out.contains("Teal.NotFound: Refused, nothing was touched"), "{refused}");
}

#[test]
fn a_plan_that_is_kept_is_listed_read_and_started_by_its_name() {
    let service = Service::set("cli-kept");
    let plan = service.plan("1.0", "green");
    for version in ["1", "2"] {
        let kept = teal(&["plan", "put", "-", "--json"], &plan);
        assert_eq!(kept.status, 0, "{kept}");
        let reference = "ssm:/teal/plans/cli-kept";
        assert_eq!(kept.json_lines()[0], json!({"planRef": reference, "kept": format!("{reference}:{version}")}));
    }
    assert_eq!(teal(&["plan", "get", "cli-kept:1"], "").out, plan);
    let list = teal(&["plan", "list"], "");
    assert!(list.out.lines().any(|row| row.starts_with("ssm:/teal/plans/cli-kept ")), "{list}");
    let versions: Vec<Value> =
        serde_json::from_str(&teal(&["plan", "versions", "cli-kept", "--json"], "").out).unwrap();
    assert_eq!(versions.iter().map(|kept| kept["version"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);

    let broken = teal(&["plan", "put", "-"], "service: cli-kept\n");
    assert!(broken.status == 1 && broken.err.contains("traffic"), "{broken}");
    let missing = teal(&["plan", "get", "cli-nobody"], "");
    assert!(missing.status == 2 && missing.err.contains("cli-nobody"), "{missing}");

    let started = teal(&["start", "--plan-ref", "cli-kept", "--version", "2.0", "--name", "kept"], "");
    assert_eq!(started.status, 0, "{started}");
    assert!(started.out.contains("release kept of the plan ssm:/teal/plans/cli-kept in version 2.0"), "{started}");
    service.wait_for_gate("kept");
    let report = teal(&["report", "kept", "--json"], "").json_lines().pop().unwrap();
    assert_eq!(report["release"]["plan"]["version"], "2.0");
    assert!(report["story"].to_string().contains("the plan is ssm:/teal/plans/cli-kept (version 2)"), "{report}");
    assert_eq!(teal(&["abort", "kept"], "").status, 0);
    assert_eq!(teal(&["watch", "kept"], "").status, 3);
}

#[test]
fn blues_own_past_tells_how_often_a_healthy_release_would_have_been_rolled_back() {
    let service = Service::set("cli-past");
    // Nobody came from the fifth hour before now to the third; in the last one a zone failed a fifth of its requests for 20 minutes.
    let zones = service.remember(9, |zone, minutes_ago| match minutes_ago {
        180..300 => (0, 0),
        37..57 if zone == 1 => (1_000, 200),
        _ => (1_000, 10),
    });
    assert_eq!(zones.len(), 2);
    let mut plan: Value = serde_json::from_str(&service.plan("2.0", "green")).unwrap();
    plan["strategy"] = json!({"steps": [{"weight": "10%", "bake": "10m"}, {"weight": "50%", "bake": "20m"}]});
    plan["judge"] = json!({});
    let plan = plan.to_string();

    let asked = teal_by_administrator(&["judge", "--from-cloudwatch", "-", "--since", "8h"], &plan);
    assert_eq!(asked.status, 0, "{asked}");
    let mut firings = asked.json_lines();
    let summary = firings.pop().unwrap();
    // The lab's clock goes on meanwhile: the break may reach from one window into the next, and idle hours begin within one.
    assert!((1..=2).contains(&firings.len()), "{asked}");
    for firing in &firings {
        assert_eq!(firing["half"], 2, "the zone that failed: {asked}");
        assert!(firing["reason"].as_str().unwrap().contains("a healthy release would look like this at most once in"));
    }
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(number("fired"), firings.len() as u64, "{asked}");
    assert_eq!(number("windows") + number("idle"), 20, "five hours by halves of an hour, from either side: {asked}");
    assert!((6..=8).contains(&number("idle")), "{asked}");
    let share = number("fired") as f64 / number("windows") as f64;
    assert!((summary["share"].as_f64().unwrap() - share).abs() < 1e-12, "idle windows do not count: {asked}");
    assert_eq!((&summary["window"], &summary["metrics"]), (&json!("30m"), &json!(["errors"])));
    assert_eq!(summary["zones"], json!(zones));
    let sentence = summary["reason"].as_str().unwrap();
    let begin = format!("{} of {} windows of 30m would have been rolled back", number("fired"), number("windows"));
    assert!(sentence.starts_with(&begin) && sentence.contains("the plan's alpha is 1 %"), "{sentence}");

    let short = teal_by_administrator(&["judge", "--from-cloudwatch", "-", "--since", "3h"], &plan);
    assert!(short.status != 0 && short.out.is_empty(), "{short}");
    assert!(short.err.contains("shorter than the three hours that are learnt from and one window of 30m"), "{short}");
    let unread = teal(&["judge", "--from-cloudwatch", "-", "--since", "8h"], &plan);
    assert!(
        unread.status != 0 && unread.err.contains("DescribeListeners"),
        "the policies for people do not allow it: {unread}"
    );
}
