//! `teal judge` as people run it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn teal(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_teal"))
        .arg("judge")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside reading the output, so that neither side waits for the other with full pipes.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A run that refuses its options does not read its input.
    let _ = writer.join().unwrap();
    output
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn refusal(args: &[&str], input: &str) -> String {
    let output = teal(args, input);
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn assert_close(actual: &Value, expected: f64) {
    let actual = actual.as_f64().unwrap();
    assert!((actual - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{actual} is not {expected}");
}

/// Five minutes at 5 %, five at 25 %, four at 50 % with three times blue's errors.
fn release() -> Vec<Value> {
    let minute = |step: u64, g: u64, b: u64, x: u64, y: u64| json!({"step": step, "green": {"total": g, "bad": x}, "blue": {"total": b, "bad": y}});
    let mut rows = vec![minute(1, 300, 5_700, 1, 6); 5];
    rows.extend(vec![minute(2, 1_500, 4_500, 4, 4); 5]);
    rows.extend(vec![minute(3, 3_000, 3_000, 9, 3); 4]);
    rows
}

const NOISE: [&str; 4] = ["--phi", "1.18", "--cv", "0.31"];

#[test]
fn a_release_is_judged_interval_by_interval() {
    let input = Value::from(release()).to_string();
    let lines = lines(&teal(&["-", "--phi", "1.18", "--cv", "0.31"], &input));
    assert_eq!(lines.len(), 15);
    assert_eq!(lines[0]["interval"], 1);
    assert_close(&lines[0]["ln_e"], 0.003712812038147);
    assert_close(&lines[13]["ln_e"], 6.800042035520);
    let verdicts: Vec<_> = lines[..14].iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts[3..6], ["hold", "clear", "hold"]);
    assert_eq!(verdicts[10..], ["hold", "rollBack", "rollBack", "rollBack"]);
    assert!(lines[11]["reason"].as_str().unwrap().contains("at most once in 180 releases; E = 185, limit 100"));
    let summary = &lines[14];
    assert_eq!((&summary["rollBackAt"], &summary["acceptAt"]), (&json!(12), &Value::Null));
}

#[test]
fn json_lines_and_csv_say_the_same_as_json() {
    let rows = release();
    let args: Vec<&str> = ["-"].into_iter().chain(NOISE).collect();
    let json = teal(&args, &Value::from(rows.clone()).to_string()).stdout;
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let mut csv = "step,green_total,green_bad,blue_total,blue_bad\r\n".to_owned();
    for row in &rows {
        let (green, blue) = (&row["green"], &row["blue"]);
        csv += &format!("{}, {}.0,{},{},{}\r\n", row["step"], green["total"], green["bad"], blue["total"], blue["bad"]);
    }
    assert_eq!(teal(&args, &lines.join("\n")).stdout, json);
    assert_eq!(teal(&args, &csv).stdout, json);
}

#[test]
fn a_batch_gives_one_summary_a_run_in_order() {
    let healthy = json!({"phi": 1.2, "cv": 0.1, "intervals": vec![json!([1, 300, 5_700, 3, 57]); 5]});
    let intervals: Vec<Value> = release()
        .iter()
        .map(|row| {
            json!([row["step"], row["green"]["total"], row["blue"]["total"], row["green"]["bad"], row["blue"]["bad"]])
        })
        .collect();
    let regressed = json!({"phi": 1.18, "cv": 0.31, "intervals": intervals});
    let strict = json!({"phi": 1.18, "cv": 0.31, "strict": true, "intervals": intervals});
    let summaries = lines(&teal(&["--batch", "-"], &format!("{healthy}\n{regressed}\n\n{strict}\n")));
    assert_eq!(summaries.iter().map(|summary| summary["run"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(summaries[0]["rollBackAt"], Value::Null);
    assert_close(&summaries[0]["ln_e"], -0.4400467399774);
    assert_eq!(summaries[1]["rollBackAt"], 12);
    assert_close(&summaries[1]["ln_e"], 6.800042035520);
    assert!(summaries[2]["ln_e"].as_f64() < summaries[1]["ln_e"].as_f64());
}

/// As many as people have in a year, or a simulation makes in an evening; `cargo bench -p teal-cli` says how long it takes.
#[test]
fn ten_thousand_runs_are_judged_each_as_if_it_were_alone() {
    let run = |bad: u64, phi: f64| {
        let interval = |minute: u64| json!([1 + minute / 7, 1_500, 4_500, (bad + minute) % 40, 30 + minute % 5]);
        json!({"phi": phi, "cv": 0.2, "intervals": (0..20).map(interval).collect::<Vec<_>>()}).to_string()
    };
    let kinds = [run(5, 1.0), run(15, 1.5), run(30, 1.0), run(0, 8.0), run(25, 3.0), run(10, 1.1), run(20, 2.0)];
    let alone: Vec<Value> = kinds.iter().map(|kind| lines(&teal(&["--batch", "-"], kind)).remove(0)).collect();
    let found = alone.iter().filter(|summary| summary["rollBackAt"].is_u64()).count();
    assert!((1..kinds.len()).contains(&found), "some are rolled back, some are not: {alone:?}");
    let all: Vec<&str> = kinds.iter().map(String::as_str).cycle().take(10_000).collect();
    let summaries = lines(&teal(&["--batch", "-"], &all.join("\n")));
    assert_eq!(summaries.len(), 10_000);
    for (number, (summary, alone)) in (1..).zip(summaries.iter().zip(alone.iter().cycle())) {
        let mut expected = alone.clone();
        expected["run"] = json!(number);
        assert_eq!((summary, &summary["intervals"]), (&expected, &json!(20)));
    }
}

#[test]
fn several_metrics_are_averaged() {
    let bad = |metric: &str, x: u64| json!({"step": 1, "metric": metric, "green": {"total": 3_000, "bad": x}, "blue": {"total": 3_000, "bad": 30}});
    let alone = lines(&teal(&["-"], &Value::from(vec![bad("errors", 90); 8]).to_string()));
    let mut rows = vec![bad("errors", 90); 8];
    rows.extend(vec![bad("slow", 30); 8]);
    let together = lines(&teal(&["-"], &Value::from(rows).to_string()));
    let last = &together[7];
    assert_eq!(last["metrics"]["errors"]["ln_e"], alone[7]["ln_e"]);
    let e = |value: &Value| value.as_f64().unwrap().exp();
    let average = (e(&last["metrics"]["errors"]["ln_e"]) + e(&last["metrics"]["slow"]["ln_e"])) / 2.0;
    assert_close(&last["ln_e"], average.ln());
}

#[test]
fn noise_is_learnt_from_a_history_file() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("judge-history");
    std::fs::create_dir_all(&folder).unwrap();
    let history = folder.join("history.csv");
    std::fs::write(&history, format!("a_total,a_bad,b_total,b_bad\n{}", "500,5,500,5\n".repeat(60))).unwrap();
    let args = ["-", "--history", history.to_str().unwrap()];
    let summary = lines(&teal(&args, &Value::from(release()).to_string())).pop().unwrap();
    let errors = &summary["calibration"]["errors"];
    assert_eq!((&errors["phi"], &errors["cv"]), (&json!(1.0), &json!(0.1)));
    assert_eq!(errors["basis"], "noise measured on 60 points of blue against blue with 600 bad requests");
}

#[test]
fn a_metric_without_a_history_is_no_silent_fall_back() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("judge-history-of-another");
    std::fs::create_dir_all(&folder).unwrap();
    let history = folder.join("history.csv");
    let args = ["-", "--history", history.to_str().unwrap()];
    let counts = "step,metric,green_total,green_bad,blue_total,blue_bad\n1,http,300,3,5700,7\n";
    std::fs::write(&history, format!("a_total,a_bad,b_total,b_bad\n{}", "500,5,500,5\n".repeat(60))).unwrap();
    let error = refusal(&args, counts);
    for message in [
        "history.csv: it has no row of metric http",
        "it has errors (as rows are called that name no metric)",
        "standard input has http",
        "give the metric the same name in both",
    ] {
        assert!(error.contains(message), "{error:?} does not say {message:?}");
    }
    let twice = refusal(&["-", "--history", "-"], counts);
    assert!(twice.contains("--history: it is standard input, as FILE is, which can be read only once"), "{twice}");
    // The remedy.
    std::fs::write(&history, "metric,a_total,a_bad,b_total,b_bad\nhttp,,,,\n").unwrap();
    let summary = lines(&teal(&args, counts)).pop().unwrap();
    assert_eq!(summary["calibration"]["http"]["phi"], 8.0);
}

#[track_caller]
fn assert_refused(args: &[&str], input: &str, messages: &[&str]) {
    let output = teal(args, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{input}: {error}");
    for message in messages {
        assert!(error.contains(message), "{error:?} does not say {message:?}");
    }
}

#[test]
fn what_is_wrong_with_json_is_told_with_row_field_value_reason_and_remedy() {
    let row = |green: &str| format!(r#"{{"step": 1, "green": {green}, "blue": {{"total": 5, "bad": 1}}}}"#);
    let good = row(r#"{"total": 3, "bad": 1}"#);
    let step = |step: &str| good.replace("\"step\": 1", &format!("\"step\": {step}"));
    for (input, messages) in [
        (
            format!("{good}\n{}", row(r#"{"total": 3}"#)),
            ["standard input, row 2: green.bad is missing", "write null where there was no datum"],
        ),
        (
            row(r#"{"total": -3, "bad": 1}"#),
            ["row 1: green.total is -3, but must be a whole number of at least 0", "give how many"],
        ),
        (row(r#"{"total": "57,000", "bad": 1}"#), ["row 1: green.total is \"57,000\", but", "write 57000"]),
        (row(r#"{"total": "300", "bad": 1}"#), ["green.total is \"300\", which is a text", "write 300 without quotes"]),
        (
            row(r#"{"total": 3, "bad": 4}"#),
            ["row 1: green.bad is 4, more than green.total, which is 3", "raise it to 4"],
        ),
        (row(r#"{"total": 3, "bad": 1, "bad": 2}"#), ["row 1: bad is given twice", "leave one"]),
        (row(r#"{"total": 3, "bads": 1}"#), ["row 1: green has no field \"bads\"", "write total, bad as here"]),
        (row("3"), ["row 1: green is 3, but must be an object", r#"{"total": 300, "bad": 3}"#]),
        (step("0"), ["row 1: step is 0, but steps are counted from 1", "give the number"]),
        (step("1.5"), ["row 1: step is 1.5, but must be a whole number of at least 1", "give the number"]),
        (step("\"1\""), ["row 1: step is \"1\", which is a text", "write 1 without quotes"]),
        (step("null"), ["row 1: step is empty, but steps are counted from 1", "give the number"]),
        (format!("{}\n{good}", step("2")), ["row 2: step is 1, but the interval before has 2", "in the order of time"]),
        (
            good.replace("\"step\"", "\"metrics\": \"x\", \"step\""),
            ["row 1: the row has no field \"metrics\"", "step, metric, green, blue"],
        ),
        (good.replace("\"step\"", "\"metric\": 5, \"step\""), ["row 1: metric is 5, but must be a text", "write"]),
        ("[1]".to_owned(), ["row 1: the row is 1, but must be an object", "write {\"step\": 1"]),
        ("{\"intervals\": []}".to_owned(), ["row 1: intervals is a field of whole runs", "--batch"]),
        (String::new(), ["row 1: there is none", "write CSV with the header step,green_total"]),
    ] {
        assert_refused(&["-"], &input, &messages);
    }
}

#[test]
fn csv_that_could_be_meant_in_two_ways_is_refused() {
    let header = "step,green_total,green_bad,blue_total,blue_bad";
    for (input, messages) in [
        (
            format!("{header}\n1,300,3,57,000,7"),
            ["standard input, row 2: it has 6 cells, but the header has 5", "without commas between thousands"],
        ),
        (format!("{header}\n\n1,300,3,5700"), ["row 3: it has 4 cells, but the header has 5", "empty where"]),
        (format!("{header}\n1,300,3,\"57,000\",7"), ["row 2: blue_total is \"57,000\", but", "write 57000"]),
        (
            format!("{header}\n1,300,3,57.000,7"),
            ["row 2: blue_total is \"57.000\", but", "write 57000 if that is meant"],
        ),
        (format!("{header}\n1,300,3,5\"7\",7"), ["row 2: cell 4 is 5\"7\", with a double quote", "put all of it"]),
        (
            format!("{header}\n1,300,3,\"57,7"),
            ["row 2: cell 4 begins with a double quote that no other one ends", "add"],
        ),
        (format!("{header}\n1,18446744073709551616,0,4,5"), ["row 2: green_total is", "must be below 2^64"]),
        (format!("{header}\n1,2,x,4,5"), ["row 2: green_bad is \"x\", but must be a whole number", "give how many"]),
        (format!("{header}\n1,300,301,5,5"), ["row 2: green_bad is 301, more than green_total, which is 300", "raise"]),
        (format!("{header}\n,300,3,5,5"), ["row 2: step is empty, but steps are counted from 1", "give the number"]),
        (header.to_owned(), ["row 2: there is none below the header", "each interval needs one: add them"]),
        ("1,300,3,5700,7".to_owned(), ["row 1 (the header): it has numbers, but must name the columns", header]),
        (
            format!("{header},metrics\n1,3,1,5,1,x"),
            ["row 1 (the header): \"metrics\" is none of the columns", "correct"],
        ),
        (format!("{header},step\n1,3,1,5,1,1"), ["row 1 (the header): it has the column step twice", "leave one"]),
        (
            header.replace(",blue_bad", ""),
            [
                "row 1 (the header): it has no column blue_bad",
                "step,green_total,green_bad,blue_total,blue_bad[,metric]",
            ],
        ),
        (
            format!("{header}\n1,300,3,5700,7").replace(',', ";"),
            ["row 1 (the header): its cells are separated by ';', but must be by commas", header],
        ),
    ] {
        assert_refused(&["-"], &input, &messages);
    }
    let quoted = format!("\"step\",{}\n1, \"300\" ,3,\"5700\",7\n", &header["step,".len()..]);
    assert_eq!(teal(&["-"], &quoted).stdout, teal(&["-"], &format!("{header}\n1,300,3,5700,7\n")).stdout);
}

#[test]
fn what_is_wrong_with_a_batch_is_told_with_row_field_value_reason_and_remedy() {
    let run = |interval: &str| format!("{{\"intervals\": [{interval}]}}");
    for (input, messages) in [
        (
            format!("{}\n{}", run("[1, 2, 3, 0, 0]"), run("[1, 2, 3, \"x\", 5]")),
            ["row 2: interval 1: green's bad ones is \"x\", but must be a whole number of at least 0", "give how many"],
        ),
        (
            run("[1, 2, 3, 4]"),
            ["interval 1: it is [1,2,3,4], but must be an array of five", "[step, green's requests,"],
        ),
        (
            run("[1, 2, 3, 4, 0]"),
            ["interval 1: green's bad ones is 4, more than green's requests, which is 2", "raise"],
        ),
        (run("[\"1\", 2, 3, 0, 0]"), ["interval 1: step is \"1\", which is a text", "write 1 without quotes"]),
        (
            run("[2, 2, 3, 0, 0], [1, 2, 3, 0, 0]"),
            ["interval 2: step is 1, but the interval before has 2", "order of time"],
        ),
        ("[1]".to_owned(), ["row 1: the run is [1], but must be an object", "write {\"phi\": 1.2"]),
        (
            "{\"Phi\": 1.2, \"intervals\": []}".to_owned(),
            ["row 1: the run has no field \"Phi\"", "write phi, cv, rho, alpha, strict, steps, intervals"],
        ),
        (
            "{\"phi\": \"1.2\", \"intervals\": []}".to_owned(),
            ["phi is \"1.2\", but must be a number", "without quotes"],
        ),
        ("{\"phi\": 1.2}".to_owned(), ["row 1: intervals is missing", "write {"]),
        ("{".to_owned(), ["row 1: EOF", "each line is a run of its own"]),
        ("\n".to_owned(), ["standard input, row 1: there is none", "write {\"phi\""]),
    ] {
        assert_refused(&["-", "--batch"], &input, &messages);
    }
    let with = |count: &str| lines(&teal(&["--batch", "-"], &run(&format!("[1, 20, 30, {count}, 1]"))));
    assert_eq!(with("null"), with("0"), "null is 0, as in rows");
}

#[test]
fn options_and_files_that_cannot_be_used_are_named() {
    assert!(refusal(&["-", "--phi", "0.5"], "").contains("--phi is 0.5, but must be a number of at least 1"));
    assert!(refusal(&["no-such-file"], "").contains("cannot read no-such-file"));
}

#[test]
fn the_past_is_asked_for_with_a_plan_and_a_time() {
    assert!(refusal(&[], "").contains("FILE"), "one of FILE and --from-cloudwatch is needed");
    assert!(refusal(&["--from-cloudwatch", "plan.yaml", "--since", "16d"], "").contains("15d"));
    assert!(refusal(&["--from-cloudwatch", "plan.yaml", "--strict"], "").contains("--strict"));
    let plan = "service: [";
    assert!(refusal(&["--from-cloudwatch", "-"], plan).contains("standard input is not a valid plan"));
}
