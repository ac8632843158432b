data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  teal_bus  = "arn:${local.partition}:events:${local.region}:${var.teal_account}:event-bus/default"
  tags      = { StringEquals = { "aws:ResourceTag/teal" = var.route_tag } }
  tagged    = { for operator, tags in local.tags : operator => tags if var.route_tag != "" }

  # What is not named may not be released.
  wanted = {
    "route"        = true
    "signals"      = true
    "ecs"          = var.ecs_services != ""
    "auto-scaling" = var.auto_scaling_groups != ""
    "beanstalk"    = var.beanstalk_environments != ""
    "lambda"       = var.lambda_functions != ""
    "flags"        = var.flag_applications != ""
  }
  policies = toset([for name, wanted in local.wanted : name if wanted])
}

resource "aws_iam_role" "release" {
  name                 = "TealRelease-${var.name}"
  description          = "What Teal in another account releases this account's services with."
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${var.teal_account}:root" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "sts:ExternalId" = var.external_id }
        ArnLike      = { "aws:PrincipalArn" = "arn:${local.partition}:iam::${var.teal_account}:role/${var.teal_roles}" }
      }
    }]
  })
}

resource "aws_iam_policy" "release" {
  for_each    = local.policies
  name_prefix = "TealRelease-${var.name}-${each.key}-"
  policy = jsonencode({
    Version = "2012-10-17"
    # IAM takes no condition that is empty.
    Statement = [for one in local.statements[each.key] : { for key, value in one : key => value if value != {} }]
  })
}

resource "aws_iam_role_policy_attachment" "release" {
  for_each   = local.policies
  role       = aws_iam_role.release.name
  policy_arn = aws_iam_policy.release[each.key].arn
}

# A deployment strategy belongs to one account: plans that turn flags name this one (account.deploymentStrategy).
resource "aws_appconfig_deployment_strategy" "flags" {
  count                          = var.flag_applications == "" ? 0 : 1
  name                           = "${var.name}-teal-at-once"
  description                    = "Teal's, for feature flags. Everybody is handed a configuration at once, and a deployment ends there."
  deployment_duration_in_minutes = 0
  final_bake_time_in_minutes     = 0
  growth_factor                  = 100
  growth_type                    = "LINEAR"
  replicate_to                   = "NONE"
}
