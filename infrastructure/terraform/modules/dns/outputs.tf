output "inside_names" {
  description = "Names that the private zone knows."
  value       = sort(keys(aws_route53_record.inside))
}
