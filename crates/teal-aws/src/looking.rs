//! What functions that only look may do in another account. The role there may change what it releases, for the sake of the other
//! functions, so these assume it with a session policy: a session may do what the role and this policy both allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use serde_json::json;

/// What looking takes. Wildcards, since a session policy has 2,048 characters at most; the role names its actions one by one.
const LOOKING: [&str; 13] = [
    "application-autoscaling:Describe*",
    "appconfig:Get*",
    "appconfig:List*",
    "autoscaling:Describe*",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "ecs:Describe*",
    "elasticbeanstalk:Describe*",
    "elasticloadbalancing:Describe*",
    "lambda:GetAlias",
    "lambda:GetFunctionConfiguration",
    "logs:GetQueryResults",
    "logs:StartQuery",
];

/// The functions that change nothing of a service, and what each does besides looking.
const LOOKERS: [(&str, &[&str]); 5] = [
    ("accept", &[]),
    ("evaluate-health", &[]),
    ("on-lifecycle-hook", &["lambda:InvokeFunction"]),
    ("publish-weights", &["ssm:GetParameter", "ssm:PutParameter"]),
    ("validate-green", &["codebuild:BatchGetBuilds", "codebuild:StartBuild", "lambda:InvokeFunction"]),
];

/// The session policy that a function assumes roles of other accounts with; `None` for one that may do all that the role may.
#[must_use]
pub fn session_policy(function: &str) -> Option<String> {
    let (_, besides) = LOOKERS.iter().find(|(looker, _)| *looker == function)?;
    let actions: Vec<&str> = LOOKING.iter().chain(*besides).copied().collect();
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    Some(json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_is_short_enough_for_a_session() {
        for (function, _) in LOOKERS {
            assert!(session_policy(function).unwrap().len() <= 2_048, "{function}");
        }
        for function in ["on-alarm", "prepare-green", "promote", "roll-back", "shift-traffic", "sweep"] {
            assert_eq!(session_policy(function), None, "{function}");
        }
    }
}
