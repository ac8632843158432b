# In-place deployments by CodeDeploy to an Auto Scaling group, whose hook script asks Teal: the same as
# infra/cloudformation/codedeploy-ec2.yaml. The revision holds infra/ec2/appspec.yml and infra/ec2/teal-hook.sh.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  tags      = { teal = var.name }
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
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

# What the managed policy lacks for a group with a launch template.
# https://docs.aws.amazon.com/codedeploy/latest/userguide/getting-started-create-service-role.html
data "aws_iam_policy_document" "launch_templates" {
  statement {
    actions   = ["ec2:RunInstances"]
    resources = ["arn:${local.partition}:ec2:${local.region}:*:*"]
    condition {
      test     = "Bool"
      variable = "ec2:IsLaunchTemplateResource"
      values   = ["true"]
    }
  }
  statement {
    actions   = ["ec2:CreateTags"]
    resources = ["arn:${local.partition}:ec2:${local.region}:*:*/*"]
    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["RunInstances"]
    }
  }
  statement {
    actions = ["iam:PassRole"]
    resources = [
      "arn:${local.partition}:iam::${local.account}:role/${var.instance_role}",
      "arn:${local.partition}:iam::${local.account}:role/*/${var.instance_role}",
    ]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "revisions" {
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["arn:${local.partition}:s3:::${var.revision_bucket}/*"]
  }
}

resource "aws_iam_role" "codedeploy" {
  name               = "${var.name}-codedeploy"
  assume_role_policy = data.aws_iam_policy_document.codedeploy.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "codedeploy" {
  role       = aws_iam_role.codedeploy.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSCodeDeployRole"
}

resource "aws_iam_role_policy" "launch_templates" {
  name   = "launch-templates"
  role   = aws_iam_role.codedeploy.id
  policy = data.aws_iam_policy_document.launch_templates.json
}

# The instances ask Teal themselves.
resource "aws_iam_role_policy" "hook" {
  name   = "ask-teal"
  role   = var.instance_role
  policy = data.aws_iam_policy_document.hook.json
}

resource "aws_iam_role_policy" "revisions" {
  count  = var.revision_bucket == "" ? 0 : 1
  name   = "read-revisions"
  role   = var.instance_role
  policy = data.aws_iam_policy_document.revisions.json
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

  depends_on = [aws_iam_role_policy_attachment.codedeploy, aws_iam_role_policy.launch_templates]
}
