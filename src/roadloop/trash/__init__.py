"""What was deleted or put away, and what takes the room on the disk."""
