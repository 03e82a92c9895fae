# Fleet2 on AWS: hosts in three zones, their network, buckets, keys and names. What runs on the hosts is the
# compose files' business (docs/infrastructure.md says which part of that is done).

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  name       = "fleet2-${var.environment}"
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition

  tags = {
    Project     = "fleet2"
    Environment = var.environment
    ManagedBy   = "terraform"
  }
}

# Disks, secrets, logs and messages of this environment. The buckets have keys of their own (module backup).
resource "aws_kms_key" "environment" {
  description             = "${local.name}: disks, secrets, logs, messages"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountDecidesByIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "FlowLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = join(":", [
              "arn", local.partition, "logs", var.region, local.account_id, "log-group", "/${local.name}/*",
            ])
          }
        }
      },
      {
        Sid       = "Messages"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
    ]
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "environment" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.environment.key_id
}

module "networking" {
  source = "./modules/networking"

  name               = local.name
  vpc_cidr           = var.vpc_cidr
  single_nat_gateway = var.single_nat_gateway
  kms_key_arn        = aws_kms_key.environment.arn
}

module "backup" {
  source    = "./modules/backup"
  providers = { aws = aws, aws.replica = aws.replica }

  name             = local.name
  environment      = var.environment
  account_id       = local.account_id
  partition        = local.partition
  replica_region   = var.replica_region
  backup_bucket    = var.backup_bucket
  uploads_bucket   = var.uploads_bucket
  object_lock_days = var.object_lock_days
  kms_key_arn      = aws_kms_key.environment.arn
}

module "database" {
  source = "./modules/database"

  name                = local.name
  hosts               = var.data_hosts
  subnets             = module.networking.data_subnets
  security_group_id   = module.networking.data_security_group_id
  ami_parameter       = var.ami_parameter
  instance_type       = var.data_instance_type
  volume_gib          = var.data_volume_gib
  kms_key_arn         = aws_kms_key.environment.arn
  deletion_protection = var.deletion_protection
  partition           = local.partition
  backup_bucket       = module.backup.backup_bucket
  backup_kms_key_arn  = module.backup.kms_key_arn
  restore_from        = var.restore_from

  secret_arns = {
    "data-hosts"         = module.backup.secret_arns["data-hosts"]
    "backup-cipher-pass" = module.backup.secret_arns["backup-cipher-pass"]
  }
}

module "app" {
  source = "./modules/app"

  name                       = local.name
  hosts                      = var.app_hosts
  vpc_id                     = module.networking.vpc_id
  public_subnet_ids          = module.networking.public_subnet_ids
  subnets                    = module.networking.app_subnets
  security_group_id          = module.networking.app_security_group_id
  balancer_security_group_id = module.networking.balancer_security_group_id
  ami_parameter              = var.ami_parameter
  instance_type              = var.app_instance_type
  kms_key_arn                = aws_kms_key.environment.arn
  deletion_protection        = var.deletion_protection
  partition                  = local.partition
  uploads_bucket             = module.backup.uploads_bucket
  uploads_kms_key_arn        = module.backup.kms_key_arn
  secret_arns                = { "app-hosts" = module.backup.secret_arns["app-hosts"] }
}

module "dns" {
  source = "./modules/dns"

  vpc_id             = module.networking.vpc_id
  private_zone       = module.networking.private_zone
  data_addresses     = module.database.addresses
  app_addresses      = module.app.addresses
  public_name        = var.public_name
  public_zone_id     = var.public_zone_id
  serves_public_name = var.serves_public_name
  balancer_name      = module.app.balancer_name
  balancer_zone_id   = module.app.balancer_zone_id
}

module "monitoring" {
  source = "./modules/monitoring"

  name                = local.name
  environment         = var.environment
  region              = var.region
  account_id          = local.account_id
  kms_key_arn         = aws_kms_key.environment.arn
  alert_email         = var.alert_email
  monthly_budget_usd  = var.monthly_budget_usd
  instance_ids        = merge(module.database.instance_ids, module.app.instance_ids)
  balancer_arn_suffix = module.app.balancer_arn_suffix
  target_arn_suffix   = module.app.target_arn_suffix
  replicated_buckets  = module.backup.replications
}
