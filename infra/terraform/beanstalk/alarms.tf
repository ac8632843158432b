# Either environment may be green, so each has its alarm: 20 is Degraded, 25 Severe.
# https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/health-enhanced-cloudwatch.html
resource "aws_cloudwatch_metric_alarm" "health" {
  #checkov:skip=CKV_AWS_319:its actions are enabled; Teal learns of it by EventBridge, and whom else it tells is the owner's to say
  for_each            = toset(["a", "b"])
  alarm_name          = "${var.name}-${each.key}-health"
  alarm_description   = "Environment ${each.key} is degraded."
  namespace           = "AWS/ElasticBeanstalk"
  metric_name         = "EnvironmentHealth"
  dimensions          = { EnvironmentName = "${var.name}-${each.key}" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 20
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  tags                = local.tags
}
