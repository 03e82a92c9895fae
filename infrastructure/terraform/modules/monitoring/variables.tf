variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "environment" {
  description = "Name of the environment: the tag that the budget goes by."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "account_id" {
  description = "AWS account."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the messages."
  type        = string
}

variable "alert_email" {
  description = "Who is told."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Budget of a month, in US dollars."
  type        = number
}

variable "instance_ids" {
  description = "Each host's name and instance."
  type        = map(string)
}

variable "balancer_arn_suffix" {
  description = "The balancer in CloudWatch."
  type        = string
}

variable "target_arn_suffix" {
  description = "The HTTPS target group in CloudWatch."
  type        = string
}

variable "replicated_buckets" {
  description = "Each bucket and its copy."
  type        = map(object({ source = string, replica = string }))
}
