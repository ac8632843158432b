# A line for each version that the alias has executed: blue and green side by side.

data "aws_region" "current" {}

locals {
  charts = [
    { title = "Invocations a minute", metric = "Invocations", stat = "Sum" },
    { title = "Errors a minute", metric = "Errors", stat = "Sum" },
    { title = "Duration, p99", metric = "Duration", stat = "p99" },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for number, chart in local.charts : {
        type   = "metric"
        x      = 12 * (number % 2)
        y      = 6 * floor(number / 2)
        width  = 12
        height = 6
        properties = {
          title  = chart.title
          region = data.aws_region.current.name
          period = 60
          view   = "timeSeries"
          metrics = [[{
            label      = "version $${PROP('Dim.ExecutedVersion')}"
            expression = "SEARCH('{AWS/Lambda,FunctionName,Resource,ExecutedVersion} MetricName=\"${chart.metric}\" Resource=\"${local.alias.Resource}\"', '${chart.stat}', 60)"
          }]]
        }
      }],
      [{
        type   = "alarm"
        x      = 12
        y      = 6
        width  = 12
        height = 6
        properties = {
          title  = "Alarms"
          alarms = [aws_cloudwatch_metric_alarm.errors.arn, aws_cloudwatch_metric_alarm.throttles.arn]
        }
      }]
    )
  })
}
