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
  description = "The instances'."
  type        = list(string)
}

variable "image_id" {
  description = "The first version's image. It starts the service at boot; the service listens on instance_port and answers health_check_path. Later versions are versions of the launch template."
  type        = string
}

variable "instance_type" {
  type    = string
  default = "t3.small"
}

variable "instance_port" {
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

variable "min_instances" {
  type    = number
  default = 2
}

variable "max_instances" {
  type    = number
  default = 8
}
