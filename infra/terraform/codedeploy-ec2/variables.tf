variable "name" {
  description = "What everything here is called."
  type        = string
  default     = "checkout"
}

variable "autoscaling_group" {
  description = "The group's name. Its instances run the CodeDeploy agent and the AWS CLI."
  type        = string
}

variable "target_group" {
  description = "The name of the target group that its instances are in."
  type        = string
}

variable "instance_role" {
  description = "The name of its instances' role, to which the permission to ask Teal is given."
  type        = string
}

variable "hook_function_arn" {
  description = "Teal's function for hooks, the output HookFunctionArn of its stack."
  type        = string
}

variable "revision_bucket" {
  description = "The bucket of the revisions, which the instances' role may then read; empty if it may already."
  type        = string
  default     = ""
}

variable "deployment_config" {
  description = "How many instances at once."
  type        = string
  default     = "CodeDeployDefault.OneAtATime"
}

variable "alarm" {
  description = "An alarm that stops a deployment, the same as in the plan's judge.alarms."
  type        = string
}
