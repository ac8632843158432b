# Of the alias as a whole: which version is green changes with every release. Teal itself compares the versions.

locals {
  alias = {
    FunctionName = aws_lambda_function.this.function_name
    Resource     = "${aws_lambda_function.this.function_name}:${aws_lambda_alias.live.name}"
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  #checkov:skip=CKV_AWS_319:its actions are enabled; Teal learns of it by EventBridge, and whom else it tells is the owner's to say
  alarm_name          = "${var.name}-live-errors"
  alarm_description   = "Too many invocations of the alias fail."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_error_percent
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  tags                = local.tags

  metric_query {
    id          = "share"
    label       = "failed invocations in percent"
    expression  = "IF(invocations >= ${var.alarm_min_invocations}, 100 * FILL(errors, 0) / invocations, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { invocations = "Invocations", errors = "Errors" }
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        period      = 60
        stat        = "Sum"
        dimensions  = local.alias
      }
    }
  }
}

# Throttled invocations are neither Invocations nor Errors: no limit and no comparison of a plan sees them.
resource "aws_cloudwatch_metric_alarm" "throttles" {
  #checkov:skip=CKV_AWS_319:see errors
  alarm_name          = "${var.name}-live-throttles"
  alarm_description   = "Invocations of the alias are turned away."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = local.alias
  statistic           = "Sum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  tags                = local.tags
}
