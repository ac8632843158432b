//! `teal plan`, as its users see it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The top of the repository: paths in messages are relative to it.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn teal(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_teal"))
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Checks exit status and output against a file. `TEAL_RENEW_GOLDEN=1 cargo test -p teal-cli` writes the files anew.
#[track_caller]
fn check_golden(arguments: &[&str], status: i32, golden: &str) {
    let output = teal(arguments, b"");
    let found = text(&output.stdout);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("TEAL_RENEW_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "compare with {golden}");
    assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
}

/// Checks that a document is refused with exit status 1, at this line and column, in these words.
#[track_caller]
fn check_refused(document: &[u8], place: &str, words: &str) {
    let output = teal(&["plan", "check", "-"], document);
    let found = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(found.contains(&format!("--> standard input:{place}\n")), "not at {place}:\n{found}");
    assert!(found.contains(words), "does not say {words:?}:\n{found}");
}

/// Checks that there is nothing to check, with exit status 2 and a message.
#[track_caller]
fn check_unusable(arguments: &[&str], stdin: &[u8], words: &str) {
    let output = teal(arguments, stdin);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(words), "does not say {words:?}: {message}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn a_valid_plan_shows_its_timeline() {
    check_golden(&["plan", "check", "docs/examples/steps.yaml"], 0, "steps.txt");
}

#[test]
fn every_problem_is_shown_with_its_line() {
    check_golden(&["plan", "check", "cli/tests/golden/everything-wrong.yaml"], 1, "everything-wrong.txt");
}

#[test]
fn warnings_do_not_make_a_plan_invalid() {
    check_golden(&["plan", "check", "cli/tests/golden/warnings.yaml"], 0, "warnings.txt");
}

#[test]
fn every_field_given_twice_is_shown() {
    check_golden(&["plan", "check", "cli/tests/golden/twice.yaml"], 1, "twice.txt");
}

#[test]
fn the_documented_examples_are_valid_without_warnings() {
    let mut examples = 0;
    for entry in std::fs::read_dir(root().join("docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let output = teal(&["plan", "check", "--json", path.to_str().unwrap()], b"");
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{}: {report:#}", path.display());
            assert_eq!(report["warnings"], Value::Array(Vec::new()), "{}", path.display());
            examples += 1;
        }
    }
    assert!(examples >= 4, "only {examples} examples");
}

#[test]
fn the_readmes_plan_is_valid_without_warnings() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut blocks = readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let plan = blocks.find(|block| block.starts_with("service:")).expect("the README shows a plan");
    let output = teal(&["plan", "check", "--json", "-"], plan.as_bytes());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["warnings"], Value::Array(Vec::new()));
}

