variable "vpc_id" {
  description = "The network that asks the private zone."
  type        = string
}

variable "private_zone" {
  description = "Name of the private zone."
  type        = string
}

variable "data_addresses" {
  description = "data1 to data3: private address of each."
  type        = map(string)
}

variable "app_addresses" {
  description = "app1 to app3: private address of each."
  type        = map(string)
}

variable "public_name" {
  description = "The name that people use."
  type        = string
}

variable "public_zone_id" {
  description = "Route 53 zone of the public name; null: its record is made elsewhere."
  type        = string
}

variable "serves_public_name" {
  description = "Whether the public name leads to this environment."
  type        = bool
}

variable "balancer_name" {
  description = "The balancer's own name."
  type        = string
}

variable "balancer_zone_id" {
  description = "Route 53 zone of the balancer's name."
  type        = string
}
