# What runs. Only the group "-a" is made here: Teal makes "-b" from it with the first release.

data "aws_region" "current" {}

resource "aws_security_group" "instances" {
  name        = "${var.name}-instances"
  description = "Who reaches the instances."
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  security_group_id            = aws_security_group.instances.id
  description                  = "the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.instance_port
  to_port                      = var.instance_port
  referenced_security_group_id = aws_security_group.load_balancer.id
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.instances.id
  description       = "whatever the service calls"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

# Later versions of it are what is released: their numbers stand in release plans.
resource "aws_launch_template" "this" {
  name                   = var.name
  image_id               = var.image_id
  instance_type          = var.instance_type
  vpc_security_group_ids = [aws_security_group.instances.id]
  tags                   = local.tags

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }
}

resource "aws_autoscaling_group" "a" {
  name                      = "${var.name}-a"
  vpc_zone_identifier       = var.private_subnets
  min_size                  = var.min_instances
  max_size                  = var.max_instances
  target_group_arns         = [aws_lb_target_group.this["a"].arn]
  health_check_type         = "ELB"
  health_check_grace_period = 60
  default_instance_warmup   = 60

  launch_template {
    id      = aws_launch_template.this.id
    version = "1"
  }

  tag {
    key                 = "teal"
    value               = var.name
    propagate_at_launch = true
  }

  lifecycle {
    # Size, version and what is suspended are Teal's: a release sets them, and a retired colour has no instances.
    ignore_changes = [desired_capacity, min_size, launch_template, suspended_processes]
  }

  depends_on = [aws_lb_listener.production, aws_lb_listener.test]
}

resource "aws_autoscaling_policy" "cpu" {
  name                   = "${var.name}-cpu"
  autoscaling_group_name = aws_autoscaling_group.a.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
