# What a pipeline keeps: images, and what one action hands to the next.

locals {
  tags = { teal = var.name }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

resource "aws_ecr_repository" "images" {
  #checkov:skip=CKV_AWS_136:encrypted with the registry's own key; a key of one's own is the owner's to choose
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  tags                 = local.tags

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:an access log of artifacts tells nothing that the pipeline's history does not
  #checkov:skip=CKV_AWS_144:artifacts are made again by the next run
  #checkov:skip=CKV_AWS_145:encrypted with the bucket's own key; a key of one's own is the owner's to choose
  #checkov:skip=CKV2_AWS_62:nobody waits for artifacts but the pipeline
  bucket_prefix = "${var.name}-pipeline-"
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    id     = "artifacts-are-for-a-while"
    status = "Enabled"

    filter {}

    expiration {
      days = 30
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}
