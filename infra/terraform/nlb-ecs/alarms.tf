# Either colour may be green, so each has its alarm. What the service itself counts belongs beside them.

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  #checkov:skip=CKV_AWS_319:its actions are enabled; Teal learns of it by EventBridge, and whom else it tells is the owner's to say
  for_each            = local.colours
  alarm_name          = "${var.name}-${each.key}-unhealthy"
  alarm_description   = "Targets of target group ${each.key} fail their health checks."
  namespace           = "AWS/NetworkELB"
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  tags                = local.tags

  dimensions = {
    TargetGroup  = aws_lb_target_group.this[each.key].arn_suffix
    LoadBalancer = aws_lb.this.arn_suffix
  }
}
