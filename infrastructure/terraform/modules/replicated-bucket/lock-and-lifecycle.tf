# How long what is kept. The copy has the same rules: what a lifecycle rule removes here is not removed there.

resource "aws_s3_bucket_object_lock_configuration" "source" {
  count  = var.object_lock_days > 0 ? 1 : 0
  bucket = aws_s3_bucket.source.id

  rule {
    default_retention {
      # Not COMPLIANCE: nobody at all could remove anything then, not even what was stored by mistake.
      mode = "GOVERNANCE"
      days = var.object_lock_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.source]
}

resource "aws_s3_bucket_object_lock_configuration" "replica" {
  provider = aws.replica
  count    = var.object_lock_days > 0 ? 1 : 0
  bucket   = aws_s3_bucket.replica.id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.object_lock_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.replica]
}

resource "aws_s3_bucket_lifecycle_configuration" "source" {
  bucket     = aws_s3_bucket.source.id
  depends_on = [aws_s3_bucket_versioning.source]

  dynamic "rule" {
    for_each = var.rules

    content {
      id     = rule.key
      status = "Enabled"
      filter { prefix = rule.value.prefix }
      noncurrent_version_expiration { noncurrent_days = rule.value.noncurrent_days }
      abort_incomplete_multipart_upload { days_after_initiation = 2 }

      dynamic "transition" {
        for_each = rule.value.glacier_days[*]

        content {
          days = transition.value
          # Read at once. The cheaper classes give an object back after hours, which is past the RTO's
          # maximum.
          storage_class = "GLACIER_IR"
        }
      }

      dynamic "expiration" {
        for_each = rule.value.expire_days[*]
        content { days = expiration.value }
      }
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "replica" {
  provider   = aws.replica
  bucket     = aws_s3_bucket.replica.id
  depends_on = [aws_s3_bucket_versioning.replica]

  dynamic "rule" {
    for_each = var.rules

    content {
      id     = rule.key
      status = "Enabled"
      filter { prefix = rule.value.prefix }
      noncurrent_version_expiration { noncurrent_days = rule.value.noncurrent_days }
      abort_incomplete_multipart_upload { days_after_initiation = 2 }

      dynamic "transition" {
        for_each = rule.value.glacier_days[*]

        content {
          days          = transition.value
          storage_class = "GLACIER_IR"
        }
      }

      dynamic "expiration" {
        for_each = rule.value.expire_days[*]
        content { days = expiration.value }
      }
    }
  }
}
