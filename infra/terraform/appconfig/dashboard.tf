# The two behaviours side by side.
resource "aws_cloudwatch_dashboard" "flags" {
  dashboard_name = "${var.name}-flags"
  dashboard_body = jsonencode({
    widgets = concat(
      [for number, metric in [var.total_metric, var.bad_metric] : {
        type   = "metric"
        x      = 12 * number
        y      = 0
        width  = 12
        height = 6
        properties = {
          title   = "${metric} a minute"
          region  = data.aws_region.this.name
          stat    = "Sum"
          period  = 60
          view    = "timeSeries"
          metrics = [for variant in ["off", "on"] : [var.metric_namespace, metric, "Variant", variant, { label = variant }]]
        }
      }],
      [{
        type   = "alarm"
        x      = 0
        y      = 6
        width  = 24
        height = 2
        properties = {
          title  = "Alarms"
          alarms = [for alarm in aws_cloudwatch_metric_alarm.failing : alarm.arn]
        }
      }]
    )
  })
}
