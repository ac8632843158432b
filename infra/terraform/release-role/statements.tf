# What each statement is for stands in infra/cloudformation/release-role.yaml, which says the same.
locals {
  statements = {
    route = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
          ]
          Resource = [
            "*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["elasticloadbalancing:ModifyListener"]
          Resource = [
            "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener/app/*",
            "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener/net/*",
          ]
          Condition = local.tagged
        },
        {
          Effect = "Allow"
          Action = ["elasticloadbalancing:ModifyRule"]
          Resource = [
            "arn:${local.partition}:elasticloadbalancing:${local.region}:${local.account}:listener-rule/app/*",
          ]
          Condition = local.tagged
        },
        {
          Effect = "Allow"
          Action = ["cognito-idp:DescribeUserPoolClient"]
          Resource = [
            "arn:${local.partition}:cognito-idp:${local.region}:${local.account}:userpool/*",
          ]
          Condition = {}
        },
      ],
    )
    signals = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
          ]
          Resource = [
            "*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = [
            "cloudwatch:DeleteAlarms",
            "cloudwatch:PutMetricAlarm",
          ]
          Resource = [
            "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:TargetTracking-*",
          ]
          Condition = {}
        },
      ],
      [for one in [
        {
          Effect = "Allow"
          Action = ["logs:StartQuery"]
          Resource = [
            "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${var.log_groups}:*",
          ]
          Condition = {}
        },
      ] : one if var.log_groups != ""],
      [for one in [
        {
          Effect = "Allow"
          Action = ["logs:GetQueryResults"]
          Resource = [
            "*",
          ]
          Condition = {}
        },
      ] : one if var.log_groups != ""],
      [for one in [
        {
          Effect = "Allow"
          Action = [
            "codebuild:BatchGetBuilds",
            "codebuild:StartBuild",
          ]
          Resource = [
            "arn:${local.partition}:codebuild:${local.region}:${local.account}:project/${var.validation_projects}",
          ]
          Condition = {}
        },
      ] : one if var.validation_projects != ""],
      [for one in [
        {
          Effect = "Allow"
          Action = ["lambda:InvokeFunction"]
          Resource = [
            "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.validation_functions}",
            "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.validation_functions}:*",
          ]
          Condition = {}
        },
      ] : one if var.validation_functions != ""],
      [for one in [
        {
          Effect = "Allow"
          Action = [
            "ssm:GetParameter",
            "ssm:PutParameter",
          ]
          Resource = [
            "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${var.weight_parameters}",
          ]
          Condition = {}
        },
      ] : one if var.weight_parameters != ""],
      [for one in [
        {
          Effect = "Allow"
          Action = ["iam:PassRole"]
          Resource = [
            "arn:${local.partition}:iam::${local.account}:role/${var.passed_roles}",
          ]
          Condition = { StringEquals = { "iam:PassedToService" = ["autoscaling.amazonaws.com", "ec2.amazonaws.com", "ecs.amazonaws.com", "ecs-tasks.amazonaws.com", "elasticbeanstalk.amazonaws.com"] } }
        },
      ] : one if var.passed_roles != ""],
    )
    ecs = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "ecs:CreateService",
            "ecs:DescribeServices",
            "ecs:UpdateService",
          ]
          Resource = [
            "arn:${local.partition}:ecs:${local.region}:${local.account}:service/${var.ecs_services}",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["ecs:TagResource"]
          Resource = [
            "arn:${local.partition}:ecs:${local.region}:${local.account}:service/${var.ecs_services}",
          ]
          Condition = { StringEquals = { "ecs:CreateAction" = "CreateService" } }
        },
        {
          Effect = "Allow"
          Action = [
            "application-autoscaling:DeleteScalingPolicy",
            "application-autoscaling:DeleteScheduledAction",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:RegisterScalableTarget",
          ]
          Resource = [
            "arn:${local.partition}:application-autoscaling:${local.region}:${local.account}:scalable-target/*",
          ]
          Condition = { StringEquals = { "application-autoscaling:service-namespace" = "ecs" } }
        },
        {
          Effect = "Allow"
          Action = [
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DescribeScheduledActions",
            "ecs:DescribeTaskDefinition",
          ]
          Resource = [
            "*",
          ]
          Condition = {}
        },
      ],
    )
    "auto-scaling" = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "autoscaling:AttachLoadBalancerTargetGroups",
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DeletePolicy",
            "autoscaling:DeleteScheduledAction",
            "autoscaling:PutScalingPolicy",
            "autoscaling:PutScheduledUpdateGroupAction",
            "autoscaling:ResumeProcesses",
            "autoscaling:SetInstanceProtection",
            "autoscaling:SuspendProcesses",
            "autoscaling:UpdateAutoScalingGroup",
          ]
          Resource = [
            "arn:${local.partition}:autoscaling:${local.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.auto_scaling_groups}",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["ec2:RunInstances"]
          Resource = [
            "arn:${local.partition}:ec2:${local.region}:*:*",
          ]
          Condition = { Bool = { "ec2:IsLaunchTemplateResource" = "true" } }
        },
        {
          Effect = "Allow"
          Action = ["ec2:CreateTags"]
          Resource = [
            "arn:${local.partition}:ec2:${local.region}:*:*/*",
          ]
          Condition = { StringEquals = { "ec2:CreateAction" = "RunInstances" } }
        },
        {
          Effect = "Allow"
          Action = [
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribePolicies",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeScheduledActions",
          ]
          Resource = [
            "*",
          ]
          Condition = {}
        },
      ],
    )
    beanstalk = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "elasticbeanstalk:CreateEnvironment",
            "elasticbeanstalk:DescribeConfigurationSettings",
            "elasticbeanstalk:DescribeEnvironmentResources",
            "elasticbeanstalk:DescribeEnvironments",
            "elasticbeanstalk:DescribeEvents",
            "elasticbeanstalk:SwapEnvironmentCNAMEs",
            "elasticbeanstalk:TerminateEnvironment",
            "elasticbeanstalk:UpdateEnvironment",
          ]
          Resource = [
            "arn:${local.partition}:elasticbeanstalk:${local.region}:${local.account}:environment/${var.beanstalk_environments}",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["elasticbeanstalk:DescribeApplicationVersions"]
          Resource = [
            "arn:${local.partition}:elasticbeanstalk:${local.region}:${local.account}:applicationversion/*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = [
            "elasticbeanstalk:CreateConfigurationTemplate",
            "elasticbeanstalk:DeleteConfigurationTemplate",
          ]
          Resource = [
            "arn:${local.partition}:elasticbeanstalk:${local.region}:${local.account}:configurationtemplate/*/teal-*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = [
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:PutObject",
          ]
          Resource = [
            "arn:${local.partition}:s3:::elasticbeanstalk-${local.region}-${local.account}/resources/templates/*/teal-*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = [
            "s3:GetBucketLocation",
            "s3:ListBucket",
          ]
          Resource = [
            "arn:${local.partition}:s3:::elasticbeanstalk-${local.region}-${local.account}",
          ]
          Condition = {}
        },
      ],
    )
    lambda = concat(
      [
        {
          Effect = "Allow"
          Action = ["lambda:GetAlias"]
          Resource = [
            "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.lambda_functions}",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["lambda:GetFunctionConfiguration"]
          Resource = [
            "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.lambda_functions}:*",
          ]
          Condition = {}
        },
        {
          Effect = "Allow"
          Action = ["lambda:UpdateAlias"]
          Resource = [
            "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.lambda_functions}",
          ]
          Condition = local.tagged
        },
      ],
    )
    flags = concat(
      [
        {
          Effect = "Allow"
          Action = [
            "appconfig:CreateHostedConfigurationVersion",
            "appconfig:GetDeployment",
            "appconfig:GetHostedConfigurationVersion",
            "appconfig:ListDeployments",
            "appconfig:StartDeployment",
            "appconfig:StopDeployment",
          ]
          Resource = [
            "arn:${local.partition}:appconfig:${local.region}:${local.account}:application/${var.flag_applications}",
            "arn:${local.partition}:appconfig:${local.region}:${local.account}:application/${var.flag_applications}/*",
            "arn:${local.partition}:appconfig:${local.region}:${local.account}:deploymentstrategy/${one(aws_appconfig_deployment_strategy.flags[*].id)}",
          ]
          Condition = {}
        },
      ],
    )
  }
}
