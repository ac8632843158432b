# What splits the traffic, in front of the environments of ../beanstalk and made before it. Both target groups stay attached all the time,
# one of them with all the weight; the instances of the environment that serves are in that one (docs/ways/beanstalk.md).

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

resource "aws_vpc_security_group_egress_rule" "to_instances" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "the instances"
  ip_protocol                  = "tcp"
  from_port                    = var.instance_port
  to_port                      = var.instance_port
  referenced_security_group_id = aws_security_group.instances.id
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:access logs need a bucket with a policy of its own; Teal reads metrics
  #checkov:skip=CKV_AWS_150:something to start from must be easy to take away again
  #checkov:skip=CKV2_AWS_28:whether a service needs a firewall of its own is its owner's to say
  #checkov:skip=CKV2_AWS_20:the listener is plain HTTP to start from, see aws_lb_listener.production
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = var.internal
  subnets                    = var.public_subnets
  security_groups            = [aws_security_group.load_balancer.id]
  drop_invalid_header_fields = true
  tags                       = local.tags
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:inside the VPC, from the load balancer to the instances
  for_each             = local.colours
  name                 = "${var.name}-${each.key}"
  vpc_id               = var.vpc_id
  target_type          = "instance"
  protocol             = "HTTP"
  port                 = var.instance_port
  deregistration_delay = 60
  tags                 = local.tags

  health_check {
    path                = var.health_check_path
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "production" {
  #checkov:skip=CKV_AWS_2:plain HTTP to start from; with a certificate it is protocol HTTPS, certificate_arn and ssl_policy
  #checkov:skip=CKV_AWS_103:see CKV_AWS_2
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
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
  protocol          = "HTTP"
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

# The environments' instances have it besides the one that Elastic Beanstalk gives them, which lets in the environment's own load balancer
# and what the service calls out.
resource "aws_security_group" "instances" {
  #checkov:skip=CKV2_AWS_5:it is the variable instance_security_group of beanstalk, which gives it to the instances
  name        = "${var.name}-instances"
  description = "Who reaches the instances besides those that Elastic Beanstalk lets in."
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  #checkov:skip=CKV_AWS_260:only the load balancer's security group is let in, which the check does not see behind the variable of the port
  security_group_id            = aws_security_group.instances.id
  description                  = "the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.instance_port
  to_port                      = var.instance_port
  referenced_security_group_id = aws_security_group.load_balancer.id
}
