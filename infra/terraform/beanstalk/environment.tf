locals {
  tags = { teal = var.name }
  options = {
    "aws:elasticbeanstalk:environment" = {
      EnvironmentType  = "LoadBalanced"
      LoadBalancerType = "application"
      ServiceRole      = aws_iam_role.service.arn
    }
    "aws:elasticbeanstalk:healthreporting:system" = {
      SystemType = "enhanced"
      # What the dashboard shows: three custom metrics of each environment, at CloudWatch's price. Teal needs none of them.
      ConfigDocument = jsonencode({
        Version = 1
        CloudWatchMetrics = {
          Instance    = {}
          Environment = { ApplicationRequestsTotal = 60, ApplicationRequests5xx = 60, ApplicationLatencyP99 = 60 }
        }
      })
    }
    "aws:elasticbeanstalk:environment:process:default" = {
      HealthCheckPath     = var.health_check_path
      HealthCheckInterval = "10"
      DeregistrationDelay = "60"
    }
    "aws:autoscaling:asg" = {
      MinSize = tostring(var.min_instances)
      MaxSize = tostring(var.max_instances)
    }
    "aws:autoscaling:launchconfiguration" = merge(
      {
        IamInstanceProfile = aws_iam_instance_profile.this.name
        DisableIMDSv1      = "true"
      },
      var.instance_security_group == "" ? {} : { SecurityGroups = var.instance_security_group }
    )
    "aws:ec2:instances" = {
      InstanceTypes = var.instance_types
    }
    "aws:ec2:vpc" = {
      VPCId      = var.vpc_id
      Subnets    = join(",", var.private_subnets)
      ELBSubnets = join(",", var.public_subnets)
      ELBScheme  = var.internal ? "internal" : "public"
    }
  }
}

resource "aws_elastic_beanstalk_application" "this" {
  name        = var.name
  description = "Released by Teal."
  tags        = local.tags
}

resource "aws_elastic_beanstalk_application_version" "first" {
  name        = "${var.name}-first"
  application = aws_elastic_beanstalk_application.this.name
  bucket      = var.source_bucket
  key         = var.source_key
  tags        = local.tags
}

# Teal makes the other environment of the pair, "-b", like this one. Version and domain name are Teal's between applies.
resource "aws_elastic_beanstalk_environment" "a" {
  #checkov:skip=CKV_AWS_340:managed platform updates would change an environment while a release is under way; the owner does them by a release
  #checkov:skip=CKV_AWS_312:it is on, among local.options, which the check does not read
  name                = "${var.name}-a"
  application         = aws_elastic_beanstalk_application.this.name
  cname_prefix        = var.name
  solution_stack_name = var.solution_stack_name
  version_label       = aws_elastic_beanstalk_application_version.first.name
  tags                = local.tags

  dynamic "setting" {
    for_each = merge([
      for namespace, options in local.options : {
        for name, value in options : "${namespace}:${name}" => { namespace = namespace, name = name, value = value }
      }
    ]...)
    content {
      namespace = setting.value.namespace
      name      = setting.value.name
      value     = setting.value.value
    }
  }

  lifecycle {
    ignore_changes = [version_label, cname_prefix]
  }
}
