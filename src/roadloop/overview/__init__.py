"""What the first screen shows."""
