# Source, Build, Deploy, Release. Release hands the task definition to Teal, which brings it up as green, shifts traffic to it and judges it.
#
# While blue is still kept, Verify runs the script ci/verify of the sources against production, and Promoted waits until blue is retired (see
# verify.tf).

data "aws_iam_policy_document" "codepipeline" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["codepipeline.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "pipeline" {
  #checkov:skip=CKV_AWS_356:listing functions knows no resource
  statement {
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    resources = ["${aws_s3_bucket.artifacts.arn}/*"]
  }
  statement {
    actions   = ["s3:GetBucketVersioning", "s3:GetBucketAcl", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.artifacts.arn]
  }
  statement {
    actions   = ["codeconnections:UseConnection", "codestar-connections:UseConnection"]
    resources = [var.connection_arn]
  }
  statement {
    actions   = ["codebuild:BatchGetBuilds", "codebuild:StartBuild"]
    resources = [aws_codebuild_project.build.arn, aws_codebuild_project.deploy.arn, aws_codebuild_project.verify.arn]
  }
  # What releases has a role of its own, in Teal's stack.
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:aws:lambda:${local.here}:function:${var.pipeline_function_name}"]
  }
  statement {
    actions   = ["lambda:ListFunctions"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "pipeline" {
  name               = "${var.name}-pipeline"
  assume_role_policy = data.aws_iam_policy_document.codepipeline.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "pipeline" {
  role   = aws_iam_role.pipeline.id
  policy = data.aws_iam_policy_document.pipeline.json
}

resource "aws_codepipeline" "this" {
  #checkov:skip=CKV_AWS_219:artifacts are encrypted by their bucket
  name          = var.name
  pipeline_type = "V2"
  # One release after another: a newer commit waits until the release under way has ended.
  execution_mode = "QUEUED"
  role_arn       = aws_iam_role.pipeline.arn
  tags           = local.tags

  artifact_store {
    type     = "S3"
    location = aws_s3_bucket.artifacts.id
  }

  stage {
    name = "Source"
    action {
      name             = "Source"
      namespace        = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeStarSourceConnection"
      version          = "1"
      output_artifacts = ["Sources"]
      configuration = {
        ConnectionArn    = var.connection_arn
        FullRepositoryId = var.repository
        BranchName       = var.branch
      }
    }
  }

  stage {
    name = "Build"
    action {
      name            = "Build"
      namespace       = "Build"
      category        = "Build"
      owner           = "AWS"
      provider        = "CodeBuild"
      version         = "1"
      input_artifacts = ["Sources"]
      configuration   = { ProjectName = aws_codebuild_project.build.name }
    }
  }

  stage {
    name = "Deploy"
    action {
      name            = "Deploy"
      namespace       = "Deploy"
      category        = "Build"
      owner           = "AWS"
      provider        = "CodeBuild"
      version         = "1"
      input_artifacts = ["Sources"]
      configuration = {
        ProjectName          = aws_codebuild_project.deploy.name
        EnvironmentVariables = jsonencode([{ name = "IMAGE", value = "#{Build.IMAGE}" }])
      }
    }
  }

  stage {
    name = "Release"
    action {
      name      = "Release"
      namespace = "Release"
      category  = "Invoke"
      owner     = "AWS"
      provider  = "Lambda"
      version   = "1"
      run_order = 1
      configuration = {
        FunctionName = var.pipeline_function_name
        UserParameters = jsonencode({
          planRef             = var.plan_ref
          version             = "#{Build.VERSION}"
          green               = { ecs = { taskDefinition = "#{Deploy.TASK_DEFINITION}" } }
          until               = "baked"
          pipelineExecutionId = "#{codepipeline.PipelineExecutionId}"
        })
      }
    }
    action {
      name            = "Verify"
      category        = "Test"
      owner           = "AWS"
      provider        = "CodeBuild"
      version         = "1"
      run_order       = 2
      input_artifacts = ["Sources"]
      configuration   = { ProjectName = aws_codebuild_project.verify.name }
    }
    # The stage is this run's until then, so that the next run's release finds the route free.
    action {
      name      = "Promoted"
      category  = "Invoke"
      owner     = "AWS"
      provider  = "Lambda"
      version   = "1"
      run_order = 3
      configuration = {
        FunctionName   = var.pipeline_function_name
        UserParameters = jsonencode({ await = "#{Release.releaseId}" })
      }
    }
  }
}
