# What tests production while blue is still kept, and what has Teal take a release back when that fails.

data "aws_iam_policy_document" "verify" {
  statement {
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.logs]
  }
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.artifacts.arn}/*"]
  }
}

resource "aws_iam_role" "verify" {
  name               = "${var.name}-verify"
  assume_role_policy = data.aws_iam_policy_document.codebuild.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "verify" {
  role   = aws_iam_role.verify.id
  policy = data.aws_iam_policy_document.verify.json
}

resource "aws_codebuild_project" "verify" {
  #checkov:skip=CKV_AWS_147:it has no artifacts
  name          = "${var.name}-verify"
  description   = "Tests production while blue is still kept."
  service_role  = aws_iam_role.verify.arn
  build_timeout = 30
  tags          = local.tags

  artifacts {
    type = "CODEPIPELINE"
  }

  environment {
    type         = "LINUX_CONTAINER"
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
  }

  logs_config {
    cloudwatch_logs {
      status = "ENABLED"
    }
  }

  source {
    type      = "CODEPIPELINE"
    buildspec = file("${path.module}/verify.buildspec.yaml")
  }
}

# CodePipeline runs no action when another one fails. It tells EventBridge, and Teal finds the run's release by its id.
resource "aws_cloudwatch_event_rule" "release_failed" {
  description = "Has Teal take back the release of a run of which a stage has failed."
  tags        = local.tags
  event_pattern = jsonencode({
    source        = ["aws.codepipeline"]
    "detail-type" = ["CodePipeline Stage Execution State Change"]
    detail = {
      pipeline = [var.name]
      state    = ["FAILED"]
    }
  })
}

resource "aws_cloudwatch_event_target" "release_failed" {
  rule = aws_cloudwatch_event_rule.release_failed.name
  arn  = "arn:aws:lambda:${local.here}:function:${var.pipeline_function_name}"
}

resource "aws_lambda_permission" "release_failed" {
  action        = "lambda:InvokeFunction"
  function_name = var.pipeline_function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.release_failed.arn
}
