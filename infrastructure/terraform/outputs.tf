# What runbook 3 (docs/disaster-recovery-runbook.md) asks for, step by step.

output "region" {
  description = "Region of the hosts: AWS_REGION of all commands that follow."
  value       = var.region
}

output "database_hosts" {
  description = "Each data host's instance (for aws ssm start-session) and private address."
  value = {
    for name, address in module.database.addresses :
    name => { instance_id = module.database.instance_ids[name], address = address }
  }
}

output "app_hosts" {
  description = "Each app host's instance (for aws ssm start-session) and private address."
  value = {
    for name, address in module.app.addresses :
    name => { instance_id = module.app.instance_ids[name], address = address }
  }
}

output "backup_bucket" {
  description = "BACKUP_S3_BUCKET of the hosts, and -s of pitr-restore.sh."
  value       = module.backup.backup_bucket
}

output "backup_replica" {
  description = "Copy of the backups: bucket, region and key, for a recovery's restore_from."
  value       = module.backup.backup_replica
}

output "restore_from_bucket" {
  description = "The bucket that a restore reads: restore_from, else this environment's own."
  value       = var.restore_from == null ? module.backup.backup_bucket : var.restore_from.bucket
}

output "uploads_replica" {
  description = "Copy of the uploaded files in the other region: its bucket."
  value       = module.backup.replications.uploads.replica
}

output "uploads_bucket" {
  description = "NUXT_STORAGE_S3_BUCKET of the instances."
  value       = module.backup.uploads_bucket
}

output "secret_names" {
  description = "Secrets to fill before the hosts can start, and to read when they are rebuilt."
  value       = module.backup.secret_names
}

output "balancer_name" {
  description = "The balancer's own name: where the public name's record leads to."
  value       = module.app.balancer_name
}

output "public_url" {
  description = "FLEET2_PRODUCTION_URL or FLEET2_STAGING_URL of scripts/smoke-test.sh."
  value       = "https://${var.public_name}"
}
