variable "name" {
  description = "What everything here is called, and the first part of the domain name. Taken by the first who asks, in each region."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,25}$", var.name))
    error_message = "It must have 2 to 26 lower case letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  type = string
}

variable "internal" {
  description = "Whether the load balancers have addresses inside the VPC only."
  type        = bool
  default     = false
}

variable "public_subnets" {
  description = "The load balancers', in at least two availability zones. For internal ones, private ones."
  type        = list(string)
}

variable "private_subnets" {
  description = "The instances'. They need a way to the AWS APIs."
  type        = list(string)
}

variable "solution_stack_name" {
  description = "The platform, as `aws elasticbeanstalk list-available-solution-stacks` names it."
  type        = string
}

variable "source_bucket" {
  description = "The bucket with the first version's source bundle."
  type        = string
}

variable "source_key" {
  description = "The bundle's key. Its service answers health_check_path."
  type        = string
}

variable "instance_types" {
  type    = string
  default = "t3.small"
}

variable "health_check_path" {
  type    = string
  default = "/health"
}

variable "min_instances" {
  type    = number
  default = 2
}

variable "max_instances" {
  type    = number
  default = 8
}

variable "instance_security_group" {
  description = "A security group that the instances have besides the one that Elastic Beanstalk gives them: the output instance_security_group_id of beanstalk-alb. Empty for none."
  type        = string
  default     = ""
}
