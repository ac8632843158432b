output "role_arn" {
  description = "account.role of plans."
  value       = aws_iam_role.release.arn
}

output "deployment_strategy_id" {
  description = "account.deploymentStrategy of plans that turn flags."
  value       = one(aws_appconfig_deployment_strategy.flags[*].id)
}
