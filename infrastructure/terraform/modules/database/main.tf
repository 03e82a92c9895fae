# The data hosts: a Patroni, an etcd, a Redis and a Sentinel on each, one host in each zone.

data "aws_ssm_parameter" "ami" {
  name = var.ami_parameter
}

module "host" {
  source   = "../host"
  for_each = { for zone, subnet in var.subnets : zone => subnet if tonumber(zone) <= var.hosts }

  name                = "${var.name}-data${each.key}"
  subnet_id           = each.value.id
  zone                = each.value.zone
  security_group_id   = var.security_group_id
  ami_id              = nonsensitive(data.aws_ssm_parameter.ami.value)
  instance_type       = var.instance_type
  instance_profile    = aws_iam_instance_profile.data.name
  kms_key_arn         = var.kms_key_arn
  data_volume_gib     = var.volume_gib
  secret_names        = [for name in keys(var.secret_arns) : "${var.name}/${name}"]
  deletion_protection = var.deletion_protection
}
