output "function_name" {
  description = "The plan's traffic.lambda.function."
  value       = aws_lambda_function.this.function_name
}

output "alias_name" {
  description = "The plan's traffic.lambda.alias."
  value       = aws_lambda_alias.live.name
}

output "alias_arn" {
  description = "What clients invoke."
  value       = aws_lambda_alias.live.arn
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = [aws_cloudwatch_metric_alarm.errors.alarm_name, aws_cloudwatch_metric_alarm.throttles.alarm_name]
}

output "application_name" {
  description = "The plan's traffic.shiftedBy.codeDeploy.application."
  value       = aws_codedeploy_app.this.name
}

output "deployment_group_name" {
  description = "The plan's traffic.shiftedBy.codeDeploy.deploymentGroup."
  value       = aws_codedeploy_deployment_group.this.deployment_group_name
}

output "plan_parameter" {
  description = "Where the plan is kept for Teal's hooks (`teal plan put --to ssm:...`)."
  value       = "/teal/codedeploy/${aws_codedeploy_app.this.name}/${aws_codedeploy_deployment_group.this.deployment_group_name}"
}

output "app_spec" {
  description = "What a deployment is given, with version numbers in place of <CURRENT_VERSION> (what the alias names) and <TARGET_VERSION>."
  value       = <<-JSON
    {
      "version": 0.0,
      "Resources": [
        {"function": {"Type": "AWS::Lambda::Function", "Properties": {
          "Name": "${aws_lambda_function.this.function_name}", "Alias": "${aws_lambda_alias.live.name}",
          "CurrentVersion": "<CURRENT_VERSION>", "TargetVersion": "<TARGET_VERSION>"}}}
      ],
      "Hooks": [
        {"BeforeAllowTraffic": "${var.hook_function}"},
        {"AfterAllowTraffic": "${var.hook_function}"}
      ]
    }
  JSON
}