/// The names of all fields in a schema.
fn fields<'a>(schema: &'a Value, found: &mut BTreeSet<&'a str>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        found.extend(properties.keys().map(String::as_str));
    }
    match schema {
        Value::Object(parts) => parts.values().for_each(|part| fields(part, found)),
        Value::Array(parts) => parts.iter().for_each(|part| fields(part, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_a_plan_is_documented() {
    let schema = std::fs::read_to_string(root().join("docs/plan.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut names = BTreeSet::new();
    fields(&schema, &mut names);
    assert!(names.len() > 40, "{names:?}");
    // Only what is written as code says how a field is called.
    let guide = std::fs::read_to_string(root().join("docs/plan.md")).unwrap();
    let code: String = guide.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
    let documented: BTreeSet<&str> = code.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let missing: Vec<_> = names.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/plan.md does not say what these are: {missing:?}");
}

#[test]
fn the_schema_in_the_documentation_is_current() {
    let output = teal(&["plan", "schema"], b"");
    let current: Value = serde_json::from_slice(&output.stdout).unwrap();
    let documented = std::fs::read_to_string(root().join("docs/plan.schema.json")).unwrap();
    let documented: Value = serde_json::from_str(&documented).unwrap();
    assert!(current == documented, "renew it: cargo run -p teal-cli -- plan schema > docs/plan.schema.json");
}

#[test]
fn json_has_the_same_findings_with_their_places() {
    let output = teal(&["plan", "check", "--json", "cli/tests/golden/everything-wrong.yaml"], b"");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["valid"], false);
    let problems = report["problems"].as_array().unwrap();
    let words = text(&teal(&["plan", "check", "cli/tests/golden/everything-wrong.yaml"], b"").stdout);
    assert_eq!(problems.len(), words.matches("problem: ").count());
    let version = problems.iter().find(|problem| problem["path"] == "version").unwrap();
    assert_eq!((&version["line"], &version["column"], &version["value"]), (&2.into(), &10.into(), &2.4.into()));
}

#[test]
fn a_field_given_twice_has_its_path_and_hides_no_other_problem() {
    let plan = std::fs::read_to_string(root().join("docs/examples/canary.yaml")).unwrap();
    // The second one is wrong in itself, and is not what is checked.
    let twice = format!("{plan}service: {{a: 1, a: 2}}\n");
    let output = teal(&["plan", "check", "--json", "-"], twice.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = plan.lines().count() + 1;
    let found: Vec<_> = report["problems"].as_array().unwrap().iter().map(|it| (&it["path"], &it["line"])).collect();
    assert_eq!(found, [(&"service".into(), &lines.into()), (&"service.a".into(), &lines.into())], "{report:#}");
    assert_eq!(teal(&["plan", "check", "-"], plan.as_bytes()).status.code(), Some(0));
}

#[test]
fn json_of_a_valid_plan_has_the_timeline_and_the_costs() {
    let output = teal(&["plan", "check", "--json", "docs/examples/canary.yaml"], b"");
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["plan"]["judge"]["every"], "1m", "defaults are filled in");
    assert_eq!(report["timeline"]["stages"][0]["weight"], "10%");
    let sum: u64 =
        report["schedule"].as_array().unwrap().iter().map(|row| row["usage"]["looks"].as_u64().unwrap()).sum();
    assert_eq!(report["usual"]["usage"]["looks"], sum);
    assert!(report["atMost"]["cost"]["usd"].as_f64() > report["usual"]["cost"]["usd"].as_f64());
}

#[test]
fn a_plan_may_be_json() {
    let yaml = teal(&["plan", "check", "--json", "docs/examples/steps.yaml"], b"");
    let report: Value = serde_json::from_slice(&yaml.stdout).unwrap();
    let compact = serde_json::to_vec(&report["plan"]).unwrap();
    let pretty = text(&serde_json::to_vec_pretty(&report["plan"]).unwrap()).replace("  ", "\t");
    for document in [compact, pretty.into_bytes()] {
        let output = teal(&["plan", "check", "-"], &document);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    }
    check_refused(b"{\n\t\"service\": 1\n}", "2:13", "it is a number, not a service name");
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    check_refused(b"", "1:1", "there is nothing in it");
    check_refused(b"# nothing\n", "1:1", "there is nothing in it");
    check_refused(b"service: a\n  version: b: c\n", "2:10", "this is not YAML");
    check_refused(b"service: [a, b\nversion: \"1", "2:8", "this is not YAML");
    check_refused(b"a:\n\tb: 1\n", "2:2", "tabs");
    check_refused(b"a: 1\n---\nb: 2\n", "2:1", "a second document begins here");
    check_refused(b"a: &x 1\nb: *x\n", "1:4", "anchors and aliases are not read");
    check_refused(b"a: *x\n", "1:4", "not YAML");
    check_refused(b"<<: {a: 1}\n", "1:1", "merge keys are not read");
    check_refused(b"[1]: 2\n", "1:1", "a key must be a text");
    check_refused(b"- 1\n", "1:1", "it is a list, not an object");
    check_refused(format!("a: {}", "[".repeat(100)).as_bytes(), "1:35", "too deep");
    let bottomless = teal(&["plan", "check", "-"], "[".repeat(100_000).as_bytes());
    assert_eq!(bottomless.status.code(), Some(1), "{}", text(&bottomless.stderr));
    check_refused(b"a: !!int x\n", "1:4", "does not fit its tag");
}

#[test]
fn line_ends_and_marks_of_other_systems_are_read() {
    check_refused(b"service: a b\r\nversion: 1\r\n", "2:10", "it is a number, not a version");
    check_refused(b"\xef\xbb\xbfservice: a b\n", "1:10", "it contains ' '");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let output = teal(&["plan", "check", "-"], b"service: \"a\\e[31mb\"\n\"x\\e[2Jy\": \"\\a\"\n'z\x7f': 1\n");
    let found = text(&output.stdout);
    assert!(found.chars().all(|c| c == '\n' || !c.is_control()), "{found:?}");
}

#[test]
fn a_long_line_is_cut_to_what_matters() {
    let document = format!("{{\"judge\": {{\"alarms\": [{}\"\"]}}}}", "\"x\", ".repeat(90));
    let output = teal(&["plan", "check", "-"], document.as_bytes());
    let found = text(&output.stdout);
    let longest = found.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest < 200, "{longest}: {found}");
    assert!(found.contains("judge.alarms[90]: an alarm's name has 1 to 255 characters"), "{found}");
}

#[test]
fn what_cannot_be_read_is_no_problem_of_the_plan() {
    check_unusable(&["plan", "check", "no/such/plan.yaml"], b"", "cannot read no/such/plan.yaml");
    check_unusable(&["plan", "check", "docs"], b"", "cannot read docs");
    check_unusable(&["plan", "check", "-"], b"service: \xff", "byte 9 is not UTF-8");
    check_unusable(&["plan", "check"], b"", "Usage: teal plan check");
    check_unusable(&["plan", "chekc"], b"", "check");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large.yaml");
    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    check_unusable(&["plan", "check", path.to_str().unwrap()], b"", "larger than 1024 KiB");
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    for arguments in [["completions", "bash"], ["plan", "schema"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_teal")).args(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    }
}
