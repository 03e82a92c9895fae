variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "hosts" {
  description = "Number of data hosts, one in each zone."
  type        = number
}

variable "subnets" {
  description = "Number of each zone to its subnet, and the zone's name."
  type        = map(object({ id = string, zone = string }))
}

variable "security_group_id" {
  description = "Security group of the data hosts."
  type        = string
}

variable "ami_parameter" {
  description = "SSM parameter with the image."
  type        = string
}

variable "instance_type" {
  description = "Instance type."
  type        = string
}

variable "volume_gib" {
  description = "Size of each host's data volume, in GiB."
  type        = number
}

variable "kms_key_arn" {
  description = "Key of disks and secrets."
  type        = string
}

variable "deletion_protection" {
  description = "The hosts refuse to be terminated."
  type        = bool
}

variable "partition" {
  description = "AWS partition, for ARNs."
  type        = string
}

variable "backup_bucket" {
  description = "Bucket that the hosts write backups and WAL to."
  type        = string
}

variable "backup_kms_key_arn" {
  description = "Key of that bucket."
  type        = string
}

variable "restore_from" {
  description = "Another bucket that the hosts may read backups from, and its key; null: none."
  type = object({
    bucket      = string
    kms_key_arn = string
  })
}

variable "secret_arns" {
  description = "Name of each secret that the hosts may read, to its ARN."
  type        = map(string)
}
