variable "environment" {
  description = "Which environment this is; the workspace has the same name."
  type        = string

  validation {
    condition     = contains(["staging", "production", "dr", "recovery"], var.environment)
    error_message = "environment must be staging, production, dr or recovery."
  }

  # The wrong file in a workspace would rebuild one environment as another.
  validation {
    condition     = var.environment == terraform.workspace
    error_message = <<-END
      The values are those of "${var.environment}", the workspace is "${terraform.workspace}".
      terraform workspace select ${var.environment}
    END
  }
}

variable "region" {
  description = "The region of everything but the copies."
  type        = string
}

variable "replica_region" {
  description = "The region of the copies of buckets and secrets."
  type        = string

  validation {
    condition     = var.replica_region != var.region
    error_message = "replica_region must be another region: a copy in the same one is lost with it."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the network: a /16. Environments that are ever connected must not overlap."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && endswith(var.vpc_cidr, "/16")
    error_message = "vpc_cidr must be a /16, such as 10.40.0.0/16."
  }
}

variable "single_nat_gateway" {
  description = "One NAT gateway instead of one in each zone: cheaper, and lost with its zone."
  type        = bool
  default     = false
}

variable "app_hosts" {
  description = "Hosts with an instance each; the first two have Nginx, HAProxy and PgBouncers too."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3], var.app_hosts)
    error_message = "app_hosts must be 3 (one in each zone), or 1 for a standby region."
  }
}

variable "data_hosts" {
  description = "Hosts with a Patroni, an etcd, a Redis and a Sentinel each."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3], var.data_hosts)
    error_message = "data_hosts must be 3, or 1 for a standby region: two cannot tell who is cut off."
  }
}

variable "app_instance_type" {
  description = "Instance type of the app hosts."
  type        = string
}

variable "data_instance_type" {
  description = "Instance type of the data hosts."
  type        = string
}

variable "data_volume_gib" {
  description = "Size of each data host's volume, in GiB."
  type        = number
  default     = 100

  validation {
    condition     = var.data_volume_gib >= 100
    error_message = "data_volume_gib must be at least 100, as the architecture document says."
  }
}

variable "ami_parameter" {
  description = "SSM parameter with the image of all hosts: Debian, whose packages the hosts install."
  type        = string
  default     = "/aws/service/debian/release/13/latest/amd64"
}

variable "deletion_protection" {
  description = "Hosts and balancer refuse to be deleted. Volumes, keys and backup buckets always do."
  type        = bool
  default     = true
}

variable "backup_bucket" {
  description = "Name of the bucket of backups; its copy is called the same with -replica."
  type        = string
}

variable "uploads_bucket" {
  description = "Name of the bucket of uploaded files; its copy is called the same with -replica."
  type        = string
}

variable "object_lock_days" {
  description = "Days in which nobody can remove a version of a backup without a right of its own."
  type        = number
  default     = 7

  validation {
    condition     = var.object_lock_days >= 7
    error_message = "object_lock_days must be at least 7: the time for which daily backups and WAL are kept."
  }
}

variable "restore_from" {
  description = "A recovery's source: bucket with backups (mostly a replica), and the ARN of its KMS key."
  type = object({
    bucket      = string
    kms_key_arn = string
  })
  default = null

  validation {
    condition     = var.environment != "recovery" || var.restore_from != null
    error_message = "A recovery needs restore_from: the bucket with the backups, and the ARN of its key."
  }

  validation {
    condition     = !strcontains(try(var.restore_from.kms_key_arn, ""), ":000000000000:")
    error_message = <<-END
      restore_from.kms_key_arn is still the placeholder. The key's ARN is said by
      terraform output backup_replica, in the workspace that the backups come from.
    END
  }
}

variable "public_name" {
  description = "The name that people use, such as app.fleet2.com."
  type        = string
}

variable "public_zone_id" {
  description = "Route 53 zone of the public name; null: its record is made by hand elsewhere."
  type        = string
  default     = null
}

variable "serves_public_name" {
  description = "Whether the public name leads here. Moving it is a decision of a person (activating DR)."
  type        = bool
  default     = true
}

variable "alert_email" {
  description = "Who is told what CloudWatch and the budget say. Prometheus has its own ways."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Budget of a month, in US dollars: a message at 80 % spent and at 100 % foreseen."
  type        = number
}
