terraform {
  # use_lockfile of the S3 backend is 1.10's; validations that look at the workspace are 1.9's.
  required_version = ">= 1.10, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The bucket, its region and its key are given at `terraform init` (environments/backend.hcl.example). Each
  # workspace has a state of its own in it. It stands in the DR region: who rebuilds a lost region needs it.
  backend "s3" {
    key                  = "terraform.tfstate"
    workspace_key_prefix = "fleet2"
    encrypt              = true
    use_lockfile         = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

# Where the copies of buckets and secrets stand: another region than everything else.
provider "aws" {
  alias  = "replica"
  region = var.replica_region

  default_tags {
    tags = local.tags
  }
}
