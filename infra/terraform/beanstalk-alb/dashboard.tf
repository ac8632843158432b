# The two colours side by side, as this load balancer sees them. Which of them is blue changes with every promotion.

locals {
  charts = [
    { title = "Requests a minute", metric = "RequestCount", stat = "Sum" },
    { title = "5xx a minute", metric = "HTTPCode_Target_5XX_Count", stat = "Sum" },
    { title = "Latency, p99", metric = "TargetResponseTime", stat = "p99" },
    { title = "Healthy targets", metric = "HealthyHostCount", stat = "Minimum" },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name}-load-balancer"
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
          stat   = chart.stat
          period = 60
          view   = "timeSeries"
          metrics = [for colour, group in aws_lb_target_group.this : [
            "AWS/ApplicationELB", chart.metric, "TargetGroup", group.arn_suffix, "LoadBalancer", aws_lb.this.arn_suffix, { label = colour }
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
          alarms = concat([for alarm in aws_cloudwatch_metric_alarm.bad_share : alarm.arn], [aws_cloudwatch_metric_alarm.load_balancer_5xx.arn])
        }
      }]
    )
  })
}

data "aws_region" "current" {}
