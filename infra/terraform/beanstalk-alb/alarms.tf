# Either colour may be green, so each has its alarm: the share of the requests a target was chosen for that did not end in an
# answer below 500. A target that closes the connection counts, which HTTPCode_Target_5XX_Count alone would miss.

locals {
  counts = {
    requests = "RequestCount"
    two      = "HTTPCode_Target_2XX_Count"
    three    = "HTTPCode_Target_3XX_Count"
    four     = "HTTPCode_Target_4XX_Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "bad_share" {
  #checkov:skip=CKV_AWS_319:its actions are enabled; Teal learns of it by EventBridge, and whom else it tells is the owner's to say
  for_each            = local.colours
  alarm_name          = "${var.name}-${each.key}-bad-share"
  alarm_description   = "Too many requests to target group ${each.key} go wrong."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.bad_share_percent
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  tags                = local.tags

  metric_query {
    id          = "share"
    label       = "bad share in percent"
    expression  = "IF(requests >= ${var.alarm_min_requests}, 100 * (requests - FILL(two, 0) - FILL(three, 0) - FILL(four, 0)) / requests, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.counts
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        period      = 60
        stat        = "Sum"
        dimensions = {
          TargetGroup  = aws_lb_target_group.this[each.key].arn_suffix
          LoadBalancer = aws_lb.this.arn_suffix
        }
      }
    }
  }
}

# What the load balancer answers itself has no target group: this one is for both colours together.
resource "aws_cloudwatch_metric_alarm" "load_balancer_5xx" {
  alarm_name          = "${var.name}-5xx"
  alarm_description   = "The load balancer itself answers with 5xx."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_ELB_5XX_Count"
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = var.load_balancer_5xx_count
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  tags                = local.tags
}
