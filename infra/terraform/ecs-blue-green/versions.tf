terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Canary and linear deployments. The pause hook (target_type) needs one of after September 2026, and PRE_PRODUCTION_TRAFFIC_SHIFT may
      # need a newer one, too: `terraform validate` tells.
      version = ">= 6.21"
    }
  }
}
