variable "name" {
  description = "Prefix of all names, such as fleet2-production."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of the network: a /16."
  type        = string
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones, or one in each."
  type        = bool
}

variable "kms_key_arn" {
  description = "Key of the flow logs."
  type        = string
}
