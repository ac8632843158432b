variable "name" {
  description = "The service's name, for names of resources."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,25}$", var.name))
    error_message = "It must have 1 to 26 lower case letters, digits and hyphens, and begin with a letter."
  }
}

# AppConfig sees no requests: these are metrics of the service's own, by the dimension Variant, which is `on` or `off`.
variable "metric_namespace" {
  description = "The namespace of the service's metrics by Variant."
  type        = string
  default     = "Shop"
}

variable "total_metric" {
  description = "What it has done, by Variant."
  type        = string
  default     = "Requests"
}

variable "bad_metric" {
  description = "How much of that went wrong, by Variant."
  type        = string
  default     = "Failures"
}

variable "bad_share_percent" {
  description = "Percent of what is done with the flag on, or off, that may go wrong before its alarm goes off."
  type        = number
  default     = 5
}

variable "alarm_min_total" {
  description = "How much must be done in a minute for the share to be judged."
  type        = number
  default     = 20
}
