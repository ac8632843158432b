# The user's side of a release, to start from: the same as infra/cloudformation/codedeploy-lambda.yaml, but for the version's parameter,
# which Terraform does not need.

locals {
  tags = { teal = var.name }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "logs" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:encrypted with CloudWatch's own key; a key of one's own is the owner's to choose
  #checkov:skip=CKV_AWS_338:how long logs are kept is the owner's to choose
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 90
  tags              = local.tags
}

resource "aws_iam_role" "this" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "logs" {
  name   = "logs"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:whether concurrency is set aside is the owner's to choose
  #checkov:skip=CKV_AWS_116:the alias is invoked synchronously; a queue for events is the owner's to add
  #checkov:skip=CKV_AWS_117:it calls nothing inside a VPC
  #checkov:skip=CKV_AWS_272:signing code needs a signing profile of the owner's
  #checkov:skip=CKV_AWS_50:traces are the owner's to choose
  function_name = var.name
  role          = aws_iam_role.this.arn
  filename      = var.package
  runtime       = var.runtime
  handler       = var.handler
  architectures = ["arm64"]
  memory_size   = 256
  timeout       = 10
  publish       = true
  tags          = local.tags

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    # Later code is published by whoever builds it, and deployed by CodeDeploy.
    ignore_changes = [filename, source_code_hash]
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What clients invoke. Its versions and weights are CodeDeploy's."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
