output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "zones" {
  description = "Number of each zone (1 to 3) to its name."
  value       = local.zones
}

output "public_subnet_ids" {
  description = "Number of each zone to its public subnet."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "app_subnets" {
  description = "Number of each zone to its subnet of app hosts, and the zone's name."
  value       = { for zone, subnet in aws_subnet.app : zone => { id = subnet.id, zone = local.zones[zone] } }
}

output "data_subnets" {
  description = "Number of each zone to its subnet of data hosts, and the zone's name."
  value       = { for zone, subnet in aws_subnet.data : zone => { id = subnet.id, zone = local.zones[zone] } }
}

output "balancer_security_group_id" {
  description = "Security group of the balancer."
  value       = aws_security_group.balancer.id
}

output "app_security_group_id" {
  description = "Security group of the app hosts."
  value       = aws_security_group.app.id
}

output "data_security_group_id" {
  description = "Security group of the data hosts."
  value       = aws_security_group.data.id
}

output "private_zone" {
  description = "Name of the private zone that hosts look bare names up in."
  value       = aws_vpc_dhcp_options.this.domain_name
}
