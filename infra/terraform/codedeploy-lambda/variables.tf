variable "name" {
  description = "What everything here is called."
  type        = string
  default     = "checkout"
}

variable "package" {
  description = "The first version's code, as a zip file. Later ones are published by whoever builds them."
  type        = string
}

variable "runtime" {
  description = "What runs the code."
  type        = string
  default     = "provided.al2023"
}

variable "handler" {
  description = "The entry of the code, as the runtime has it."
  type        = string
  default     = "bootstrap"
}

variable "alarm_error_percent" {
  description = "The share of failed invocations of the alias, in percent, above which the alarm goes off."
  type        = number
  default     = 5
}

variable "alarm_min_invocations" {
  description = "With fewer invocations in a minute the alarm says nothing."
  type        = number
  default     = 20
}

variable "hook_function" {
  description = "Teal's function for hooks, the output HookFunctionName of its stack. The role of CodeDeploy may invoke functions named CodeDeployHook_* only."
  type        = string
  default     = "CodeDeployHook_teal"

  validation {
    condition     = can(regex("^CodeDeployHook_[A-Za-z0-9_-]{1,49}$", var.hook_function))
    error_message = "It must begin with CodeDeployHook_."
  }
}

variable "deployment_config" {
  description = "How CodeDeploy moves the invocations. Teal holds none of its steps, so give a canary longer than the plan's bake."
  type        = string
  default     = "CodeDeployDefault.LambdaCanary10Percent15Minutes"
}
