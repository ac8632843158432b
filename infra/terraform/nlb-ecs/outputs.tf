output "address" {
  value = "${aws_lb.this.dns_name}:${var.listener_port}"
}

output "listener_arn" {
  description = "The plan's traffic.nlb.listeners."
  value       = aws_lb_listener.production.arn
}

output "test_listener_arn" {
  description = "The plan's traffic.test.listener."
  value       = aws_lb_listener.test.arn
}

output "target_group_arns" {
  value = [for group in aws_lb_target_group.this : group.arn]
}

output "cluster_name" {
  description = "The plan's green.ecs.cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_names" {
  description = "The plan's green.ecs.services."
  value       = ["${var.name}-a", "${var.name}-b"]
}

output "task_definition_arn" {
  value = aws_ecs_task_definition.this.arn
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.unhealthy : alarm.alarm_name]
}
