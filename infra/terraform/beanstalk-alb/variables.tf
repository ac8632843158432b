variable "name" {
  description = "What everything here is called, as in beanstalk. Target group names allow 32 characters in all."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,25}$", var.name))
    error_message = "It must have 1 to 26 lower case letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  description = "The environments' VPC."
  type        = string
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

variable "instance_port" {
  description = "Where the instances listen. Elastic Beanstalk's own proxy is on 80."
  type        = number
  default     = 80
}

variable "health_check_path" {
  description = "What the service answers with 200 while it is well."
  type        = string
  default     = "/health"
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
