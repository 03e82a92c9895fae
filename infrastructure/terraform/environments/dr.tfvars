# The standby stack of the architecture document: one instance, one PostgreSQL, one Redis. Growing it to three
# of each is part of activating it: app_hosts = 3, data_hosts = 3, serves_public_name = true.
environment    = "dr"
region         = "us-west-2"
replica_region = "us-east-1"
vpc_cidr       = "10.42.0.0/16"

app_hosts          = 1
data_hosts         = 1
app_instance_type  = "m7i.large"
data_instance_type = "r7i.large"
single_nat_gateway = true
serves_public_name = false

backup_bucket  = "fleet2-backups-dr"
uploads_bucket = "fleet2-uploads-dr"
public_name    = "app.fleet2.com"

alert_email        = "operations@fleet2.com"
monthly_budget_usd = 360
