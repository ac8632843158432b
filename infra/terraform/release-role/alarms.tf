# Alarms that go off are told to Teal's account, whose parameter ServiceAccounts must name this one. A look finds what an event that is lost
# did not tell.
resource "aws_cloudwatch_event_rule" "alarms" {
  name        = "${var.name}-alarms-to-teal"
  description = "Tells Teal of the service's alarms."
  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change"]
    detail = {
      alarmName = [{ prefix = var.alarm_prefix }]
      state     = { value = ["ALARM"] }
    }
  })
}

resource "aws_cloudwatch_event_target" "teal" {
  rule     = aws_cloudwatch_event_rule.alarms.name
  arn      = local.teal_bus
  role_arn = aws_iam_role.forwarding.arn
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 30
  }
}

resource "aws_iam_role" "forwarding" {
  name_prefix = "${var.name}-alarms-to-teal-"
  description = "What EventBridge forwards alarms to Teal with."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "forwarding" {
  role = aws_iam_role.forwarding.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "events:PutEvents", Resource = local.teal_bus }]
  })
}
