output "backup_bucket" {
  description = "Bucket of backups."
  value       = module.backups.bucket
}

output "backup_replica" {
  description = "Its copy: bucket, region, key."
  value = {
    bucket      = module.backups.replica
    region      = var.replica_region
    kms_key_arn = aws_kms_key.replica.arn
  }
}

output "uploads_bucket" {
  description = "Bucket of uploaded files."
  value       = module.uploads.bucket
}

output "replications" {
  description = "Each bucket and its copy, for the alarm on lateness."
  value = {
    backups = { source = module.backups.bucket, replica = module.backups.replica }
    uploads = { source = module.uploads.bucket, replica = module.uploads.replica }
  }
}

output "kms_key_arn" {
  description = "Key of the buckets."
  value       = aws_kms_key.buckets.arn
}

output "secret_arns" {
  description = "Each secret's ARN."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "secret_names" {
  description = "Each secret's name."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.name }
}
