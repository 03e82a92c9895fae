# The app hosts: an instance on each; Nginx, HAProxy and PgBouncers on the first two. In front a balancer
# that passes TCP on: TLS, limits and stickiness stay Nginx's (docs/deployment.md, "The address that people
# come to").

data "aws_ssm_parameter" "ami" {
  name = var.ami_parameter
}

module "host" {
  source   = "../host"
  for_each = { for zone, subnet in var.subnets : zone => subnet if tonumber(zone) <= var.hosts }

  name                = "${var.name}-app${each.key}"
  subnet_id           = each.value.id
  zone                = each.value.zone
  security_group_id   = var.security_group_id
  ami_id              = nonsensitive(data.aws_ssm_parameter.ami.value)
  instance_type       = var.instance_type
  instance_profile    = aws_iam_instance_profile.app.name
  kms_key_arn         = var.kms_key_arn
  secret_names        = [for name in keys(var.secret_arns) : "${var.name}/${name}"]
  deletion_protection = var.deletion_protection
}

resource "aws_lb" "this" {
  name                             = var.name
  load_balancer_type               = "network"
  internal                         = false
  security_groups                  = [var.balancer_security_group_id]
  subnets                          = values(var.public_subnet_ids)
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
}

locals {
  ports = {
    http  = { outside = 80, inside = 8280 }
    https = { outside = 443, inside = 8443 }
  }
  # Port and host: the first two hosts have an Nginx each.
  targets = merge([
    for kind in keys(local.ports) : {
      for zone, host in module.host : "${kind}-${zone}" => { kind = kind, zone = zone } if tonumber(zone) <= 2
    }
  ]...)
}

resource "aws_lb_target_group" "this" {
  for_each             = local.ports
  name                 = "${var.name}-${each.key}"
  vpc_id               = var.vpc_id
  protocol             = "TCP"
  port                 = each.value.inside
  target_type          = "instance"
  preserve_client_ip   = true
  deregistration_delay = 30

  # Nginx's own health: with an instance's, a database outage would take both Nginx out.
  health_check {
    protocol            = "HTTP"
    port                = "8280"
    path                = "/nginx-health"
    matcher             = "200"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  # A browser that holds a connection to an Nginx that stands still is told at once, and comes again.
  target_health_state {
    enable_unhealthy_connection_termination = true
  }
}

resource "aws_lb_listener" "this" {
  for_each          = local.ports
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = each.value.outside
  # Below Nginx's keepalive_timeout of 75 s: who closes first must be the balancer.
  tcp_idle_timeout_seconds = 60

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }
}

resource "aws_lb_target_group_attachment" "this" {
  for_each         = local.targets
  target_group_arn = aws_lb_target_group.this[each.value.kind].arn
  target_id        = module.host[each.value.zone].instance_id
}
