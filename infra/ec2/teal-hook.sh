#!/bin/sh
# A lifecycle hook of an EC2 deployment of CodeDeploy that asks Teal whether the deployment may go on, and waits for the answer.
#
# Put it beside your AppSpec and name it there, at ValidateService say, with a timeout that leaves Teal its time (at most 3600):
#
#     hooks:
#       ValidateService:
#         - location: teal-hook.sh
#           timeout: 1800
#           runas: root
#
# It needs the AWS CLI (version 1 or 2), and the permission to invoke the function: the policy HookCallerPolicy of Teal's stack,
# attached to the instance's role. The plan is the one that is kept at /teal/codedeploy/<application>/<deployment group>.
#
# Where the plan's checks are for the instance itself (traffic.test.instance), it needs `curl` and its metadata (IMDSv2), too: it says by
# its id which one asks. Where that is, Teal learns from EC2, and that it is one of this deployment's, from CodeDeploy.
#
# A file teal-hook.env beside this one may set:
#
#     TEAL_HOOK_FUNCTION   the function by its ARN, the output HookFunctionArn of Teal's stack, or by its name; CodeDeployHook_teal
#                          unless set. Its region is the ARN's, or else the one that the CLI is configured for
#     TEAL_HOOK_PAUSE      seconds between two questions; 15 unless set
#     TEAL_HOOK_ERRORS     how many calls in a row may fail before the deployment does; 5 unless set
#
# CodeDeploy sets the other variables. It ends the script at its timeout, and fails the deployment then; so it does when the script ends
# with anything but 0.
set -eu

: "${DEPLOYMENT_ID:?is not set: CodeDeploy runs this script}"
: "${APPLICATION_NAME:?is not set: CodeDeploy runs this script}"
: "${DEPLOYMENT_GROUP_NAME:?is not set: CodeDeploy runs this script}"
: "${LIFECYCLE_EVENT:?is not set: CodeDeploy runs this script}"

settings=$(dirname "$0")/teal-hook.env
if [ -r "$settings" ]; then
    # shellcheck source=/dev/null
    . "$settings"
fi
function=${TEAL_HOOK_FUNCTION:-CodeDeployHook_teal}
pause=${TEAL_HOOK_PAUSE:-15}
errors=${TEAL_HOOK_ERRORS:-5}
errors_left=$errors

case $function in
arn:*)
    AWS_DEFAULT_REGION=$(printf '%s' "$function" | cut -d : -f 4)
    AWS_REGION=$AWS_DEFAULT_REGION
    export AWS_DEFAULT_REGION AWS_REGION
    ;;
esac

# The function runs the plan's checks before it answers, for 300 seconds at most, and is asked again by the loop below alone.
AWS_MAX_ATTEMPTS=1
export AWS_MAX_ATTEMPTS

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

# The instance's id; nothing where there is none, as on a server that is none of EC2's.
metadata=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
ask_metadata() {
    curl --silent --fail --noproxy '*' --max-time 5 "$@" 2>/dev/null
}
instance=
if token=$(ask_metadata -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "${metadata%/}/latest/api/token"); then
    instance=$(ask_metadata -H "X-aws-ec2-metadata-token: $token" "${metadata%/}/latest/meta-data/instance-id") || instance=
fi
if ! printf '%s\n' "$instance" | grep -Eqx 'i-[0-9a-f]{8,17}'; then
    instance=
fi

# Names of applications and groups hold neither quotes nor backslashes.
printf '{"teal": "ec2", "deploymentId": "%s", "application": "%s", "deploymentGroup": "%s", "lifecycleEvent": "%s"%s}' \
    "$DEPLOYMENT_ID" "$APPLICATION_NAME" "$DEPLOYMENT_GROUP_NAME" "$LIFECYCLE_EVENT" \
    "${instance:+, \"instance\": \"$instance\"}" >"$folder/question"

# The value of a text in the answer, which is one flat object.
answer_of() {
    { tr -d '\n' <"$folder/answer"; echo; } | sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p"
}

while :; do
    : >"$folder/answer"
    status=
    # fileb:// hands the question over as it is in both versions of the CLI.
    if aws lambda invoke --function-name "$function" --payload "fileb://$folder/question" --cli-read-timeout 310 \
        "$folder/answer" >"$folder/said" 2>&1; then
        status=$(answer_of status)
    fi
    case $status in
    SUCCEEDED)
        echo "teal: $LIFECYCLE_EVENT may go on. $(answer_of message)"
        exit 0
        ;;
    FAILED)
        echo "teal: $LIFECYCLE_EVENT may not go on. $(answer_of message)" >&2
        exit 1
        ;;
    IN_PROGRESS)
        errors_left=$errors
        ;;
    *)
        errors_left=$((errors_left - 1))
        # No answer is not a good one.
        echo "teal: $function gave no answer: $(tail -n 3 "$folder/said") $(answer_of errorMessage)" >&2
        if [ "$errors_left" -le 0 ]; then
            exit 1
        fi
        ;;
    esac
    sleep "$pause"
done
