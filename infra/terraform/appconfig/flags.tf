# A feature flag in AWS AppConfig as Teal turns it: an application, an environment, a profile with one flag that is off and one
# that is none of Teal's, and the policy by which a service reads them. See docs/ways/flags.md.

resource "aws_appconfig_application" "this" {
  name = var.name
}

resource "aws_appconfig_environment" "this" {
  application_id = aws_appconfig_application.this.id
  name           = "production"
}

resource "aws_appconfig_configuration_profile" "flags" {
  application_id = aws_appconfig_application.this.id
  name           = "flags"
  location_uri   = "hosted"
  type           = "AWS.AppConfig.FeatureFlags"
}

# What the flags are at first. From then on Teal, and whoever turns flags in the console, make versions of their own.
resource "aws_appconfig_hosted_configuration_version" "initial" {
  application_id           = aws_appconfig_application.this.id
  configuration_profile_id = aws_appconfig_configuration_profile.flags.configuration_profile_id
  content_type             = "application/json"

  content = jsonencode({
    version = "1"
    flags = {
      new-checkout = {
        name = "New checkout"
        attributes = {
          percentage = { constraints = { type = "number", minimum = 0, maximum = 100 } }
          users      = { constraints = { type = "array", elements = { type = "string" } } }
          salt       = { constraints = { type = "string" } }
        }
      }
      search = { name = "Search" }
    }
    values = {
      new-checkout = { enabled = false, percentage = 0 }
      search       = { enabled = true }
    }
  })

  lifecycle {
    ignore_changes = [content]
  }
}

# Without growth and bake: a deployment by it is complete within seconds.
resource "aws_appconfig_deployment_strategy" "at_once" {
  name                           = "${var.name}-at-once"
  deployment_duration_in_minutes = 0
  final_bake_time_in_minutes     = 0
  growth_factor                  = 100
  growth_type                    = "LINEAR"
  replicate_to                   = "NONE"
}

resource "aws_appconfig_deployment" "initial" {
  application_id           = aws_appconfig_application.this.id
  environment_id           = aws_appconfig_environment.this.environment_id
  configuration_profile_id = aws_appconfig_configuration_profile.flags.configuration_profile_id
  configuration_version    = aws_appconfig_hosted_configuration_version.initial.version_number
  deployment_strategy_id   = aws_appconfig_deployment_strategy.at_once.id

  # What is deployed is Teal's from here on.
  lifecycle {
    ignore_changes = [configuration_version]
  }
}

data "aws_partition" "this" {}
data "aws_region" "this" {}
data "aws_caller_identity" "this" {}

# For the task role, or whatever the service runs as.
data "aws_iam_policy_document" "read_flags" {
  statement {
    actions = ["appconfig:GetLatestConfiguration", "appconfig:StartConfigurationSession"]
    resources = [join("", [
      "arn:${data.aws_partition.this.partition}:appconfig:${data.aws_region.this.name}:${data.aws_caller_identity.this.account_id}:",
      "application/${aws_appconfig_application.this.id}/environment/${aws_appconfig_environment.this.environment_id}/",
      "configuration/${aws_appconfig_configuration_profile.flags.configuration_profile_id}",
    ])]
  }
}

resource "aws_iam_policy" "read_flags" {
  name   = "${var.name}-read-flags"
  policy = data.aws_iam_policy_document.read_flags.json
}
