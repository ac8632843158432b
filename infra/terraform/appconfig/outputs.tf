output "flag_application" {
  description = "The plan's traffic.flag.application."
  value       = aws_appconfig_application.this.id
}

output "flag_environment" {
  description = "The plan's traffic.flag.environment."
  value       = aws_appconfig_environment.this.environment_id
}

output "flag_profile" {
  description = "The plan's traffic.flag.profile."
  value       = aws_appconfig_configuration_profile.flags.configuration_profile_id
}

output "read_flags_policy_arn" {
  description = "The policy by which a service reads its flags."
  value       = aws_iam_policy.read_flags.arn
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.failing : alarm.alarm_name]
}
