# Run for each environment with its variable file and in its workspace (tests/deploy/terraform.test.ts does):
#   TF_WORKSPACE=production terraform test -var-file=environments/production.tfvars
# AWS is made up; the plan is Terraform's own.

mock_provider "aws" {
  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["zone-a", "zone-b", "zone-c", "zone-d"] }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }

  mock_resource "aws_kms_key" {
    override_during = plan
    defaults        = { arn = "arn:aws:kms:us-east-1:111122223333:key/source", key_id = "source" }
  }

  mock_resource "aws_ebs_volume" {
    override_during = plan
    defaults        = { id = "vol-0123456789abcdef0" }
  }

  mock_resource "aws_instance" {
    override_during = plan
    defaults        = { id = "i-0123456789abcdef0", private_ip = "10.40.21.4" }
  }

  mock_resource "aws_iam_role" {
    override_during = plan
    defaults        = { arn = "arn:aws:iam::111122223333:role/mock", id = "mock" }
  }

  mock_resource "aws_secretsmanager_secret" {
    override_during = plan
    defaults        = { arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:mock" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    override_during = plan
    defaults        = { arn = "arn:aws:logs:us-east-1:111122223333:log-group:mock" }
  }

  mock_resource "aws_sns_topic" {
    override_during = plan
    defaults        = { arn = "arn:aws:sns:us-east-1:111122223333:mock" }
  }

  mock_resource "aws_lb" {
    override_during = plan
    defaults = {
      arn      = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/mock/1"
      dns_name = "mock.elb.us-east-1.amazonaws.com"
      zone_id  = "Z0MOCK"
    }
  }

  mock_resource "aws_lb_target_group" {
    override_during = plan
    defaults        = { arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/mock/1" }
  }

}

mock_provider "aws" {
  alias           = "replica"
  override_during = plan

  mock_resource "aws_kms_key" {
    override_during = plan
    defaults        = { arn = "arn:aws:kms:us-west-2:111122223333:key/replica", key_id = "replica" }
  }
}

# Names for what the checks of tests/deploy tell apart: which group a rule opens.
override_resource {
  target          = module.networking.aws_security_group.balancer
  override_during = plan
  values          = { id = "sg-balancer" }
}

override_resource {
  target          = module.networking.aws_security_group.app
  override_during = plan
  values          = { id = "sg-app" }
}

override_resource {
  target          = module.networking.aws_security_group.data
  override_during = plan
  values          = { id = "sg-data" }
}

run "runbook_3_finds_what_it_needs" {
  command = plan

  assert {
    condition     = length(output.database_hosts) == var.data_hosts
    error_message = "database_hosts does not name each data host"
  }

  assert {
    condition = alltrue([
      for host in merge(output.database_hosts, output.app_hosts) : startswith(host.instance_id, "i-")
    ])
    error_message = "a host has no instance to start a session on"
  }

  assert {
    condition     = output.backup_bucket == var.backup_bucket
    error_message = "backup_bucket is not the bucket that the variable file names"
  }

  assert {
    condition     = output.restore_from_bucket == try(var.restore_from.bucket, var.backup_bucket)
    error_message = "restore_from_bucket does not say where a restore reads"
  }

  assert {
    condition     = output.backup_replica.kms_key_arn == "arn:aws:kms:us-west-2:111122223333:key/replica"
    error_message = "backup_replica does not name the copy's own key"
  }

  assert {
    condition     = output.secret_names["backup-cipher-pass"] == "fleet2-${var.environment}/backup-cipher-pass"
    error_message = "the repository's key is not among the secrets"
  }

  assert {
    condition     = output.public_url == "https://${var.public_name}"
    error_message = "public_url is not the name that people use"
  }
}
