variable "name" {
  description = "What everything here is called. Target group names allow 32 characters in all."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,25}$", var.name))
    error_message = "It must have 1 to 26 lower case letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  type = string
}

variable "internal" {
  description = "Whether the load balancer has addresses inside the VPC only."
  type        = bool
  default     = false
}

variable "public_subnets" {
  description = "The load balancer's, in at least two availability zones. For an internal one, private ones."
  type        = list(string)
}

variable "private_subnets" {
  description = "The tasks'. They need a way to the image registry and to CloudWatch Logs."
  type        = list(string)
}

variable "image" {
  description = "The first version's image. It listens on the port in its environment variable PORT and answers health_check_path. Later versions come as task definitions in deployments."
  type        = string
}

variable "container_port" {
  type    = number
  default = 8080
}

variable "health_check_path" {
  type    = string
  default = "/health"
}

variable "listener_port" {
  type    = number
  default = 80
}

variable "test_listener_port" {
  description = "Where Teal tests green before it takes traffic."
  type        = number
  default     = 9090
}

variable "test_access" {
  description = "The addresses that may use the test listener, as CIDR. It must let Teal's validate-green in, see docs/plan.md."
  type        = string
}

variable "min_tasks" {
  type    = number
  default = 2
}

variable "max_tasks" {
  type    = number
  default = 8
}

variable "bad_share_percent" {
  description = "Percent of a colour's requests that may go wrong before its alarm goes off."
  type        = number
  default     = 5
}

variable "alarm_min_requests" {
  description = "Requests a minute below which the share is not judged."
  type        = number
  default     = 20
}

variable "load_balancer_5xx_count" {
  description = "5xx answers a minute from the load balancer itself before the alarm goes off."
  type        = number
  default     = 50
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
  description = "How CodeDeploy moves the traffic. Teal holds none of its steps, so give a canary longer than the plan's bake."
  type        = string
  default     = "CodeDeployDefault.ECSCanary10Percent15Minutes"
}

variable "ready_action" {
  description = "STOP_DEPLOYMENT has a deployment without hooks wait, before production traffic, for Teal to let it go on."
  type        = string
  default     = "CONTINUE_DEPLOYMENT"
}

variable "ready_wait_minutes" {
  description = "How long it waits then before it is stopped; 0 with CONTINUE_DEPLOYMENT."
  type        = number
  default     = 0
}

variable "termination_wait_minutes" {
  description = "How long the old tasks are kept when production has moved and the last hook was answered. Until they are gone there is a way back. Without the hook AfterAllowTraffic Teal's bake at 100 % must fit in."
  type        = number
  default     = 60
}
