output "addresses" {
  description = "app1 to app3: private address of each."
  value       = { for zone, host in module.host : "app${zone}" => host.address }
}

output "instance_ids" {
  description = "app1 to app3: instance of each."
  value       = { for zone, host in module.host : "app${zone}" => host.instance_id }
}

output "balancer_name" {
  description = "The balancer's own name."
  value       = aws_lb.this.dns_name
}

output "balancer_zone_id" {
  description = "Route 53 zone of the balancer's name."
  value       = aws_lb.this.zone_id
}

output "balancer_arn_suffix" {
  description = "The balancer in CloudWatch."
  value       = aws_lb.this.arn_suffix
}

output "target_arn_suffix" {
  description = "The HTTPS target group in CloudWatch."
  value       = aws_lb_target_group.this["https"].arn_suffix
}
