variable "name" {
  description = "The role is called TealRelease- and this. Teal's parameter ReleaseRoles must match its ARN."
  type        = string
  default     = "checkout"
}

variable "teal_account" {
  description = "The account that Teal is installed in."
  type        = string
}

variable "teal_roles" {
  description = "The roles of Teal's functions there, by name with wildcards. They begin with the name of Teal's stack."
  type        = string
  default     = "teal-*"
}

variable "external_id" {
  description = "What plans must say as account.externalId. Use one of its own for each service and role; it is no password."
  type        = string
}

variable "route_tag" {
  description = "When set, Teal may only change listeners, rules and aliases of functions that carry the tag \"teal\" with this value."
  type        = string
  default     = ""
}

variable "ecs_services" {
  description = "ECS services that Teal may see, create and change, as cluster/service with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "auto_scaling_groups" {
  description = "EC2 Auto Scaling groups that Teal may create and change, by name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "beanstalk_environments" {
  description = "Elastic Beanstalk environments that Teal may see and change, as application/environment with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "lambda_functions" {
  description = "Lambda functions whose aliases Teal may see and shift, by name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "flag_applications" {
  description = "AWS AppConfig applications whose feature flags Teal may turn, by id with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "passed_roles" {
  description = "IAM roles that Teal may hand on from blue to green (of tasks, services, instances, groups), by path and name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "log_groups" {
  description = "Log groups that Teal may search for plans that compare by logs, by name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "weight_parameters" {
  description = "SSM parameters that Teal may write weights to, without the first slash, with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "validation_projects" {
  description = "CodeBuild projects that a plan may have green tested by, by name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "validation_functions" {
  description = "Lambda functions that a plan may have green tested by, by name with wildcards; none if empty."
  type        = string
  default     = ""
}

variable "alarm_prefix" {
  description = "Alarms whose names begin so are told to Teal when they go off; all if empty."
  type        = string
  default     = "checkout"
}
