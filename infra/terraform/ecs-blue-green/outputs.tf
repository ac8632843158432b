output "url" {
  value = "http://${aws_lb.this.dns_name}:${var.listener_port}"
}

output "production_rule_arn" {
  description = "The plan's traffic.alb.rules."
  value       = aws_lb_listener_rule.production.arn
}

output "test_rule_arn" {
  description = "The plan's traffic.test.rule."
  value       = aws_lb_listener_rule.test.arn
}

output "target_group_arns" {
  description = "The plan's traffic.alb.targetGroups."
  value       = [for group in aws_lb_target_group.this : group.arn]
}

output "cluster_name" {
  description = "The plan's traffic.shiftedBy.ecs.cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "The plan's traffic.shiftedBy.ecs.service."
  value       = aws_ecs_service.this.name
}

output "plan_parameter" {
  description = "Where the plan is kept for Teal's hooks (`teal plan put --to ssm:...`)."
  value       = "/teal/ecs/${var.name}/${var.name}"
}

output "task_definition_arn" {
  value = aws_ecs_task_definition.this.arn
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.bad_share : alarm.alarm_name], [aws_cloudwatch_metric_alarm.load_balancer_5xx.alarm_name])
}
