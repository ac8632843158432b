//! The rule against the shared vectors, in Rust and in the languages that docs/ways/flags has it in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use teal_flag::{Flag, bucket};

const VECTORS: &str = include_str!("../vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

#[test]
fn every_vector_holds() {
    let vectors = vectors();
    let buckets = vectors["buckets"].as_array().unwrap();
    for vector in buckets {
        let found = bucket(text(vector, "salt"), text(vector, "key"), text(vector, "user"));
        assert_eq!(Value::from(found), vector["bucket"], "{vector}");
    }
    let flags = vectors["flags"].as_array().unwrap();
    for vector in flags {
        let found = Flag::read(&vector["flag"]).unwrap().is_on(text(vector, "key"), text(vector, "user"));
        assert_eq!(Value::from(found), vector["on"], "{vector}");
    }
    assert!(buckets.len() > 40 && flags.len() > 30);
}

#[test]
fn what_cannot_be_understood_is_named() {
    for (attribute, value) in [
        ("enabled", serde_json::json!("yes")),
        ("percentage", serde_json::json!(100.1)),
        ("percentage", serde_json::json!("5")),
        ("users", serde_json::json!("ann")),
        ("users", serde_json::json!([1])),
        ("salt", serde_json::json!(7)),
    ] {
        let problem = Flag::read(&serde_json::json!({ (attribute): value })).unwrap_err();
        assert!(problem.contains(attribute), "{problem}");
    }
}

/// Users by number.
fn on(permille: u16, salt: &str) -> Vec<bool> {
    let flag = Flag { enabled: true, permille, users: Vec::new(), salt: salt.to_owned() };
    (0..10_000).map(|user| flag.is_on("new-checkout", &format!("user-{user}"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_percentage_is_the_share_of_users_and_a_higher_one_only_adds_some(low in 0_u16..=1000, more in 0_u16..=1000, salt in "[a-z]{0,4}") {
        let high = (low + more).min(1000);
        let (before, after) = (on(low, &salt), on(high, &salt));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| *after || !before));
        let share = before.iter().filter(|on| **on).count() as f64 / before.len() as f64;
        let (expected, deviation) = (f64::from(low) / 1000.0, 0.5 / (before.len() as f64).sqrt());
        prop_assert!((share - expected).abs() <= 5.0 * deviation, "{share} of {expected}");
    }
}

#[test]
fn flags_and_salts_deal_users_independently() {
    let (one, other) = (on(500, ""), on(500, "1"));
    let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    assert!((4_700..5_300).contains(&same), "{same} of 10000");
}

/// Runs a program that answers, for each line of vectors, whether its own implementation agrees; `None` where there is no such program.
fn ask(program: &str, arguments: &[&str], script: &str) -> Option<String> {
    let snippets = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/ways/flags");
    let started = Command::new(program)
        .args(arguments)
        .arg(script)
        .current_dir(snippets)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = started.ok()?;
    child.stdin.take().unwrap().write_all(VECTORS.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} ended with {}", output.status);
    Some(String::from_utf8(output.stdout).unwrap())
}

/// How many vectors there are: what a program answers that agrees with all of them.
fn all() -> String {
    let vectors = vectors();
    let count = ["buckets", "flags"].map(|list| vectors[list].as_array().unwrap().len());
    format!("{}\n", count[0] + count[1])
}

#[test]
fn python_agrees() {
    let script = "import json, sys
from flag import bucket, is_on
v = json.load(sys.stdin)
print(sum(bucket(x['salt'], x['key'], x['user']) == x['bucket'] for x in v['buckets'])
      + sum(is_on(x['flag'], x['key'], x['user']) == x['on'] for x in v['flags']))";
    // The lab needs Python, so it is there.
    assert_eq!(ask("python3", &["-c"], script), Some(all()));
}

#[test]
fn javascript_agrees_where_node_is_there() {
    let script = "import { bucket, isOn } from './flag.mjs';
import { readFileSync } from 'node:fs';
const v = JSON.parse(readFileSync(0, 'utf8'));
console.log(v.buckets.filter((x) => bucket(x.salt, x.key, x.user) === x.bucket).length
  + v.flags.filter((x) => isOn(x.flag, x.key, x.user) === x.on).length);";
    if let Some(agreed) = ask("node", &["--input-type=module", "-e"], script) {
        assert_eq!(agreed, all());
    }
}

/// Reads a vector a line, its texts in hexadecimal: a bucket (salt, key, user, bucket) or a flag (enabled, percentage, users, salt, key,
/// user, on). Java has no JSON of its own.
const JAVA: &str = r#"
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.stream.Stream;

public class Vectors {
    static String text(String hex) {
        return new String(HexFormat.of().parseHex(hex), StandardCharsets.UTF_8);
    }

    static boolean agrees(String line) {
        String[] x = line.split(" ", -1);
        if (x[0].equals("bucket")) {
            return Flag.bucket(text(x[1]), text(x[2]), text(x[3])) == Integer.parseInt(x[4]);
        }
        var users = Stream.of(x[3].split(",")).map(Vectors::text).toList();
        var flag = new Flag(Boolean.parseBoolean(x[1]), Double.parseDouble(x[2]), users, text(x[4]));
        return flag.isOn(text(x[5]), text(x[6])) == Boolean.parseBoolean(x[7]);
    }

    public static void main(String[] arguments) {
        var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in, StandardCharsets.US_ASCII)).lines();
        System.out.println(lines.filter(Vectors::agrees).count());
    }
}
"#;

fn hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The vectors as [`JAVA`] reads them. What AppConfig leaves out is as the rule says.
fn lines() -> String {
    let vectors = vectors();
    let buckets = vectors["buckets"].as_array().unwrap().iter().map(|vector| {
        let [salt, key, user] = ["salt", "key", "user"].map(|name| hex(text(vector, name)));
        format!("bucket {salt} {key} {user} {}\n", vector["bucket"])
    });
    let flags = vectors["flags"].as_array().unwrap().iter().map(|vector| {
        let flag = &vector["flag"];
        let users: Vec<String> =
            flag["users"].as_array().into_iter().flatten().map(|user| hex(user.as_str().unwrap())).collect();
        // A list of none would read as one of a user without a name.
        let users = if users.is_empty() { hex("nobody at all") } else { users.join(",") };
        let enabled = flag["enabled"].as_bool().unwrap_or_default();
        let percentage = flag["percentage"].as_f64().unwrap_or(100.0);
        let salt = hex(flag["salt"].as_str().unwrap_or_default());
        let [key, user] = ["key", "user"].map(|name| hex(text(vector, name)));
        format!("flag {enabled} {percentage} {users} {salt} {key} {user} {}\n", vector["on"])
    });
    buckets.chain(flags).collect()
}

#[test]
fn java_agrees_where_its_compiler_is_there() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("flag-java");
    std::fs::create_dir_all(&folder).unwrap();
    let harness = folder.join("Vectors.java");
    std::fs::write(&harness, JAVA).unwrap();
    let snippet = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/ways/flags/Flag.java");
    let Ok(compiled) = Command::new("javac").arg("-d").arg(&folder).args([&harness, &snippet]).output() else { return };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let mut java = Command::new("java");
    java.arg("-cp").arg(&folder).arg("Vectors").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = java.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), all());
}
