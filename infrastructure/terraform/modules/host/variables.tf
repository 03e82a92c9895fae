variable "name" {
  description = "Name of the host, such as fleet2-production-data1."
  type        = string
}

variable "subnet_id" {
  description = "Subnet."
  type        = string
}

variable "zone" {
  description = "Zone of that subnet."
  type        = string
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "ami_id" {
  description = "Debian image."
  type        = string
}

variable "instance_type" {
  description = "Instance type."
  type        = string
}

variable "instance_profile" {
  description = "Instance profile: what the host may do in AWS."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of its disks."
  type        = string
}

variable "data_volume_gib" {
  description = "Size of a volume for Docker's volumes, which outlives the host; null: none."
  type        = number
  default     = null
}

variable "secret_names" {
  description = "Secrets that fleet2-secrets fetches on this host."
  type        = list(string)
}

variable "deletion_protection" {
  description = "The host refuses to be terminated."
  type        = bool
}
