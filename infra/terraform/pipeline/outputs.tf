output "pipeline_name" {
  value = aws_codepipeline.this.name
}

output "repository_url" {
  value = aws_ecr_repository.images.repository_url
}
