environment    = "production"
region         = "us-east-1"
replica_region = "us-west-2"
vpc_cidr       = "10.40.0.0/16"

# Two cores and 8 GiB: an instance has 1 GB, Nginx, HAProxy, PgBouncers and Prometheus beside it.
app_instance_type = "m7i.large"
# Patroni's limit is 2 cores and 2 GB; the rest is the page cache of a database that is larger than that.
data_instance_type = "r7i.large"

backup_bucket  = "fleet2-backups"
uploads_bucket = "fleet2-uploads"
public_name    = "app.fleet2.com"

alert_email        = "operations@fleet2.com"
monthly_budget_usd = 1000
