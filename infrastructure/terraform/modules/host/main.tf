# One host: Debian with Docker, no public address, no SSH (aws ssm start-session is the way in).

resource "aws_ebs_volume" "data" {
  count             = var.data_volume_gib == null ? 0 : 1
  availability_zone = var.zone
  size              = var.data_volume_gib
  type              = "gp3"
  encrypted         = true
  kms_key_id        = var.kms_key_arn
  final_snapshot    = true
  tags              = { Name = "${var.name}-data" }

  # The copy of the database: it goes by hand or not at all.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_instance" "this" {
  ami                         = var.ami_id
  instance_type               = var.instance_type
  availability_zone           = var.zone
  subnet_id                   = var.subnet_id
  vpc_security_group_ids      = [var.security_group_id]
  associate_public_ip_address = false
  iam_instance_profile        = var.instance_profile
  disable_api_termination     = var.deletion_protection
  monitoring                  = true
  ebs_optimized               = true
  tags                        = { Name = var.name }

  user_data = templatefile("${path.module}/user-data.sh.tftpl", {
    volume_id    = var.data_volume_gib == null ? "" : aws_ebs_volume.data[0].id
    secret_names = var.secret_names
  })

  root_block_device {
    volume_type           = "gp3"
    volume_size           = 30
    encrypted             = true
    kms_key_id            = var.kms_key_arn
    delete_on_termination = true
  }

  metadata_options {
    http_tokens = "required"
    # A container is one hop further away than the host; pgBackRest and the instances run in containers.
    http_put_response_hop_limit = 2
  }

  # A newer image or script is for new hosts: it must not replace three members of a cluster at once.
  lifecycle {
    ignore_changes = [ami, user_data]
  }
}

resource "aws_volume_attachment" "data" {
  count       = var.data_volume_gib == null ? 0 : 1
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data[0].id
  instance_id = aws_instance.this.id
  # A detach under a running PostgreSQL loses what it has not written.
  stop_instance_before_detaching = true
}
