//! `infra/ec2/teal-hook.sh` against an AWS CLI of the test's own.

use crate::repository::top;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use teal::hook::HookAsked;

/// The CLI: takes the next of its answers, writes it where the script wants it, and keeps what it was asked. An answer that begins with
/// `error` is a failed call.
const CLI: &str = r#"#!/bin/sh
set -eu
here=$(dirname "$0")
echo "region=${AWS_REGION:-} attempts=${AWS_MAX_ATTEMPTS:-} $*" >>"$here/calls"
for argument; do
    case $argument in fileb://*) cat "${argument#fileb://}" >"$here/question" ;; esac
    last=$argument
done
read -r number <"$here/number"
echo $((number + 1)) >"$here/number"
answer=$here/answer-$number
[ -e "$answer" ] || { echo "no answer is left" >&2; exit 9; }
if grep -q '^error' "$answer"; then cat "$answer" >&2; exit 254; fi
cat "$answer" >"$last"
echo '{"StatusCode": 200}'
"#;

/// What reads the instance's metadata: gives a token to who puts, and to who has it what the file beside it says.
const METADATA: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$*" in
*"-X PUT -H X-aws-ec2-metadata-token-ttl-seconds: "*" http://169.254.169.254/latest/api/token") printf t0ken ;;
*"-H X-aws-ec2-metadata-token: t0ken http://169.254.169.254/latest/meta-data/instance-id") cat "$here/instance-id" ;;
*) exit 22 ;;
esac
"#;

struct Instance {
    folder: PathBuf,
}

impl Instance {
    fn new(name: &str, answers: &[&str]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("teal-hook-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (program, text) in [("aws", CLI), ("curl", METADATA)] {
            fs::write(folder.join(program), text).unwrap();
            fs::set_permissions(folder.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(folder.join("number"), "0\n").unwrap();
        for (number, answer) in answers.iter().enumerate() {
            fs::write(folder.join(format!("answer-{number}")), answer).unwrap();
        }
        fs::copy(top().join("infra/ec2/teal-hook.sh"), folder.join("teal-hook.sh")).unwrap();
        fs::create_dir(folder.join("tmp")).unwrap();
        let instance = Self { folder };
        instance.settings("TEAL_HOOK_PAUSE=0\n");
        instance
    }

    fn settings(&self, text: &str) {
        fs::write(self.folder.join("teal-hook.env"), text).unwrap();
    }

    fn run(&self) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.folder.display());
        let temporary = self.folder.join("tmp");
        let variables = [
            ("PATH", path.as_str()),
            ("TMPDIR", temporary.to_str().unwrap()),
            ("DEPLOYMENT_ID", "d-ABC123XYZ"),
            ("APPLICATION_NAME", "shop"),
            ("DEPLOYMENT_GROUP_NAME", "checkout"),
            ("LIFECYCLE_EVENT", "ValidateService"),
        ];
        let output =
            Command::new("sh").arg(self.folder.join("teal-hook.sh")).env_clear().envs(variables).output().unwrap();
        assert_eq!(fs::read_dir(self.folder.join("tmp")).unwrap().count(), 0, "nothing is left behind");
        output
    }

    /// What the function was asked last.
    fn question(&self) -> HookAsked {
        let question = fs::read_to_string(self.folder.join("question")).unwrap();
        let question: Value = serde_json::from_str(&question).unwrap();
        teal_lambda::decode_hook(&question).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.folder.join("calls")).unwrap().lines().map(str::to_owned).collect()
    }
}

fn answer(status: &str) -> String {
    json!({"status": status, "message": "checkout 2: \"green\" is validated"}).to_string()
}

#[test]
fn it_asks_in_the_form_that_the_function_reads_until_it_may_go_on() {
    let instance = Instance::new("good", &[&answer("IN_PROGRESS"), &answer("IN_PROGRESS"), &answer("SUCCEEDED")]);
    let output = instance.run();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("ValidateService may go on. checkout 2: "), "{output:?}");
    let calls = instance.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls[0].contains("lambda invoke --function-name CodeDeployHook_teal --payload fileb://"), "{calls:?}");
    // The function has 300 s, and a call that the CLI repeats by itself runs the checks beside the first one's.
    assert!(calls[0].contains("--cli-read-timeout 310") && calls[0].contains("attempts=1 "), "{calls:?}");
    let HookAsked::Instance(hook) = instance.question() else { panic!("not by the script") };
    assert_eq!((hook.application.as_str(), hook.deployment_group.as_str()), ("shop", "checkout"));
    assert_eq!((hook.deployment.as_str(), hook.event.as_str()), ("d-ABC123XYZ", "ValidateService"));
}

#[test]
fn it_says_which_instance_asks_where_the_metadata_does() {
    for (metadata, expected) in [
        (Some("i-0123456789abcdef0"), Some("i-0123456789abcdef0")),
        // A page of somebody else's, and a server that is none of EC2's.
        (Some("<html>\n\"i-0123456789abcdef0\"</html>"), None),
        (None, None),
    ] {
        let instance = Instance::new("metadata", &[&answer("SUCCEEDED")]);
        if let Some(text) = metadata {
            fs::write(instance.folder.join("instance-id"), text).unwrap();
        }
        assert!(instance.run().status.success());
        let HookAsked::Instance(hook) = instance.question() else { panic!("not by the script") };
        assert_eq!(hook.instance.as_deref(), expected);
    }
}

#[test]
fn a_no_fails_the_event() {
    let instance = Instance::new("bad", &[&answer("IN_PROGRESS"), &answer("FAILED")]);
    let output = instance.run();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("may not go on"), "{output:?}");
}

#[test]
fn no_answer_is_asked_for_again_and_is_never_a_good_one() {
    let failed = r#"{"errorType": "Teal.Internal", "errorMessage": "the plan has problems"}"#;
    let instance = Instance::new("passing", &["error: Rate exceeded", failed, &answer("SUCCEEDED")]);
    assert!(instance.run().status.success());
    let instance = Instance::new("lasting", &["error: denied", failed, "{}", "", "SUCCEEDED", &answer("SUCCEEDED")]);
    let output = instance.run();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(instance.calls().len(), 5, "five in a row are enough");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("error: denied") && told.contains("the plan has problems"), "{told}");
}

#[test]
fn failed_calls_count_in_a_row_only() {
    let waits = answer("IN_PROGRESS");
    let instance = Instance::new("row", &["error", &waits, "error", &waits, "error", &answer("SUCCEEDED")]);
    instance.settings("TEAL_HOOK_PAUSE=0\nTEAL_HOOK_ERRORS=2\n");
    assert!(instance.run().status.success());
}

#[test]
fn the_function_may_be_an_arn_with_its_region() {
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:CodeDeployHook_teal:live";
    let instance = Instance::new("arn", &[&answer("SUCCEEDED")]);
    instance.settings(&format!("TEAL_HOOK_FUNCTION={arn}\n"));
    assert!(instance.run().status.success());
    let calls = instance.calls();
    assert!(calls[0].starts_with("region=eu-central-1 ") && calls[0].contains(arn), "{calls:?}");
}

#[test]
fn without_code_deploy_it_says_so() {
    let script = top().join("infra/ec2/teal-hook.sh");
    let output = Command::new("sh").arg(script).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("CodeDeploy runs this script"), "{output:?}");
}
