"""Notices: messages to people's chat robots, and to programs, when jobs, packages and releases change."""
