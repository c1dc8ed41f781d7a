"""GPUs and their leases."""
