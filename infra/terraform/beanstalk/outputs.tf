output "url" {
  value = "http://${var.name}.${data.aws_region.this.name}.elasticbeanstalk.com"
}

output "cname" {
  description = "The plan's traffic.cname.name."
  value       = "${var.name}.${data.aws_region.this.name}.elasticbeanstalk.com"
}

output "environment_names" {
  description = "The plan's traffic.cname.environments."
  value       = ["${var.name}-a", "${var.name}-b"]
}

output "alarm_names" {
  description = "The plan's judge.alarms."
  value       = [for alarm in aws_cloudwatch_metric_alarm.health : alarm.alarm_name]
}

output "associate_operations_role" {
  description = "To be run once."
  value       = "aws elasticbeanstalk associate-environment-operations-role --environment-name ${var.name}-a --operations-role ${aws_iam_role.operations.arn}"
}

data "aws_region" "this" {}
