# What ECS moves traffic by, and asks Teal by.

data "aws_iam_policy_document" "ecs" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "hook" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [var.hook_function_arn]
  }
}

resource "aws_iam_role" "infrastructure" {
  name               = "${var.name}-infrastructure"
  assume_role_policy = data.aws_iam_policy_document.ecs.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "infrastructure" {
  role       = aws_iam_role.infrastructure.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
}

resource "aws_iam_role" "hook" {
  name               = "${var.name}-hook"
  assume_role_policy = data.aws_iam_policy_document.ecs.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "hook" {
  name   = "hook"
  role   = aws_iam_role.hook.id
  policy = data.aws_iam_policy_document.hook.json
}
