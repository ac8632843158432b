# The two environments side by side. Which of them is blue changes with every promotion.
# https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/health-enhanced-cloudwatch.html

locals {
  charts = [
    { title = "Requests a minute", metric = "ApplicationRequestsTotal", stat = "Sum" },
    { title = "5xx a minute", metric = "ApplicationRequests5xx", stat = "Sum" },
    { title = "Latency, p99", metric = "ApplicationLatencyP99", stat = "Maximum" },
    { title = "Health: 0 is OK, 15 a warning, 20 degraded, 25 severe", metric = "EnvironmentHealth", stat = "Maximum" },
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
          region = data.aws_region.this.name
          stat   = chart.stat
          period = 60
          view   = "timeSeries"
          metrics = [for colour in ["a", "b"] : [
            "AWS/ElasticBeanstalk", chart.metric, "EnvironmentName", "${var.name}-${colour}", { label = colour }
          ]]
        }
      }],
      [{
        type   = "alarm"
        x      = 0
        y      = 12
        width  = 24
        height = 2
        properties = {
          title  = "Alarms"
          alarms = [for alarm in aws_cloudwatch_metric_alarm.health : alarm.arn]
        }
      }]
    )
  })
}
