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
  value = [for group in aws_lb_target_group.this : group.arn]
}

output "instance_security_group_id" {
  description = "The variable instance_security_group of beanstalk."
  value       = aws_security_group.instances.id
}

output "alarm_names" {
  description = "The plan's judge.alarms, beside those of the environments."
  value       = concat([for alarm in aws_cloudwatch_metric_alarm.bad_share : alarm.alarm_name], [aws_cloudwatch_metric_alarm.load_balancer_5xx.alarm_name])
}
