output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.source.bucket
}

output "replica" {
  description = "Name of its copy."
  value       = aws_s3_bucket.replica.bucket
}
