# What runs: one service, whose tasks of a new version ECS makes behind the target group that is free.

data "aws_region" "current" {}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "Who reaches the tasks."
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = aws_security_group.load_balancer.id
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.tasks.id
  description       = "the image registry, logs, and whatever the service calls"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:encrypted with CloudWatch's own key; a key of one's own is the owner's to choose
  #checkov:skip=CKV_AWS_338:how long is the owner's to choose
  name              = "/ecs/${var.name}"
  retention_in_days = 30
  tags              = local.tags
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# Pulls the image and writes the logs; what the service itself may do belongs in a task role of its own.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_336:whether the service writes to its own file system is its own affair
  #checkov:skip=CKV_AWS_249:the service has no task role here
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  tags                     = local.tags

  container_definitions = jsonencode([{
    name         = "app"
    image        = var.image
    essential    = true
    portMappings = [{ containerPort = var.container_port, protocol = "tcp" }]
    environment  = [{ name = "PORT", value = tostring(var.container_port) }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = data.aws_region.current.name
        "awslogs-stream-prefix" = "app"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                              = var.name
  cluster                           = aws_ecs_cluster.this.id
  launch_type                       = "FARGATE"
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.min_tasks
  health_check_grace_period_seconds = 30
  propagate_tags                    = "SERVICE"
  enable_ecs_managed_tags           = true
  tags                              = local.tags

  deployment_configuration {
    strategy             = var.strategy
    bake_time_in_minutes = var.bake_minutes

    dynamic "canary_configuration" {
      for_each = var.strategy == "CANARY" ? [1] : []
      content {
        canary_percent              = var.step_percent
        canary_bake_time_in_minutes = var.step_bake_minutes
      }
    }

    dynamic "linear_configuration" {
      for_each = var.strategy == "LINEAR" ? [1] : []
      content {
        step_percent              = var.step_percent
        step_bake_time_in_minutes = var.step_bake_minutes
      }
    }

    # Validated; before each step; and the bake at 100 %. Teal finds its plan by the details.
    lifecycle_hook {
      hook_target_arn  = var.hook_function_arn
      role_arn         = aws_iam_role.hook.arn
      lifecycle_stages = ["POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"]
      hook_details     = jsonencode({ planRef = "ssm:/teal/ecs/${var.name}/${var.name}" })
    }

    # For Teal or a person to let it go on.
    dynamic "lifecycle_hook" {
      for_each = var.pause ? [1] : []
      content {
        target_type      = "PAUSE"
        lifecycle_stages = ["POST_TEST_TRAFFIC_SHIFT"]

        timeout_configuration {
          timeout_in_minutes = 120
          action             = "ROLLBACK"
        }
      }
    }
  }

  # ECS passes over one that fires when the deployment begins; Teal refuses the release then.
  alarms {
    alarm_names = concat([for alarm in aws_cloudwatch_metric_alarm.bad_share : alarm.alarm_name], [aws_cloudwatch_metric_alarm.load_balancer_5xx.alarm_name])
    enable      = true
    rollback    = true
  }

  network_configuration {
    subnets          = var.private_subnets
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  load_balancer {
    container_name   = "app"
    container_port   = var.container_port
    target_group_arn = aws_lb_target_group.this["a"].arn

    advanced_configuration {
      alternate_target_group_arn = aws_lb_target_group.this["b"].arn
      production_listener_rule   = aws_lb_listener_rule.production.arn
      test_listener_rule         = aws_lb_listener_rule.test.arn
      role_arn                   = aws_iam_role.infrastructure.arn
    }
  }

  lifecycle {
    # Another task definition begins a deployment; the number of tasks is scaling's.
    ignore_changes = [desired_count]
  }

  # ECS must be able to change the rules from the first deployment on.
  depends_on = [aws_iam_role_policy_attachment.infrastructure, aws_iam_role_policy.hook]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
