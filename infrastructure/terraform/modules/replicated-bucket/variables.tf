variable "name" {
  description = "Name of the bucket; its copy is called the same with -replica."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,53}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 55 small letters, digits and dashes; its copy adds -replica."
  }
}

variable "partition" {
  description = "AWS partition, for ARNs."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the bucket."
  type        = string
}

variable "replica_kms_key_arn" {
  description = "Key of the copy, in its region."
  type        = string
}

variable "object_lock_days" {
  description = "Days in which a version cannot be removed (governance mode); 0: no object lock."
  type        = number
}

variable "rules" {
  description = "Lifecycle by prefix, in days: current versions expire or go to Glacier; old versions expire."
  type = map(object({
    prefix          = string
    expire_days     = optional(number)
    glacier_days    = optional(number)
    noncurrent_days = number
  }))
}
