output "addresses" {
  description = "data1 to data3: private address of each."
  value       = { for zone, host in module.host : "data${zone}" => host.address }
}

output "instance_ids" {
  description = "data1 to data3: instance of each."
  value       = { for zone, host in module.host : "data${zone}" => host.instance_id }
}

output "role_name" {
  description = "Role of the data hosts."
  value       = aws_iam_role.data.name
}
