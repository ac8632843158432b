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
