variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Name of the environment."
  type        = string
}

variable "account_id" {
  description = "AWS account, for the keys' policies."
  type        = string
}

variable "partition" {
  description = "AWS partition, for ARNs."
  type        = string
}

variable "replica_region" {
  description = "Region of the copies."
  type        = string
}

variable "backup_bucket" {
  description = "Name of the bucket of backups."
  type        = string
}

variable "uploads_bucket" {
  description = "Name of the bucket of uploaded files."
  type        = string
}

variable "object_lock_days" {
  description = "Days in which a version of a backup cannot be removed."
  type        = number
}

variable "kms_key_arn" {
  description = "Key of the secrets."
  type        = string
}

variable "retention_days" {
  description = "The table of docs/backup-configuration.md: how long each kind is kept, in days."
  type        = object({ wal = number, daily = number, weekly = number, monthly = number })
  default     = { wal = 7, daily = 7, weekly = 28, monthly = 365 }
}

variable "glacier_after_days" {
  description = "Age at which a backup goes to Glacier, in days: only monthly ones grow that old."
  type        = number
  default     = 30

  validation {
    condition     = var.glacier_after_days > var.retention_days.weekly
    error_message = "glacier_after_days must be past a weekly backup's age: Glacier is paid for 90 days."
  }
}
