variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "hosts" {
  description = "Number of app hosts, one in each zone."
  type        = number
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "public_subnet_ids" {
  description = "Number of each zone to its public subnet, for the balancer."
  type        = map(string)
}

variable "subnets" {
  description = "Number of each zone to its subnet of app hosts, and the zone's name."
  type        = map(object({ id = string, zone = string }))
}

variable "security_group_id" {
  description = "Security group of the app hosts."
  type        = string
}

variable "balancer_security_group_id" {
  description = "Security group of the balancer."
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

variable "kms_key_arn" {
  description = "Key of disks and secrets."
  type        = string
}

variable "deletion_protection" {
  description = "Hosts and balancer refuse to be deleted."
  type        = bool
}

variable "partition" {
  description = "AWS partition, for ARNs."
  type        = string
}

variable "uploads_bucket" {
  description = "Bucket of uploaded files."
  type        = string
}

variable "uploads_kms_key_arn" {
  description = "Key of that bucket."
  type        = string
}

variable "secret_arns" {
  description = "Name of each secret that the hosts may read, to its ARN."
  type        = map(string)
}
