variable "name" {
  description = "The service's name, for names of resources."
  type        = string
  default     = "checkout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}$", var.name))
    error_message = "It must have 1 to 21 lower case letters, digits and hyphens, and begin with a letter."
  }
}
