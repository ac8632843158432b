# What splits the traffic. Both target groups stay attached all the time, one of them with all the weight.

locals {
  tags    = { teal = var.name }
  colours = toset(["a", "b"])
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "Who reaches the load balancer."
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "production" {
  #checkov:skip=CKV_AWS_260:a public service is for everybody; for an internal one narrow it down
  security_group_id = aws_security_group.load_balancer.id
  description       = "production traffic"
  ip_protocol       = "tcp"
  from_port         = var.listener_port
  to_port           = var.listener_port
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_ingress_rule" "test" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "validation"
  ip_protocol       = "tcp"
  from_port         = var.test_listener_port
  to_port           = var.test_listener_port
  cidr_ipv4         = var.test_access
}

resource "aws_vpc_security_group_egress_rule" "to_tasks" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "the tasks"
  ip_protocol                  = "tcp"
  from_port                    = var.container_port
  to_port                      = var.container_port
  referenced_security_group_id = aws_security_group.tasks.id
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_20:a Network Load Balancer has no redirects
  #checkov:skip=CKV_AWS_91:access logs need a bucket with a policy of its own, and tell of TLS listeners only
  #checkov:skip=CKV_AWS_150:something to start from must be easy to take away again
  name               = var.name
  load_balancer_type = "network"
  internal           = var.internal
  subnets            = var.public_subnets
  security_groups    = [aws_security_group.load_balancer.id]
  tags               = local.tags

  # A zone whose last target of a colour goes must not drop that colour's share.
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "this" {
  for_each             = local.colours
  name                 = "${var.name}-${each.key}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "TCP"
  port                 = var.container_port
  deregistration_delay = 300
  tags                 = local.tags

  # Over HTTP, beside the service: that a port is open says little.
  health_check {
    protocol            = "HTTP"
    path                = var.health_check_path
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "production" {
  #checkov:skip=CKV_AWS_2:TCP to start from; with a certificate it is protocol TLS, certificate_arn and ssl_policy
  #checkov:skip=CKV_AWS_103:see CKV_AWS_2
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = var.listener_port
  tags              = local.tags

  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.this["a"].arn
        weight = 100
      }
      target_group {
        arn    = aws_lb_target_group.this["b"].arn
        weight = 0
      }
    }
  }

  lifecycle {
    # Weights are Teal's. This covers the whole action: change the rest of it by hand, or with this line taken out between releases.
    ignore_changes = [default_action]
  }
}

# Between releases it goes where production goes. During one Teal points it at green once green is healthy.
resource "aws_lb_listener" "test" {
  #checkov:skip=CKV_AWS_2:see aws_lb_listener.production
  #checkov:skip=CKV_AWS_103:see aws_lb_listener.production
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = var.test_listener_port
  tags              = local.tags

  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.this["a"].arn
        weight = 100
      }
      target_group {
        arn    = aws_lb_target_group.this["b"].arn
        weight = 0
      }
    }
  }

  lifecycle {
    ignore_changes = [default_action]
  }
}
