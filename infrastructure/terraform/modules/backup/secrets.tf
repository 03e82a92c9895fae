# Empty when they are made: their values are put in by hand and never stand in Terraform's state
# (docs/infrastructure.md). A copy in the other region: a backup that nobody can decrypt is none.

resource "aws_secretsmanager_secret" "this" {
  for_each = {
    "backup-cipher-pass" = "BACKUP_CIPHER_PASS: without it no backup can be read"
    "data-hosts"         = "Secret files of the data hosts"
    "app-hosts"          = "Secret files of the app hosts"
  }

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30

  replica {
    region     = var.replica_region
    kms_key_id = aws_kms_key.replica.arn
  }
}
