environment    = "staging"
region         = "us-east-1"
replica_region = "us-west-2"
vpc_cidr       = "10.41.0.0/16"

# The same number of hosts as in production, so that what is tried here is what will happen there; smaller
# ones.
app_instance_type  = "t3.medium"
data_instance_type = "t3.medium"
# A zone may be lost with its gateway here.
single_nat_gateway  = true
deletion_protection = false

backup_bucket  = "fleet2-backups-staging"
uploads_bucket = "fleet2-uploads-staging"
public_name    = "staging.fleet2.com"

alert_email        = "operations@fleet2.com"
monthly_budget_usd = 420
