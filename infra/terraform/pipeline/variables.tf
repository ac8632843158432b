variable "name" {
  description = "The service, as alb-ecs calls it."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,25}$", var.name))
    error_message = "It must have 1 to 26 lower case letters, digits and hyphens, and begin with a letter."
  }
}

variable "connection_arn" {
  description = "The connection to where the sources are (Developer Tools, Settings, Connections)."
  type        = string
}

variable "repository" {
  description = "For example acme/checkout. Its Dockerfile is at the top."
  type        = string
}

variable "branch" {
  type    = string
  default = "main"
}

variable "task_definition" {
  description = "The family of the service's task definitions. The newest one is copied, with the new image in its first container."
  type        = string
}

variable "execution_role_arn" {
  description = "The task definition's execution role, which registering it passes on."
  type        = string
}

variable "pipeline_function_name" {
  description = "The output PipelineFunctionName of Teal's stack."
  type        = string
}

variable "plan_ref" {
  description = "The plan, as `teal plan put` prints it. Without a version the newest one is used."
  type        = string
  default     = "ssm:/teal/plans/checkout"
}
