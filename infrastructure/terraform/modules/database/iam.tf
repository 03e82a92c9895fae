# What a data host may do in AWS: write its backups, read a recovery's source, its own secrets, be signed in
# to.

resource "aws_iam_role" "data" {
  name = "${var.name}-data"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_instance_profile" "data" {
  name = aws_iam_role.data.name
  role = aws_iam_role.data.name
}

resource "aws_iam_role_policy_attachment" "session" {
  role       = aws_iam_role.data.name
  policy_arn = "arn:${var.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

# Deleting marks an object as gone and keeps its versions; removing a version (DeleteObjectVersion) or
# passing by its lock (BypassGovernanceRetention) is nobody's on a host: who takes one over cannot destroy
# the backups.
resource "aws_iam_role_policy" "backup" {
  name = "backup"
  role = aws_iam_role.data.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = "arn:${var.partition}:s3:::${var.backup_bucket}"
      },
      {
        Sid    = "ReadAndWrite"
        Effect = "Allow"
        Action = [
          "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject", "s3:AbortMultipartUpload",
        ]
        # pgBackRest's repository, and the tool-independent format (docs/backup-configuration.md).
        Resource = [
          "arn:${var.partition}:s3:::${var.backup_bucket}/pgbackrest/*",
          "arn:${var.partition}:s3:::${var.backup_bucket}/fleet2/*",
        ]
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.backup_kms_key_arn
      },
    ]
  })
}

resource "aws_iam_role_policy" "restore" {
  count = var.restore_from == null ? 0 : 1
  name  = "restore"
  role  = aws_iam_role.data.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = "arn:${var.partition}:s3:::${var.restore_from.bucket}"
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "arn:${var.partition}:s3:::${var.restore_from.bucket}/*"
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.restore_from.kms_key_arn
      },
    ]
  })
}

resource "aws_iam_role_policy" "secrets" {
  name = "secrets"
  role = aws_iam_role.data.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = values(var.secret_arns)
      },
      {
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.kms_key_arn
        Condition = { StringLike = { "kms:ViaService" = "secretsmanager.*.amazonaws.com" } }
      },
    ]
  })
}
