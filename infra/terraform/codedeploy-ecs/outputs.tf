output "url" {
  value = "http://${aws_lb.this.dns_name}:${var.listener_port}"
}

output "listener_arn" {
  description = "The plan's traffic.alb.listeners."
  value       = aws_lb_listener.production.arn
}

output "test_listener_arn" {
  description = "The plan's traffic.test.listener."
  value       = aws_lb_listener.test.arn
}

output "target_group_arns" {
  description = "The plan's traffic.alb.targetGroups."
  value       = [for group in aws_lb_target_group.this : group.arn]
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
  description = "What a deployment is given, with the new task definition's ARN in place of <TASK_DEFINITION>."
  value       = <<-JSON
    {
      "version": 0.0,
      "Resources": [
        {"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
          "TaskDefinition": "<TASK_DEFINITION>",
          "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": ${var.container_port}}}}}
      ],
      "Hooks": [
        {"AfterAllowTestTraffic": "${var.hook_function}"},
        {"BeforeAllowTraffic": "${var.hook_function}"},
        {"AfterAllowTraffic": "${var.hook_function}"}
      ]
    }
  JSON
}

output "cluster_name" {
  value = aws_ecs_cluster.this.name
}

output "service_name" {
  value = aws_ecs_service.this.name
}

output "task_definition_arn" {
  value = aws_ecs_task_definition.this.arn
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.bad_share : alarm.alarm_name], [aws_cloudwatch_metric_alarm.load_balancer_5xx.alarm_name])
}
