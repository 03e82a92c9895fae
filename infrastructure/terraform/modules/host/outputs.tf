output "instance_id" {
  description = "The instance."
  value       = aws_instance.this.id
}

output "address" {
  description = "Its private address."
  value       = aws_instance.this.private_ip
}
