# Who may speak to whom. From outside: the balancer's 80 and 443, and nothing else.

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "What people reach"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-balancer" }
}

resource "aws_security_group" "app" {
  name        = "${var.name}-app"
  description = "App hosts: instances, Nginx, HAProxy, PgBouncer, Prometheus"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-app" }
}

resource "aws_security_group" "data" {
  name        = "${var.name}-data"
  description = "Data hosts: Patroni, etcd, Redis, Sentinel"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-data" }
}

locals {
  group_ids = {
    balancer = aws_security_group.balancer.id
    app      = aws_security_group.app.id
    data     = aws_security_group.data.id
  }

  # from -> to, and the TCP ports. Both sides of a way are opened from this one list.
  ways = {
    "balancer-app" = { from = "balancer", to = "app", ports = [8280, 8443] }
    # Nginx to instances, PgBouncers and HAProxies of other hosts, exporters, Prometheus, Alertmanager.
    "app-app" = {
      from  = "app", to = "app"
      ports = [3000, 5433, 5434, 6432, 8404, 8405, 9090, 9093, 9094, 9100]
    }
    # PostgreSQL, Patroni, Redis, Sentinel, and the figures of etcd and of the host.
    "app-data" = { from = "app", to = "data", ports = [5432, 8008, 6379, 26379, 2381, 9100] }
    # Replication and elections; etcd's own ports are the data hosts' alone.
    "data-data" = { from = "data", to = "data", ports = [5432, 8008, 2379, 2380, 6379, 26379] }
  }

  rules = merge([
    for name, way in local.ways : {
      for port in way.ports : "${name}-${port}" => { from = way.from, to = way.to, port = port }
    }
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  for_each          = { http = 80, https = 443 }
  security_group_id = aws_security_group.balancer.id
  description       = "People: ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_ingress_rule" "inner" {
  for_each                     = local.rules
  security_group_id            = local.group_ids[each.value.to]
  referenced_security_group_id = local.group_ids[each.value.from]
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "inner" {
  for_each                     = local.rules
  security_group_id            = local.group_ids[each.value.from]
  referenced_security_group_id = local.group_ids[each.value.to]
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# Packages, images, AWS itself; the app hosts also mail (submission). Never plain HTTP.
resource "aws_vpc_security_group_egress_rule" "outside" {
  for_each = {
    "app-https"  = { group = "app", port = 443 }
    "app-mail"   = { group = "app", port = 587 }
    "data-https" = { group = "data", port = 443 }
  }
  security_group_id = local.group_ids[each.value.group]
  description       = "Outwards: ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# The two Alertmanagers gossip over UDP as well.
resource "aws_vpc_security_group_ingress_rule" "gossip" {
  security_group_id            = aws_security_group.app.id
  referenced_security_group_id = aws_security_group.app.id
  description                  = "Alertmanagers"
  ip_protocol                  = "udp"
  from_port                    = 9094
  to_port                      = 9094
}

resource "aws_vpc_security_group_egress_rule" "gossip" {
  security_group_id            = aws_security_group.app.id
  referenced_security_group_id = aws_security_group.app.id
  description                  = "Alertmanagers"
  ip_protocol                  = "udp"
  from_port                    = 9094
  to_port                      = 9094
}
