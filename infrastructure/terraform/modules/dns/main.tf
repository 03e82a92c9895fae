# Inside: the compose files' names. Outside: the name that people use.

resource "aws_route53_zone" "private" {
  name    = var.private_zone
  comment = "Names of the compose files"

  vpc {
    vpc_id = var.vpc_id
  }
}

locals {
  # Number of the host -> who lives there, by their names in deploy/ha/docker-compose.ha.yml.
  on_data = {
    "1" = ["patroni1", "etcd1", "sentinel1", "redis-primary"]
    "2" = ["patroni2", "etcd2", "sentinel2", "redis-replica"]
    "3" = ["patroni3", "etcd3", "sentinel3", "redis-replica2"]
  }
  on_app = {
    "1" = ["app1", "nginx", "haproxy", "pgbouncer-primary", "pgbouncer-replica", "prometheus", "alertmanager"]
    "2" = [
      "app2", "nginx2", "haproxy2", "pgbouncer-primary2", "pgbouncer-replica2", "prometheus2",
      "alertmanager2",
    ]
    "3" = ["app3"]
  }

  hosts = merge(
    { for name, at in var.data_addresses : name => { names = local.on_data[substr(name, 4, 1)], at = at } },
    { for name, at in var.app_addresses : name => { names = local.on_app[substr(name, 3, 1)], at = at } },
  )

  single = merge([for host in local.hosts : { for name in host.names : name => [host.at] }]...)

  # A pool's name is both of its PgBouncers, as with Docker's aliases: the instance tries one after the other.
  both = {
    for name in ["pgbouncer-primary", "pgbouncer-replica"] :
    name => [for host, address in var.app_addresses : address if contains(["app1", "app2"], host)]
  }
}

resource "aws_route53_record" "inside" {
  for_each = merge(local.single, local.both)
  zone_id  = aws_route53_zone.private.zone_id
  name     = "${each.key}.${var.private_zone}"
  type     = "A"
  # Addresses move when a host is replaced: nobody may hold an old one for long.
  ttl     = 10
  records = each.value
}

# One record, moved by decision: by itself it would send people to a standby that takes no writes yet.
resource "aws_route53_record" "public" {
  count   = var.public_zone_id != null && var.serves_public_name ? 1 : 0
  zone_id = var.public_zone_id
  name    = var.public_name
  type    = "A"
  # The lost region's own record still stands there.
  allow_overwrite = true

  alias {
    name                   = var.balancer_name
    zone_id                = var.balancer_zone_id
    evaluate_target_health = false
  }
}
