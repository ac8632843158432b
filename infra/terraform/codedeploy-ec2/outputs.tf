output "application_name" {
  value = aws_codedeploy_app.this.name
}

output "deployment_group_name" {
  value = aws_codedeploy_deployment_group.this.deployment_group_name
}

output "plan_parameter" {
  description = "Where the plan is kept for Teal's hook (`teal plan put --to ssm:...`)."
  value       = "/teal/codedeploy/${aws_codedeploy_app.this.name}/${aws_codedeploy_deployment_group.this.deployment_group_name}"
}
