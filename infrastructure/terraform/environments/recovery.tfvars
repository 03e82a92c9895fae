# Runbook 3: everything anew in the other region, from production's copy there. Fill in
# restore_from.kms_key_arn before: `terraform output backup_replica` in the workspace production, whose
# state outlives its region.
environment    = "recovery"
region         = "us-west-2"
replica_region = "us-east-2"
vpc_cidr       = "10.43.0.0/16"

app_instance_type  = "m7i.large"
data_instance_type = "r7i.large"
serves_public_name = false

backup_bucket  = "fleet2-backups-recovery"
uploads_bucket = "fleet2-uploads-recovery"
public_name    = "app.fleet2.com"

restore_from = {
  bucket      = "fleet2-backups-replica"
  kms_key_arn = "arn:aws:kms:us-west-2:000000000000:key/00000000-0000-0000-0000-000000000000"
}

alert_email        = "operations@fleet2.com"
monthly_budget_usd = 1000
