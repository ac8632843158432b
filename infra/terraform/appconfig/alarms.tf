# Turning a flag on, `on` is green; turning it off, `off` is. So each has its alarm.
resource "aws_cloudwatch_metric_alarm" "failing" {
  #checkov:skip=CKV_AWS_319:its actions are enabled; Teal learns of it by EventBridge, and whom else it tells is the owner's to say
  for_each            = toset(["on", "off"])
  alarm_name          = "${var.name}-${each.key}-failing"
  alarm_description   = "Too much goes wrong for users with the flag ${each.key}."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.bad_share_percent
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  tags                = { teal = var.name }

  metric_query {
    id          = "share"
    label       = "bad share in percent"
    expression  = "IF(total >= ${var.alarm_min_total}, 100 * FILL(bad, 0) / total, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { bad = var.bad_metric, total = var.total_metric }
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = var.metric_namespace
        metric_name = metric_query.value
        period      = 60
        stat        = "Sum"
        dimensions  = { Variant = each.key }
      }
    }
  }
}
