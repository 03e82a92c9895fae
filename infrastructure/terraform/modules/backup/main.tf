# What a rebuild needs, here and in another region: backups, uploaded files, secrets.

locals {
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_key" "buckets" {
  description             = "${var.name}: backups and uploaded files"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

# A key of its own region: the first one may be gone when the copy is needed.
resource "aws_kms_key" "replica" {
  provider                = aws.replica
  description             = "${var.name}: copies of backups, uploaded files, secrets"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

module "backups" {
  source    = "../replicated-bucket"
  providers = { aws = aws, aws.replica = aws.replica }

  name                = var.backup_bucket
  partition           = var.partition
  kms_key_arn         = aws_kms_key.buckets.arn
  replica_kms_key_arn = aws_kms_key.replica.arn
  object_lock_days    = var.object_lock_days

  rules = {
    # pgBackRest removes what is past its age, and alone knows which WAL an older backup still needs: a rule
    # that did so behind its back would break it. What it has removed is kept for as long as the WAL.
    pgbackrest-wal = {
      prefix          = "pgbackrest/archive/"
      noncurrent_days = var.retention_days.wal
    }
    # Daily and weekly ones are gone before they are that old: what is left are the monthly ones.
    pgbackrest-monthly = {
      prefix          = "pgbackrest/backup/"
      glacier_days    = var.glacier_after_days
      noncurrent_days = var.retention_days.daily
    }
    # The tool-independent format. Its folders begin with the year: latest/ is never among them.
    daily = {
      prefix          = "fleet2/daily/2"
      expire_days     = var.retention_days.daily
      noncurrent_days = var.retention_days.daily
    }
    latest = {
      prefix          = "fleet2/daily/latest/"
      noncurrent_days = var.retention_days.daily
    }
    weekly = {
      prefix          = "fleet2/weekly/"
      expire_days     = var.retention_days.weekly
      noncurrent_days = var.retention_days.daily
    }
    monthly = {
      prefix          = "fleet2/monthly/"
      glacier_days    = var.glacier_after_days
      expire_days     = var.retention_days.monthly
      noncurrent_days = var.retention_days.daily
    }
  }
}

module "uploads" {
  source    = "../replicated-bucket"
  providers = { aws = aws, aws.replica = aws.replica }

  name                = var.uploads_bucket
  partition           = var.partition
  kms_key_arn         = aws_kms_key.buckets.arn
  replica_kms_key_arn = aws_kms_key.replica.arn
  # The instances send no checksum with a file, which a bucket with object lock would ask for.
  object_lock_days = 0

  rules = {
    # As long as a database that still speaks of the file can be gone back to.
    deleted = { prefix = "", noncurrent_days = var.retention_days.weekly }
  }
}
