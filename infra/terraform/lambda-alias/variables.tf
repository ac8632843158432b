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
