# The two colours side by side, as far as a Network Load Balancer tells them apart. Which of them is blue changes with every promotion.

locals {
  by_colour = [
    { title = "Healthy targets", metric = "HealthyHostCount", stat = "Minimum" },
    { title = "Unhealthy targets", metric = "UnHealthyHostCount", stat = "Maximum" },
  ]
  of_both = [
    { label = "new", metric = "NewFlowCount" },
    { label = "reset by targets", metric = "TCP_Target_Reset_Count" },
    { label = "reset by the load balancer", metric = "TCP_ELB_Reset_Count" },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for number, chart in local.by_colour : {
        type   = "metric"
        x      = 12 * number
        y      = 0
        width  = 12
        height = 6
        properties = {
          title  = chart.title
          region = data.aws_region.current.name
          stat   = chart.stat
          period = 60
          view   = "timeSeries"
          metrics = [for colour, group in aws_lb_target_group.this : [
            "AWS/NetworkELB", chart.metric, "TargetGroup", group.arn_suffix, "LoadBalancer", aws_lb.this.arn_suffix, { label = colour }
          ]]
        }
      }],
      [
        {
          type   = "metric"
          x      = 0
          y      = 6
          width  = 12
          height = 6
          properties = {
            title  = "CPU, percent"
            region = data.aws_region.current.name
            stat   = "Average"
            period = 60
            view   = "timeSeries"
            metrics = [for colour in local.colours : [
              "AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", "${var.name}-${colour}", { label = colour }
            ]]
          }
        },
        {
          type   = "metric"
          x      = 12
          y      = 6
          width  = 12
          height = 6
          properties = {
            title  = "New connections and resets a minute, both colours"
            region = data.aws_region.current.name
            stat   = "Sum"
            period = 60
            view   = "timeSeries"
            metrics = [for count in local.of_both : [
              "AWS/NetworkELB", count.metric, "LoadBalancer", aws_lb.this.arn_suffix, { label = count.label }
            ]]
          }
        },
        {
          type   = "alarm"
          x      = 0
          y      = 12
          width  = 24
          height = 2
          properties = {
            title  = "Alarms"
            alarms = [for alarm in aws_cloudwatch_metric_alarm.unhealthy : alarm.arn]
          }
        },
      ]
    )
  })
}
