"""Complete scenarios: one file each."""
