# In-place deployments by CodeDeploy to an Auto Scaling group, whose hook script asks Teal: the same as
# infra/cloudformation/codedeploy-ec2.yaml. The revision holds infra/ec2/appspec.yml and infra/ec2/teal-hook.sh.

locals {
  tags = { teal = var.name }
}

data "aws_iam_policy_document" "codedeploy" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["codedeploy.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "hook" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [var.hook_function_arn]
  }
}

resource "aws_iam_role" "codedeploy" {
  name               = "${var.name}-codedeploy"
  assume_role_policy = data.aws_iam_policy_document.codedeploy.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "codedeploy" {
  role       = aws_iam_role.codedeploy.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRole"
}

# The instances ask Teal themselves.
resource "aws_iam_role_policy" "hook" {
  name   = "ask-teal"
  role   = var.instance_role
  policy = data.aws_iam_policy_document.hook.json
}

resource "aws_codedeploy_app" "this" {
  name             = var.name
  compute_platform = "Server"
  tags             = local.tags
}

resource "aws_codedeploy_deployment_group" "this" {
  app_name               = aws_codedeploy_app.this.name
  deployment_group_name  = var.name
  service_role_arn       = aws_iam_role.codedeploy.arn
  deployment_config_name = var.deployment_config
  autoscaling_groups     = [var.autoscaling_group]
  tags                   = local.tags

  deployment_style {
    deployment_type   = "IN_PLACE"
    deployment_option = "WITH_TRAFFIC_CONTROL"
  }

  load_balancer_info {
    target_group_info {
      name = var.target_group
    }
  }

  # A rollback of CodeDeploy deploys the last good revision again; the hook lets that pass.
  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }

  alarm_configuration {
    enabled                   = true
    ignore_poll_alarm_failure = false
    alarms                    = [var.alarm]
  }

  depends_on = [aws_iam_role_policy_attachment.codedeploy]
}
